"""What is stored of a file, and whether an answer goes on with it.

Going on, the last bytes that are stored are asked for once more and compared. So a page with
which some proxy ended a body is noticed, and so is another file behind a new link, even where a
host tells no ETag.
"""

from typing import NoReturn

import requests

from app.archive import headers
from app.archive.part import Part
from app.errors import TransferInterrupted

COMPARED_BYTES = 64 * 1024
"""How much of what is there is asked for again, and compared, before going on."""


class Resume:
    """A part with the size and the strong ETag of its file, as far as a host told them."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.total: int | None = None
        self.validator: str | None = None
        self.restarts = 0
        self._known = b""
        self._anew: tuple[int | None, str | None] | None = None

    @property
    def expected(self) -> int | None:
        """How many bytes the file has according to the answer that was begun last."""
        return self._anew[0] if self._anew else self.total

    @property
    def is_anew(self) -> bool:
        """Whether the first piece of the answer takes the place of what is stored."""
        return self._anew is not None

    @property
    def is_short(self) -> bool:
        """Whether bytes are missing, or too many, as far as anybody can tell."""
        return self.total is not None and self.part.size != self.total

    def wanted(self) -> dict[str, str]:
        """The headers that ask for the rest, or for the whole where nothing is stored."""
        return self.range_from(self.part.size - self._overlap) if self.part.size else {}

    def range_from(self, first: int, last: int | None = None) -> dict[str, str]:
        """The headers that ask for some bytes of the very same file; both ends count."""
        wanted = {"Range": f"bytes={first}-{'' if last is None else last}"}
        return wanted | ({"If-Range": self.validator} if self.validator else {})

    def begin(self, response: requests.Response) -> bool:
        """Read what an answer is about; false when it says that nothing is missing.

        Raises TransferInterrupted, with the part emptied, when it is about another file.
        """
        self._known, self._anew = b"", None
        if response.status_code == 416:
            self._unsatisfiable(response)
            return False
        if response.status_code == 206:
            self._continue(response)
        else:
            self._anew = headers.content_length(response), headers.strong_etag(response)
            if not self.part.size:
                self._start_again(*self._anew)
        return True

    def new_of(self, piece: bytes) -> bytes:
        """What of a piece is not stored yet; TransferInterrupted where the rest differs.

        The first piece of a whole file makes an end of what was stored of it before: not the
        answer's headers, since it may turn out to be a page.
        """
        if self._anew:
            self._start_again(*self._anew)
        known = self._known[: len(piece)]
        if not known:
            return piece
        if piece[: len(known)] != known:
            self.restart("the media host went on with other bytes than those stored")
        self._known = self._known[len(known) :]
        return piece[len(known) :]

    def restart(self, why: str) -> NoReturn:
        """Empty the part, so that the next answer is the first; raises TransferInterrupted."""
        self._throw_away()
        self.total = self.validator = None
        raise TransferInterrupted(why)

    @property
    def _overlap(self) -> int:
        return min(COMPARED_BYTES, self.part.size // 2)

    def _continue(self, response: requests.Response) -> None:
        first, total = headers.content_range(response)
        etag = headers.strong_etag(response)
        same = first == self.part.size - self._overlap and self.total in (None, total)
        if not same or (self.validator and etag and etag != self.validator):
            self.restart("the media host went on with another file")
        self.total, self.validator = total, etag or self.validator
        self._known = self.part.tail(self._overlap)

    def _start_again(self, total: int | None, validator: str | None) -> None:
        if self.part.size:
            self._throw_away()
        self.total, self.validator, self._anew = total, validator, None

    def _unsatisfiable(self, response: requests.Response) -> None:
        _, total = headers.content_range(response)
        if total is None or total != self.part.size or self.total not in (None, total):
            self.restart("the media host says that the file ends before what is stored of it")
        self.total = total

    def _throw_away(self) -> None:
        self.restarts += 1
        self.part.restart()
