"""The webhooks at Webex: listed, created, repaired, deleted."""

from contextlib import suppress
from enum import StrEnum

from app.errors import AnswerUnreadable, NotFound, PartialList
from app.models.webex import Webhook
from app.webex.addresses import part
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
    ("meetingParticipants", "joined"),
    ("meetingParticipants", "left"),
    # Last, since not every Webex has them: what is refused ends a registration.
    ("meetingTranscripts", "created"),
)
"""One webhook per resource and event: Webex's ``all`` does not cover meetings."""

NAME_PREFIX = "webex-ingest: "
"""What the names of webhooks begin with that an installation of ours has made."""


class Owner(StrEnum):
    """Whose meetings a webhook tells of: its creator's, or those of the whole organization."""

    CREATOR = "creator"
    ORG = "org"


def webhooks(client: WebexClient) -> list[Webhook]:
    """All webhooks of the account, those that it made for its organization included.

    PartialList brings those that can be read where some cannot: one odd entry hides no other.
    """
    found: list[Webhook] = []
    odd: list[str] = []
    try:
        for item in client.pages("/webhooks", {}):
            try:
                found.append(Webhook.read(item))
            except AnswerUnreadable as error:
                odd.append(str(error))
    except PartialList as error:
        odd.append(str(error))
    if odd:
        partial = PartialList(
            f"not every webhook can be looked at: {'; '.join(dict.fromkeys(odd))}"
        )
        partial.items = [*found]
        raise partial
    return found


def create(
    client: WebexClient,
    resource: str,
    event: str,
    *,
    target_url: str,
    secret: str | None,
    owner: Owner = Owner.CREATOR,
) -> Webhook:
    """Register one webhook; Webex refuses one for the organization to all but administrators."""
    body = {
        "name": _name(resource, event),
        "targetUrl": target_url,
        "resource": resource,
        "event": event,
    }
    if owner is Owner.ORG:
        body["ownedBy"] = owner
    return Webhook.read(client.send("POST", "/webhooks", body | _signed(secret)))


def repair(client: WebexClient, webhook: Webhook, *, target_url: str, secret: str | None) -> None:
    """Switch one webhook on, let it lead to us and give it our secret."""
    # Webex wants a name, and what it lists need not have one.
    name = webhook.name or _name(webhook.resource, webhook.event)
    body = {"name": name, "targetUrl": target_url, "status": "active"}
    if webhook.owned_by == Owner.ORG:
        body["ownedBy"] = Owner.ORG
    client.send("PUT", f"/webhooks/{part(webhook.id)}", body | _signed(secret))


def delete(client: WebexClient, webhook: Webhook) -> None:
    """Delete one webhook; that somebody else has just done so is as good."""
    with suppress(NotFound):
        client.send("DELETE", f"/webhooks/{part(webhook.id)}")


def _name(resource: str, event: str) -> str:
    return f"{NAME_PREFIX}{resource}.{event}"


def _signed(secret: str | None) -> dict[str, str]:
    return {"secret": secret} if secret else {}
