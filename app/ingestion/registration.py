"""Our webhooks at Webex: made, mended, led here and deleted."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import structlog

from app.db.ticks import WEBHOOKS, tick
from app.errors import NotFound, PartialList, WebexError
from app.ingestion.diagnosis import (
    MENDED,
    Finding,
    Place,
    Problem,
    examine,
    is_wanted,
    of_our_name,
    owner_of,
)
from app.ingestion.workbench import Workbench
from app.models.webex import Webhook
from app.webex import webhooks
from app.webex.client import WebexClient
from app.webex.webhooks import Owner

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Change:
    """What was done about one webhook."""

    action: str
    resource: str
    event: str


Tell = Callable[[Change], None]
"""Hears of each change as it is made: whatever ends the work later, that much is known."""


def look(client: WebexClient) -> tuple[list[Webhook], WebexError | None]:
    """The webhooks of an account, and what is to be said of those that cannot be read."""
    try:
        return webhooks.webhooks(client), None
    except PartialList as partial:
        return partial.items, partial


def mend(
    client: WebexClient,
    findings: Sequence[Finding],
    place: Place,
    *,
    owner: Owner = Owner.CREATOR,
    only: Collection[Problem] = MENDED,
    tell: Tell = lambda _: None,
) -> list[Change]:
    """Do something about each finding; every change is logged and told as it is made."""
    return [
        _made(_mend(client, each, place, owner), each, tell)
        for each in findings
        if each.problem in only
    ]


def register(
    client: WebexClient,
    *,
    target_url: str,
    secret: str | None,
    owner: Owner | None = None,
    take_over: Collection[str] = (),
    tell: Tell = lambda _: None,
) -> list[Change]:
    """Make sure that each wanted webhook exists once at our address, active, with our secret.

    Webhooks of our name that lead to an address of ``take_over`` are led to ours before. Webex
    need not show secrets, so those that are right already are given ours anew. May run twice at
    once: both keep the same ones. Raises PartialList at the end where some cannot be read.
    """
    place = Place(target_url, secret)
    found, unread = look(client)
    led = of_our_name(found, take_over)
    changes = [_made(_repair(client, each, place, _LED_HERE), each, tell) for each in led]
    here = {"target_url": target_url, "status": "active", "secret": secret}
    found = [each.model_copy(update=here) if each in led else each for each in found]
    findings = examine(found, place, owner)
    whose = owner or owner_of(found, place)
    changes += mend(client, findings, place, owner=whose, tell=tell)
    touched = {each.webhook.id for each in findings if each.webhook is not None}
    touched |= {each.id for each in led}
    for each in found:
        if each.id not in touched and is_wanted(each, place):
            changes.append(_made(_repair(client, each, place, _KEPT), each, tell))
    if any(change.action == _CREATED for change in changes):
        changes += _delete_doubles(client, place, owner, tell)
    if unread is not None:
        raise unread
    return changes


def treat(
    client: WebexClient, place: Place, *, fix: bool, tell: Callable[[Finding, str], None]
) -> None:
    """Tell each finding of an account, and what was done about it: nothing unless ``fix``.

    What Webex refuses ends the mending, not the telling; it is raised at the end.
    """
    found, refusal = look(client)
    owner = owner_of(found, place)
    is_mending, is_new = fix, False
    for each in examine(found, place):
        done: list[Change] = []
        try:
            done = mend(client, [each], place, owner=owner) if is_mending else []
        except WebexError as error:
            is_mending, refusal = False, error
        tell(each, ", ".join(change.action for change in done))
        is_new = is_new or any(change.action == _CREATED for change in done)
    if is_new and refusal is None:
        _delete_doubles(client, place, owner, lambda _: None)
    if refusal is not None:
        raise refusal


def unregister(
    client: WebexClient, *, target_url: str, tell: Tell = lambda _: None
) -> list[Change]:
    """Delete every webhook that leads to our address."""
    found, unread = look(client)
    changes = []
    for each in found:
        if each.target_url == target_url:
            webhooks.delete(client, each)
            changes.append(_made("deleted", each, tell))
    if unread is not None:
        raise unread
    return changes


def reactivate(bench: Workbench, place: Place) -> int:
    """Switch on again what Webex has switched off; how many webhooks there were.

    Webex does so after 100 failures in five minutes, and never on again (Webhooks guide). Whatever
    else is wrong is logged: somebody may have wanted it so.
    """
    looks = [_reactivate(bench, name, place) for name in bench.accounts.names()]
    if all(is_fine for _, is_fine in looks):
        with bench.database.transaction() as session:
            tick(session, WEBHOOKS, now=bench.clock())
    return sum(switched_on for switched_on, _ in looks)


def _reactivate(bench: Workbench, account: str, place: Place) -> tuple[int, bool]:
    """How many webhooks of an account are on again, and whether all are now as they should be."""
    client = bench.accounts.client(account).accompanied_by(bench.patience())
    try:
        found, unread = look(client)
    except WebexError as error:
        log.warning("webhook.not_looked_at", account=account, error=str(error))
        return 0, False
    findings = examine(found, place)
    switched_on = sum(_is_on_again(client, account, each, place) for each in findings)
    if unread is not None:
        log.warning("webhook.unreadable", account=account, error=str(unread))
    left = [each for each in findings if each.problem in MENDED - {Problem.INACTIVE}]
    if left:
        log.warning("webhook.wrong", account=account, problems=len(left), mend="webhooks doctor")
    wrong = sum(each.problem in MENDED for each in findings)
    return switched_on, unread is None and wrong == switched_on


def _is_on_again(client: WebexClient, account: str, finding: Finding, place: Place) -> bool:
    """Switch one on again if it is off; what is refused holds up no other."""
    try:
        return bool(mend(client, [finding], place, only={Problem.INACTIVE}))
    except WebexError as error:
        told = {"resource": finding.resource, "event_name": finding.event}
        log.warning("webhook.not_switched_on", account=account, error=str(error), **told)
        return False


def _delete_doubles(
    client: WebexClient, place: Place, owner: Owner | None, tell: Tell
) -> list[Change]:
    """Delete what somebody else has created between our look and our creating.

    Nothing is created here: Webex's list may not have yet what was just made.
    """
    findings = examine(look(client)[0], place, owner)
    missing = {(f.resource, f.event) for f in findings if f.problem is Problem.MISSING}
    doubles = [f for f in findings if (f.resource, f.event) not in missing]
    return mend(client, doubles, place, only={Problem.DUPLICATE}, tell=tell)


def _mend(client: WebexClient, finding: Finding, place: Place, owner: Owner) -> str:
    webhook = finding.webhook
    if webhook is None:
        return _create(client, finding, place, owner)
    if finding.problem is Problem.DUPLICATE:
        webhooks.delete(client, webhook)
        return "deleted a duplicate"
    return _repair(client, webhook, place, _DONE[finding.problem])


def _create(client: WebexClient, which: Finding | Webhook, place: Place, owner: Owner) -> str:
    url, secret = place.target_url, place.secret
    what = (which.resource, which.event)
    webhooks.create(client, *what, target_url=url, secret=secret, owner=owner)
    return _CREATED


def _repair(client: WebexClient, webhook: Webhook, place: Place, done: str) -> str:
    """Make one right; what somebody has deleted meanwhile is made anew."""
    try:
        webhooks.repair(client, webhook, target_url=place.target_url, secret=place.secret)
    except NotFound:
        owner = Owner.ORG if webhook.owned_by == Owner.ORG else Owner.CREATOR
        return _create(client, webhook, place, owner)
    return done


def _made(action: str, which: Finding | Webhook, tell: Tell) -> Change:
    change = Change(action, which.resource, which.event)
    if action != _KEPT:
        what = {"resource": which.resource, "event_name": which.event}
        log.info("webhook.changed", action=action, **what)
    tell(change)
    return change


_CREATED, _KEPT, _LED_HERE = "created", "kept", "led to this address"
_DONE = {Problem.INACTIVE: "switched on", Problem.WRONG_SECRET: "given our secret"}
