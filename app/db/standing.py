"""How ingests stand: what is read of them, and never changed here."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session
from sqlmodel import col

from app.models.tables import Ingest, Meeting
from app.models.words import Resource

Item = tuple[str, str]
"""A resource and the id of one of its items."""


def standing_of(
    session: Session, meeting_row_ids: Collection[int]
) -> dict[tuple[int, str, str], Row[*tuple[Any, ...]]]:
    """How the ingests of these meetings stand, by meeting, resource and ``resource_id``."""
    key = (col(Ingest.meeting_row_id), col(Ingest.resource), col(Ingest.resource_id))
    rows = session.execute(
        select(
            *key,
            col(Ingest.state),
            col(Ingest.reason),
            col(Ingest.next_attempt_at),
            col(Ingest.patience_until),
            col(Ingest.woken),
        ).where(col(Ingest.meeting_row_id).in_(meeting_row_ids))
    )
    return {(row.meeting_row_id, row.resource, row.resource_id): row for row in rows}


def items_of(session: Session, meeting_row_id: int, resource: str) -> list[Ingest]:
    """The rows of the single recordings or transcripts of a meeting."""
    return list(
        session.scalars(
            select(Ingest).where(
                col(Ingest.meeting_row_id) == meeting_row_id,
                col(Ingest.resource) == resource,
                col(Ingest.resource_id) != "",
            )
        )
    )


def holders_of(session: Session, items: Collection[Item]) -> dict[Item, set[str]]:
    """The ids of the meetings that recordings or transcripts are known to be of.

    Items are resource and ``resource_id``; there may be several meetings of one, since what an
    event says of that is not always right.
    """
    if not items:
        return {}
    rows = session.execute(
        select(col(Ingest.resource), col(Ingest.resource_id), col(Meeting.meeting_id))
        .join(Meeting, col(Ingest.meeting_row_id) == col(Meeting.id))
        .where(
            col(Ingest.resource_id).in_({resource_id for _, resource_id in items}),
            # Said once more, since only so the index of items serves.
            col(Ingest.resource_id) != "",
        )
    )
    holders: defaultdict[Item, set[str]] = defaultdict(set)
    for resource, resource_id, meeting_id in rows:
        holders[resource, resource_id].add(meeting_id)
    return holders


def details_state(session: Session, meeting_row_id: int) -> str | None:
    """How the details of a meeting stand; None if nobody asked for them yet."""
    return session.scalar(
        select(col(Ingest.state)).where(
            col(Ingest.meeting_row_id) == meeting_row_id,
            col(Ingest.resource) == Resource.MEETINGS,
            col(Ingest.resource_id) == "",
        )
    )


def ingests_of(session: Session, meeting_row_id: int) -> list[Ingest]:
    """All rows of a meeting, in the order in which they were made."""
    return list(
        session.scalars(
            select(Ingest)
            .where(col(Ingest.meeting_row_id) == meeting_row_id)
            .order_by(col(Ingest.id))
        )
    )
