"""Our webhooks at Webex: what is wrong with them, and how it is mended."""

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog

from app.errors import WebexError
from app.ingestion.workbench import Workbench
from app.models.webex import Webhook
from app.webex import webhooks
from app.webex.client import WebexClient
from app.webex.webhooks import NAME_PREFIX, WANTED, Owner

log = structlog.get_logger()


class Problem(StrEnum):
    """What can be wrong with a webhook."""

    MISSING = "missing"
    INACTIVE = "inactive"
    DUPLICATE = "duplicate"
    WRONG_URL = "wrong_url"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 -- a word
    FOREIGN = "foreign"


MENDED: frozenset[Problem] = frozenset(Problem) - {Problem.FOREIGN}
"""What is mended on request; webhooks of other programs are none of our business."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where our webhooks lead to, and with which secret they are signed."""

    target_url: str
    secret: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be; ``webhook`` is None where it is missing."""

    problem: Problem
    resource: str
    event: str
    webhook: Webhook | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What was done about one webhook."""

    action: str
    resource: str
    event: str


def examine(found: Sequence[Webhook], place: Place, owner: Owner | None = None) -> list[Finding]:
    """Compare what is registered with what is wanted; of whom: as it is now, unless said.

    A webhook with a name of ours that leads elsewhere counts as ours at a wrong address only where
    the right one is missing: it may belong to another installation.
    """
    # One with a filter tells of some meetings only, and is somebody's for a reason of their own.
    ours = [each for each in found if each.target_url == place.target_url and not each.filter]
    owner = owner or owner_of(found, place)
    moved = [each for each in found if each not in ours and each.name.startswith(NAME_PREFIX)]
    findings: list[Finding] = []
    for resource, event in WANTED:
        same = [each for each in ours if (each.resource, each.event) == (resource, event)]
        same.sort(key=lambda each: (each.owned_by != owner, each.status != "active"))
        right = same[0] if same and same[0].owned_by in (owner, None) else None
        if right is None:
            old = next((w for w in moved if (w.resource, w.event) == (resource, event)), None)
            problem = Problem.WRONG_URL if old else Problem.MISSING
            findings.append(Finding(problem, resource, event, old))
        else:
            findings += _about(right, place)
        findings += [
            Finding(Problem.DUPLICATE, resource, event, each) for each in same if each != right
        ]
    used = {each.webhook.id for each in findings if each.webhook is not None}
    return findings + [
        Finding(Problem.FOREIGN, each.resource, each.event, each)
        for each in found
        if each.id not in used and not _is_wanted(each, place)
    ]


def owner_of(found: Sequence[Webhook], place: Place) -> Owner:
    """Whose meetings our webhooks tell of as they are now: one of the organization decides."""
    ours = [each for each in found if each.target_url == place.target_url]
    return Owner.ORG if any(each.owned_by == Owner.ORG for each in ours) else Owner.CREATOR


def mend(
    client: WebexClient,
    findings: Sequence[Finding],
    place: Place,
    *,
    owner: Owner = Owner.CREATOR,
    only: Collection[Problem] = MENDED,
) -> list[Change]:
    """Do something about each finding; every change is logged."""
    changes = [
        Change(_mend(client, each, place, owner), each.resource, each.event)
        for each in findings
        if each.problem in only
    ]
    for change in changes:
        log.info("webhook.changed", **_told(change))
    return changes


def register(
    client: WebexClient, *, target_url: str, secret: str | None, owner: Owner | None = None
) -> list[Change]:
    """Make sure that each wanted webhook exists once at our address, active, with our secret.

    Webex need not show secrets, so those that are right already are given ours anew.
    """
    place = Place(target_url, secret)
    found = webhooks.webhooks(client)
    findings = examine(found, place, owner)
    owner = owner or owner_of(found, place)
    changes = mend(client, findings, place, owner=owner)
    touched = {each.webhook.id for each in findings if each.webhook is not None}
    for each in found:
        if each.id not in touched and _is_wanted(each, place):
            webhooks.repair(client, each, target_url=target_url, secret=secret)
            changes.append(Change("kept", each.resource, each.event))
    return sorted(changes, key=lambda change: WANTED.index((change.resource, change.event)))


def unregister(client: WebexClient, *, target_url: str) -> list[Change]:
    """Delete every webhook that leads to our address."""
    changes = []
    for each in webhooks.webhooks(client):
        if each.target_url == target_url:
            webhooks.delete(client, each)
            changes.append(Change("deleted", each.resource, each.event))
            log.info("webhook.changed", **_told(changes[-1]))
    return changes


def reactivate(bench: Workbench, place: Place) -> int:
    """Switch on again what Webex has switched off; how many webhooks there were.

    Webex does so after 100 failures in five minutes, and never on again (Webhooks guide). Whatever
    else is wrong is logged: somebody may have wanted it so.
    """
    switched_on = 0
    for name in bench.accounts.names():
        client = bench.accounts.client(name).accompanied_by(bench.patience())
        try:
            findings = examine(webhooks.webhooks(client), place)
            changes = mend(client, findings, place, only={Problem.INACTIVE})
        except WebexError as error:
            log.warning("webhook.not_looked_at", account=name, error=str(error))
            continue
        switched_on += len(changes)
        left = [each for each in findings if each.problem in MENDED - {Problem.INACTIVE}]
        if left:
            log.warning("webhook.wrong", account=name, problems=len(left), mend="webhooks doctor")
    return switched_on


def _is_wanted(webhook: Webhook, place: Place) -> bool:
    is_ours = webhook.target_url == place.target_url and not webhook.filter
    return is_ours and (webhook.resource, webhook.event) in WANTED


def _about(webhook: Webhook, place: Place) -> list[Finding]:
    if webhook.status != "active":
        return [Finding(Problem.INACTIVE, webhook.resource, webhook.event, webhook)]
    shown, ours = webhook.secret, place.secret or ""
    if shown is not None and not hmac.compare_digest(shown.encode(), ours.encode()):
        return [Finding(Problem.WRONG_SECRET, webhook.resource, webhook.event, webhook)]
    return []


def _mend(client: WebexClient, finding: Finding, place: Place, owner: Owner) -> str:
    webhook, url, secret = finding.webhook, place.target_url, place.secret
    if webhook is None:
        what = (finding.resource, finding.event)
        webhooks.create(client, *what, target_url=url, secret=secret, owner=owner)
        return "created"
    if finding.problem is Problem.DUPLICATE:
        webhooks.delete(client, webhook)
        return "deleted a duplicate"
    webhooks.repair(client, webhook, target_url=url, secret=secret)
    return _DONE[finding.problem]


def _told(change: Change) -> dict[str, str]:
    return {"action": change.action, "resource": change.resource, "event_name": change.event}


_DONE = {
    Problem.INACTIVE: "switched on",
    Problem.WRONG_URL: "led to this address",
    Problem.WRONG_SECRET: "given our secret",
}
