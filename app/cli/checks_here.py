"""What `doctor` looks at on this machine: its programs, its limits, its settings, its disk."""

import os
import resource
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path

from app.cli.check import Check, fail, ok, warn
from app.cli.password import stands_in_clear
from app.cli.serve import STATE_DIR
from app.ingestion.wording import size_text
from app.runtime import Runtime

_OLDEST_PYTHON, _TOO_NEW_PYTHON = (3, 11), (3, 15)
_OLDEST_SQLITE = (3, 35)
_FILES_ANYHOW = 256
_FILES_A_TRANSFER = 4
_NEW_KEY = "`openssl rand -base64 32 | tr '+/' '-_'`"


def python(_runtime: Runtime, version: tuple[int, ...] = sys.version_info[:3]) -> Iterator[Check]:
    """Whether this Python is one of those that the tests have run with."""
    text = ".".join(map(str, version))
    if _OLDEST_PYTHON <= version < _TOO_NEW_PYTHON:
        yield ok("python", text)
    else:
        mend = "Make the virtual environment anew with Python 3.11, 3.12, 3.13 or 3.14."
        yield warn("python", f"{text} has not been tried", mend)


def sqlite(
    runtime: Runtime,
    version: tuple[int, ...] = sqlite3.sqlite_version_info,
    search: str = "fts5",
) -> Iterator[Check]:
    """Whether the SQLite of this Python has what the database is made of."""
    if not runtime.bench.database.is_sqlite:
        return
    text = ".".join(map(str, version))
    mend = "Use a Python that brings a newer SQLite, or Postgres in DATABASE_URL."
    if version < _OLDEST_SQLITE:
        yield fail("sqlite", f"{text} is older than {'.'.join(map(str, _OLDEST_SQLITE))}", mend)
    elif not _has_module(search):
        yield fail("sqlite", f"{text} is built without {search}, so nothing can be searched", mend)
    else:
        yield ok("sqlite", text)


def _has_module(name: str) -> bool:
    with closing(sqlite3.connect(":memory:")) as database:
        found = database.execute("SELECT 1 FROM pragma_module_list WHERE name = ?", (name,))
        return found.fetchone() is not None


def open_files(runtime: Runtime) -> Iterator[Check]:
    """Whether a worker may have as many files and connections open as it will."""
    settings = runtime.settings
    transfers = settings.transfer_concurrency * settings.transfer_ranges
    wanted = _FILES_ANYHOW + _FILES_A_TRANSFER * transfers
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY or allowed >= wanted:
        yield ok("open files", "any number" if allowed < 0 else f"up to {allowed} in a process")
    else:
        yield warn(
            "open files",
            f"up to {allowed} in a process, and {wanted} may be needed",
            f"Say `ulimit -n {wanted}` before `webex-ingest serve`, or LimitNOFILE={wanted} in "
            "its systemd unit.",
        )


def env_file(_runtime: Runtime) -> Iterator[Check]:
    """Whether others can read the secrets."""
    try:
        mode = stat.S_IMODE(Path(".env").stat().st_mode)
    except FileNotFoundError:
        yield ok(".env", "none in this folder: the settings are those of the environment")
        return
    if mode & 0o077:
        found = f"other users of this machine may read it or change it ({mode:04o})"
        yield warn(".env", found, "`chmod 600 .env` keeps its secrets to yourself.")
    else:
        yield ok(".env", "is yours alone")


def encryption_key(runtime: Runtime) -> Iterator[Check]:
    """Whether tokens can be kept."""
    if runtime.settings.encryption_key:
        yield ok("encryption key", "is set")
    else:
        yield warn(
            "encryption key",
            "ENCRYPTION_KEY is not set, so no sign-in can be kept or renewed",
            f"Set it to what {_NEW_KEY} prints; a new .env by `webex-ingest init` has one.",
        )


def operator_password(runtime: Runtime, state_dir: Path = STATE_DIR) -> Iterator[Check]:
    """Whether somebody may look from elsewhere, where elsewhere can reach us."""
    if stands_in_clear():
        yield warn(
            "operator password",
            "OPERATOR_PASSWORD stands in .env as it is",
            "`webex-ingest password` makes a hash of it; put that there instead.",
        )
        return
    if runtime.settings.operator_password is not None:
        yield ok("operator password", "is set")
        return
    public = runtime.settings.public_url
    places = {_served_host(state_dir), public.host if public else None} - {None}
    open_to = sorted(each for each in places if each and not is_loopback(each))
    if open_to:
        yield warn(
            "operator password",
            f"OPERATOR_PASSWORD is not set: nobody who comes by {open_to[0]} sees pages or metrics",
            "Set it and restart; a new .env by `webex-ingest init` has one.",
        )
    else:
        yield ok("operator password", "none: the pages are for browsers on this machine")


def is_loopback(host: str) -> bool:
    """Whether an address leads to the machine itself."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _served_host(state_dir: Path) -> str | None:
    """What `serve` listens on; None where none runs here that says so."""
    try:
        number = int((state_dir / "serve.lock").read_text())
        words = Path(f"/proc/{number}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (OSError, ValueError):
        return None
    if "serve" not in words:
        return None
    told = [each.removeprefix("--host=") for each in words if each.startswith("--host=")]
    told += [each for before, each in pairwise(words) if before == "--host"]
    return told[-1] if told else None


def archive(runtime: Runtime) -> Iterator[Check]:
    """Whether a file can be written into the archive, or where it will be made."""
    root = runtime.bench.archive.root
    place = next((each for each in (root, *root.parents) if os.path.lexists(each)), root)
    try:
        with tempfile.TemporaryFile(dir=place, buffering=0) as file:
            file.write(b"?")
    except OSError as error:
        yield fail(
            "archive",
            f"{place} cannot be written ({error.strerror or error})",
            "See that ARCHIVE_DIR is a folder that this user may write to, and its disk there.",
        )
    else:
        yield ok("archive", f"{root} can be written" if place == root else f"{root} will be made")


def disk(runtime: Runtime) -> Iterator[Check]:
    """Whether there is room."""
    kept = runtime.bench.archive
    free = kept.free_bytes()
    if free is None:
        found = f"nobody can say how much of {kept.root} is free"
        yield fail("disk", found, "See that ARCHIVE_DIR is a folder, and its disk there.")
    elif free <= kept.reserve_bytes:
        yield fail(
            "disk",
            f"{size_text(free)} free, {size_text(kept.reserve_bytes)} must stay free",
            "Make room on the disk of ARCHIVE_DIR, or lower DISK_RESERVE_BYTES.",
        )
    else:
        yield ok("disk", f"{size_text(free)} free")
