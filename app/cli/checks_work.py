"""What `doctor` looks at inside: the database, the broker, the workers, and what is stored."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.archive.reading import meeting_places
from app.cli.check import Check, fail, ok, warn
from app.cli.serve import STATE_DIR
from app.db.auto_record import flips
from app.db.figures import count_meetings, stock_of_kinds
from app.db.files import damaged_files
from app.db.schema import check_schema
from app.db.ticks import last_tick, tick
from app.dispatch.broker import Broker
from app.errors import DatabaseUnavailable, SchemaMismatch
from app.ingestion.scrub import SECONDS_A_RUN, Standing, scrub_standing
from app.ingestion.status import seconds_since
from app.ingestion.wording import age_text, damage_sentence, size_text
from app.models.words import Flip, Queue
from app.runtime import Runtime

_LATE_SECONDS = 60
_START = "Start `webex-ingest serve`, or a worker and beat of your own."


def database(runtime: Runtime) -> Iterator[Check]:
    """Whether it answers, takes a write, and is of this version."""
    bench = runtime.bench
    try:
        check_schema(bench.database)
        with bench.database.transaction() as session:
            tick(session, "doctor", now=bench.clock())
    except SchemaMismatch as error:
        told = str(error).partition(": ")[0]
        mend = "Stop what runs, then `webex-ingest migrate`; or run the version that made it."
        yield fail("database", told, mend)
    except (DatabaseUnavailable, SQLAlchemyError, OSError) as error:
        mend = "See that DATABASE_URL is right, that it runs, and that its disk is not full."
        yield fail("database", f"cannot be written: {error}", mend)
    else:
        kind = "SQLite" if bench.database.is_sqlite else "Postgres"
        yield ok("database", f"{kind}, with the newest schema")


def known_meetings(runtime: Runtime) -> Iterator[Check]:
    """Whether the database was lost, and the archive was not."""
    bench = runtime.bench
    with bench.database.reading() as session:
        is_empty = not count_meetings(session)
    found = meeting_places(bench.archive.root, bench.archive.root)
    if is_empty and not all(each.trouble for each in found):
        yield warn(
            "meetings",
            "the database knows none, and there are some in the archive",
            "`webex-ingest rebuild` adds them; do so before anything else fetches them again.",
        )


def broker(runtime: Runtime, state_dir: Path = STATE_DIR) -> Iterator[Check]:
    """Whether workers can be told what to do."""
    asked = _broker(runtime, state_dir)
    if asked is None:
        found = "none is set, and no `webex-ingest serve` has started one here"
        yield fail("broker", found, "Start `webex-ingest serve`, or set CELERY_BROKER_URL.")
    elif asked.depth(Queue.CONTROL) is None:
        own = runtime.settings.celery_broker_url is None
        mend = "Start `webex-ingest serve`" if own else "Start it"
        yield fail("broker", "does not answer", f"{mend}, or set CELERY_BROKER_URL to where it is.")
    else:
        yield ok("broker", "answers")


def workers(runtime: Runtime, state_dir: Path = STATE_DIR) -> Iterator[Check]:
    """Whether somebody takes work from each queue."""
    asked = _broker(runtime, state_dir)
    served = asked.queues_served() if asked is not None else {}
    idle = [queue for queue in Queue if not served.get(queue)]
    if len(idle) == len(Queue):
        yield fail("workers", "none answers", _START)
    elif idle:
        yield fail("workers", f"none takes work from the queue {', '.join(idle)}", _START)
    else:
        told = ", ".join(f"{len(served[queue])} for {queue}" for queue in Queue)
        yield ok("workers", told)


def _broker(runtime: Runtime, state_dir: Path) -> Broker | None:
    """The broker of the settings, or the one that `serve` has started in this folder."""
    if runtime.settings.celery_broker_url is not None:
        return runtime.broker
    try:
        return Broker((state_dir / "valkey" / "url").read_text())
    except OSError:
        return None


def sweep(runtime: Runtime) -> Iterator[Check]:
    """Whether due work is looked for, which beat asks for and a worker does."""
    with runtime.bench.database.reading() as session:
        at = last_tick(session, "sweep")
    if at is None:
        yield fail("beat", "nobody has looked for due work yet", _START)
        return
    age = seconds_since(at, runtime.bench.clock())
    found = f"due work was last looked for {age_text(age)} ago"
    if age > max(_LATE_SECONDS, 10 * runtime.settings.sweep_seconds):
        mend = f"{_START} Where they run, restart beat and the worker of the queue `control`."
        yield fail("beat", found, mend)
    else:
        yield ok("beat", found)


def policy(runtime: Runtime) -> Iterator[Check]:
    """Whether what should be recorded is."""
    with runtime.bench.database.reading() as session:
        refused = flips(session, [Flip.REFUSED])
    if refused:
        yield warn(
            "policy",
            f"{len(refused)} planned meeting(s) could not be set to be recorded",
            f"The latest: {refused[0].why}. `webex-ingest policy list` names them.",
        )
    elif runtime.settings.policy.switches_on:
        yield ok("policy", "no planned meeting was refused")


def damaged(runtime: Runtime) -> Iterator[Check]:
    """Whether a stored file is beyond what a worker can fetch again."""
    with runtime.bench.database.reading() as session:
        stocks = stock_of_kinds(session).values()
        latest = damaged_files(session, limit=1)
    if not latest:
        yield ok("files", f"{sum(each.files for each in stocks)} stored, none known as damaged")
    for file, meeting in latest:
        yield fail(
            "files",
            f"{sum(each.damaged for each in stocks)} stored file(s) are damaged and cannot be "
            "fetched again",
            f"Meeting {meeting.meeting_id}, {file.path}: {file.damage}; "
            f"{damage_sentence(file.damage or '')}. `webex-ingest status` names the others.",
        )


def scrub(runtime: Runtime) -> Iterator[Check]:
    """Whether every stored byte is read in time."""
    days = runtime.settings.scrub_days
    standing = scrub_standing(runtime.bench) if days else None
    if standing is None:
        return
    age = age_text(seconds_since(standing.unread_since, runtime.bench.clock()))
    if standing.is_late:
        yield warn(
            "scrub",
            f"a file was last read {age} ago, and SCRUB_DAYS is {days}",
            _rate_text(standing, runtime.settings.scrub_bytes_per_second),
        )
    else:
        yield ok("scrub", f"every file was read in the last {age}")


def _rate_text(standing: Standing, rate: int) -> str:
    if standing.needed_rate <= rate:
        return (
            "Its rate would do: see that workers and beat run all the time, and what the log says. "
            f"A disk too slow to give a minute's worth of it in {SECONDS_A_RUN} seconds needs "
            "SCRUB_DAYS to be more days."
        )
    told = f"{standing.needed_rate} ({size_text(standing.needed_rate)} a second)"
    return f"Set SCRUB_BYTES_PER_SECOND to {told} or more, or SCRUB_DAYS to more days."
