"""``search`` as people and programs read it."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.db.engine import Database
from app.db.files import replace_snippets
from app.db.meetings import ensure_meeting
from app.models.tables import Meeting
from tests.e2e.house import House, house, prepare_database

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LONG = "Well, " * 40 + "the budget is due on Friday" + ", I think" * 40 + "."


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """An installation with the transcripts of two meetings."""
    prepare_database(tmp_path)
    with house(tmp_path) as home:
        hold(
            home, "a1_I_1", "Weekly sync", START, ["Good morning.", "The budget is due on Friday."]
        )
        later = START.replace(day=9)
        hold(
            home, "a1_I_2", "Demo\x1b[2J\nfor all", later, ["A budget\x1b]0;x\x07\nof 東京.", LONG]
        )
        yield home


def hold(home: House, meeting_id: str, title: str, start: datetime, texts: list[str]) -> None:
    database = Database(f"sqlite:///{home.folder / 'var' / 'webex-ingest.db'}")
    with database.transaction() as session:
        meeting = ensure_meeting(session, meeting_id, source="webhook", now=start)
        details = {"title": title, "start_at": start, "host_email": "host@example.com"}
        session.execute(update(Meeting).where(col(Meeting.id) == meeting.id).values(**details))
        snippets = [
            {
                "snippet_id": str(number),
                "offset_milliseconds": number * 4_983_000,
                "person_name": "Ann Lee",
                "person_email": "ann@example.com",
                "text": text,
            }
            for number, text in enumerate(texts)
        ]
        assert meeting.id is not None
        replace_snippets(session, meeting.id, "t1", snippets)
    database.dispose()


def test_it_says_who_said_it_where_and_how_far_into_the_meeting(home: House) -> None:
    said = home.command("search", "DUE", "budget", "--to", "2026-03-02")

    assert said.splitlines() == [
        "2026-03-02 09:00 UTC  Weekly sync  a1_I_1",
        "  1:23:03  Ann Lee  The budget is due on Friday.",
    ]


def test_the_newest_meeting_comes_first_and_nothing_speaks_to_the_terminal(home: House) -> None:
    said = home.command("search", "budget")

    assert said.splitlines() == [
        "2026-03-09 09:00 UTC  Demo [2J for all  a1_I_2",
        "  0:00:00  Ann Lee  A budget ]0;x of 東京.",
        f"  1:23:03  Ann Lee  {LONG}",
        "",
        "2026-03-02 09:00 UTC  Weekly sync  a1_I_1",
        "  1:23:03  Ann Lee  The budget is due on Friday.",
    ]


@pytest.mark.parametrize(
    ("asked", "said", "shown"),
    [
        ("budget", LONG, "the budget is due on Friday"),
        ('"on friday" holiday', "On and on, " * 40 + "and on Friday, a holiday.", "on Friday, a"),
        ("京都", "東京、" * 40 + "京都です。" + "そうです。" * 40, "京都です"),
    ],
)
def test_on_a_terminal_a_long_text_is_cut_around_what_was_found(
    home: House, asked: str, said: str, shown: str
) -> None:
    hold(home, "a1_I_3", "Long", START.replace(day=16), [said])
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "app.cli", "search", asked, "--limit", "1"]
    environment = {**os.environ, **home.environment, "COLUMNS": "70"}
    with os.fdopen(theirs, "wb") as terminal, os.fdopen(ours, "rb", buffering=0) as screen:
        subprocess.run(
            argv, stdout=terminal, env=environment, cwd=home.folder, timeout=60, check=True
        )
        lines = screen.read(10_000).decode().splitlines()

    assert all(len(line) <= 70 for line in lines)
    assert "…" in lines[1]
    assert shown in lines[1]


def test_what_is_left_out_is_told(home: House) -> None:
    said = home.command("search", "budget", "--limit", "1")

    assert said.splitlines()[-1] == "There are more than these 1: see --limit."
    assert "more" not in home.command("search", "budget", "--limit", "3")


def test_nothing_found_is_said_and_ends_with_one(home: House) -> None:
    assert home.command("search", "holiday", code=1) == "Nothing found.\n"
    assert home.command("search", "budget", "--speaker", "bob", code=1) == "Nothing found.\n"
    assert home.command("search", "budget", "--host", "a@example.com", code=1) == "Nothing found.\n"
    told = json.loads(home.command("search", "holiday", "--json", code=1))
    assert told == {"hits": [], "more": False}


def test_programs_get_json_with_whole_texts(home: House) -> None:
    told = json.loads(home.command("search", '"on friday"', "--speaker", "ANN", "--json"))

    assert told["more"] is False
    assert told["hits"][0]["text"] == LONG
    assert told["hits"][1] == {
        "meeting_id": "a1_I_1",
        "title": "Weekly sync",
        "start": "2026-03-02T09:00:00Z",
        "host_email": "host@example.com",
        "speaker": "Ann Lee",
        "speaker_email": "ann@example.com",
        "transcript_id": "t1",
        "offset_milliseconds": 4_983_000,
        "text": "The budget is due on Friday.",
    }


def test_no_sign_of_a_user_breaks_it(home: House) -> None:
    for words in ("budget*", '"budget', "-budget -", "(budget:"):
        assert "2026-03-02" in home.command("search", "--", words)
    assert home.command("search", "'; DROP TABLE snippet; --", code=1) == "Nothing found.\n"
    assert "none of a text" in home.command("search", "budget \udcff", code=2)


def test_what_has_no_word_is_wrong_usage(home: House) -> None:
    for words in ("", "...", "💡", '""'):
        assert "there is no word in what is to be searched for" in home.command(
            "search", words, code=2
        )
    assert "--speaker" in home.command("search", "budget", "--speaker", "?", code=2)
    wrong = ("--from", "2026-03-02", "--to", "2026-03-01")
    assert "--to is before --from" in home.command("search", "budget", *wrong, code=2)
