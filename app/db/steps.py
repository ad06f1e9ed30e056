"""What happened to meetings: told by those who know, read page by page, numbered for the feed."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.statements import insert_into
from app.models.steps import Feed, Step, What
from app.models.tables import Meeting

_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the feed of one database: behind the step of this position."""

    feed: str
    position: int


_NOWHERE = Place("00000000", 0)
"""The end of a feed in which nothing was numbered yet."""


def tell_steps(session: Session, steps: Sequence[Mapping[str, Any]]) -> None:
    """Add what only its teller knows, such as which event told of a meeting."""
    if steps:
        session.execute(insert(Step), steps)


def steps_of(session: Session, meeting_row_id: int, *, limit: int) -> list[Step]:
    """The last steps of a meeting, in the order in which they happened."""
    mine = select(Step).where(col(Step.meeting_row_id) == meeting_row_id)
    last = list(session.scalars(mine.order_by(col(Step.id).desc()).limit(limit)))
    return sorted(last, key=lambda each: (each.at, each.id or 0))


def number_steps(session: Session) -> int:
    """Give the steps that were committed since the last time their places; how many.

    Ids are given before a commit, so a reader who goes by them would miss what is committed
    behind a later one. Positions are given to what everybody sees, by one at a time.
    """
    step_id = col(Step.id)
    unnumbered = (col(Step.position).is_(None), col(Step.what) != What.WAITING)
    some = select(step_id).where(*unnumbered).order_by(step_id)
    if session.scalar(some.limit(1)) is None:
        return 0
    feed = _locked_feed(session)
    few = some.limit(_AT_ONCE).subquery()
    number = func.row_number().over(order_by=few.c.id).label("number")
    numbered = select(few.c.id, number).subquery()
    result = session.execute(
        update(Step)
        .where(step_id == numbered.c.id)
        .values(position=feed.last + numbered.c.number)
        .execution_options(synchronize_session=False)
    )
    count = int(result.rowcount)  # type: ignore[attr-defined]
    session.execute(update(Feed).values(last=feed.last + count))
    return count


def feed_place(session: Session) -> Place:
    """The end of the feed."""
    feed = session.scalars(select(Feed)).one_or_none()
    return Place(feed.name, feed.last) if feed else _NOWHERE


def _locked_feed(session: Session) -> Feed:
    """The feed, which one at a time writes to; a new one where somebody has emptied the tables."""
    locked = select(Feed).with_for_update()
    feed = session.scalars(locked).one_or_none()
    if feed is None:
        new = {"id": 1, "name": secrets.token_hex(4), "last": 0}
        session.execute(insert_into(session, Feed).values(new).on_conflict_do_nothing())
        feed = session.scalars(locked).one()
    return feed


def feed_step(session: Session, position: int) -> Step | None:
    """The step at a position of the feed."""
    return session.scalars(select(Step).where(col(Step.position) == position)).one_or_none()


def feed_after(session: Session, position: int, *, limit: int) -> Sequence[Row[*tuple[Step, str]]]:
    """The steps behind a position, in their order, each with the id of its meeting."""
    return session.execute(
        select(Step, col(Meeting.meeting_id))
        .join(Meeting, col(Meeting.id) == col(Step.meeting_row_id))
        .where(col(Step.position) > position)
        .order_by(col(Step.position))
        .limit(limit)
    ).all()
