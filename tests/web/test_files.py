"""Stored files over HTTP: their bytes, their names, and nothing else of the disk."""

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlmodel import col
from werkzeug.test import TestResponse

from app.db.engine import Database
from app.errors import ArchiveUnavailable
from app.models.tables import File
from app.models.words import Kind, Resource
from app.web.turns import turns_at_the_disk
from tests.processes import free_port
from tests.web.conftest import NOON, MakeClient
from tests.web.rows import Rows

BYTES = bytes(range(256)) * 40
ETAG = f'"{hashlib.sha256(BYTES).hexdigest()}"'
VIDEO = "recordings/a1b2.mp4"
HERE = f"/api/v1/meetings/m_I_1/files/{VIDEO}"
NOON_TEXT = "Mon, 02 Mar 2026 12:00:00 GMT"


class Closing(FlaskClient):
    """Reads every answer to its end and closes it, as a server does."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        return super().open(*args, **{"buffered": True, **kwargs})


@pytest.fixture
def make_reader(make_client: MakeClient, sqlite: Database) -> MakeClient:
    """Makes a client of an application with these settings."""

    def make(**given: Any) -> FlaskClient:
        url = sqlite.url.render_as_string(hide_password=False)
        application = make_client(database_url=url, **given).application
        application.test_client_class = Closing
        return application.test_client()

    return make


@pytest.fixture
def reader(make_reader: MakeClient) -> FlaskClient:
    """A client on this machine."""
    return make_reader()


class Shelf:
    """Stores files of one meeting, their rows and what is on the disk."""

    def __init__(self, rows: Rows, root: Path, title: str = "") -> None:
        self.rows, self.root = rows, root
        self.meeting = rows.meeting("m_I_1", start=NOON, title=title)

    def put(self, path: str = VIDEO, kind: Kind = Kind.VIDEO, content: bytes = BYTES) -> Path:
        self.rows.file(self.meeting, path, kind, len(content), Resource.RECORDINGS)
        self.change(path, sha256=hashlib.sha256(content).hexdigest())
        place = self.root / "example.com" / "m_I_1" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place

    def move(self, path: str, other: str) -> None:
        with self.rows.database.transaction() as session:
            session.execute(update(File).where(col(File.path) == path).values(path=other))

    def change(self, path: str = VIDEO, **columns: object) -> None:
        with self.rows.database.transaction() as session:
            session.execute(update(File).where(col(File.path) == path).values(**columns))


@pytest.fixture
def shelf(sqlite: Database, tmp_path: Path) -> Shelf:
    """A meeting without files yet."""
    return Shelf(Rows(sqlite, NOON), tmp_path / "archive")


def said(answer: TestResponse) -> str:
    """The sentence of an answer that is none of the file's bytes."""
    assert answer.mimetype == "application/problem+json"
    assert "ETag" not in answer.headers
    text: str = answer.get_json()["detail"]
    return text


def test_a_file_is_sent_as_it_was_stored(reader: FlaskClient, shelf: Shelf) -> None:
    shelf.put()

    answer = reader.get(HERE)

    assert (answer.status_code, answer.data) == (200, BYTES)
    assert answer.headers["Content-Length"] == str(len(BYTES))
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Last-Modified"] == NOON_TEXT
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = "sandbox; default-src 'none'; media-src 'self'"
    assert answer.headers["Content-Security-Policy"] == policy
    assert answer.headers["Content-Disposition"] == "inline; filename=a1b2.mp4"


def test_head_says_the_same_without_the_bytes(reader: FlaskClient, shelf: Shelf) -> None:
    shelf.put()

    # RFC 9110, section 14.2: a range is of GET only.
    whole, head = reader.get(HERE), reader.head(HERE, headers={"Range": "bytes=0-5"})

    assert (head.status_code, head.data) == (200, b"")
    told = [{**each.headers, "X-Request-Id": "", "Date": ""} for each in (whole, head)]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        (VIDEO, "video/mp4"),
        ("recordings/a1b2.v2.mp4", "video/mp4"),
        ("recordings/a1b2.mp3", "audio/mpeg"),
        ("recordings/a1b2.arf", "application/octet-stream"),
        ("recordings/a1b2.bin", "application/octet-stream"),
        ("transcripts/t.vtt", "text/vtt; charset=utf-8"),
        ("transcripts/t.txt", "text/plain; charset=utf-8"),
        ("transcripts/t.snippets.json", "application/json"),
        ("evil.html", "application/octet-stream"),
        ("evil.svg", "application/octet-stream"),
        ("no-suffix", "application/octet-stream"),
    ],
)
def test_types_come_from_a_table_of_ours(
    reader: FlaskClient, shelf: Shelf, path: str, content_type: str
) -> None:
    shelf.put(path, content=b"<script>alert(1)</script>")

    answer = reader.get(f"/api/v1/meetings/m_I_1/files/{path}")

    assert answer.content_type == content_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-99", 0, 100), ("bytes=5000-", 5000, None), ("bytes=-7", -7, None)],
)
def test_a_range_is_answered_with_its_bytes(
    reader: FlaskClient, shelf: Shelf, asked: str, start: int, end: int | None
) -> None:
    shelf.put()

    answer = reader.get(HERE, headers={"Range": asked})

    piece = BYTES[start:end]
    first = start % len(BYTES)
    assert (answer.status_code, answer.data) == (206, piece)
    assert answer.headers["Content-Length"] == str(len(piece))
    told = f"bytes {first}-{first + len(piece) - 1}/{len(BYTES)}"
    assert answer.headers["Content-Range"] == told
    assert answer.headers["ETag"] == ETAG


def test_a_range_behind_the_end_is_refused_with_the_size(reader: FlaskClient, shelf: Shelf) -> None:
    shelf.put()

    answer = reader.get(HERE, headers={"Range": f"bytes={len(BYTES)}-"})

    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(BYTES)}"
    assert f"The file has {len(BYTES)} bytes" in said(answer)


def test_absurd_numbers_of_ranges_are_answered_with_the_file_once(
    reader: FlaskClient, shelf: Shelf
) -> None:
    shelf.put()

    answer = reader.get(HERE, headers={"Range": "bytes=" + ",".join(["0-"] * 100_000)})

    assert (answer.status_code, answer.data) == (200, BYTES)
    assert "Content-Range" not in answer.headers


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (ETAG, 206),
        (NOON_TEXT, 206),
        (f"W/{ETAG}", 200),
        ('"another"', 200),
        ("Mon, 02 Mar 2026 13:00:00 GMT", 200),
        ("nonsense", 200),
        ("", 200),
    ],
)
def test_who_has_the_beginning_of_another_file_gets_all_of_this_one(
    reader: FlaskClient, shelf: Shelf, told: str, status: int
) -> None:
    shelf.put()

    answer = reader.get(HERE, headers={"Range": "bytes=100-", "If-Range": told})

    assert (answer.status_code, answer.data) == (status, BYTES[100 if status == 206 else 0 :])


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"If-None-Match": ETAG}, 304),
        ({"If-None-Match": f"W/{ETAG}"}, 304),
        ({"If-None-Match": f'"x", {ETAG}'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": ETAG, "Range": "bytes=0-5"}, 304),
        ({"If-None-Match": '"x"', "If-Modified-Since": NOON_TEXT}, 200),
        ({"If-Modified-Since": NOON_TEXT}, 304),
        ({"If-Modified-Since": "Mon, 02 Mar 2026 11:59:59 GMT"}, 200),
        ({"If-Match": ETAG}, 200),
        ({"If-Match": '"x"'}, 412),
        ({"If-Match": '"x"', "Range": "bytes=0-5"}, 412),
    ],
)
def test_what_a_reader_has_already_is_not_sent_again(
    reader: FlaskClient, shelf: Shelf, condition: dict[str, str], status: int
) -> None:
    shelf.put()

    answer = reader.get(HERE, headers=condition)

    assert answer.status_code == status
    assert (BYTES in answer.data) is (status == 200)
    if status == 304:
        assert answer.headers["ETag"] == ETAG
        assert answer.headers["Cache-Control"] == "private, no-cache"


def test_an_empty_file_is_sent_too(reader: FlaskClient, shelf: Shelf) -> None:
    shelf.put("summary.txt", Kind.SUMMARY_TEXT, b"")

    answer = reader.get("/api/v1/meetings/m_I_1/files/summary.txt", headers={"Range": "bytes=0-"})

    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == "0"


@pytest.mark.parametrize(
    ("title", "ascii_name", "name"),
    [
        ("", "a1b2.mp4", "a1b2.mp4"),
        ("Planning", "Planning a1b2.mp4", "Planning a1b2.mp4"),
        ("Größe", "Groe a1b2.mp4", "Größe a1b2.mp4"),
        ("../../etc/passwd", "_.._etc_passwd a1b2.mp4", None),
        ('a"b\\c\r\nSet-Cookie: x=1', "a_b_c__Set-Cookie_ x=1 a1b2.mp4", None),
        ("a; filename=evil.exe", "a; filename=evil.exe a1b2.mp4", None),
        ("report\u202efdp.exe", "report_fdp.exe a1b2.mp4", None),
        ("会議" * 100, " a1b2.mp4", "会議" * 13 + " a1b2.mp4"),
        ("x" * 5000, "x" * 80 + " a1b2.mp4", None),
    ],
)
def test_a_download_is_named_after_the_meeting_and_no_title_does_harm(
    reader: FlaskClient,
    sqlite: Database,
    tmp_path: Path,
    title: str,
    ascii_name: str,
    name: str | None,
) -> None:
    Shelf(Rows(sqlite, NOON), tmp_path / "archive", title).put()

    told = reader.get(f"{HERE}?download=1").headers["Content-Disposition"]

    words = told.split("; ", 1)
    assert words[0] == "attachment"
    assert f'filename="{ascii_name}"' in words[1] or f"filename={ascii_name}" in words[1]
    assert told.isascii()
    assert "\r" not in told
    assert "\n" not in told
    if name and not name.isascii():
        assert words[1].endswith("filename*=UTF-8''" + quote(name))


def test_the_manifest_is_sent_as_it_stands(
    reader: FlaskClient, shelf: Shelf, tmp_path: Path
) -> None:
    place = shelf.put().parents[1] / "manifest.json"
    (tmp_path / "elsewhere.json").write_bytes(b"{}")
    here = "/api/v1/meetings/m_I_1/files/manifest.json"
    assert here in reader.get("/meetings/m_I_1").text

    assert "manifest.json" in said(reader.get(here))
    place.write_bytes(b'{"title": "One"}')
    first = reader.get(here)
    same = reader.get(here, headers={"If-None-Match": first.headers["ETag"]})
    place.write_bytes(b'{"title": "Another"}')
    other = reader.get(here, headers={"If-None-Match": first.headers["ETag"]})
    place.unlink()
    place.symlink_to(tmp_path / "elsewhere.json")

    assert (first.data, first.content_type) == (b'{"title": "One"}', "application/json")
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert "sandbox" in first.headers["Content-Security-Policy"]
    assert (same.status_code, other.status_code) == (304, 200)
    assert reader.get(here).status_code == 409
    assert reader.get(here.replace("m_I_1", "m_I_2")).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "recordings/none.mp4",
        "manifest.json",
        "recordings",
        "recordings/",
        "recordings//a1b2.mp4",
        "/recordings/a1b2.mp4",
        "./recordings/a1b2.mp4",
        "recordings/../recordings/a1b2.mp4",
        "recordings/%2e%2e/recordings/a1b2.mp4",
        "recordings%5Ca1b2.mp4",
        "../../../secret",
        "..%2f..%2f..%2fsecret",
        "%252e%252e%252fsecret",
        "{root}/secret",
        "%2f{root}/secret",
        "recordings/a1b2.mp4%00",
        "%00",
        "%ff%fe",
        "x" * 5000,
    ],
)
def test_a_path_that_no_row_names_is_not_found(
    reader: FlaskClient, shelf: Shelf, tmp_path: Path, path: str
) -> None:
    shelf.put()
    (tmp_path / "secret").write_bytes(b"secret")

    told = path.replace("{root}", str(tmp_path))
    answer = reader.get(f"/api/v1/meetings/m_I_1/files/{told}")

    assert answer.status_code == 404
    assert b"secret" not in answer.data.replace(b"secret.", b"")


@pytest.mark.parametrize("path", ["..", "../../../secret", "{root}/secret", "a\\..\\..\\secret"])
def test_even_a_row_does_not_lead_out_of_the_archive(
    reader: FlaskClient, shelf: Shelf, tmp_path: Path, path: str
) -> None:
    shelf.put()
    (tmp_path / "secret").write_bytes(BYTES)
    told = path.replace("{root}", str(tmp_path))
    shelf.move(VIDEO, told)

    answer = reader.get(f"/api/v1/meetings/m_I_1/files/{quote(told)}")

    assert answer.status_code in (404, 409)
    assert BYTES not in answer.data


def test_an_unknown_meeting_has_no_files(client: FlaskClient, rows: Rows) -> None:
    rows.complete_meeting("m_I_1", start=NOON)

    for each in ("m_I_2", "..", "%00", "m_I_1%00", "%2e%2e%2f", "%ff", "x" * 5000):
        answer = client.get(f"/api/v1/meetings/{each}/files/meeting.json")
        assert answer.status_code == 404


def test_a_file_of_another_size_is_refused_in_plain_words(
    reader: FlaskClient, shelf: Shelf
) -> None:
    for content in (BYTES[:-1], BYTES + b"x", b""):
        shelf.put().write_bytes(content)

        answer = reader.get(HERE)

        assert answer.status_code == 409
        assert f"{VIDEO} is not as it was stored (changed)" in said(answer)
        assert "`webex-ingest verify --deep m_I_1`" in said(answer)


def test_a_file_that_is_gone_is_not_found_in_plain_words(reader: FlaskClient, shelf: Shelf) -> None:
    shelf.put("meeting.json", Kind.MEETING)
    shelf.put().unlink()

    answer = reader.get(HERE)

    assert answer.status_code == 404
    assert f"{VIDEO} is not as it was stored (missing)" in said(answer)


@pytest.mark.parametrize(("damage", "status"), [("changed", 409), ("unreadable", 409)])
def test_a_file_that_verify_found_damaged_is_not_sent(
    reader: FlaskClient, shelf: Shelf, damage: str, status: int
) -> None:
    shelf.put()
    shelf.change(damage=damage)

    answer = reader.get(HERE)

    assert answer.status_code == status
    assert f"{VIDEO} is not as it was stored ({damage})" in said(answer)


def test_a_link_out_of_the_archive_is_not_followed(
    reader: FlaskClient, shelf: Shelf, tmp_path: Path
) -> None:
    place = shelf.put()
    place.rename(tmp_path / "outside")
    place.symlink_to(tmp_path / "outside")

    answer = reader.get(HERE)

    assert answer.status_code == 409
    assert BYTES not in answer.data


def test_an_archive_that_is_not_mounted_is_told_as_that(
    reader: FlaskClient, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.put()
    (tmp_path / "archive").rename(tmp_path / "unmounted")
    (tmp_path / "archive").mkdir()

    answer = reader.get(HERE)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "is its disk there?" in said(answer)


def test_a_database_that_is_away_is_told_as_that(make_client: MakeClient) -> None:
    client = make_client(database_url=f"postgresql+psycopg://x@127.0.0.1:{free_port()}/x")

    answer = client.get(HERE)

    assert answer.status_code == 503
    assert "the database cannot be reached now" in said(answer)


def test_files_are_for_the_operator_only(make_reader: MakeClient, shelf: Shelf) -> None:
    shelf.put()
    client = make_reader(operator_password="let-me-in")

    assert client.get(HERE).status_code == 401
    assert client.get(HERE, auth=("operator", "let-me-in")).data == BYTES


def test_nobody_writes_files_this_way(reader: FlaskClient, shelf: Shelf) -> None:
    shelf.put()

    assert {reader.open(HERE, method=each).status_code for each in ("POST", "PUT", "DELETE")} == {
        405
    }


def test_no_answer_leaves_a_file_open(reader: FlaskClient, shelf: Shelf) -> None:
    place = shelf.put()
    headers = [
        {},
        {"Range": "bytes=0-5"},
        {"Range": f"bytes={len(BYTES)}-"},
        {"If-None-Match": ETAG},
        {"If-Match": '"x"'},
    ]

    for each in headers:
        reader.get(HERE, headers=each)
        reader.head(HERE, headers=each)

    # What has been open while this list was made is none of it.
    names = [each for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert place not in [each.readlink() for each in names]


def test_a_disk_that_hangs_takes_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.turns._MOST_AT_THE_DISK", 2)
    monkeypatch.setattr("app.web.turns._DISK_SECONDS", 0.01)
    turns = turns_at_the_disk()

    refused = pytest.raises(ArchiveUnavailable, match="does not answer now")
    with turns.turn(), turns.turn(), refused, turns.turn():
        raise AssertionError("unreachable")
    with turns.turn():
        pass
