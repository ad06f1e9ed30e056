"""The page of the search: who said some words, in which meeting, and a way to that second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from flask import Blueprint, render_template, request
from markupsafe import Markup, escape
from werkzeug.exceptions import BadRequest

from app.db.engine import Database
from app.db.search import Term, search, terms_of
from app.errors import DatabaseUnavailable
from app.models.search import Found, Place
from app.models.spoken import spans_of, words_of
from app.models.times import parse_time
from app.runtime import Runtime
from app.web.days import told_days
from app.web.pages import unavailable

_HITS_PER_PAGE = 50
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


def search_routes(runtime: Runtime) -> Blueprint:
    """The route of the search over all that was said."""
    routes = Blueprint("search", __name__)
    database = runtime.bench.database

    @routes.get("/search")
    def page() -> tuple[str, int]:
        asked = read_question(request.args)
        found = find(database, asked, limit=_HITS_PER_PAGE)
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


def find(database: Database, asked: Asked, *, limit: int) -> Found:
    """What is found, nothing where it cannot be asked for; raises DatabaseUnavailable."""
    if not asked.terms or asked.trouble:
        return Found([], None)
    with database.reading() as session:
        return search(
            session,
            asked.terms,
            speaker=asked.speaker,
            host=asked.host,
            since=asked.since,
            until=asked.until,
            after=asked.after,
            limit=limit,
        )


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
