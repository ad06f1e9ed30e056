"""Our webhooks at Webex: registered without duplicates, repaired, listed, deleted."""

from dataclasses import dataclass

from app.models.webex import Webhook
from app.webex import webhooks
from app.webex.client import WebexClient


@dataclass(frozen=True, slots=True)
class Change:
    """What was done about one webhook."""

    action: str
    resource: str
    event: str


def register(client: WebexClient, *, target_url: str, secret: str | None) -> list[Change]:
    """Make sure that each wanted webhook exists once at our address, active, with our secret.

    Webex does not show secrets reliably, so an existing webhook is given ours anew.
    """
    ours = _ours(client, target_url)
    changes = []
    for resource, event in webhooks.WANTED:
        same = [each for each in ours if (each.resource, each.event) == (resource, event)]
        if not same:
            webhooks.create(client, resource, event, target_url=target_url, secret=secret)
            changes.append(Change("created", resource, event))
            continue
        webhooks.repair(client, same[0], secret=secret)
        action = "kept" if same[0].status == "active" else "switched on"
        changes.append(Change(action, resource, event))
        for doubled in same[1:]:
            webhooks.delete(client, doubled)
            changes.append(Change("deleted a duplicate", resource, event))
    return changes


def unregister(client: WebexClient, *, target_url: str) -> list[Change]:
    """Delete every webhook that leads to our address."""
    changes = []
    for each in _ours(client, target_url):
        webhooks.delete(client, each)
        changes.append(Change("deleted", each.resource, each.event))
    return changes


def _ours(client: WebexClient, target_url: str) -> list[Webhook]:
    return [each for each in webhooks.webhooks(client) if each.target_url == target_url]
