"""Pages of the list of meetings: what each filter finds, however it goes about it."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db import listing
from app.db.engine import Database
from app.db.standing import ingests_of
from app.ingestion.listing import list_meetings, suggestions
from app.ingestion.status import ingest_status, meeting_state
from app.models.listing import Filters
from app.models.status import MeetingState
from app.models.tables import Ingest, Meeting
from app.models.words import Reason, Resource, State
from tests.db.lasting import lasting_database
from tests.db.rows import LEASE_SECONDS, NOW, after, plain_ingest, row_id_of

MEETINGS = 150
HOSTS = ("ada@example.com", "Ada@Example.com", "bo@example.com", None)
SITES = ("a.example.com", "b.example.com", None)
ACCOUNTS = ("", "sales")
REASONS = (None, Reason.EXCLUDED_BY_POLICY, Reason.EXCLUDED_BY_POLICY, Reason.NOT_RECORDED)
ERRORS = (None, None, "not_found", "link_refused")


@dataclass(frozen=True)
class Known:
    """A meeting as it was put in, and its state as a page of its own would tell it."""

    meeting: Meeting
    state: MeetingState
    words: frozenset[str | None]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A database with meetings of every kind at random; nobody changes any."""
    with lasting_database(request, tmp_path_factory, "filled") as database:
        chance = random.Random(20260302)  # noqa: S311 -- the same on both
        with database.transaction() as session:
            session.execute(insert(Meeting), [some_meeting(chance, n) for n in range(MEETINGS)])
            meetings = session.scalars(select(Meeting).order_by(col(Meeting.id))).all()
            ingests = [each for meeting in meetings for each in some_ingests(chance, meeting)]
            session.execute(insert(Ingest), ingests)
        yield database


@pytest.fixture(scope="module")
def known(filled: Database) -> list[Known]:
    """All that is in it, newest first."""
    with filled.reading() as session:
        meetings = sorted(session.scalars(select(Meeting)), key=listing.place_of, reverse=True)
        return [as_known(each, ingests_of(session, row_id_of(each))) for each in meetings]


def as_known(meeting: Meeting, ingests: Sequence[Ingest]) -> Known:
    told = [ingest_status(each, now=NOW, lease_seconds=LEASE_SECONDS) for each in ingests]
    words = frozenset(word for each in ingests for word in (each.reason, each.error_code))
    return Known(meeting, meeting_state(meeting, told), words)


def some_meeting(chance: random.Random, number: int) -> dict[str, Any]:
    return {
        "meeting_id": f"m{number}_I_1",
        "account": chance.choice(ACCOUNTS),
        "site_url": chance.choice(SITES),
        "host_email": chance.choice(HOSTS),
        "webex_state": chance.choice(("ended", "inProgress", None)),
        # Several begin at one moment, and of some nobody knows when.
        "start_at": chance.choice((None, *(after(hour * 3600) for hour in range(-60, 1)))),
        "details_known": True,
        "source": "webhook",
        "revision": 1,
        "manifest_revision": 1,
        "completed_at": chance.choice((None, NOW)),
        "first_seen_at": after(chance.randrange(-60, 1) * 3600),
    }


def some_ingests(chance: random.Random, meeting: Meeting) -> Iterator[dict[str, Any]]:
    states = chance.choice(([*State], [State.DONE], [State.ABSENT, State.RUNNING, State.WAITING]))
    reasons = chance.choice((REASONS, REASONS[1:3], (None,)))
    for resource in chance.sample([*Resource][:4], chance.randrange(5)):
        yield plain_ingest(
            meeting,
            resource=resource,
            queue="poll",
            priority="0-fresh",
            state=chance.choice(states),
            reason=chance.choice(reasons),
            error_code=chance.choice(ERRORS),
        )


def is_wanted(each: Known, filters: Filters) -> bool:
    meeting, (moment, _) = each.meeting, listing.place_of(each.meeting)
    return (
        (filters.host is None or (meeting.host_email or "").lower() == filters.host.lower())
        and filters.site in (None, meeting.site_url)
        and filters.account in (None, meeting.account)
        and (filters.since is None or moment.date() >= filters.since)
        and (filters.until is None or moment.date() <= filters.until)
        and filters.state in (None, each.state)
        and (filters.reason is None or filters.reason in each.words)
    )


def some_filters() -> list[Filters]:
    chance = random.Random(7)  # noqa: S311
    days: tuple[date | None, ...] = (None, NOW.date(), NOW.date() - timedelta(days=1))
    one_each = [
        *({"state": each} for each in MeetingState),
        *({"reason": each} for each in ("excluded_by_policy", "not_found", "never_said")),
        {"host": "ADA@example.com"},
        {"site": "a.example.com"},
        {"account": "sales"},
        {"since": NOW.date(), "until": NOW.date()},
        {},
    ]
    several = [
        {
            "host": chance.choice((None, None, *HOSTS)),
            "site": chance.choice((None, *SITES)),
            "account": chance.choice((None, "sales")),
            "since": chance.choice(days),
            "until": chance.choice(days),
            "state": chance.choice((None, *MeetingState)),
            "reason": chance.choice((None, "not_recorded", "link_refused")),
        }
        for _ in range(25)
    ]
    return [Filters.model_validate(each) for each in (*one_each, *several)]


WAYS = {
    "by gathering them": (500, 50_000, 500_000),
    "by walking": (-1, -1, -1),
    "by giving up a walk": (-1, 50_000, 500_000),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_page_has_what_the_filters_say_in_order(
    filled: Database, known: list[Known], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zip(("_FEW", "_MANY", "_MOST"), WAYS[way], strict=True):
        monkeypatch.setattr(listing, name, value)
    chance = random.Random(3)  # noqa: S311

    for filters in some_filters():
        beside = chance.choice(known).meeting
        place = listing.place_of(beside)
        wanted = [each.meeting.meeting_id for each in known if is_wanted(each, filters)]
        below, above = wanted[:], []
        while below and listing.place_of(by_id(known, below[0])) >= place:
            above.append(below.pop(0))
        above = [each for each in above if each != beside.meeting_id]

        with filled.reading() as session:
            ask = partial(ids_of, session, filters)
            assert ask(limit=MEETINGS) == wanted, filters
            assert ask(limit=3) == wanted[:3], filters
            assert ask(limit=3, before=place) == below[:3], filters
            assert ask(limit=3, after=place) == above[-3:], filters


def by_id(known: list[Known], meeting_id: str) -> Meeting:
    return next(each.meeting for each in known if each.meeting.meeting_id == meeting_id)


def ids_of(session: Session, filters: Filters, **which: Any) -> list[str]:
    return [each.meeting_id for each in listing.meetings_listed(session, filters, **which)]


def listed(database: Database, filters: Filters, **which: Any) -> list[str]:
    page = list_meetings(database, filters=filters, now=NOW, lease_seconds=LEASE_SECONDS, **which)
    return [each.meeting_id for each in page.lines]


def test_every_state_is_among_those_that_are_compared(known: list[Known]) -> None:
    assert {each.state for each in known} == {*MeetingState}


def test_pages_lead_down_to_the_oldest_and_up_again(filled: Database, known: list[Known]) -> None:
    wanted = [each.meeting.meeting_id for each in known if each.state is MeetingState.FAILED]
    filters = Filters(state=MeetingState.FAILED)

    def page(**which: Any) -> Any:
        return list_meetings(
            filled, filters=filters, limit=9, now=NOW, lease_seconds=LEASE_SECONDS, **which
        )

    down = [page()]
    while down[-1].older:
        down.append(page(before=down[-1].older))
    up = [down[-1]]
    while up[-1].newer:
        up.append(page(after=up[-1].newer))

    assert [line.meeting_id for each in down for line in each.lines] == wanted
    assert [each.lines for each in reversed(up)] == [each.lines for each in down]
    assert down[0].newer is None
    assert up[-1].newer is None


@pytest.mark.parametrize("which", [{"before": "nope"}, {"after": "nope"}, {"before": "no\0pe"}])
def test_beside_a_meeting_that_nobody_knows_is_nothing(
    filled: Database, which: dict[str, str]
) -> None:
    assert listed(filled, Filters(), limit=5, **which) == []


def test_filters_that_no_row_can_have_find_nothing(filled: Database) -> None:
    last, first = date.max, date.min

    assert listed(filled, Filters(host="a\0b"), limit=5) == []
    assert listed(filled, Filters(since=last), limit=5) == []
    assert listed(filled, Filters(until=first), limit=5) == []
    assert len(listed(filled, Filters(since=first, until=last), limit=5)) == 5


def test_empty_fields_of_a_form_are_no_filters() -> None:
    told = {"host": " ", "site": "", "since": "", "state": "", "reason": "", "page": "2"}

    assert Filters.model_validate(told) == Filters()
    assert Filters.model_validate({"host": " Ada@example.com "}).host == "Ada@example.com"


def test_suggestions_are_what_there_is(filled: Database) -> None:
    told = suggestions(filled)

    assert told.sites == ["a.example.com", "b.example.com"]
    assert told.accounts == ["sales"]
    assert told.hosts == ["ada@example.com", "bo@example.com"]
    assert suggestions(filled, host="B").hosts == ["bo@example.com"]
    assert suggestions(filled, host="x").hosts == []
    assert suggestions(filled, host="b\0").hosts == ["bo@example.com"]
