"""The folder that one `serve` keeps to itself."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import IngestError


class StateInUse(IngestError):
    """Another program runs on the same state folder."""

    code = "state_in_use"


@contextmanager
def state_lock(state_dir: Path) -> Iterator[None]:
    """Keep the folder to ourselves; the lock goes with the process, however it ends."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state_dir / "serve.lock").open("a+") as lock_file:
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock_file.seek(0)
            raise StateInUse(
                f"The folder {state_dir} is in use by process {lock_file.read().strip() or '?'}:"
                " stop that one first, or start this one in another folder."
            ) from None
        lock_file.truncate(0)
        lock_file.write(f"{os.getpid()}\n")
        lock_file.flush()
        yield
