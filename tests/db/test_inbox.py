"""The inbox: one row for equal deliveries, new again each time, never marked over."""

from concurrent.futures import ThreadPoolExecutor

from app.db.engine import Database
from app.db.inbox import Verdict, mark_events, new_events, postpone_event
from app.models.tables import WebhookEvent
from app.models.words import EventOutcome
from tests.db.rows import NOW, after, store_event


def test_equal_deliveries_share_a_row_that_is_new_again(database: Database) -> None:
    deliver(database, b"one")
    mark(database, only(database), "processed")
    assert waiting(database) == []

    deliver(database, b"one", seconds=5)

    event = only(database)
    assert event.deliveries == 2
    assert event.outcome is None
    assert (event.first_received_at, event.last_received_at) == (NOW, after(5))


def test_many_equal_deliveries_at_once_make_one_row(database: Database) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: deliver(database, b"one"), range(24)))

    assert only(database).deliveries == 24


def test_an_event_that_came_again_meanwhile_is_not_marked(database: Database) -> None:
    deliver(database, b"one")
    seen = only(database)

    deliver(database, b"one")
    mark(database, seen, "processed")

    assert only(database).outcome is None
    mark(database, only(database), "processed")
    assert waiting(database) == []


def test_an_event_that_came_again_meanwhile_is_not_put_off(database: Database) -> None:
    deliver(database, b"one")
    seen = only(database)

    deliver(database, b"one")
    with database.transaction() as session:
        postpone_event(session, seen, seconds=3600, now=NOW)

    assert only(database).tries == 0


def test_a_postponed_event_comes_back_in_its_time(database: Database) -> None:
    deliver(database, b"one")

    with database.transaction() as session:
        postpone_event(session, only(database), seconds=60, now=NOW)

    assert waiting(database) == []
    assert [each.tries for each in waiting(database, seconds=60)] == [1]


def test_events_come_oldest_first_and_not_more_than_asked_for(database: Database) -> None:
    for number in (3, 1, 2):
        deliver(database, bytes([number]), seconds=number)

    with database.reading() as session:
        found = new_events(session, now=after(10), limit=2)

    assert [each.first_received_at for each in found] == [after(1), after(2)]


def deliver(database: Database, raw: bytes, *, seconds: float = 0) -> None:
    store_event(
        database,
        raw,
        resource="meetings",
        event="ended",
        data_id="a1_I_1",
        body="{}",
        now=after(seconds),
    )


def mark(database: Database, event: WebhookEvent, outcome: str) -> None:
    with database.transaction() as session:
        mark_events(session, [Verdict(event, EventOutcome(outcome))], now=NOW)


def waiting(database: Database, *, seconds: float = 0) -> list[WebhookEvent]:
    with database.reading() as session:
        return new_events(session, now=after(seconds), limit=100)


def only(database: Database) -> WebhookEvent:
    with database.reading() as session:
        (event,) = session.query(WebhookEvent).all()
        return event
