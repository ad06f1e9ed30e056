"""Databases that take long to fill, each for all tests of a file that only ask it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.db.engine import Database
from tests.servers import PostgresServer


@contextmanager
def lasting_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, name: str
) -> Iterator[Database]:
    """A database of the kind that a fixture's parameter says, for more than one test."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp(name) / "webex-ingest.db"
        shutil.copyfile(request.getfixturevalue("migrated_file"), path)
        url = f"sqlite:///{path}"
    else:
        template = request.getfixturevalue("migrated_template")
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.create_database(name, template=template)
    database = Database(url)
    yield database
    database.dispose()
