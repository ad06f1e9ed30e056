"""The tallies against the rows themselves."""

from typing import Any

from sqlalchemy import text

from app.db.engine import Database
from app.db.tallies import Subject, totals

Counts = dict[str, dict[tuple[str, str], tuple[int, int]]]

_QUESTIONS = {
    Subject.INGEST: "SELECT resource, state, count(*), 0 FROM ingest GROUP BY 1, 2",
    Subject.MEETING: (
        "SELECT CASE WHEN completed_at IS NULL THEN 'waiting' ELSE 'complete' END, '', "
        "count(*), 0 FROM meeting GROUP BY 1"
    ),
    Subject.EVENT: (
        "SELECT coalesce(outcome, 'new'), '', count(*), sum(deliveries) FROM webhook_event "
        "GROUP BY 1"
    ),
    Subject.FILE: (
        "SELECT kind, CASE WHEN damage IS NULL THEN '' ELSE 'damaged' END, count(*), sum(bytes) "
        "FROM file GROUP BY 1, 2"
    ),
}


def counted(database: Database) -> Counts:
    """What the tallies say."""
    with database.reading() as session:
        return {subject: totals(session, subject) for subject in Subject}


def rows_of(database: Database) -> Counts:
    """What the rows say, each of them read."""
    with database.reading() as session:
        return {subject: _read(session, question) for subject, question in _QUESTIONS.items()}


def differences(database: Database) -> list[Any]:
    """Where both differ in one and the same view."""
    with database.reading() as session:
        return [
            (subject, said, there)
            for subject, question in _QUESTIONS.items()
            if (said := totals(session, subject)) != (there := _read(session, question))
        ]


def _read(session: Any, question: str) -> dict[tuple[str, str], tuple[int, int]]:
    return {
        (word, detail): (int(number), int(amount))
        for word, detail, number, amount in session.execute(text(question))
    }
