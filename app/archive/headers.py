"""What a media host's headers say; None where they say nothing that can be used."""

import re

import requests

_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,19})-\d{1,19}|\*)/(\d{1,19}|\*)")
_NO_FILE_BYTES = 2**63
_NUMBER = re.compile(r"\d{1,19}", re.ASCII)


def content_type(response: requests.Response) -> str:
    """The kind of the body, in lower case and without parameters."""
    return response.headers.get("Content-Type", "").split(";")[0].strip().lower()


def is_encoded(response: requests.Response) -> bool:
    """Whether the body is compressed or otherwise not the file's own bytes."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    return encoding not in ("", "identity")


def content_length(response: requests.Response) -> int | None:
    """How many bytes the body has; a number that no file has is none."""
    length = response.headers.get("Content-Length", "").strip()
    return int(length) if _NUMBER.fullmatch(length) and int(length) < _NO_FILE_BYTES else None


def content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """The first byte of the answer and the size of the whole file."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    first, total = match.groups() if match else (None, None)
    size = int(total) if total and total != "*" else None
    return int(first) if first else None, size if size and size < _NO_FILE_BYTES else None


def strong_etag(response: requests.Response) -> str | None:
    """The tag of exactly these bytes; a weak one promises less."""
    etag = response.headers.get("ETag")
    return etag if etag and etag.startswith('"') else None


def accepts_ranges(response: requests.Response) -> bool:
    """Whether the host says that it gives parts of the file."""
    told = response.headers.get("Accept-Ranges", "").strip().lower()
    return told == "bytes" or response.status_code == 206
