"""The doctor: every check can fail, and says how to mend what it has found."""

import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from pydantic import ValidationError
from sqlalchemy import insert, update
from werkzeug.serving import make_server

from app.archive.inspection import Damage
from app.cli import checks_here, checks_webex, checks_work
from app.cli.check import Check, Look
from app.cli.doctor import LOOKS, examine
from app.config import Settings, load_settings
from app.db.ticks import tick
from app.ingestion.registration import register
from app.models.planned import AutoRecord
from app.models.tables import File
from app.models.times import utc_now
from app.models.words import Flip
from app.runtime import Runtime, build_runtime
from app.web.application import create_app
from simulator import Simulator
from tests.e2e.commands import run_command
from tests.ingestion.folders import lay_meeting
from tests.processes import free_port, spawn
from tests.web.rows import Rows

SECRET = "a-webhook-secret-for-tests"


@dataclass
class Place:
    """An installation that is well but for what a test breaks."""

    settings: Settings
    folder: Path
    kept: list[socket.socket] = field(default_factory=list)

    def runtime(self, *, skew: timedelta = timedelta(), **settings: Any) -> Runtime:
        """Its tools, with other settings."""
        told = load_settings(**(self.settings.model_dump() | settings))
        return build_runtime(told, broker_url="memory://", clock=lambda: utc_now() + skew)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A simulated Webex for all tests of this file."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def place(
    tmp_path: Path, simulator: Simulator, migrated_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """Every setting is set, the database is new, and nothing runs."""
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(migrated_file, tmp_path / "webex-ingest.db")
    settings = load_settings(
        webex_api_url=simulator.api_url,
        webex_access_token="simulator-token",
        webex_webhook_secret=SECRET,
        encryption_key=Fernet.generate_key().decode(),
        operator_password="a-password-for-tests",
        database_url=f"sqlite:///{tmp_path / 'webex-ingest.db'}",
        archive_dir=tmp_path / "archive",
        disk_reserve_bytes=0,
        rate_limit_per_minute=100_000,
    )
    place = Place(settings, tmp_path)
    yield place
    for each in place.kept:
        each.close()


Break = Callable[[Place], Iterator[Check]]


def readable_env_file(place: Place) -> Iterator[Check]:
    (place.folder / ".env").write_text("")
    (place.folder / ".env").chmod(0o644)
    return checks_here.env_file(place.runtime())


def archive_on_a_file(place: Place) -> Iterator[Check]:
    (place.folder / "taken").write_text("")
    return checks_here.archive(place.runtime(archive_dir=place.folder / "taken" / "archive"))


def archive_without_a_database(place: Place) -> Iterator[Check]:
    lay_meeting(place.folder / "archive", "m_I_1")
    return checks_work.known_meetings(place.runtime())


def damaged_file(place: Place) -> Iterator[Check]:
    runtime = place.runtime()
    database = runtime.bench.database
    Rows(database, utc_now()).complete_meeting("m_I_1", start=utc_now())
    with database.transaction() as session:
        session.execute(update(File).values(damage=Damage.MISSING))
    return checks_work.damaged(runtime)


def unread_file(place: Place) -> Iterator[Check]:
    runtime = place.runtime(scrub_days=1)
    long_ago = utc_now() - timedelta(days=9)
    Rows(runtime.bench.database, long_ago).complete_meeting("m_I_1", start=long_ago)
    return checks_work.scrub(runtime)


def refused_recording(place: Place) -> Iterator[Check]:
    runtime = place.runtime()
    row = {"meeting_id": "a1", "flip": Flip.REFUSED, "why": "Webex refused it", "tries": 1}
    with runtime.bench.database.transaction() as session:
        session.execute(insert(AutoRecord).values(**row, account="", updated_at=utc_now()))
    return checks_work.policy(runtime)


def nobody_at_the_broker(place: Place) -> Runtime:
    settings = place.runtime(celery_broker_url=f"redis://127.0.0.1:{free_port()}/0").settings
    return build_runtime(settings)


def broker_that_hangs(place: Place) -> Runtime:
    """One that takes connections and says nothing, as a frozen process does."""
    silent = socket.create_server(("127.0.0.1", 0))
    place.kept.append(silent)
    url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
    return build_runtime(place.runtime(celery_broker_url=url).settings)


BROKEN: dict[Look, list[Break]] = {
    checks_here.python: [
        lambda place: checks_here.python(place.runtime(), version=(3, 10, 9)),
        lambda place: checks_here.python(place.runtime(), version=(3, 15, 0)),
    ],
    checks_here.sqlite: [
        lambda place: checks_here.sqlite(place.runtime(), version=(3, 7, 17)),
        lambda place: checks_here.sqlite(place.runtime(), search="fts6"),
    ],
    checks_here.open_files: [
        lambda place: checks_here.open_files(place.runtime(transfer_concurrency=10**9))
    ],
    checks_here.env_file: [readable_env_file],
    checks_here.encryption_key: [
        lambda place: checks_here.encryption_key(place.runtime(encryption_key=()))
    ],
    checks_here.operator_password: [
        lambda place: checks_here.operator_password(
            place.runtime(operator_password=None, public_url="https://ingest.example.com")
        )
    ],
    checks_here.archive: [archive_on_a_file],
    checks_here.disk: [lambda place: checks_here.disk(place.runtime(disk_reserve_bytes=10**18))],
    checks_work.broker: [
        lambda place: checks_work.broker(place.runtime()),
        lambda place: checks_work.broker(nobody_at_the_broker(place)),
        lambda place: checks_work.broker(broker_that_hangs(place)),
    ],
    checks_work.workers: [
        lambda place: checks_work.workers(place.runtime()),
        lambda place: checks_work.workers(nobody_at_the_broker(place)),
        lambda place: checks_work.workers(broker_that_hangs(place)),
    ],
    checks_webex.clock: [
        lambda place: checks_webex.clock(place.runtime(skew=timedelta(minutes=10))),
        lambda place: checks_webex.clock(place.runtime(skew=-timedelta(minutes=10))),
        lambda place: checks_webex.clock(place.runtime(webex_api_url=nowhere())),
    ],
    checks_webex.public_url: [
        lambda place: checks_webex.public_url(place.runtime(public_url=nowhere())),
        lambda place: checks_webex.public_url(
            # The simulator is no door of ours.
            place.runtime(public_url=str(place.settings.webex_api_url))
        ),
        lambda place: checks_webex.public_url(
            place.runtime(public_url=nowhere(), webex_api_url="https://webexapis.com/v1")
        ),
    ],
    checks_work.database: [
        lambda place: checks_work.database(
            place.runtime(database_url=f"sqlite:///{place.folder / 'new.db'}")
        )
    ],
    checks_work.sweep: [
        lambda place: checks_work.sweep(place.runtime()),
        lambda place: checks_work.sweep(swept(place, timedelta(minutes=10))),
    ],
    checks_work.known_meetings: [archive_without_a_database],
    checks_work.damaged: [damaged_file],
    checks_work.scrub: [unread_file],
    checks_webex.accounts: [
        lambda place: checks_webex.accounts(place.runtime(webex_access_token=None)),
        lambda place: checks_webex.accounts(place.runtime(webex_access_token="wrong-token")),
    ],
    checks_webex.webhooks: [
        lambda place: checks_webex.webhooks(place.runtime(public_url=None)),
        lambda place: checks_webex.webhooks(
            place.runtime(public_url=nowhere(), webex_webhook_secret=())
        ),
        lambda place: checks_webex.webhooks(place.runtime(public_url=nowhere())),
        lambda place: checks_webex.webhooks(
            place.runtime(public_url=nowhere(), webex_access_token="wrong-token")
        ),
    ],
    checks_work.policy: [refused_recording],
}


def nowhere() -> str:
    return f"http://127.0.0.1:{free_port()}/v1"


def swept(place: Place, ago: timedelta) -> Runtime:
    runtime = place.runtime()
    with runtime.bench.database.transaction() as session:
        tick(session, "sweep", now=utc_now() - ago)
    return runtime


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Let our door answer until the block ends; its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.__name__)
def test_every_check_can_fail_and_says_how_to_mend_it(place: Place, look: Look) -> None:
    for broken in BROKEN[look]:
        found = [each for each in broken(place) if each.verdict != "OK"]

        assert found, f"{look.__name__} has found nothing"
        for each in found:
            assert each.mend.endswith((".", "?")), each
            assert (
                "`" in each.mend
                or any(word.isupper() for word in each.mend.split())
                or (look is checks_here.python)
            ), f"neither a command nor a setting: {each}"


def test_what_is_well_needs_no_mend(place: Place) -> None:
    runtime = swept(place, timedelta(seconds=1))
    with serving(create_app(runtime)) as address:
        client = runtime.bench.accounts.client("")
        runtime = place.runtime(public_url=address)
        assert runtime.settings.webhook_address is not None
        register(client, target_url=runtime.settings.webhook_address, secret=SECRET)

        found = {each.name: each for each in examine(runtime)}

    assert {name: each.found for name, each in found.items() if each.verdict != "OK"} == {
        "broker": "none is set, and no `webex-ingest serve` has started one here",
        "workers": "none answers",
    }
    assert len(found) >= len(LOOKS) - 3, "all but those of what is not there"
    assert found["account (settings)"].found == "is host@example.com at example.webex.com"


def test_without_a_database_the_others_are_looked_at_and_the_rest_is_named(place: Place) -> None:
    found = [*examine(place.runtime(database_url=f"sqlite:///{place.folder / 'new.db'}"))]

    assert [each.name for each in found][-3:] == ["clock", "database", "others"]
    assert "webex-ingest migrate" in found[-2].mend
    assert "7 more checks need the database" in found[-1].found


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        (["serve", "--host", "192.0.2.7"], "WARN"),
        (["serve", "--port", "8080", "--host=::"], "WARN"),
        (["serve", "--host", "127.0.0.1"], "OK"),
        (["serve"], "OK"),
        (["else", "--host", "192.0.2.7"], "OK"),
    ],
)
def test_without_a_password_it_matters_where_serve_listens(
    place: Place, words: list[str], verdict: str
) -> None:
    runtime = place.runtime(operator_password=None)
    lock = place.folder / "serve.lock"
    with spawn([sys.executable, "-c", "import signal; signal.pause()", *words]) as running:
        lock.write_text(f"{running.pid}\n")

        found = [*checks_here.operator_password(runtime, place.folder)]

    assert [each.verdict for each in found] == [verdict]
    lock.write_text("no number\n")
    (without,) = checks_here.operator_password(runtime, place.folder)
    assert without.verdict == "OK"


def test_a_check_without_a_mend_cannot_be_made() -> None:
    with pytest.raises(ValidationError, match="needs a mend"):
        Check(name="disk", verdict="FAIL", found="is full")
    with pytest.raises(ValidationError, match="needs a mend"):
        Check(name="disk", verdict="OK", found="is empty", mend="Fill it.")


def test_an_error_from_elsewhere_cannot_command_the_terminal(place: Place) -> None:
    runtime = place.runtime()
    row = {"meeting_id": "a1", "flip": Flip.REFUSED, "why": "\x1b[2J[red]no\n\u202eOK", "tries": 1}
    with runtime.bench.database.transaction() as session:
        session.execute(insert(AutoRecord).values(**row, account="", updated_at=utc_now()))

    code, said = run_command(["doctor"], environment_of(place), place.folder)

    assert code == 1
    assert "The latest: [2J[red]no OK. `webex-ingest policy list` names them.\n" in said


def environment_of(place: Place) -> dict[str, str]:
    """The settings of a place as a command is told them."""
    return {
        "WEBEX_API_URL": str(place.settings.webex_api_url),
        "WEBEX_ACCESS_TOKEN": "simulator-token",
        "DATABASE_URL": place.settings.database_url.get_secret_value(),
        "ARCHIVE_DIR": str(place.settings.archive_dir),
    }
