"""Search over all that was said: the same question, with the same answer, on both databases."""

import math
import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    cast,
    column,
    func,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.meetings import began
from app.db.patience import at_most
from app.models.search import Found, Hit, Place
from app.models.snippets import Snippet
from app.models.spoken import words_of
from app.models.tables import Meeting

Term = tuple[str, ...]
"""A word, or the words of a phrase in their order."""

MOST_WORDS = 200
"""So many words of what is asked for count: Postgres cannot look for rows of thousands."""

_FOUND_BY_SQLITE = text(
    "SELECT rowid FROM snippet_search WHERE snippet_search MATCH :asked"
).columns(column("rowid", Integer))

_QUOTES = re.compile('["“”„«»]')


def terms_of(asked: str) -> list[Term]:
    """What somebody asks for: words, and phrases in quotation marks, each of them once.

    Nothing else in it has a meaning. What is written as one word and consists of several, such
    as an email, is a phrase; a quotation mark that is left open ends with the text.
    """
    pieces: list[str] = []
    for number, part in enumerate(_QUOTES.split(asked)):
        pieces += [part] if number % 2 else part.split()
    terms: dict[Term, None] = {}
    room = MOST_WORDS
    for term in dict.fromkeys(tuple(words_of(piece)) for piece in pieces):
        if term and room > 0:
            terms[term[:room]] = None
            room -= len(term)
    return list(terms)


def search(
    session: Session,
    terms: Sequence[Term],
    *,
    speaker: str | None = None,
    host: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: Place | None = None,
    limit: int = 50,
    seconds: float = math.inf,
) -> Found:
    """The snippets that have all of these terms, newest meeting first, from one place on.

    ``speaker`` is a part of a name or an email, ``host`` an email. ``since`` and ``until`` bound
    when the meetings began; one whose start is not known counts from when it was first heard of.
    All that have the terms are put in order, which takes long for words that everybody says:
    raises TookTooLong after so many seconds.
    """
    part = _folded(speaker)
    if not terms or (speaker and not part):
        return Found([], None)
    question = _question(_match(session, terms), since, until, after)
    question = question.execution_options(yield_per=limit + 1)
    # The same few people say most of it.
    folded = lru_cache(maxsize=10_000)(_folded)
    with at_most(session, seconds) as go_on, session.execute(question) as all_rows:

        def fits(row: Row[Any]) -> bool:
            # In SQL each database would fold the letters of other languages in its own way.
            go_on()
            return part in folded(row.speaker, row.speaker_email) and _is_by(row.host_email, host)

        rows = [*islice(filter(fits, all_rows), limit + 1)]
    hits = [Hit.model_validate(row._asdict()) for row in rows[:limit]]
    return Found(hits, _place(rows[limit - 1]) if len(rows) > limit else None)


def _folded(*names: str | None) -> str:
    return "\n".join(" ".join(words_of(name or "")) for name in names)


def _is_by(host_email: str | None, host: str | None) -> bool:
    return host is None or (host_email or "").casefold() == host.casefold()


def _place(row: Row[Any]) -> Place:
    return Place(row.moment, row.meeting_row_id, row.snippet_row_id)


def _match(session: Session, terms: Sequence[Term]) -> ColumnElement[bool]:
    """Whether a snippet has all of these terms, as each database is asked that."""
    if session.get_bind().dialect.name == "sqlite":
        asked = " ".join(f'"{" ".join(term)}"' for term in terms)
        return col(Snippet.id).in_(_FOUND_BY_SQLITE.bindparams(asked=asked))
    phrases = [" <-> ".join(f"'{word}'" for word in term) for term in terms]
    asked = " & ".join(f"({phrase})" for phrase in phrases)
    return col(Snippet.words).bool_op("@@")(cast(literal(asked), TSQUERY))


def _question(
    match: ColumnElement[bool],
    since: datetime | None,
    until: datetime | None,
    after: Place | None,
) -> Select[*tuple[Any, ...]]:
    moment = func.coalesce(col(Meeting.start_at), col(Meeting.first_seen_at))
    snippet_id = col(Snippet.id)
    newest_first = (moment, col(Meeting.id))
    question: Select[*tuple[Any, ...]] = (
        select(
            moment.label("moment"),
            col(Meeting.id).label("meeting_row_id"),
            snippet_id.label("snippet_row_id"),
            col(Meeting.meeting_id),
            col(Meeting.title),
            col(Meeting.start_at).label("start"),
            col(Meeting.host_email),
            col(Snippet.person_name).label("speaker"),
            col(Snippet.person_email).label("speaker_email"),
            col(Snippet.transcript_id),
            col(Snippet.offset_milliseconds),
            col(Snippet.text),
        )
        .join(Meeting, col(Meeting.id) == col(Snippet.meeting_row_id))
        .where(match)
        .order_by(*(each.desc() for each in newest_first), snippet_id)
    )
    if since is not None or until is not None:
        question = question.where(began(since, until))
    if after is not None:
        older = tuple_(*newest_first) < (after.moment, after.meeting_row_id)
        in_it = (col(Meeting.id) == after.meeting_row_id) & (snippet_id > after.snippet_row_id)
        question = question.where(older | in_it)
    return question
