"""Our webhooks at Webex: what is wrong with them."""

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.models.webex import Webhook
from app.webex.webhooks import NAME_PREFIX, WANTED, Owner


class Problem(StrEnum):
    """What can be wrong with a webhook."""

    MISSING = "missing"
    INACTIVE = "inactive"
    DUPLICATE = "duplicate"
    WRONG_URL = "wrong_url"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 -- a word
    FOREIGN = "foreign"


MENDED: frozenset[Problem] = frozenset(Problem) - {Problem.WRONG_URL, Problem.FOREIGN}
"""What is mended on request. Webhooks of other programs are none of our business, and those of our
name at another address may be another installation's."""


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


def examine(found: Sequence[Webhook], place: Place, owner: Owner | None = None) -> list[Finding]:
    """Compare what is registered with what is wanted; of whom: as it is now, unless said.

    One of our name that leads elsewhere is never the missing one: another installation may live
    from it.
    """
    owner = owner or owner_of(found, place)
    findings: list[Finding] = []
    for resource, event in WANTED:
        same = [
            w for w in found if is_wanted(w, place) and (w.resource, w.event) == (resource, event)
        ]
        # Whoever looks finds the same one right, so that two who look at once delete no two.
        same.sort(key=lambda w: (w.owned_by != owner, w.status != "active", *_age(w)))
        right = same[0] if same and same[0].owned_by in (owner, None) else None
        if right is None:
            findings.append(Finding(Problem.MISSING, resource, event))
        else:
            findings += _about(right, place)
        findings += [
            Finding(Problem.DUPLICATE, resource, event, each) for each in same if each != right
        ]
    others = [each for each in found if not is_wanted(each, place)]
    return findings + [
        Finding(_elsewhere(each, place), each.resource, each.event, each) for each in others
    ]


def owner_of(found: Sequence[Webhook], place: Place) -> Owner:
    """Whose meetings our webhooks tell of as they are now: one of the organization decides."""
    ours = [each for each in found if each.target_url == place.target_url]
    return Owner.ORG if any(each.owned_by == Owner.ORG for each in ours) else Owner.CREATOR


def is_wanted(webhook: Webhook, place: Place) -> bool:
    """Whether it is one of those that are to be there, and leads to our address."""
    return webhook.target_url == place.target_url and _tells_all(webhook)


def of_our_name(found: Sequence[Webhook], addresses: Collection[str]) -> list[Webhook]:
    """The webhooks that an installation of ours has made and that lead to one of the addresses."""
    return [each for each in found if each.target_url in addresses and _is_of_our_name(each)]


def _is_of_our_name(webhook: Webhook) -> bool:
    return webhook.name.startswith(NAME_PREFIX) and _tells_all(webhook)


def _tells_all(webhook: Webhook) -> bool:
    # One with a filter tells of some meetings only, and is somebody's for a reason of their own.
    return (webhook.resource, webhook.event) in WANTED and not webhook.filter


def _elsewhere(webhook: Webhook, place: Place) -> Problem:
    is_moved = _is_of_our_name(webhook) and webhook.target_url != place.target_url
    return Problem.WRONG_URL if is_moved else Problem.FOREIGN


def _age(webhook: Webhook) -> tuple[bool, datetime | None, str]:
    return webhook.created is None, webhook.created, webhook.id


def _about(webhook: Webhook, place: Place) -> list[Finding]:
    if webhook.status != "active":
        return [Finding(Problem.INACTIVE, webhook.resource, webhook.event, webhook)]
    shown, ours = webhook.secret, place.secret
    # Without a secret of ours every delivery is believed, signed or not.
    if shown and ours and not hmac.compare_digest(shown.encode(), ours.encode()):
        return [Finding(Problem.WRONG_SECRET, webhook.resource, webhook.event, webhook)]
    return []
