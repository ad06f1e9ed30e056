"""The doors that are compared: the same gunicorn with nothing behind it, SQLite, or Postgres."""

import base64
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.db.engine import Database
from app.db.schema import migrate
from app.models.tables import Meeting
from app.models.times import utc_now
from benchmarks.intake_load import SECRET
from benchmarks.web_process import PASSWORD, web_process
from tests.servers import PostgresServer, ValkeyServer

EMPTY, SQLITE, POSTGRES = "empty handler", "ours on SQLite", "ours on Postgres"
SILENT = "ours on SQLite, silent broker"
STALLED = 16
_PAGE_SECONDS = 60
_EMPTY_APPLICATION = "benchmarks.programs.empty_door:create_app()"


@dataclass(frozen=True, slots=True)
class Door:
    """One gunicorn that listens, and its database."""

    port: int
    database_url: str = ""


@contextmanager
def doors(folder: Path) -> Iterator[dict[str, Door]]:
    """Run all doors at once; an idle one costs nothing."""
    with ExitStack() as stack:
        postgres = PostgresServer(durable=True)
        stack.callback(postgres.close)
        postgres.start()
        valkey = ValkeyServer()
        stack.callback(valkey.close)
        valkey.start()
        silent = stack.enter_context(socket.socket())
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        urls = {
            SQLITE: (_sqlite(folder, "plain"), valkey.url),
            POSTGRES: (_migrated(postgres.create_database("door")), valkey.url),
            SILENT: (_sqlite(folder, "silent"), f"redis://127.0.0.1:{silent.getsockname()[1]}/0"),
        }
        found = {EMPTY: stack.enter_context(_running(folder, _EMPTY_APPLICATION, {}))}
        for name, (database_url, broker_url) in urls.items():
            told = {"DATABASE_URL": database_url, "CELERY_BROKER_URL": broker_url}
            found[name] = stack.enter_context(_running(folder, None, told))
        yield found


@contextmanager
def stalled_readers(door: Door) -> Iterator[None]:
    """Ask for large pages and never read them; begins when all pages have been made."""
    credentials = base64.b64encode(f"operator:{PASSWORD}".encode()).decode()
    ask = f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\n\r\n".encode()
    readers: list[socket.socket] = []
    with ExitStack() as stack:
        for _ in range(STALLED):
            reader = stack.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.settimeout(_PAGE_SECONDS)
            reader.connect(("127.0.0.1", door.port))
            reader.sendall(ask)
            readers.append(reader)
        for reader in readers:
            reader.recv(1, socket.MSG_PEEK)
        yield


@contextmanager
def _running(folder: Path, application: str | None, told: dict[str, str]) -> Iterator[Door]:
    settings = {**told, "WEBEX_WEBHOOK_SECRET": SECRET}
    with web_process(folder / "archive", settings, application=application) as port:
        yield Door(port, told.get("DATABASE_URL", ""))


def _sqlite(folder: Path, name: str) -> str:
    (folder / name).mkdir()
    return _migrated(f"sqlite:///{folder / name / 'webex-ingest.db'}")


def _migrated(url: str) -> str:
    database = Database(url)
    migrate(database)
    with database.transaction() as session:
        for number in range(50):
            meeting = Meeting(meeting_id=f"page_I_{number}", first_seen_at=utc_now())
            meeting.title = "a long title " * 8_000
            session.add(meeting)
    database.dispose()
    return url
