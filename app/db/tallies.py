"""How many rows there are of each kind, without reading them all, and how often things happened."""

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, text
from sqlalchemy.orm import Session
from sqlmodel import col

from app.models.tallies import Tally

_WORTH_IT = 200
_AT_ONCE = 5_000


class Subject(StrEnum):
    """What is counted: ingests by resource and state, files by kind and damage, the others by
    one word.
    """

    INGEST = "ingest"
    MEETING = "meeting"
    EVENT = "webhook_event"
    FILE = "file"


class Happening(StrEnum):
    """What leaves no row that could be counted, and is told in tallies alone.

    Answers of Webex by status and account; pauses of a gate by account, in milliseconds;
    deliveries that were refused by why; the lags of meetings by bound and source, in milliseconds.
    """

    API_REQUEST = "api_request"
    GATE_CLOSED = "gate_closed"
    DELIVERY = "delivery"
    LAG = "lag"


Key = tuple[Happening, str, str]
"""What happened, with its word and detail."""


def add_tallies(session: Session, counts: Mapping[Key, tuple[int, int]]) -> None:
    """Add number and amount of each of these to what was counted before."""
    rows = [
        {"subject": subject, "word": word, "detail": detail, "number": number, "amount": amount}
        for (subject, word, detail), (number, amount) in counts.items()
    ]
    if rows:
        session.execute(insert(Tally), rows)


def totals(
    session: Session, subject: Subject | Happening
) -> dict[tuple[str, str], tuple[int, int]]:
    """Number and amount by word and detail, as exact as counting the rows in the same view."""
    go_by_the_key(session)
    rows = session.execute(totals_question(subject))
    return {(word, detail): (int(number), int(amount)) for word, detail, number, amount in rows}


def go_by_the_key(session: Session) -> None:
    """Let Postgres look for tallies by their key for the rest of a transaction.

    The room of millions that were put together stays in the table, and reading all of it seems
    cheaper to Postgres than it is: it takes an index for as large as its file.
    """
    if session.get_bind().dialect.name != "sqlite":
        session.execute(text("SET LOCAL enable_seqscan = off"))


def totals_question(subject: Subject | Happening) -> Select[*tuple[Any, ...]]:
    """The question for them, for those who ask more at once; go_by_the_key comes before it."""
    key = (col(Tally.word), col(Tally.detail))
    number, amount = func.sum(col(Tally.number)), func.sum(col(Tally.amount))
    return (
        select(*key, number.label("number"), amount.label("amount"))
        .where(col(Tally.id) > 0, col(Tally.subject) == subject)
        .group_by(*key)
        .having((number != 0) | (amount != 0))
    )


def put_together(session: Session) -> bool:
    """Write one tally for many, where there are enough of them; whether there may be more.

    Two that do so at once take different ones, and what others add meanwhile is left for later.
    """
    go_by_the_key(session)
    oldest = select(col(Tally.id)).order_by(col(Tally.id))
    if len(session.scalars(oldest.limit(_WORTH_IT)).all()) < _WORTH_IT:
        return False
    table: Any = Tally.__table__  # type: ignore[attr-defined]
    some = select(*table.c).order_by(table.c.id).limit(_AT_ONCE)
    found = session.execute(some.with_for_update(skip_locked=True)).all()
    sums: defaultdict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for _, subject, word, detail, number, amount in found:
        both = sums[subject, word, detail]
        both[0] += number
        both[1] += amount
    session.execute(delete(table).where(table.c.id.in_([each.id for each in found])))
    rows = [
        {"subject": subject, "word": word, "detail": detail, "number": number, "amount": amount}
        for (subject, word, detail), (number, amount) in sums.items()
        if number or amount
    ]
    if rows:
        session.execute(insert(Tally), rows)
    return len(found) == _AT_ONCE
