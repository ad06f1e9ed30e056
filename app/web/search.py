"""The page of the search: who said some words, in which meeting, and a way to that second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from flask import Blueprint, render_template, request
from markupsafe import Markup, escape
from werkzeug.exceptions import BadRequest

from app.db.engine import Database
from app.db.patience import TookTooLong
from app.db.search import Term, search, terms_of
from app.errors import DatabaseUnavailable
from app.models.search import Found, Place
from app.models.spoken import spans_of, words_of
from app.models.times import parse_time
from app.web.days import told_days
from app.web.pages import unavailable
from app.web.turns import FewAtOnce, come_again

_HITS_PER_PAGE = 50
_AT_ONCE = 4
_TURN_SECONDS = 5
_SECONDS = 10.0
_TOO_COMMON = (
    "Too much of what was said has these words to look through it in ten seconds: add a word that "
    "is said less often, or take fewer days. `webex-ingest search` takes as long as it needs."
)
_BUSY = "Others are searching; try again in a moment."
_MOST_CHARACTERS = 1000
_MOST_ROWS = 2**31
_FIELDS = ("q", "speaker", "host", "from", "to")
"""What the form asks for, and what its pages therefore have in their addresses."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is searched for; ``trouble`` is a sentence where it cannot be."""

    words: str
    terms: list[Term]
    speaker: str | None
    host: str | None
    since: datetime | None
    until: datetime | None
    after: Place | None
    trouble: str | None = None


class Finder:
    """Searches for people and programs that wait for it, a few at once and for some seconds each.

    Words that everybody says are in so many lines that to put these in order may take minutes, and
    all other pages would wait for the threads that wait for it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = FewAtOnce(_AT_ONCE, seconds=_TURN_SECONDS, busy=lambda: come_again(_BUSY))

    def find(self, asked: Asked) -> tuple[Asked, Found]:
        """What is found, and what was asked with the sentence why it cannot be answered.

        Raises ServiceUnavailable where too many search, and DatabaseUnavailable.
        """
        if not asked.terms or asked.trouble:
            return asked, Found([], None)
        try:
            with self._turns.turn(), self._database.reading() as session:
                return asked, search(
                    session,
                    asked.terms,
                    speaker=asked.speaker,
                    host=asked.host,
                    since=asked.since,
                    until=asked.until,
                    after=asked.after,
                    limit=_HITS_PER_PAGE,
                    seconds=_SECONDS,
                )
        except TookTooLong:
            return replace(asked, trouble=_TOO_COMMON), Found([], None)


def search_routes(finder: Finder) -> Blueprint:
    """The route of the search over all that was said."""
    routes = Blueprint("search", __name__)

    @routes.get("/search")
    def page() -> tuple[str, int]:
        asked, found = finder.find(read_question(request.args))
        meetings = [[*hits] for _, hits in groupby(found.hits, lambda hit: hit.meeting_id)]
        shown = render_template(
            "search.html",
            asked=asked,
            meetings=meetings,
            hits=len(found.hits),
            older=place_text(found.next) if found.next else None,
            told={name: text for name in _FIELDS if (text := request.args.get(name))},
            mark=lambda text: marked(text, asked.terms),
        )
        return shown, 400 if asked.trouble else 200

    routes.register_error_handler(DatabaseUnavailable, unavailable)
    return routes


def read_question(told: Mapping[str, str]) -> Asked:
    """Read what an address asks for; no text of anybody's can be more than words in it."""
    words = told.get("q", "")[:_MOST_CHARACTERS].strip()
    terms, speaker, trouble = terms_of(words), told.get("speaker", "").strip() or None, None
    since = until = after = None
    try:
        since, until = told_days(told)
        after = _place(told.get("after", ""))
    except BadRequest as error:
        trouble = error.description
    if words and not terms:
        trouble = "There is no word in what is to be searched for."
    if speaker and not words_of(speaker):
        trouble = "There is no letter in the speaker's name."
    host = told.get("host", "").strip() or None
    return Asked(words, terms, speaker, host, since, until, after, trouble)


def place_text(place: Place) -> str:
    """A place among the hits, as an address has it."""
    return f"{place.moment.isoformat()}~{place.meeting_row_id}~{place.snippet_row_id}"


def _place(text: str) -> Place | None:
    if not text:
        return None
    moment, *ids = text.split("~")
    at = parse_time(moment)
    rows = [int(each) for each in ids if each.isdecimal() and len(each) < 11]
    if at is None or not len(ids) == len(rows) == 2 or max(rows) >= _MOST_ROWS:
        raise BadRequest("This address is not one of a page of hits.")
    return Place(at, *rows)


def marked(text: str, terms: Sequence[Term]) -> Markup:
    """A text for a page, with what was searched for marked in it."""
    parts, begin = [], 0
    for start, end in spans_of(text, terms):
        parts += [escape(text[begin:start]), Markup("<mark>"), escape(text[start:end])]
        parts.append(Markup("</mark>"))
        begin = end
    return Markup("").join([*parts, escape(text[begin:])])
