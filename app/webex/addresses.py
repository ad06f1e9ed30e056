"""Ids as parts of an address: what is asked for is told by us, and never by an id."""

from typing import Any
from urllib.parse import quote

from app.errors import IdUnusable

_LONGEST = 512


def part(any_id: Any) -> str:
    """An id as one part of a path; IdUnusable where it would lead elsewhere.

    Dots cannot be quoted: ``..`` climbs in any spelling.
    """
    text = str(any_id) if isinstance(any_id, str | int) and not isinstance(any_id, bool) else ""
    try:
        quoted = quote(text, safe="")
    except UnicodeEncodeError:
        quoted = ""
    if not quoted.strip(".") or len(text) > _LONGEST:
        raise IdUnusable("Webex names something by an id that cannot stand in an address")
    return quoted
