"""The web door over a real database of each kind, with a clock that stands still."""

import io
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask.testing import FlaskClient

from app.config import load_settings
from app.db.engine import Database
from app.logs import configure_logs
from app.runtime import Runtime, build_runtime
from app.web.application import create_app
from tests.processes import free_port
from tests.web.people import PASSWORD, Site, opened, quick_hash
from tests.web.rows import Rows

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LEASE_SECONDS = 30

MakeClient = Callable[..., FlaskClient]


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[MakeClient]:
    """Makes a client of an application with these settings, without a port or a broker."""
    runtimes: list[Runtime] = []

    def make(**given: Any) -> FlaskClient:
        told = {
            "celery_broker_url": f"redis://127.0.0.1:{free_port()}/0",
            "archive_dir": tmp_path / "archive",
            "webex_webhook_secret": "a-webhook-secret-for-tests",
            "disk_reserve_bytes": 1,
        }
        runtime = build_runtime(load_settings(**(told | given)), clock=lambda: NOON)
        runtimes.append(runtime)
        return create_app(runtime).test_client()

    yield make
    for runtime in runtimes:
        runtime.bench.database.dispose()


@pytest.fixture
def url(tmp_path: Path, migrated_file: Path) -> str:
    """The address of an SQLite database with the newest schema."""
    path = tmp_path / "webex-ingest.db"
    shutil.copyfile(migrated_file, path)
    return f"sqlite:///{path}"


@pytest.fixture
def site(url: str) -> Iterator[Site]:
    """A site with a password."""
    with opened(url, NOON, operator_password=quick_hash(PASSWORD)) as site:
        yield site


@pytest.fixture
def open_site(url: str) -> Iterator[Site]:
    """A site without a password."""
    with opened(url, NOON) as site:
        yield site


@pytest.fixture
def client(make_client: MakeClient, database: Database) -> FlaskClient:
    """A client on this machine, of an application without a password."""
    return make_client(database_url=database.url.render_as_string(hide_password=False))


@pytest.fixture
def sqlite(tmp_path: Path, migrated_file: Path) -> Iterator[Database]:
    """An SQLite database with the newest schema, for what is the same on both kinds."""
    path = tmp_path / "sqlite.db"
    shutil.copyfile(migrated_file, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture
def rows(database: Database) -> Rows:
    """Makes rows at noon."""
    return Rows(database, NOON)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Everything that is logged during the test, as JSON lines."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logs(log_format="json", secrets=())
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
