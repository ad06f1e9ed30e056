"""Which part of a file a request is for (RFC 9110, section 14)."""

import re
from dataclasses import dataclass
from enum import Enum

_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Span:
    """So many bytes from a place on."""

    start: int
    length: int


class Wanted(Enum):
    """What a Range header says that names no single part of the file."""

    WHOLE = "whole"
    NOTHING = "nothing"


def wanted_span(header: str | None, size: int) -> Span | Wanted:
    """The one part that is asked for, everything, or nothing that is in the file.

    Several parts are answered with the whole file, which is always allowed, costs no more than
    one reading of it, and is never a lie as 416 would be; no player or downloader asks for them.
    So is what is no range of bytes at all, as the RFC says, and any range of an empty file.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or not any(found.groups()) or not size:
        return Wanted.WHOLE
    first, last = found.groups()
    if not first:
        length = min(_number(last), size)
        return Span(size - length, length) if length else Wanted.NOTHING
    start, end = _number(first), _number(last) + 1 if last else size
    if end <= start and last:
        return Wanted.WHOLE
    return Span(start, min(end, size) - start) if start < size else Wanted.NOTHING


def _number(digits: str) -> int:
    # Of more digits the first ones are larger than any file.
    return int(digits.lstrip("0")[: _MOST_DIGITS + 1] or "0")
