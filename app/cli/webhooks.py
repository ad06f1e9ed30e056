"""``webhooks``: what is registered at Webex, and whether a delivery gets through."""

import json
import uuid
from collections.abc import Collection

import click
import requests

from app.cli.accounts import account_text
from app.cli.completion import complete_accounts
from app.cli.output import complain, json_option, print_json, print_table, say
from app.cli.tools import command_runtime
from app.cli.webhook_lines import (
    Line,
    ask_each,
    change_each,
    end,
    line_json,
    print_findings,
    refusals_json,
)
from app.config import Settings, load_settings
from app.errors import NotFound, SettingsError
from app.ingestion import registration
from app.ingestion.diagnosis import MENDED, Finding, Place, of_our_name
from app.models.webex import Webhook
from app.models.words import DOOR
from app.runtime import Runtime
from app.webex import webhooks as api
from app.webex.client import WebexClient
from app.webex.signature import sign

account_option = click.option(
    "--account",
    "only",
    metavar="NAME",
    shell_complete=complete_accounts,
    help="Only this account; default: every account.",
)


@click.group()
def webhooks() -> None:
    """Register, list, delete and test the webhooks at Webex.

    \b
    Example: webex-ingest webhooks doctor
    """


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

    \b
    Example: webex-ingest webhooks register
    """
    runtime = command_runtime()
    place, owner = _place(runtime.settings), api.Owner.ORG if org else None
    old = {take_over, _door_of(take_over)} if take_over else ()
    if take_over:
        _insist_on_some(runtime, only, old)
    change_each(
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
    """Say what is wrong with the webhooks.

    They may be missing, switched off, there twice, foreign, or lead elsewhere. Exits with 1 when
    something is left to mend. Webhooks of our name that lead to another address are told and left
    alone: they may be another installation's.

    \b
    Example: webex-ingest webhooks doctor --fix
    """
    runtime = command_runtime()
    place = _place(runtime.settings)
    lines: list[Line] = []

    def look(name: str, client: WebexClient) -> None:
        def tell(finding: Finding, action: str) -> None:
            lines.append((name, finding, action))

        registration.treat(client, place, fix=fix, tell=tell)

    refusals = ask_each(runtime, only, look)
    if as_json:
        print_json([line_json(*line) for line in lines] + refusals_json(refusals))
    else:
        print_findings(lines, all_seen=not refusals)
    left = any(f.problem in MENDED and not action for _, f, action in lines)
    if left and not fix and not as_json:
        say("`webex-ingest webhooks doctor --fix` mends what is ours.")
    end(refusals, as_json)
    if left:
        raise SystemExit(1)


@webhooks.command("list")
@account_option
@json_option
def list_webhooks(only: str | None, as_json: bool) -> None:
    """List all webhooks of the accounts.

    \b
    Example: webex-ingest webhooks list
    """
    found: list[tuple[str, Webhook]] = []

    def look(name: str, client: WebexClient) -> None:
        seen, unread = registration.look(client)
        found.extend((name, each) for each in seen)
        if unread is not None:
            raise unread

    refusals = ask_each(command_runtime(), only, look)
    if as_json:
        told = [{"account": name, **each.model_dump(mode="json")} for name, each in found]
        print_json(told + refusals_json(refusals))
    elif found:
        rows = [
            [account_text(name)]
            + [text or "?" for text in (w.resource, w.event, w.status, w.target_url, w.name)]
            for name, w in found
        ]
        print_table(("ACCOUNT", "RESOURCE", "EVENT", "STATUS", "TARGET", "NAME"), rows)
    elif not refusals:
        say("No webhooks are registered: `webex-ingest webhooks register` does it.")
    end(refusals, as_json)


@webhooks.command()
@account_option
@json_option
def delete(only: str | None, as_json: bool) -> None:
    """Delete every webhook that leads to our PUBLIC_URL.

    \b
    Example: webex-ingest webhooks delete --account campus
    """
    runtime = command_runtime()
    target = _target(runtime.settings)
    change_each(
        runtime,
        only,
        lambda client, tell: registration.unregister(client, target_url=target, tell=tell),
        as_json=as_json,
    )


@webhooks.command("send-test")
@click.option("--url", help="Where to send it; default: PUBLIC_URL and the webhook path.")
@json_option
def send_test(url: str | None, as_json: bool) -> None:
    """Send a signed test event to our own door, the way Webex reaches it.

    \b
    Example: webex-ingest webhooks send-test
    """
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
        say(f"{target} {problem}: is `serve` running, and does the address lead to it?")
    else:
        say(f"{target} took the test event and stored it.")
    if problem:
        raise SystemExit(1)


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


def _insist_on_some(runtime: Runtime, only: str | None, addresses: Collection[str]) -> None:
    """End the command before it has changed anything where there is nothing to take over."""
    found: list[Webhook] = []
    refusals = ask_each(runtime, only, lambda _, client: found.extend(registration.look(client)[0]))
    if of_our_name(found, addresses):
        return
    for name, error in refusals:
        complain(f"account {account_text(name)}: {error}")
    raise NotFound(
        f"nothing was changed: no webhook of our name leads to {min(addresses, key=len)}: "
        "see `webex-ingest webhooks list`."
    )
