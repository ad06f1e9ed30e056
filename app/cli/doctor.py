"""``doctor``: one line for each thing that must be right, and how to mend it."""

from collections.abc import Callable, Iterator

import click
from pydantic import BaseModel

from app.archive.reading import meeting_places
from app.cli.accounts import account_text
from app.cli.output import json_option, print_json, say
from app.cli.tools import command_runtime
from app.db.auto_record import flips
from app.db.figures import count_meetings, stock_of_kinds
from app.db.files import damaged_files
from app.db.ticks import last_tick
from app.errors import DatabaseUnavailable, TokenRefused, WebexError
from app.ingestion.diagnosis import MENDED, Place, examine
from app.ingestion.registration import look
from app.ingestion.scrub import SECONDS_A_RUN, Standing, scrub_standing
from app.ingestion.status import seconds_since
from app.ingestion.tokens import OF_SETTINGS
from app.ingestion.wording import account_sentence, age_text, damage_sentence, size_text
from app.models.status import AccountStatus
from app.models.times import utc_now
from app.models.words import Flip, Queue
from app.runtime import Runtime
from app.webex import resources
from app.webex.webhooks import WANTED

_LATE_SECONDS = 60


class Check(BaseModel):
    """One thing that was looked at; ``mend`` is empty where it is ``OK``."""

    name: str
    verdict: str
    found: str
    mend: str = ""


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Look at everything that must be right, and how to mend it.

    Exits with 1 when something has to be mended.

    \b
    Example: webex-ingest doctor
    """
    runtime = command_runtime()
    checks = [check for look in _LOOKS for check in look(runtime)]
    if as_json:
        print_json([each.model_dump() for each in checks])
    else:
        for each in checks:
            say(f"{each.verdict:5} {each.name}: {each.found}")
            if each.mend:
                say(f"      {each.mend}")
    if any(each.verdict == "FAIL" for each in checks):
        raise SystemExit(1)


def _database(runtime: Runtime) -> Iterator[Check]:
    kind = "SQLite" if runtime.bench.database.is_sqlite else "Postgres"
    # That it answers and is of this version was looked at when the command began.
    yield Check(name="database", verdict="OK", found=f"{kind}, with the newest schema")


def _archive(runtime: Runtime) -> Iterator[Check]:
    archive = runtime.bench.archive
    free = archive.free_bytes()
    if free is None:
        yield Check(
            name="archive",
            verdict="FAIL",
            found=f"{archive.root} cannot be looked at",
            mend="See that ARCHIVE_DIR is a folder that this user may write to.",
        )
    elif free <= archive.reserve_bytes:
        yield Check(
            name="archive",
            verdict="FAIL",
            found=f"{size_text(free)} free, {size_text(archive.reserve_bytes)} must stay free",
            mend="Make room on the disk of ARCHIVE_DIR, or lower DISK_RESERVE_BYTES.",
        )
    else:
        yield Check(name="archive", verdict="OK", found=f"{size_text(free)} free")


def _known(runtime: Runtime) -> Iterator[Check]:
    """Whether the database was lost, and the archive was not."""
    bench = runtime.bench
    with bench.database.reading() as session:
        is_empty = not count_meetings(session)
    found = meeting_places(bench.archive.root, bench.archive.root)
    if is_empty and not all(each.trouble for each in found):
        yield Check(
            name="meetings",
            verdict="WARN",
            found="the database knows none, and there are some in the archive",
            mend="`webex-ingest rebuild` adds them; do so before anything else fetches them again.",
        )


def _broker(runtime: Runtime) -> Iterator[Check]:
    if runtime.settings.celery_broker_url is None:
        yield Check(name="broker", verdict="OK", found="the one that `webex-ingest serve` starts")
    elif runtime.broker.depth(Queue.CONTROL) is None:
        yield Check(
            name="broker",
            verdict="FAIL",
            found="does not answer",
            mend="Start it, or set CELERY_BROKER_URL to where it is.",
        )
    else:
        yield Check(name="broker", verdict="OK", found="answers")


def _sweep(runtime: Runtime) -> Iterator[Check]:
    mend = "Start `webex-ingest serve`, or a worker and beat of your own."
    try:
        with runtime.bench.database.reading() as session:
            at = last_tick(session, "sweep")
    except DatabaseUnavailable as error:
        yield Check(name="workers", verdict="FAIL", found=str(error), mend=mend)
        return
    if at is None:
        yield Check(name="workers", verdict="FAIL", found="none has worked yet", mend=mend)
        return
    age = seconds_since(at, utc_now())
    found = f"last looked for work {age_text(age)} ago"
    if age > max(_LATE_SECONDS, 10 * runtime.settings.sweep_seconds):
        yield Check(name="workers", verdict="FAIL", found=found, mend=mend)
    else:
        yield Check(name="workers", verdict="OK", found=found)


def _accounts(runtime: Runtime) -> Iterator[Check]:
    standings = runtime.bench.accounts.standings()
    if not standings:
        yield Check(
            name="account",
            verdict="FAIL",
            found="there is none",
            mend="Set WEBEX_ACCESS_TOKEN, or run `webex-ingest login`.",
        )
    for standing in standings:
        yield _account(runtime, standing)


def _new_token(name: str) -> str:
    if name == OF_SETTINGS:
        return "Set WEBEX_ACCESS_TOKEN anew and restart, or run `webex-ingest login`."
    return f"`webex-ingest login {name}` signs in again, `accounts add {name}` takes a token."


def _account(runtime: Runtime, standing: AccountStatus) -> Check:
    name = f"account {account_text(standing.name)}"
    try:
        person = resources.me(runtime.bench.accounts.client(standing.name))
    except WebexError as error:
        is_refused = isinstance(error, TokenRefused) and error.status == 401
        found = "Webex refuses its access token (401)" if is_refused else str(error)
        return Check(name=name, verdict="FAIL", found=found, mend=_new_token(standing.name))
    found = f"is {person.emails[0] if person.emails else person.id}{_sites_text(runtime, standing)}"
    if sentence := account_sentence(standing, utc_now()):
        return Check(
            name=name, verdict="WARN", found=found, mend=f"{sentence[:1].upper()}{sentence[1:]}."
        )
    return Check(name=name, verdict="OK", found=found)


def _sites_text(runtime: Runtime, standing: AccountStatus) -> str:
    try:
        sites = resources.sites(runtime.bench.accounts.client(standing.name))
    except WebexError:
        # It takes a scope that nothing else does.
        return ""
    return f" at {', '.join(sites)}" if sites else ""


def _webhooks(runtime: Runtime) -> Iterator[Check]:
    settings = runtime.settings
    if settings.webhook_address is None:
        yield Check(
            name="webhooks",
            verdict="WARN",
            found="PUBLIC_URL is not set, so Webex cannot say that a meeting has ended",
            mend="Set PUBLIC_URL, then `webex-ingest webhooks register`.",
        )
        return
    if not settings.webhook_secrets and not settings.allow_unsigned_webhooks:
        yield Check(
            name="webhooks",
            verdict="FAIL",
            found="WEBEX_WEBHOOK_SECRET is not set, so nothing that receives them starts",
            mend="Set it (`webex-ingest init` makes one), then `webex-ingest webhooks register`.",
        )
    place = Place(settings.webhook_address, next(iter(settings.webhook_secrets), None))
    for name in runtime.bench.accounts.names():
        yield _webhooks_of(runtime, name, place)


def _webhooks_of(runtime: Runtime, account: str, place: Place) -> Check:
    name = f"webhooks of account {account_text(account)}"
    try:
        found, unread = look(runtime.bench.accounts.client(account))
    except WebexError as error:
        mend = "See the account above; reading webhooks takes the scopes of what they tell of."
        return Check(name=name, verdict="FAIL", found=str(error), mend=mend)
    wrong = [each for each in examine(found, place) if each.problem in MENDED]
    if unread is not None and not wrong:
        mend = "`webex-ingest webhooks list` has the others; look for it at developer.webex.com."
        return Check(name=name, verdict="WARN", found=str(unread), mend=mend)
    if not wrong:
        return Check(name=name, verdict="OK", found=f"all {len(WANTED)} are active")
    told = ", ".join(f"{each.resource}.{each.event} {each.problem}" for each in wrong[:3])
    more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    mend = "`webex-ingest webhooks doctor --fix` mends it."
    return Check(name=name, verdict="FAIL", found=f"{told}{more}", mend=mend)


def _policy(runtime: Runtime) -> Iterator[Check]:
    with runtime.bench.database.reading() as session:
        refused = flips(session, [Flip.REFUSED])
    if refused:
        yield Check(
            name="policy",
            verdict="WARN",
            found=f"{len(refused)} planned meeting(s) could not be set to be recorded",
            mend=f"The latest: {refused[0].why}. `webex-ingest policy list` names them.",
        )
    elif runtime.settings.policy.switches_on:
        yield Check(name="policy", verdict="OK", found="no planned meeting was refused")


def _files(runtime: Runtime) -> Iterator[Check]:
    with runtime.bench.database.reading() as session:
        count = sum(each.damaged for each in stock_of_kinds(session).values())
        latest = damaged_files(session, limit=1)
    for file, meeting in latest:
        yield Check(
            name="files",
            verdict="FAIL",
            found=f"{count} stored file(s) are damaged and cannot be fetched again",
            mend=f"Meeting {meeting.meeting_id}, {file.path}: {file.damage}; "
            f"{damage_sentence(file.damage or '')}. `webex-ingest status` names the others.",
        )


def _scrub(runtime: Runtime) -> Iterator[Check]:
    days = runtime.settings.scrub_days
    standing = scrub_standing(runtime.bench) if days else None
    if standing is None:
        return
    age = age_text(seconds_since(standing.unread_since, runtime.bench.clock()))
    if standing.is_late:
        yield Check(
            name="scrub",
            verdict="WARN",
            found=f"a file was last read {age} ago, and SCRUB_DAYS is {days}",
            mend=_rate_text(standing, runtime.settings.scrub_bytes_per_second),
        )
    else:
        yield Check(name="scrub", verdict="OK", found=f"every file was read in the last {age}")


def _rate_text(standing: Standing, rate: int) -> str:
    if standing.needed_rate <= rate:
        return (
            "Its rate would do: see that workers and beat run all the time, and what the log says. "
            f"A disk too slow to give a minute's worth of it in {SECONDS_A_RUN} seconds needs "
            "SCRUB_DAYS to be more days."
        )
    told = f"{standing.needed_rate} ({size_text(standing.needed_rate)} a second)"
    return f"Set SCRUB_BYTES_PER_SECOND to {told} or more, or SCRUB_DAYS to more days."


_LOOKS: tuple[Callable[[Runtime], Iterator[Check]], ...] = (
    _database,
    _archive,
    _known,
    _broker,
    _sweep,
    _accounts,
    _webhooks,
    _policy,
    _files,
    _scrub,
)
