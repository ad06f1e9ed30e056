"""The pages tell what the rows say, in plain words, and nothing in a row can harm a reader."""

import hmac
import re
import shutil
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.db.engine import Database
from app.db.files import files_of, note_damage, replace_snippets
from app.db.ticks import tick
from app.models.outcomes import Absent, Done, Wait
from app.models.words import Kind, Reason, Resource
from tests.processes import free_port
from tests.web.conftest import NOON, MakeClient
from tests.web.rows import SHA256, Rows

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"
REFRESH = '<meta http-equiv="refresh"'
OUR_SCRIPT = re.compile(r'<script src="/static/[a-z.]+\?v=[0-9a-f]{12}" defer></script>')
LONG_AGO = NOON - timedelta(hours=1)


def page(client: FlaskClient, path: str = "/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.content_type == "text/html; charset=utf-8"
    return answer.text


def bars(told: str) -> list[tuple[str, ...]]:
    """The label, full value, value and words of each bar of a page."""
    bar = r'<progress aria-label="([^"]+)" max="(\d+)" value="(\d+)">([^<]*)</progress>'
    assert told.count("<progress") == len(re.findall(bar, told))
    return re.findall(bar, told)


def test_an_empty_archive_says_what_to_do_next(client: FlaskClient) -> None:
    told = page(client)

    assert "No meeting yet." in told
    assert "webex-ingest webhooks register" in told
    assert "No worker has looked for work yet." in told
    assert REFRESH not in told


def test_the_list_tells_states_and_what_is_missing(client: FlaskClient, rows: Rows) -> None:
    rows.complete_meeting("m_I_1", start=NOON - timedelta(days=1), title="Planning")
    waiting = rows.meeting("m_I_2", start=NOON - timedelta(hours=1), title="Review")
    look = Wait(NOON + timedelta(hours=2, minutes=3), Reason.STILL_PROCESSING, looked=True)
    rows.ingest(waiting, Resource.RECORDINGS, outcome=look)

    told = page(client)

    assert told.index("Review") < told.index("Planning")
    assert "recordings: Webex is still processing it, next look 14:03" in told
    assert "Complete" in told
    assert "4.8 MiB" in told
    assert '<time datetime="2026-03-01T12:00:00Z">2026-03-01 12:00</time>' in told


def test_one_meeting_is_told_with_everything_in_it(client: FlaskClient, rows: Rows) -> None:
    rows.complete_meeting("m_I_1", start=NOON - timedelta(days=1), title="Planning")

    told = page(client, "/meetings/m_I_1")

    for word in (
        "Planning",
        "Webex has none",
        "a1b2c3d4e5f6",
        "recordings/a1b2c3d4e5f6.mp4",
        "4,982,263 bytes",
        SHA256[:12] + "…",
        "Ada Example",
        "person1@example.com",
        "2 snippets",
        "not told",
    ):
        assert word in told


def test_a_failure_is_told_with_its_sentence_and_the_way_out(
    client: FlaskClient, rows: Rows
) -> None:
    rows.failed_meeting("m_I_1", "The link leads to a host that is not allowed.", title="Review")

    assert '<a href="/problems">Something needs help</a>' in page(client)
    assert "1 meeting has a failure." in page(client)
    assert "The link leads to a host that is not allowed." in page(client, "/problems")
    assert "webex-ingest retry --failed" in page(client, "/problems")
    assert "The link leads to a host that is not allowed." in page(client, "/meetings/m_I_1")
    assert "webex-ingest retry m_I_1" in page(client, "/meetings/m_I_1")


def test_an_event_that_was_put_aside_is_told_with_its_reason_and_the_way_out(
    client: FlaskClient, rows: Rows
) -> None:
    rows.event("e1", "quarantined", error="It is about <nothing>.")

    told = page(client, "/problems")

    assert "recordings.created" in told
    assert "It is about &lt;nothing&gt;." in told
    assert "webex-ingest replay --quarantined" in told


def test_a_damaged_file_is_told_on_both_pages_with_what_to_do(
    client: FlaskClient, rows: Rows, database: Database
) -> None:
    meeting = rows.complete_meeting("m_I_1", start=NOON, title="Planning")
    with database.transaction() as session:
        (file, *_) = files_of(session, meeting.id or 0)
        note_damage(session, file, "changed")

    for path in ("/problems", "/meetings/m_I_1"):
        assert "changed</span>" in page(client, path)
        assert "bring it from a backup" in page(client, path)
    assert "1 file that cannot be fetched again" in page(client, "/problems")
    assert "1 file is damaged." in page(client)


def test_hostile_words_are_inert_on_every_page(client: FlaskClient, rows: Rows) -> None:
    meeting = rows.failed_meeting(
        "m_I_1", HOSTILE, title=HOSTILE, host_email=HOSTILE, site_url=HOSTILE
    )
    rows.ingest(meeting, HOSTILE, HOSTILE, Absent(Reason.DELETED_AT_SOURCE))
    rows.file(meeting, HOSTILE, Kind.VIDEO, 1, HOSTILE)
    rows.people(meeting, [HOSTILE])

    places = ("", *(f"{name}={HOSTILE}" for name in ("before", "host", "site", "state", "reason")))
    meeting_pages = ("/meetings/m_I_1", "/meetings/m_I_1/play", "/meetings/" + HOSTILE)
    searches = [f"/search?{name}={HOSTILE}&q=hello" for name in ("q", "speaker", "host", "from")]
    for path in (*(f"/?{each}" for each in places), *meeting_pages, *searches, "/problems"):
        told = OUR_SCRIPT.sub("", client.get(path).text)
        assert not re.search(r"<script|<img|\"'>", told)
        assert "{{ 7*7 }}" in told or "alert" not in told


def test_hostile_words_that_were_said_are_inert_too(client: FlaskClient, rows: Rows) -> None:
    meeting = rows.meeting("m_I_1", title="Planning", start=NOON)
    rows.ingest(meeting, Resource.TRANSCRIPTS, "t1", Done())
    line = {"snippet_id": "1", "text": HOSTILE, "offset_milliseconds": 1000}
    by = {"person_name": HOSTILE, "person_email": HOSTILE}
    with rows.database.transaction() as session:
        replace_snippets(session, meeting.id or 0, "t1", [line | by])

    for path in ("/meetings/m_I_1/play?t=1", "/search?q=alert", '/search?q="img src"'):
        told = OUR_SCRIPT.sub("", page(client, path))
        assert not re.search(r"<script|<img|\"'>", told)
        assert told.count("{{ 7*7 }}") >= 2, "what was said and who said it"


def test_no_page_runs_scripts_of_others_or_is_framed(client: FlaskClient) -> None:
    policy = client.get("/").headers["Content-Security-Policy"].split("; ")

    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= {*policy}
    assert {"frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} <= {*policy}
    assert "unsafe" not in str(policy)


def test_pages_hold_no_secret_of_the_settings(
    make_client: MakeClient, database: Database, rows: Rows
) -> None:
    rows.failed_meeting("m_I_1", "It went wrong.")
    client = make_client(
        database_url=database.url.render_as_string(hide_password=False),
        webex_access_token="a-secret-access-token",
        webex_webhook_secret="a-secret-to-sign-with",
    )

    for path in ("/", "/meetings/m_I_1", "/meetings/none", "/readyz", "/metrics"):
        told = client.get(path).text
        assert "a-secret" not in told
        assert str(database.url.database) not in told


@pytest.mark.parametrize("meeting_id", ["nope", "%00", "m_I_1%00", "%ff", "a" * 5000])
def test_an_unknown_meeting_is_told_in_plain_words(
    client: FlaskClient, rows: Rows, meeting_id: str
) -> None:
    rows.meeting("m_I_1")

    answer = client.get(f"/meetings/{meeting_id}")

    assert answer.status_code == 404
    assert "This meeting is not known here" in answer.text


def test_older_leads_through_all_meetings_once(client: FlaskClient, rows: Rows) -> None:
    started = [NOON - timedelta(hours=number // 2) for number in range(101)]
    for number, start in enumerate(started):
        rows.meeting(f"m_I_{number:03d}", start=start if number % 10 else None)

    path, seen, pages = "/", [], 0
    while path:
        told = page(client, path)
        seen += re.findall(r'<th scope="row"[^>]*><a id="m-\w+" href="/meetings/(m_I_\d+)"', told)
        older = re.search(r'<a rel="next" href="([^"]+)"', told)
        path, pages = older[1] if older else "", pages + 1

    assert pages == 3
    assert sorted(seen) == [f"m_I_{number:03d}" for number in range(101)]


@pytest.mark.parametrize("place", ["before=nope", "before=%00", "after=nope"])
def test_a_page_beside_an_unknown_meeting_is_empty(
    client: FlaskClient, rows: Rows, place: str
) -> None:
    rows.meeting("m_I_1")

    assert "There are no more meetings this way." in page(client, f"/?{place}")
    assert "m_I_1" in page(client, "/?before=")


def test_a_page_loads_itself_again_only_while_work_goes_on(client: FlaskClient, rows: Rows) -> None:
    rows.complete_meeting("m_I_1", start=NOON)
    assert REFRESH not in page(client) + page(client, "/meetings/m_I_1")

    waiting = rows.meeting("m_I_2")
    rows.ingest(waiting, Resource.RECORDINGS)

    assert REFRESH in page(client)
    assert REFRESH in page(client, "/meetings/m_I_2")
    assert REFRESH not in page(client, "/meetings/m_I_1")


def test_running_work_shows_how_far_it_is(client: FlaskClient, rows: Rows) -> None:
    meeting = rows.meeting("m_I_1")
    ingest_id = rows.ingest(meeting, Resource.RECORDINGS, "r1")
    rows.run(ingest_id, stage="video", bytes_done=512, bytes_total=2048, bytes_per_second=64)

    assert "recording: downloading video, 25% of 2.0 KiB, 64 bytes/s, 24 seconds left" in page(
        client
    )
    told = page(client, "/meetings/m_I_1")
    assert "Downloading video, 25% of 2.0 KiB, 64 bytes/s, 24 seconds left" in told
    assert "512 bytes of 2.0 KiB" in told


def test_a_running_transfer_has_a_bar_with_a_name_and_its_share_in_words(
    client: FlaskClient, rows: Rows
) -> None:
    ingest_id = rows.ingest(rows.meeting("m_I_1"), Resource.RECORDINGS, "r1")
    rows.run(ingest_id, stage="video", bytes_done=512, bytes_total=2048, bytes_per_second=64)

    (listed,) = bars(page(client))
    (told,) = bars(page(client, "/meetings/m_I_1"))

    assert listed == ("All running downloads", "2048", "512", "25%")
    assert told == ("Downloaded video", "2048", "512", "25%")


@pytest.mark.parametrize(
    "progress",
    [
        {"stage": "video", "bytes_done": 512},
        {"stage": "", "bytes_done": 512, "bytes_total": 512},
    ],
    ids=["nobody knows how much comes", "left from an earlier download"],
)
def test_a_bar_that_would_say_nothing_is_not_there(
    client: FlaskClient, rows: Rows, progress: dict[str, object]
) -> None:
    rows.run(rows.ingest(rows.meeting("m_I_1"), Resource.RECORDINGS, "r1"), **progress)

    assert bars(page(client)) == bars(page(client, "/meetings/m_I_1")) == []


def test_a_page_loads_itself_again_sooner_while_a_transfer_runs(
    client: FlaskClient, rows: Rows
) -> None:
    meeting = rows.meeting("m_I_1")
    ingest_id = rows.ingest(meeting, Resource.RECORDINGS, "r1")
    before = [page(client), page(client, "/meetings/m_I_1")]

    rows.run(ingest_id, stage="video", bytes_done=512)

    after = [page(client), page(client, "/meetings/m_I_1")]
    assert [f'{REFRESH} content="15">' in each for each in before] == [True, True]
    assert [f'{REFRESH} content="5">' in each for each in after] == [True, True]


def test_what_may_begin_is_looked_for_now_and_then_by_a_page_with_a_script(
    client: FlaskClient, rows: Rows
) -> None:
    rows.complete_meeting("m_I_1", start=NOON)
    rows.meeting("m_I_2", start=NOON, webex_state="inProgress")
    told = {path: page(client, path) for path in ("/", "/meetings/m_I_2", "/meetings/m_I_1")}

    assert ['hx-trigger="every 60s"' in each for each in told.values()] == [True, True, False]
    assert not any(REFRESH in each for each in told.values())


def test_a_transfer_whose_worker_fell_silent_shows_no_speed(
    client: FlaskClient, rows: Rows
) -> None:
    ingest_id = rows.ingest(rows.meeting("m_I_1"), Resource.RECORDINGS, "r1", due_at=LONG_AGO)
    rows.now = NOON - timedelta(minutes=2)
    rows.run(ingest_id, stage="video", bytes_done=512, bytes_total=2048, bytes_per_second=64)

    listed, told = page(client), page(client, "/meetings/m_I_1")

    assert "Downloads:</strong> 1 without a sign of life" in listed
    silence = "o sign of life for 2 minutes; 25% of the video (2.0 KiB) is here"
    assert f"recording: n{silence}" in listed
    assert f"N{silence}" in told
    assert '<progress class="silent"' in told
    assert "bytes/s" not in listed + told
    assert "seconds left" not in listed + told


def test_workers_that_have_stopped_are_noticed(client: FlaskClient, database: Database) -> None:
    with database.transaction() as session:
        tick(session, "sweep", now=NOON - timedelta(seconds=2))
    assert "No worker has looked" not in page(client)

    with database.transaction() as session:
        tick(session, "sweep", now=NOON - timedelta(minutes=5))

    assert "No worker has looked for work for 5 minutes." in page(client)


def test_a_database_that_is_away_is_told_in_plain_words(make_client: MakeClient) -> None:
    client = make_client(database_url=f"postgresql+psycopg://x@127.0.0.1:{free_port()}/x")

    for path in ("/", "/meetings/m_I_1", "/meetings/m_I_1/play", "/search?q=a", "/problems"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert "The database cannot be reached now" in answer.text


def test_a_button_pressed_while_the_database_is_away_is_not_pressed_again_by_the_page(
    make_client: MakeClient,
) -> None:
    client = make_client(database_url=f"postgresql+psycopg://x@127.0.0.1:{free_port()}/x")
    client.set_cookie("webex_ingest_form", "s" * 43)
    csrf_token = hmac.digest(b"s" * 43, b"", "sha256").hex()

    answer = client.post("/meetings/m_I_1/look", data={"csrf_token": csrf_token})

    assert answer.status_code == 503
    assert "press the button again" in answer.text
    # The address of a button answers no GET, whoever asks it every few seconds.
    assert REFRESH not in answer.text
    assert "hx-get" not in answer.text


def test_a_page_of_a_meeting_of_thousands_stays_small(client: FlaskClient, rows: Rows) -> None:
    rows.people(rows.meeting("m_I_1", start=NOON), [f"Guest {number}." for number in range(5_000)])

    told = page(client, "/meetings/m_I_1")

    assert "5,000 participants" in told
    assert "of whom the first 1,000 are shown" in told
    assert told.count("Guest ") == 1_000
    assert len(told) < 400_000


def test_tables_have_captions_and_headers(client: FlaskClient, rows: Rows) -> None:
    rows.complete_meeting("m_I_1", start=NOON)

    for path in ("/", "/meetings/m_I_1", "/problems"):
        told = page(client, path)
        assert told.count("<table") == told.count("<caption") > 0
        assert "<th>" not in told
        assert told.count('<html lang="en">') == 1


def test_the_templates_are_packaged() -> None:
    templates = Path(__file__).parents[2] / "app" / "web" / "templates"

    assert {each.suffix for each in templates.iterdir()} == {".html"}


def test_a_disk_that_hangs_is_a_problem_and_holds_up_no_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted, look = threading.Event(), shutil.disk_usage

    def hang(place: Path) -> object:
        mounted.wait(20)
        return look(place)

    monkeypatch.setattr("shutil.disk_usage", hang)
    began = time.monotonic()

    told = page(client, "/problems")
    answer = client.get("/api/v1/problems").get_json()

    mounted.set()
    assert time.monotonic() - began < 10
    assert "The archive cannot be looked at" in told
    assert "archive_unavailable" in [each["what"] for each in answer["troubles"]]
