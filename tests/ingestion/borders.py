"""What a worker asks of the system and of its database, call by call: to be told, or to die at."""

import functools
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

BY_DESCRIPTOR = ("pwrite", "write", "ftruncate", "fchmod", "fdatasync", "fsync")
BY_PATH = ("replace", "rename", "link", "unlink", "remove", "mkdir", "rmdir", "chmod", "open")

Call = dict[str, Any]


class Border:
    """Sees every call that changes the archive, and every commit, before it happens.

    ``deadly`` names the call at which the process kills itself. What is between two calls
    leaves no trace, so dying before each of them is dying after each as well.
    """

    def __init__(self, archive: Path, calls: Path, deadly: str = "") -> None:
        self._archive = archive
        self._calls = os.open(calls, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        self._write = os.write
        self._deadly = deadly
        self._seen: Counter[str] = Counter()
        self._said: list[str] = []

    def watch(self) -> None:
        """Stand at the border from now on, until the process ends."""
        for name in BY_DESCRIPTOR:
            setattr(os, name, self._watched(name, getattr(os, name), _path_of))
        for name in BY_PATH:
            setattr(os, name, self._watched(name, getattr(os, name), os.fspath))
        event.listen(Engine, "before_cursor_execute", self._hear)
        event.listen(Engine, "commit", self._commit)

    def _watched(self, name: str, call: Callable[..., Any], path_of: Callable[[Any], str]) -> Any:
        @functools.wraps(call)
        def watched(target: Any, *rest: Any, **named: Any) -> Any:
            path = Path(path_of(target))
            if self._changes(name, path, rest):
                self._pass(name, path, str(rest[0]) if name in ("replace", "rename") else "")
            return call(target, *rest, **named)

        return watched

    def _changes(self, name: str, path: Path, rest: tuple[Any, ...]) -> bool:
        if path != self._archive.parent and not path.is_relative_to(self._archive):
            return False
        if name == "open":
            return bool(rest[0] & os.O_CREAT)
        return name != "mkdir" or (path.parent.exists() and not path.exists())

    def _hear(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found = re.match(r"(INSERT|UPDATE|DELETE)( INTO| FROM)? (\w+)", statement)
        if found:
            self._said.append(f"{found[1].lower()} {found[3]}")

    def _commit(self, _connection: Any) -> None:
        said, self._said = self._said, []
        if said:
            self._pass("commit", Path(self._archive, ", ".join(dict.fromkeys(said))), "")

    def _pass(self, name: str, path: Path, target: str) -> None:
        label = f"{name} {_without_ids(os.path.relpath(path, self._archive))}"
        self._seen[label] += 1
        label += f" #{self._seen[label]}"
        call: Call = {"label": label, "name": name, "path": str(path), "target": target}
        if name in ("replace", "fsync", "fdatasync"):
            stat = path.stat()
            call |= {"file": stat.st_ino, "state": [stat.st_size, stat.st_mtime_ns]}
        self._write(self._calls, (json.dumps(call) + "\n").encode())
        if label == self._deadly:
            os.kill(os.getpid(), signal.SIGKILL)


def read_calls(path: Path) -> list[Call]:
    """What a border has seen."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def _path_of(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


def _without_ids(place: str) -> str:
    """A path without the words that are others in each run, row or attempt."""
    place = re.sub(r"[0-9a-f-]{32,36}", "*", place)
    place = re.sub(r"_I_\d+", "", place)
    return re.sub(r"\.(\d+-\d+|[0-9a-f]{16})\.part$", ".part", place)
