"""The webhooks at Webex: listed, created, repaired, deleted."""

from urllib.parse import quote

from app.models.webex import Webhook
from app.webex.client import WebexClient

WANTED = (
    ("meetings", "created"),
    ("meetings", "updated"),
    ("meetings", "deleted"),
    ("meetings", "started"),
    ("meetings", "ended"),
    ("recordings", "created"),
    ("recordings", "updated"),
    ("recordings", "deleted"),
    ("meetingTranscripts", "created"),
    ("meetingParticipants", "joined"),
    ("meetingParticipants", "left"),
)
"""One webhook per resource and event: Webex's ``all`` does not cover meetings."""


def webhooks(client: WebexClient) -> list[Webhook]:
    """All webhooks of the account."""
    return [Webhook.read(item) for item in client.pages("/webhooks", {})]


def create(
    client: WebexClient, resource: str, event: str, *, target_url: str, secret: str | None
) -> Webhook:
    """Register one webhook."""
    body = {
        "name": f"webex-ingest: {resource}.{event}",
        "targetUrl": target_url,
        "resource": resource,
        "event": event,
    }
    return Webhook.read(client.send("POST", "/webhooks", body | _signed(secret)))


def repair(client: WebexClient, webhook: Webhook, *, secret: str | None) -> Webhook:
    """Switch one webhook on again and give it our secret."""
    body = {"name": webhook.name, "targetUrl": webhook.target_url, "status": "active"}
    return Webhook.read(
        client.send("PUT", f"/webhooks/{quote(webhook.id, safe='')}", body | _signed(secret))
    )


def delete(client: WebexClient, webhook: Webhook) -> None:
    """Delete one webhook."""
    client.send("DELETE", f"/webhooks/{quote(webhook.id, safe='')}")


def _signed(secret: str | None) -> dict[str, str]:
    return {"secret": secret} if secret else {}
