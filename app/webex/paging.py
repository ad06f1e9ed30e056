"""Where a list goes on: Webex's own next address, an offset, and smaller pages where it must be."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests

from app.errors import AnswerUnreadable

PAGE_SIZE = 100
_SMALLEST_PAGE = 10
_MAX = re.compile(r"([?&]max=)(\d{1,6})(?=&|$)")

Wanted = Mapping[str, Any] | None
Page = tuple[str, Wanted]
"""Where a page is asked for, and what is added to that address."""


class Walk:
    """The way through one list; never to another host, never in a circle."""

    def __init__(self, api_url: str, first: Page, *, by_offset: bool) -> None:
        self._api_url = api_url
        self._first = first
        self._by_offset = by_offset
        self._offset = 0
        self._links = {first[0]}
        self._shown: set[str] = set()
        self._ids: set[str] = set()

    def new_of(self, items: Sequence[Any]) -> list[Any]:
        """What a page brings that was not there before: pages by offset may overlap.

        Without an id an item is known by what it says, and two may say the same: only a page
        that is the same as one before, as a server sends it that knows no offset, brings nothing.
        """
        if not self._by_offset:
            return list(items)
        self._offset += len(items)
        page = json.dumps(sorted(map(_content, items)))
        if page in self._shown:
            return []
        self._shown.add(page)
        new = [item for item in items if _id(item) not in self._ids]
        self._ids |= {known for item in items if (known := _id(item)) is not None}
        return new

    def following(
        self, response: requests.Response, wanted: Wanted, *, is_new: bool
    ) -> Page | None:
        """The next page: by its link where there is one, else by offset while more comes."""
        link = response.links.get("next", {}).get("url")
        if link:
            return self._checked(str(link)), None
        if not self._by_offset or not is_new or wanted is None:
            return None
        return self._first[0], {**wanted, "offset": self._offset}

    def _checked(self, link: str) -> str:
        # Webex once sent `max=null` in the next address (seen by the Python SDK).
        url = link.replace("max=null", f"max={PAGE_SIZE}")
        if _origin(url) != _origin(self._api_url):
            raise AnswerUnreadable("Webex's list goes on at another host; it was not followed")
        if url in self._links:
            raise AnswerUnreadable("Webex's list goes round in a circle")
        self._links.add(url)
        return url


def smaller(page: Page) -> Page | None:
    """The same page with half of its ``max``, in whichever place that stands; None below ten."""
    url, wanted = page
    told = _MAX.search(url)
    size = int((wanted.get("max") or 0) if wanted else told[2] if told else 0)
    if size <= _SMALLEST_PAGE:
        return None
    half = max(size // 2, _SMALLEST_PAGE)
    if wanted:
        return url, {**wanted, "max": half}
    return _MAX.sub(rf"\g<1>{half}", url, count=1), None


def is_partial(item: Any) -> bool:
    """Whether Webex itself could not read an item now: it has an ``errors`` object."""
    return not isinstance(item, dict) or isinstance(item.get("errors"), dict)


def _origin(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.scheme, parts.netloc


def _id(item: Any) -> str | None:
    known = item.get("id") if isinstance(item, dict) else None
    return str(known) if known is not None and known != "" else None


def _content(item: Any) -> str:
    return _id(item) or json.dumps(item, sort_keys=True)
