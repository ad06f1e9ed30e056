"""What `doctor` looks at between Webex and us: accounts, webhooks, and the way they come by."""

from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime

import requests

from app.cli.accounts import account_text
from app.cli.check import Check, fail, ok, warn
from app.cli.checks_here import is_loopback
from app.errors import TokenRefused, WebexError
from app.ingestion.diagnosis import MENDED, Place, examine
from app.ingestion.registration import look
from app.ingestion.tokens import OF_SETTINGS
from app.ingestion.wording import account_sentence, age_text
from app.models.status import AccountStatus
from app.models.times import utc_now
from app.runtime import Runtime
from app.webex import resources
from app.webex.webhooks import WANTED

_ANSWER_SECONDS = 5
_MOST_SKEW_SECONDS = 60
_NOT_BY_GET = 405
"""What our door says to whoever asks and brings nothing."""


def clock(runtime: Runtime) -> Iterator[Check]:
    """Whether it is as late here as it is at Webex."""
    at_webex = _time_at_webex(str(runtime.settings.webex_api_url))
    if at_webex is None:
        yield warn(
            "clock",
            "cannot be compared: Webex's API does not answer, or not with the time",
            "See that WEBEX_API_URL is right, and that it is reached from here (HTTPS_PROXY).",
        )
        return
    skew = (runtime.bench.clock() - at_webex).total_seconds()
    if abs(skew) <= _MOST_SKEW_SECONDS:
        yield ok("clock", f"at most {_MOST_SKEW_SECONDS} seconds away from Webex's")
    else:
        told = f"{age_text(abs(skew))} {'ahead of' if skew > 0 else 'behind'} Webex's"
        mend = "Let the machine keep its time: `timedatectl set-ntp true`, or chrony."
        yield fail("clock", told, mend)


def _time_at_webex(address: str) -> datetime | None:
    try:
        # Whoever asks without a token is refused, and told the time.
        answer = requests.get(address, timeout=_ANSWER_SECONDS, allow_redirects=False)
        return parsedate_to_datetime(answer.headers["Date"])
    except (requests.RequestException, KeyError, ValueError):
        return None


def accounts(runtime: Runtime) -> Iterator[Check]:
    """Whether Webex takes the token of each account, and for how long it will."""
    standings = runtime.bench.accounts.standings()
    if not standings:
        mend = "Set WEBEX_ACCESS_TOKEN, or run `webex-ingest login`."
        yield fail("account", "there is none", mend)
    for standing in standings:
        yield _account(runtime, standing)


def _account(runtime: Runtime, standing: AccountStatus) -> Check:
    name = f"account {account_text(standing.name)}"
    try:
        person = resources.me(runtime.bench.accounts.client(standing.name))
    except WebexError as error:
        return fail(name, _refusal(error), _new_token(standing.name))
    found = f"is {person.emails[0] if person.emails else person.id}{_sites_text(runtime, standing)}"
    if sentence := account_sentence(standing, utc_now()):
        return warn(name, found, f"{sentence[:1].upper()}{sentence[1:]}.")
    return ok(name, found)


def _refusal(error: WebexError) -> str:
    is_refused = isinstance(error, TokenRefused) and error.status == 401
    return "Webex refuses the access token (401)" if is_refused else str(error)


def _new_token(name: str) -> str:
    if name == OF_SETTINGS:
        return "Set WEBEX_ACCESS_TOKEN anew and restart, or run `webex-ingest login`."
    return (
        f"`webex-ingest login {name}` signs in again, `webex-ingest accounts add {name}` takes "
        "a token."
    )


def _sites_text(runtime: Runtime, standing: AccountStatus) -> str:
    try:
        sites = resources.sites(runtime.bench.accounts.client(standing.name))
    except WebexError:
        # It takes a scope that nothing else does.
        return ""
    return f" at {', '.join(sites)}" if sites else ""


def public_url(runtime: Runtime) -> Iterator[Check]:
    """Whether our door is where Webex is told that it is; `webhooks` tells where none is set."""
    settings, name = runtime.settings, "public address"
    if settings.public_url is None or settings.webhook_address is None:
        return
    is_here = is_loopback(settings.public_url.host or "")
    if is_here and not is_loopback(settings.webex_api_url.host or ""):
        mend = "Set PUBLIC_URL to the address of a reverse proxy or tunnel to this machine."
        yield fail(name, "PUBLIC_URL leads to this machine, where Webex cannot reach it", mend)
    elif trouble := _trouble_at(settings.webhook_address):
        yield fail(
            name,
            f"{settings.webhook_address} {trouble}",
            "See that `webex-ingest serve` runs and that the proxy or tunnel of PUBLIC_URL leads "
            "to it; `webex-ingest webhooks send-test` tries the way.",
        )
    elif settings.public_url.scheme != "https" and not is_here:
        found = "is reached without https: who is on the way can read and repeat what Webex sends"
        yield warn(name, found, "Let PUBLIC_URL begin with https://, by a reverse proxy.")
    else:
        yield ok(name, f"{settings.webhook_address} is our door")


def _trouble_at(address: str) -> str:
    try:
        answer = requests.get(address, timeout=_ANSWER_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        return f"cannot be reached from here ({type(error).__name__})"
    if answer.status_code != _NOT_BY_GET:
        return f"is not our door: it answers {answer.status_code}"
    return ""


def webhooks(runtime: Runtime) -> Iterator[Check]:
    """Whether Webex will say that a meeting has ended."""
    settings = runtime.settings
    if settings.webhook_address is None:
        yield warn(
            "webhooks",
            "PUBLIC_URL is not set, so Webex cannot say that a meeting has ended",
            "Set PUBLIC_URL, then `webex-ingest webhooks register`.",
        )
        return
    if not settings.webhook_secrets and not settings.allow_unsigned_webhooks:
        yield fail(
            "webhooks",
            "WEBEX_WEBHOOK_SECRET is not set, so nothing that receives them starts",
            "Set it (`webex-ingest init` makes one), then `webex-ingest webhooks register`.",
        )
    place = Place(settings.webhook_address, next(iter(settings.webhook_secrets), None))
    for name in runtime.bench.accounts.names():
        yield _webhooks_of(runtime, name, place)


def _webhooks_of(runtime: Runtime, account: str, place: Place) -> Check:
    name = f"webhooks of account {account_text(account)}"
    try:
        found, unread = look(runtime.bench.accounts.client(account))
    except WebexError as error:
        scopes = "Reading webhooks takes the scopes of what they tell of."
        return fail(name, _refusal(error), f"{_new_token(account)} {scopes}")
    wrong = [each for each in examine(found, place) if each.problem in MENDED]
    if unread is not None and not wrong:
        mend = "`webex-ingest webhooks list` has the others; look for it at developer.webex.com."
        return warn(name, str(unread), mend)
    if not wrong:
        return ok(name, f"all {len(WANTED)} are active")
    told = ", ".join(f"{each.resource}.{each.event} {each.problem}" for each in wrong[:3])
    more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    return fail(name, f"{told}{more}", "`webex-ingest webhooks doctor --fix` mends it.")
