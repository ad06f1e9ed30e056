"""Files on their way to their readers: one thread sends them all, and waits for none of them."""

import errno
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from gunicorn.workers.gthread import PollableMethodQueue

log = structlog.get_logger()

MOST_BODIES = 512

_PATIENCE_SECONDS = 300
"""How long a reader may take nothing: one that plays a video of few bits stops for minutes."""

_PIECE_BYTES = 256 * 1024
"""How much of one file goes before it is the next one's turn."""

_NO_SENDFILE = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


@dataclass(slots=True)
class Body:
    """A part of an open file; whoever has it last closes the descriptor."""

    descriptor: int
    offset: int
    left: int


class ClientSocket(socket.socket):
    """A connection that a file is not sent on by whoever answers: that is left to the sender."""

    def __init__(self, accepted: socket.socket) -> None:
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        super().__init__(family, kind, protocol, fileno=accepted.detach())
        self._body: Body | None = None

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Note what is to be sent; gunicorn calls this behind the headers."""
        assert count is not None, "gunicorn says how much is to be sent"
        self._body = Body(os.dup(file.fileno()), offset, count)
        return count

    def take_body(self) -> Body | None:
        """What is still to be sent, told once."""
        body, self._body = self._body, None
        return body


Done = Callable[[bool], object]


@dataclass(slots=True, eq=False)
class _Sending:
    client: socket.socket
    body: Body
    done: Done


class Sender:
    """Sends bodies in a thread of its own; a reader that stalls costs two descriptors."""

    def __init__(
        self, most: int = MOST_BODIES, *, patience_seconds: float = _PATIENCE_SECONDS
    ) -> None:
        self._most = most
        self._patience_seconds = patience_seconds
        self._calls = PollableMethodQueue()
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        # Each change of it is one step, whichever thread makes it.
        self._taken: set[_Sending] = set()
        # In the order of their last progress, which is that of their deadlines.
        self._under_way: dict[_Sending, float] = {}
        self._is_open = True

    @property
    def is_full(self) -> bool:
        """Whether there are as many bodies as may be."""
        return len(self._taken) >= self._most

    def start(self) -> None:
        """Begin; in the process that sends, since no thread survives a fork."""
        self._calls.init()
        self._selector.register(
            self._calls.fileno(), selectors.EVENT_READ, self._calls.run_callbacks
        )
        self._thread.start()

    def send(self, client: socket.socket, body: Body, done: Done) -> None:
        """Send a body; ``done`` is called from the sender's thread, with whether all of it went."""
        sending = _Sending(client, body, done)
        self._taken.add(sending)
        self._calls.defer(self._begin, sending)

    def close(self) -> None:
        """Cut whatever is under way."""
        self._is_open = False
        self._calls.defer(lambda: None)
        self._thread.join(1)

    def _run(self) -> None:
        while self._is_open:
            for key, _ in self._selector.select(self._seconds_to_wait()):
                key.data(key.fileobj)
            self._cut_stalled()
        for each in list(self._under_way):
            self._end(each, is_whole=False)

    def _begin(self, sending: _Sending) -> None:
        self._under_way[sending] = time.monotonic()
        try:
            sending.client.setblocking(False)
            self._selector.register(
                sending.client, selectors.EVENT_WRITE, lambda _client: self._go_on(sending)
            )
        except (OSError, ValueError, KeyError):
            self._end(sending, is_whole=False)

    def _go_on(self, sending: _Sending) -> None:
        body = sending.body
        try:
            sent = _send_piece(sending.client, body)
        except BlockingIOError:
            return
        except (ConnectionError, TimeoutError):
            self._end(sending, is_whole=False)
            return
        except OSError as error:
            log.warning("file.not_sent", error=error.strerror, left_bytes=body.left)
            self._end(sending, is_whole=False)
            return
        body.offset += sent
        body.left -= sent
        if not body.left:
            self._end(sending, is_whole=True)
            return
        del self._under_way[sending]
        self._under_way[sending] = time.monotonic()

    def _end(self, sending: _Sending, *, is_whole: bool) -> None:
        del self._under_way[sending]
        with suppress(OSError, ValueError, KeyError):
            self._selector.unregister(sending.client)
        os.close(sending.body.descriptor)
        self._taken.discard(sending)
        sending.done(is_whole)

    def _seconds_to_wait(self) -> float | None:
        for began in self._under_way.values():
            return max(0.0, began + self._patience_seconds - time.monotonic())
        return None

    def _cut_stalled(self) -> None:
        latest = time.monotonic() - self._patience_seconds
        for each, moved in list(self._under_way.items()):
            if moved > latest:
                break
            self._end(each, is_whole=False)


def _send_piece(client: socket.socket, body: Body) -> int:
    """Send what goes now without waiting; OSError too where the file has become shorter."""
    most = min(body.left, _PIECE_BYTES)
    try:
        sent = os.sendfile(client.fileno(), body.descriptor, body.offset, most)
    except OSError as error:
        if error.errno not in _NO_SENDFILE:
            raise
        # Some file systems cannot do it.
        piece = os.pread(body.descriptor, most, body.offset)
        sent = client.send(piece) if piece else 0
    if not sent:
        raise OSError(errno.EIO, "the file has become shorter while it was sent")
    return sent
