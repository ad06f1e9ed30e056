"""``webhooks``: what is registered at Webex, and whether a delivery gets through."""

import json
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from functools import partial

import click
import requests

from app.cli.accounts import account_text
from app.cli.output import json_option, print_json, print_table
from app.cli.tools import command_runtime
from app.config import Settings, load_settings
from app.errors import AccountUnknown, SettingsError, WebexError
from app.ingestion import registration
from app.ingestion.diagnosis import MENDED, Finding, Place, Problem, of_our_name
from app.ingestion.registration import Change
from app.ingestion.tokens import OF_SETTINGS
from app.models.webex import Webhook
from app.models.words import DOOR
from app.runtime import Runtime
from app.webex import webhooks as api
from app.webex.client import WebexClient
from app.webex.signature import sign

_Line = tuple[str, Finding, str]
_Refusal = tuple[str, WebexError]

account_option = click.option(
    "--account", "only", metavar="NAME", help="Only this account; default: every account."
)


@click.group()
def webhooks() -> None:
    """Register, list, delete and test the webhooks at Webex."""


@webhooks.command()
@account_option
@click.option("--org", is_flag=True, help="Of the whole organization; needs an administrator.")
@click.option(
    "--take-over",
    metavar="ADDRESS",
    help="Lead webhooks of ours here that lead to ADDRESS, as after a change of PUBLIC_URL.",
)
@json_option
def register(only: str | None, org: bool, take_over: str | None, as_json: bool) -> None:
    """Make sure that every webhook exists once, active, with our secret.

    Webhooks that lead to another address are left alone: they may be another installation's.
    """
    runtime = command_runtime()
    place, owner = _place(runtime.settings), api.Owner.ORG if org else None
    old = {take_over, _door_of(take_over)} if take_over else ()
    if take_over:
        _insist_on_some(runtime, only, old, as_json=as_json)
    _change_each(
        runtime,
        only,
        lambda client, tell: registration.register(
            client,
            target_url=place.target_url,
            secret=place.secret,
            owner=owner,
            take_over=old,
            tell=tell,
        ),
        as_json=as_json,
    )


@webhooks.command()
@account_option
@click.option("--fix", is_flag=True, help="Mend what leads here, and make what is missing.")
@json_option
def doctor(only: str | None, fix: bool, as_json: bool) -> None:
    """Say what is wrong with the webhooks: missing, switched off, doubled, foreign, elsewhere.

    Exits with 1 when something is left to mend. Webhooks of our name that lead to another address
    are told and left alone: they may be another installation's.
    """
    runtime = command_runtime()
    place = _place(runtime.settings)
    lines: list[_Line] = []

    def look(name: str, client: WebexClient) -> None:
        def tell(finding: Finding, action: str) -> None:
            lines.append((name, finding, action))

        registration.treat(client, place, fix=fix, tell=tell)

    refusals = _ask_each(runtime, only, look)
    if as_json:
        print_json([_line_json(*line) for line in lines] + _refusals_json(refusals))
    else:
        _print_findings(lines, all_seen=not refusals)
    left = any(f.problem in MENDED and not action for _, f, action in lines)
    if left and not fix and not as_json:
        click.echo("`webex-ingest webhooks doctor --fix` mends what is ours.")
    _end(refusals, as_json)
    if left:
        raise SystemExit(1)


@webhooks.command("list")
@account_option
@json_option
def list_webhooks(only: str | None, as_json: bool) -> None:
    """List all webhooks of the accounts."""
    found: list[tuple[str, Webhook]] = []

    def look(name: str, client: WebexClient) -> None:
        seen, unread = registration.look(client)
        found.extend((name, each) for each in seen)
        if unread is not None:
            raise unread

    refusals = _ask_each(command_runtime(), only, look)
    if as_json:
        told = [{"account": name, **each.model_dump(mode="json")} for name, each in found]
        print_json(told + _refusals_json(refusals))
    elif found:
        rows = [
            [account_text(name)]
            + [text or "?" for text in (w.resource, w.event, w.status, w.target_url, w.name)]
            for name, w in found
        ]
        print_table(("ACCOUNT", "RESOURCE", "EVENT", "STATUS", "TARGET", "NAME"), rows)
    elif not refusals:
        click.echo("No webhooks are registered: `webex-ingest webhooks register` does it.")
    _end(refusals, as_json)


@webhooks.command()
@account_option
@json_option
def delete(only: str | None, as_json: bool) -> None:
    """Delete every webhook that leads to our PUBLIC_URL."""
    runtime = command_runtime()
    target = _target(runtime.settings)
    _change_each(
        runtime,
        only,
        lambda client, tell: registration.unregister(client, target_url=target, tell=tell),
        as_json=as_json,
    )


@webhooks.command("send-test")
@click.option("--url", help="Where to send it; default: PUBLIC_URL and the webhook path.")
@json_option
def send_test(url: str | None, as_json: bool) -> None:
    """Send a signed test event to our own door, the way Webex reaches it."""
    settings = load_settings()
    target = url or _target(settings)
    event = {"resource": "webexIngest", "event": "test", "data": {"id": uuid.uuid4().hex}}
    body = json.dumps(event).encode()
    headers = {"Content-Type": "application/json"}
    if settings.webhook_secrets:
        headers["X-Spark-Signature"] = sign(body, settings.webhook_secrets[0])
    try:
        answer = requests.post(target, data=body, headers=headers, timeout=10).status_code
        problem = None if answer == 204 else f"answered {answer} instead of 204"
    except requests.RequestException as error:
        answer, problem = None, f"cannot be reached ({type(error).__name__})"
    if as_json:
        print_json({"target": target, "status": answer, "ok": problem is None})
    elif problem:
        click.echo(f"{target} {problem}: is `serve` running, and does the address lead to it?")
    else:
        click.echo(f"{target} took the test event and stored it.")
    if problem:
        raise SystemExit(1)


def _clients(runtime: Runtime, only: str | None) -> list[tuple[str, WebexClient]]:
    """The accounts that a command is about; raises AccountUnknown."""
    accounts = runtime.bench.accounts
    # Without any account the one of the settings says what is missing.
    names = accounts.names() or [OF_SETTINGS]
    if only is not None and only not in names:
        raise AccountUnknown(f"there is no account {only}: `webex-ingest accounts list` names them")
    return [(name, accounts.client(name)) for name in names if only in (None, name)]


def _target(settings: Settings) -> str:
    if settings.webhook_address is None:
        raise SettingsError(
            "PUBLIC_URL: must be the address at which Webex reaches this service, "
            "such as https://ingest.example.com"
        )
    return settings.webhook_address


def _place(settings: Settings) -> Place:
    secrets = settings.webhook_secrets
    if not secrets and not settings.allow_unsigned_webhooks:
        raise SettingsError("WEBEX_WEBHOOK_SECRET: must be set; `webex-ingest init` makes one")
    return Place(_target(settings), secrets[0] if secrets else None)


def _door_of(address: str) -> str:
    """Where webhooks lead of an installation that has this PUBLIC_URL, or this whole address."""
    return address.rstrip("/").removesuffix(DOOR) + DOOR


def _insist_on_some(
    runtime: Runtime, only: str | None, addresses: Collection[str], *, as_json: bool
) -> None:
    """End the command before it has changed anything where there is nothing to take over."""
    found: list[Webhook] = []
    refusals = _ask_each(
        runtime, only, lambda _, client: found.extend(registration.look(client)[0])
    )
    if of_our_name(found, addresses):
        return
    if as_json:
        print_json(_refusals_json(refusals))
    click.echo(
        f"Nothing was changed: no webhook of our name leads to {min(addresses, key=len)}: "
        "see `webex-ingest webhooks list`.",
        err=True,
    )
    _end(refusals, as_json)
    raise SystemExit(1)


def _ask_each(
    runtime: Runtime, only: str | None, ask: Callable[[str, WebexClient], object]
) -> list[_Refusal]:
    """Ask as each account; what those were told that could not be asked to the end."""
    refusals = []
    for name, client in _clients(runtime, only):
        try:
            ask(name, client)
        except WebexError as error:
            refusals.append((name, error))
    return refusals


def _change_each(
    runtime: Runtime,
    only: str | None,
    change: Callable[[WebexClient, registration.Tell], object],
    *,
    as_json: bool,
) -> None:
    """Change the webhooks of each account and tell of each change; exits with 1 at a refusal."""
    made: list[tuple[str, Change]] = []
    is_one = len(_clients(runtime, only)) == 1

    def tell(name: str, each: Change) -> None:
        made.append((name, each))
        if not as_json:
            of = "" if is_one else f" of account {account_text(name)}"
            click.echo(f"{_kind(each)}{of}: {each.action}")

    refusals = _ask_each(runtime, only, lambda name, client: change(client, partial(tell, name)))
    if as_json:
        told = [{"account": name, **asdict(each)} for name, each in made]
        print_json(told + _refusals_json(refusals))
    elif not made and not refusals:
        click.echo("There was nothing to do.")
    _end(refusals, as_json)


def _print_findings(lines: Sequence[_Line], *, all_seen: bool) -> None:
    """Print what is wrong here in a table, and of each other address one sentence."""
    rows = [
        (account_text(name), _kind(f), f.problem, action, _leads_to(f))
        for name, f, action in lines
        if f.problem is not Problem.WRONG_URL
    ]
    if rows:
        print_table(("ACCOUNT", "WEBHOOK", "PROBLEM", "DONE", "TARGET"), rows)
    elif all_seen:
        click.echo("Every webhook exists once, is active and leads here.")
    others = Counter((n, _leads_to(f)) for n, f, _ in lines if f.problem is Problem.WRONG_URL)
    for (name, target), count in others.items():
        click.echo(
            f"{count} webhook(s) of our name lead to {target} (account {account_text(name)}). They "
            "belong to another installation, or are left from an address that this one had: then "
            f"`webex-ingest webhooks register --take-over {target}` leads them here."
        )


def _end(refusals: Sequence[_Refusal], as_json: bool) -> None:
    for name, error in refusals if not as_json else ():
        click.echo(f"webex-ingest: account {account_text(name)}: {error}", err=True)
    if refusals:
        raise SystemExit(1)


def _refusals_json(refusals: Sequence[_Refusal]) -> list[dict[str, object]]:
    return [{"account": name, "error": str(error)} for name, error in refusals]


def _line_json(name: str, finding: Finding, action: str) -> dict[str, object]:
    return {
        "account": name,
        "resource": finding.resource,
        "event": finding.event,
        "problem": finding.problem,
        "target_url": _leads_to(finding) or None,
        "done": action or None,
    }


def _kind(each: Finding | Change) -> str:
    return f"{each.resource or '?'}.{each.event or '?'}"


def _leads_to(finding: Finding) -> str:
    return finding.webhook.target_url if finding.webhook else ""
