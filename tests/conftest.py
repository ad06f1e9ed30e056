"""What every test may ask for."""

import gc
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db.engine import Database
from app.db.schema import migrate
from simulator import Settings as SimulatorSettings
from simulator import Timeline
from tests.servers import PostgresServer, ValkeyServer
from tests.stage import Stage, staged

LONG = ("chaos", "ingestion", "e2e", "test_benchmarks.py")
"""What takes longest. It begins first, so that no process is left with it alone at the end."""

MEMORY = Path("/dev/shm")  # noqa: S108 -- a folder of each run's own is made in it
ROOM_BYTES = 4 * 1024**3


def pytest_configure() -> None:
    """Keep what tests write in memory where there is room: they waited much for the disk.

    What they show is that something is flushed, never that the disk has then kept it.
    """
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    is_executable = not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
    if is_executable and shutil.disk_usage(MEMORY).free >= ROOM_BYTES:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long tests before the others, each file in one piece."""
    root = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        top = item.path.relative_to(root).parts[0]
        return LONG.index(top) if top in LONG else len(LONG)

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Let the collector pass over all that was imported and collected, which stays anyway.

    And let it look less often: it took a tenth of the time of the tests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """One Valkey for the whole run; a test that leaves something in it calls flush()."""
    server = ValkeyServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One Postgres for the whole run; a test that kills it starts it again."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[str]:
    """The address of a database of the test's own, empty unless `database` is asked for."""
    name = f"test_{uuid.uuid4().hex}"
    # Making a database is slow, so it is not made empty first and then once more as a copy.
    is_migrated = "database" in request.fixturenames
    template = request.getfixturevalue("migrated_template") if is_migrated else None
    yield postgres.create_database(name, template=template)
    postgres.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database, on each kind in turn; empty unless `database` is asked for."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'webex-ingest.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the newest schema, to be copied: migrating takes a while."""
    path = tmp_path_factory.mktemp("migrated") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_template(postgres: PostgresServer) -> str:
    """The name of a Postgres database with the newest schema, to be copied."""
    _migrate(postgres.create_database("migrated_template"))
    return "migrated_template"


@pytest.fixture
def database(request: pytest.FixtureRequest, database_url: str) -> Iterator[Database]:
    """A database with the newest schema, on each kind in turn; it is at `database_url`."""
    database = Database(database_url)
    if database.is_sqlite:
        shutil.copyfile(request.getfixturevalue("migrated_file"), str(database.url.database))
    yield database
    database.dispose()


def _migrate(url: str) -> None:
    database = Database(url)
    migrate(database)
    database.dispose()


@pytest.fixture
def broker_url(valkey: ValkeyServer) -> Iterator[str]:
    """The address of a real broker with nothing in it."""
    valkey.flush()
    yield valkey.url
    valkey.flush()


@pytest.fixture
def timeline() -> Timeline:
    """When Webex is ready with what; `tests/ingestion/soon.py` has another one."""
    return Timeline()


@pytest.fixture
def stage(
    tmp_path: Path, database: Database, broker_url: str, timeline: Timeline
) -> Iterator[Stage]:
    """A stage with the simulator's usual settings."""
    url = database.url.render_as_string(hide_password=False)
    world = SimulatorSettings(timeline=timeline)
    with staged(tmp_path, url, broker_url, simulator_settings=world) as stage:
        yield stage
