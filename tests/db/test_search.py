"""Search finds the same on both databases, whatever is asked for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib import import_module
from itertools import count
from typing import Any

import pytest
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import TextClause, delete, inspect, text, update
from sqlmodel import col

from app.db.engine import Database
from app.db.files import replace_snippets
from app.db.schema import migrate
from app.db.search import MOST_WORDS, search, terms_of
from app.models.search import Found
from app.models.snippets import _tsvector
from app.models.spoken import words_of
from app.models.tables import Meeting
from tests.db.revisions import ROWS, fill, to_revision
from tests.db.rows import NOW, make_meeting, row_id_of

_NUMBERS = count()

NASTY = (
    *("", " ", '"', '""', '"""', "'", "''", "*", "a*", "^a", "-", "--", "-a", "+a", ":", "a:b"),
    *("words:ship", "NEAR", "NEAR(ship it)", "ship AND it", "ship OR", "NOT ship", "AND", "OR"),
    *("ship & it", "ship | it", "!ship", "ship <-> it", "(", ")", "((((", "{}", "\\", "\\'", "'\\"),
    *("a\0b", "\0", "%", "_", "ship%", "'; DROP TABLE snippet; --", "💡", "👍️", "\ud800", "\u200b"),
    *("x" * 10_000, "x " * 5_000, '"' * 10_000, " ".join(map(str, range(2_000)))),
    *("'" + "a" * 3_000 + "'", "a-" * 5_000, "ﷺ" * 10_000, "\u0301" * 10_000, "é" * 10_000),
)


def said(
    database: Database, *texts: str, start: datetime | None = NOW, host: str = "host@example.com"
) -> str:
    """A meeting in which this was said, by Ann and Bob in turn, ten seconds apart."""
    meeting = make_meeting(database, f"m{next(_NUMBERS)}_I_1")
    people = (("Ann Müller", "ann@example.com"), ("Bob", "bob@example.com"))
    snippets = [
        {
            "snippet_id": str(number),
            "offset_milliseconds": number * 10_000,
            "person_name": people[number % 2][0],
            "person_email": people[number % 2][1],
            "text": each,
        }
        for number, each in enumerate(texts)
    ]
    with database.transaction() as session:
        replace_snippets(session, row_id_of(meeting), "t1", snippets)
        details = {"title": "Weekly sync", "start_at": start, "host_email": host}
        session.execute(update(Meeting).where(col(Meeting.id) == meeting.id).values(**details))
    return meeting.meeting_id


def asked(database: Database, words: str, **how: Any) -> Found:
    with database.reading() as session:
        return search(session, terms_of(words), **how)


def texts_of(found: Found) -> list[str]:
    return [hit.text for hit in found.hits]


def test_a_hit_says_who_said_it_in_which_meeting_and_when(database: Database) -> None:
    meeting_id = said(database, "Good morning.", "We ship on Friday.")

    (hit,) = asked(database, "ship").hits

    assert (hit.meeting_id, hit.title, hit.start) == (meeting_id, "Weekly sync", NOW)
    assert (hit.host_email, hit.transcript_id) == ("host@example.com", "t1")
    assert (hit.speaker, hit.speaker_email) == ("Bob", "bob@example.com")
    assert (hit.offset_milliseconds, hit.text) == (10_000, "We ship on Friday.")


def test_all_words_must_be_in_one_snippet(database: Database) -> None:
    said(database, "We ship on Friday.", "Friday is a holiday.", "The ship sank.")

    assert texts_of(asked(database, "friday ship")) == ["We ship on Friday."]
    assert texts_of(asked(database, "sank friday")) == []


@pytest.mark.parametrize(
    ("spoken", "words"),
    [
        ("Die Änderung der Größe", "änderung"),
        ("Die Änderung der Größe", "ANDERUNG"),
        ("Die Änderung der Größe", "grösse"),
        ("A\u0308nderung", "Änderung"),
        ("ΟΔΟΣ", "οδός"),
        ("Стройка и Ёлка", "стройка елка"),
        ("don't", "don\u2019t"),
        ("Send the e-mail", "e-mail"),
        ("Send the e-mail", "mail"),
        ("Write to Ann.Lee@example.com!", "ann.lee@example.com"),
        ("Write to Ann.Lee@example.com!", "example"),
        ("See https://example.com/a/b?c=1", "example.com/a"),
        ("It is 3.14 or -12 or 1e5", "3.14 -12 1e5"),
        ("1,000 people", "1,000"),
        ("10 m² of it", "m2"),
        ("snake_case", "case"),
        ("\uff57\uff49\uff44\uff45", "wide"),
        ("co\u00adoperate", "cooperate"),
        ("明日の会議は東京です", "会議"),
        ("明日の会議は東京です", "東京 明日"),
        ("サーバーを再起動", "サーバー"),
        ("ประชุมพรุ่งนี้", "พรุ่งนี้"),
        ("회의는 내일입니다", "회의는"),
        ("बैठक कल है", "बैठक"),
        ("اجتماع غدا", "اجتماع"),
        ("Great 👍️ work", "great work"),
    ],
)
def test_words_of_any_language_are_found(database: Database, spoken: str, words: str) -> None:
    said(database, spoken, "Something else.")

    assert texts_of(asked(database, words)) == [spoken]


@pytest.mark.parametrize(
    ("spoken", "words"),
    [
        ("e mail", "email"),
        ("Friday", "Fri"),
        ("Müller", "Mueller"),
        ("東京", "京東"),
        ("회의는", "회의"),
        ("the mail of ann at example", "ann@example"),
        ("3 and 14", "3.14"),
    ],
)
def test_other_words_are_not(database: Database, spoken: str, words: str) -> None:
    said(database, spoken)

    assert asked(database, words).hits == []


def test_a_phrase_is_found_as_it_was_said(database: Database) -> None:
    said(database, "Ship it on time.", "It is on the ship.", "On time? Ship it!")

    assert texts_of(asked(database, '"ship it"')) == ["Ship it on time.", "On time? Ship it!"]
    assert texts_of(asked(database, '"it on time" ship')) == ["Ship it on time."]
    assert texts_of(asked(database, "„on the ship“")) == ["It is on the ship."]
    assert texts_of(asked(database, '"on the ship')) == ["It is on the ship."]
    assert asked(database, '"ship on time"').hits == []


def test_words_that_are_operators_elsewhere_are_words(database: Database) -> None:
    said(database, "Near or far and not here", "far")

    assert texts_of(asked(database, "NEAR OR FAR")) == ["Near or far and not here"]
    assert texts_of(asked(database, "far AND NOT -here")) == ["Near or far and not here"]
    assert asked(database, "fa*").hits == []


def test_nothing_that_is_asked_breaks_a_query(database: Database) -> None:
    said(database, "We ship it on Friday.")

    for nasty in NASTY:
        asked(database, nasty, speaker=nasty)
        asked(database, "ship", host=nasty)


def test_whatever_was_said_is_stored_and_found(database: Database) -> None:
    meeting_id = said(database, *(f"zebra {storable(nasty)}" for nasty in NASTY))

    assert len(asked(database, "zebra", limit=100).hits) == len(NASTY)
    assert {hit.meeting_id for hit in asked(database, "zebra").hits} == {meeting_id}


SAID = (
    *(
        "We ship it",
        "ship it, we do",
        "it's a ship-it day",
        "Ship",
        "it it it ship",
        "e-mail: a@b.c",
    ),
    *(
        "Äpfel und Öl",
        "apfel OL",
        "東京都",
        "京東 東",
        "京都",
        "don't",
        "don t",
        "1.5 1 5",
        "¿qué? ² ½",
    ),
)


@given(
    st.lists(
        st.sampled_from(
            [
                *"abcW15",
                *'""\'*:-^(+.²½',
                "ship",
                "it",
                "IT",
                "we",
                " ",
                " ",
                "AND",
                "東",
                "京",
                "Ö",
                "t",
            ]
        ),
        max_size=8,
    ).map("".join)
)
@settings(max_examples=150, deadline=None, suppress_health_check=[*HealthCheck])
def test_both_databases_find_what_python_finds(filled: Database, words: str) -> None:
    found = asked(filled, words)

    assert sorted(texts_of(found)) == sorted(each for each in SAID if has_all(each, words))


@pytest.fixture
def filled(database: Database) -> Database:
    """A database with a few texts of all kinds."""
    said(database, *SAID)
    return database


def has_all(spoken: str, words: str) -> bool:
    """What a search means: each term is in the text, as a row of words."""
    there, terms = words_of(spoken), terms_of(words)
    return bool(terms) and all(has(there, term) for term in terms)


def has(there: Sequence[str], term: Sequence[str]) -> bool:
    return any(tuple(there[at : at + len(term)]) == term for at in range(len(there)))


def storable(nasty: str) -> str:
    """What of it Postgres takes at all."""
    return nasty.replace("\0", "").replace("\ud800", "")


def test_of_many_words_the_first_ones_count() -> None:
    (term,) = terms_of("a-" * 5_000)

    assert len(term) == MOST_WORDS
    assert len(terms_of(" ".join(map(str, range(5_000))))) == MOST_WORDS


def test_a_speaker_is_found_by_a_part_of_the_name_or_the_email(database: Database) -> None:
    said(database, "I ship.", "I ship too.")

    for part in ("müller", "MÜL", "Muller", "ann@example", "ANN"):
        assert texts_of(asked(database, "ship", speaker=part)) == ["I ship."], part
    assert len(asked(database, "ship", speaker="example.com").hits) == 2
    assert asked(database, "ship", speaker="%").hits == []
    assert asked(database, "ship", speaker="carl").hits == []


def test_a_host_and_days_narrow_it_down(database: Database) -> None:
    for number, host in enumerate(("ann@example.com", "bob@example.com", "Ann@Example.com")):
        said(database, f"ship {number}", start=NOW + timedelta(days=number), host=host)

    assert texts_of(asked(database, "ship", host="ANN@example.com")) == ["ship 2", "ship 0"]
    assert texts_of(asked(database, "ship", since=NOW + timedelta(days=1))) == ["ship 2", "ship 1"]
    assert texts_of(asked(database, "ship", until=NOW + timedelta(days=1))) == ["ship 0"]


def test_a_meeting_whose_start_is_not_known_stands_where_it_was_first_heard_of(
    database: Database,
) -> None:
    said(database, "ship 0", start=NOW - timedelta(days=1))
    said(database, "ship 1", start=None)
    said(database, "ship 2", start=NOW + timedelta(days=1))

    assert texts_of(asked(database, "ship")) == ["ship 2", "ship 1", "ship 0"]
    assert asked(database, "ship", since=NOW, until=NOW + timedelta(days=1)).hits[0].start is None


def test_pages_follow_each_other_without_a_gap_though_more_comes_meanwhile(
    database: Database,
) -> None:
    for number in range(3):
        said(database, *(f"ship {number} {each}" for each in range(4)), start=NOW)
    everything = texts_of(asked(database, "ship"))

    first = asked(database, "ship", limit=5)
    said(database, "ship later", start=NOW + timedelta(days=1))
    second = asked(database, "ship", limit=5, after=first.next)
    third = asked(database, "ship", limit=5, after=second.next)

    assert texts_of(first) + texts_of(second) + texts_of(third) == everything
    assert everything[:4] == ["ship 2 0", "ship 2 1", "ship 2 2", "ship 2 3"]
    assert third.next is None


def test_there_is_no_next_page_behind_the_last_hit(database: Database) -> None:
    said(database, "ship", "ship", "ship")

    assert asked(database, "ship", limit=3).next is None
    assert asked(database, "ship", limit=2).next is not None
    assert asked(database, "ship", speaker="ann", limit=2).next is None


def test_an_edited_transcript_is_found_as_it_is_now(database: Database) -> None:
    meeting = make_meeting(database)
    edited = [{"snippet_id": "1", "text": "We sail on Friday."}]
    for snippets in ([{"snippet_id": "1", "text": "We ship on Friday."}], edited):
        with database.transaction() as session:
            replace_snippets(session, row_id_of(meeting), "t1", snippets)

    assert asked(database, "ship").hits == []
    assert texts_of(asked(database, "friday")) == ["We sail on Friday."]


def test_what_was_said_in_a_meeting_goes_with_it(database: Database) -> None:
    said(database, "We ship on Friday.")

    with database.transaction() as session:
        session.execute(delete(Meeting))

    assert asked(database, "ship").hits == []
    with database.transaction() as session:
        if database.is_sqlite:
            session.execute(
                text("INSERT INTO snippet_search (snippet_search) VALUES ('integrity-check')")
            )
            assert (
                session.scalar(
                    text("SELECT count(*) FROM snippet_search WHERE snippet_search MATCH 'ship'")
                )
                == 0
            )


def test_an_upgrade_finds_what_was_said_before_it(database_url: str) -> None:
    database = Database(database_url)
    to_revision(database, "0008")
    fill(database)
    row = {**ROWS["snippet"], "participant_row_id": None}
    with database.transaction() as session:
        for number, spoken in enumerate((*SAID, *map(storable, NASTY)), 2):
            more = {"id": number, "position": number, "snippet_id": "", "text": spoken}
            session.execute(insert_snippet(row), row | more)

    migrate(database)
    for words in ("hello", "ship it", "OL", "京", '"a b c"', "don't", "1.5"):
        found = asked(database, words, limit=1_000)
        expected = [
            each for each in ("Hello.", *SAID, *map(storable, NASTY)) if has_all(each, words)
        ]
        assert texts_of(found) == expected
    to_revision(database, "0008", command.downgrade)
    assert "words" not in {each["name"] for each in inspect(database.engine).get_columns("snippet")}
    migrate(database)
    assert texts_of(asked(database, "hello")) == ["Hello."]
    database.dispose()


def insert_snippet(row: dict[str, Any]) -> TextClause:
    names = ", ".join(row)
    return text(f"INSERT INTO snippet ({names}) VALUES ({', '.join(f':{each}' for each in row)})")  # noqa: S608


def test_the_upgrade_makes_the_same_words_as_the_program() -> None:
    revision = import_module("app.migrations.versions.r0009_search")

    for spoken in (*SAID, *NASTY, *map(chr, range(0x3000))):
        assert revision._words_of(spoken) == words_of(spoken)
    assert revision._tsvector("a b a") == _tsvector(["a", "b", "a"])
