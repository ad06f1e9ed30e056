"""What every test may ask for."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db.engine import Database
from app.db.schema import migrate
from tests.servers import PostgresServer, ValkeyServer
from tests.stage import Stage, staged


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
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The address of an empty database of the test's own."""
    name = f"test_{uuid.uuid4().hex}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, on each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'webex-ingest.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with the newest schema, on each kind in turn."""
    database = Database(database_url)
    migrate(database)
    yield database
    database.dispose()


@pytest.fixture
def broker_url(valkey: ValkeyServer) -> Iterator[str]:
    """The address of a real broker with nothing in it."""
    valkey.flush()
    yield valkey.url
    valkey.flush()


@pytest.fixture
def stage(tmp_path: Path, database: Database, broker_url: str) -> Iterator[Stage]:
    """A stage with the simulator's usual timeline."""
    url = database.url.render_as_string(hide_password=False)
    with staged(tmp_path, url, broker_url) as stage:
        yield stage
