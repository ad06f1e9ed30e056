"""``webhooks``: what is registered at Webex, and whether a delivery gets through."""

import json
import uuid

import click
import requests

from app.cli.output import json_option, print_json, print_table
from app.cli.tools import NO_BROKER
from app.config import Settings, load_settings
from app.errors import SettingsError
from app.ingestion import registration
from app.models.words import DOOR
from app.runtime import webex_client
from app.webex import webhooks as api
from app.webex.client import WebexClient
from app.webex.signature import sign


@click.group()
def webhooks() -> None:
    """Register, list, delete and test the webhooks at Webex."""


@webhooks.command()
@json_option
def register(as_json: bool) -> None:
    """Make sure that every webhook exists once, active, with our secret."""
    settings = load_settings()
    secrets = settings.webhook_secrets
    if not secrets and not settings.allow_unsigned_webhooks:
        raise SettingsError("WEBEX_WEBHOOK_SECRET: must be set; `webex-ingest init` makes one")
    _tell(
        registration.register(
            _client(settings), target_url=_target(settings), secret=secrets[0] if secrets else None
        ),
        as_json,
    )


@webhooks.command("list")
@json_option
def list_webhooks(as_json: bool) -> None:
    """List all webhooks of the account."""
    found = api.webhooks(_client(load_settings()))
    if as_json:
        print_json([each.model_dump(mode="json") for each in found])
    elif not found:
        click.echo("No webhooks are registered: `webex-ingest webhooks register` does it.")
    else:
        rows = [(w.resource, w.event, w.status, w.target_url, w.name) for w in found]
        print_table(("RESOURCE", "EVENT", "STATUS", "TARGET", "NAME"), rows)


@webhooks.command()
@json_option
def delete(as_json: bool) -> None:
    """Delete every webhook that leads to our PUBLIC_URL."""
    settings = load_settings()
    _tell(registration.unregister(_client(settings), target_url=_target(settings)), as_json)


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


def _client(settings: Settings) -> WebexClient:
    broker = settings.celery_broker_url
    return webex_client(settings, broker_url=broker.get_secret_value() if broker else NO_BROKER)


def _target(settings: Settings) -> str:
    if settings.public_url is None:
        raise SettingsError(
            "PUBLIC_URL: must be the address at which Webex reaches this service, "
            "such as https://ingest.example.com"
        )
    return str(settings.public_url).rstrip("/") + DOOR


def _tell(changes: list[registration.Change], as_json: bool) -> None:
    if as_json:
        print_json(
            [{"action": c.action, "resource": c.resource, "event": c.event} for c in changes]
        )
    elif not changes:
        click.echo("There was nothing to do.")
    else:
        for change in changes:
            click.echo(f"{change.resource}.{change.event}: {change.action}")
