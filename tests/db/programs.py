"""What other processes do to a database while a test looks on: ``python -m tests.db.programs``.

Each says a word when it is ready, and another when it has done its work.
"""

import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from app.db.engine import Database
from app.db.inbox import Delivery, digest_of
from app.db.intake import Intake
from app.db.meetings import touch
from app.db.schema import migrate
from app.db.writers import WriterLock
from tests.db.rows import take


def increment(url: str, meeting_row_id: str, count: str, go: str) -> None:
    """Raise a counter so many times; say the longest time that one took."""
    database = Database(url)
    wait_for(go)
    longest = 0.0
    for _ in range(int(count)):
        began = time.monotonic()
        with database.transaction() as session:
            touch(session, int(meeting_row_id))
        longest = max(longest, time.monotonic() - began)
    say(f"longest {longest:.3f}")


def hold(url: str, meeting_row_id: str) -> None:
    """Write, and never come to an end."""
    with Database(url).transaction() as session:
        touch(session, int(meeting_row_id))
        say("holding")
        signal.pause()


def lease(url: str, ids: str, go: str) -> None:
    """Try to lease every row; say which it got."""
    database = Database(url)
    wait_for(go)
    got = [each for each in ids.split(",") if take(database, int(each))]
    say(f"got {','.join(got)}.")


def migrate_now(url: str, go: str) -> None:
    """Bring the database to the newest schema."""
    wait_for(go)
    before, after = migrate(Database(url))
    say(f"from {before} to {after}.")


def fork(url: str, meeting_row_id: str) -> None:
    """Use a database, fork, use it in the child, and then in the parent again."""
    database = Database(url)
    with database.transaction() as session:
        touch(session, int(meeting_row_id))
    parent_engine = database.engine
    child = os.fork()
    if child == 0:
        with database.transaction() as session:
            touch(session, int(meeting_row_id))
        os._exit(0 if database.engine is not parent_engine else 7)
    _, status = os.waitpid(child, 0)
    for _ in range(3):
        with database.transaction() as session:
            touch(session, int(meeting_row_id))
    assert database.engine is parent_engine
    say(f"child ended {os.waitstatus_to_exitcode(status)}.")


def fork_at_the_door(url: str) -> None:
    """Take a delivery, fork, take another in the child, and one more in the parent."""
    intake = Intake(Database(url))
    take_delivery(intake, "before")
    child = os.fork()
    if child == 0:
        take_delivery(intake, "child")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    take_delivery(intake, "after")
    say(f"child ended {os.waitstatus_to_exitcode(status)}.")


def take_delivery(intake: Intake, name: str) -> None:
    """Commit one event."""
    now = datetime.now(UTC)
    intake.take(Delivery(digest_of(name.encode()), "meetings", "ended", name, "{}", now))


def fork_while_writing(path: str) -> None:
    """Fork a child that lives on while this process holds the writers' lock, and let go of it."""
    with WriterLock(Path(path), seconds=5):
        child = os.fork()
        if child == 0:
            signal.pause()
    say("let go")
    signal.pause()


def hog(path: str) -> None:
    """Hold the writers' lock for 50 ms, and at once again, for ever."""
    say("hogging")
    pause = threading.Event()
    while True:
        with WriterLock(Path(path), seconds=5):
            pause.wait(0.05)


def wait_for(go: str) -> None:
    """Say that all is ready, and begin when the file is there."""
    say("ready")
    while not Path(go).exists():
        os.sched_yield()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


PROGRAMS = {
    each.__name__: each
    for each in (
        increment,
        hold,
        lease,
        migrate_now,
        fork,
        fork_at_the_door,
        fork_while_writing,
        hog,
    )
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
