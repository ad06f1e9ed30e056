"""``webhooks``: what is registered at Webex, and whether a delivery gets through."""

import json
import uuid
from dataclasses import asdict

import click
import requests

from app.cli.accounts import account_text
from app.cli.output import json_option, print_json, print_table
from app.cli.tools import command_runtime
from app.config import Settings, load_settings
from app.errors import AccountUnknown, SettingsError
from app.ingestion import registration
from app.ingestion.tokens import OF_SETTINGS
from app.runtime import Runtime
from app.webex import webhooks as api
from app.webex.client import WebexClient
from app.webex.signature import sign

account_option = click.option(
    "--account", "only", metavar="NAME", help="Only this account; default: every account."
)


@click.group()
def webhooks() -> None:
    """Register, list, delete and test the webhooks at Webex."""


@webhooks.command()
@account_option
@click.option("--org", is_flag=True, help="Of the whole organization; needs an administrator.")
@json_option
def register(only: str | None, org: bool, as_json: bool) -> None:
    """Make sure that every webhook exists once, active, with our secret."""
    runtime = command_runtime()
    place, owner = _place(runtime.settings), api.Owner.ORG if org else None
    _tell(
        {
            name: registration.register(
                client, target_url=place.target_url, secret=place.secret, owner=owner
            )
            for name, client in _clients(runtime, only)
        },
        as_json,
    )


@webhooks.command()
@account_option
@click.option("--fix", is_flag=True, help="Mend what is ours.")
@json_option
def doctor(only: str | None, fix: bool, as_json: bool) -> None:
    """Say what is wrong with the webhooks: missing, switched off, doubled, foreign, elsewhere.

    Exits with 1 when something is left to mend. With --fix, webhooks of ours that lead to another
    address are led to PUBLIC_URL.
    """
    runtime = command_runtime()
    place = _place(runtime.settings)
    lines = [
        (name, finding, action)
        for name, client in _clients(runtime, only)
        for finding, action in _treated(client, place, fix=fix)
    ]
    if as_json:
        print_json([_line_json(*line) for line in lines])
    elif not lines:
        click.echo("Every webhook exists once, is active and leads here.")
    else:
        rows = [
            (account_text(name), f"{f.resource}.{f.event}", f.problem, action, _leads_to(f))
            for name, f, action in lines
        ]
        print_table(("ACCOUNT", "WEBHOOK", "PROBLEM", "DONE", "TARGET"), rows)
    if any(f.problem in registration.MENDED and not action for _, f, action in lines):
        if not as_json:
            click.echo("`webex-ingest webhooks doctor --fix` mends what is ours.")
        raise SystemExit(1)


@webhooks.command("list")
@account_option
@json_option
def list_webhooks(only: str | None, as_json: bool) -> None:
    """List all webhooks of the accounts."""
    found = [
        (name, each)
        for name, client in _clients(command_runtime(), only)
        for each in api.webhooks(client)
    ]
    if as_json:
        print_json([{"account": name, **each.model_dump(mode="json")} for name, each in found])
    elif not found:
        click.echo("No webhooks are registered: `webex-ingest webhooks register` does it.")
    else:
        rows = [
            (account_text(name), w.resource, w.event, w.status, w.target_url, w.name)
            for name, w in found
        ]
        print_table(("ACCOUNT", "RESOURCE", "EVENT", "STATUS", "TARGET", "NAME"), rows)


@webhooks.command()
@account_option
@json_option
def delete(only: str | None, as_json: bool) -> None:
    """Delete every webhook that leads to our PUBLIC_URL."""
    runtime = command_runtime()
    target = _target(runtime.settings)
    _tell(
        {
            name: registration.unregister(client, target_url=target)
            for name, client in _clients(runtime, only)
        },
        as_json,
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


def _place(settings: Settings) -> registration.Place:
    secrets = settings.webhook_secrets
    if not secrets and not settings.allow_unsigned_webhooks:
        raise SettingsError("WEBEX_WEBHOOK_SECRET: must be set; `webex-ingest init` makes one")
    return registration.Place(_target(settings), secrets[0] if secrets else None)


def _treated(
    client: WebexClient, place: registration.Place, *, fix: bool
) -> list[tuple[registration.Finding, str]]:
    """What is wrong with the webhooks of one account, and what was done about it."""
    found = api.webhooks(client)
    findings = registration.examine(found, place)
    if not fix:
        return [(each, "") for each in findings]
    owner = registration.owner_of(found, place)
    return [
        (each, ", ".join(c.action for c in registration.mend(client, [each], place, owner=owner)))
        for each in findings
    ]


def _line_json(name: str, finding: registration.Finding, action: str) -> dict[str, object]:
    return {
        "account": name,
        "resource": finding.resource,
        "event": finding.event,
        "problem": finding.problem,
        "target_url": _leads_to(finding) or None,
        "done": action or None,
    }


def _leads_to(finding: registration.Finding) -> str:
    return finding.webhook.target_url if finding.webhook else ""


def _tell(changes: dict[str, list[registration.Change]], as_json: bool) -> None:
    told = [(account, change) for account, each in changes.items() for change in each]
    if as_json:
        print_json([{"account": account, **asdict(change)} for account, change in told])
    elif not told:
        click.echo("There was nothing to do.")
    for account, change in told if not as_json else ():
        of = f" of account {account_text(account)}" if len(changes) > 1 else ""
        click.echo(f"{change.resource}.{change.event}{of}: {change.action}")
