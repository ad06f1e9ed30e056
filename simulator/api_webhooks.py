"""/v1/webhooks: registering, reading, changing and deleting webhooks."""

from typing import Any

from flask import Response, request

from simulator.answers import (
    PLAIN_JSON,
    ApiError,
    Route,
    caller,
    check_scopes,
    json_answer,
    list_answer,
    not_found,
    told_json,
)
from simulator.clock import milliseconds_text
from simulator.delivery import parsed_filter
from simulator.ids import organization_id, webex_id
from simulator.model import Webhook
from simulator.scopes import WEBHOOKS, may_call
from simulator.world import World

_CLUSTER = "urn:TEAM:us-west-2_r"
_HOST_FILTERS = ("hostEmail", "hostUserId")
_FILE_FILTERS = "id meetingId scheduledMeetingId meetingSeriesId hostEmail hostUserId siteUrl"
FILTERS = {
    "meetings": [
        "id",
        "meetingNumber",
        "meetingType",
        "state",
        "hostEmail",
        "hostUserId",
        "siteUrl",
    ],
    "recordings": _FILE_FILTERS.split(),
    "meetingTranscripts": _FILE_FILTERS.split(),
    "meetingParticipants": [
        "id",
        "meetingId",
        "state",
        "hostEmail",
        "hostPersonId",
        "hostUserId",
        "siteUrl",
    ],
}
EVENTS = {
    "meetings": ("created", "updated", "deleted", "started", "ended"),
    "recordings": ("created", "updated", "deleted"),
    "meetingTranscripts": ("created",),
    "meetingParticipants": ("joined", "left"),
}


def list_webhooks(world: World) -> Response:
    hooks = [_shape(hook) for hook in world.webhooks.values() if _is_visible(hook, world)]
    return list_answer(hooks, world.settings, PLAIN_JSON, usual=100)


def create_webhook(world: World) -> Response:
    body = _body(required=("name", "targetUrl", "resource", "event"))
    resource, event = body["resource"], body["event"]
    if event not in EVENTS.get(resource, ()):
        raise ApiError(400, f"invalid value for resource or event: {resource} {event}")
    owned_by = _owned_by(body)
    check_scopes(WEBHOOKS[resource], for_others=owned_by == "org")
    _check_filter(body.get("filter"), resource, owned_by)
    hook = Webhook(
        id=webex_id("WEBHOOK", world.mint.uuid(), _CLUSTER),
        name=body["name"],
        target_url=body["targetUrl"],
        resource=resource,
        event=event,
        filter=body.get("filter") or None,
        secret=body.get("secret") or None,
        owned_by=owned_by,
        created_by=caller().email,
        created=milliseconds_text(world.now()),
    )
    world.webhooks[hook.id] = hook
    return json_answer(_shape(hook), content_type=PLAIN_JSON)


def get_webhook(world: World, webhook_id: str) -> Response:
    return json_answer(_shape(_found(world, webhook_id)), content_type=PLAIN_JSON)


def change_webhook(world: World, webhook_id: str) -> Response:
    hook = _found(world, webhook_id)
    body = _body(required=("name", "targetUrl"))
    status = body.get("status")
    if status not in (None, "active"):
        raise ApiError(400, "The only status that can be set is 'active'.")
    hook.name, hook.target_url = body["name"], body["targetUrl"]
    if "secret" in body:
        hook.secret = body["secret"] or None
    if status == "active" and hook.status != "active":
        hook.status = "active"
        hook.failures.clear()
        hook.reactivated_at = world.now()
    return json_answer(_shape(hook), content_type=PLAIN_JSON)


def delete_webhook(world: World, webhook_id: str) -> Response:
    del world.webhooks[_found(world, webhook_id).id]
    return Response(status=204)


ROUTES: list[Route] = [
    ("GET", "/webhooks", list_webhooks),
    ("POST", "/webhooks", create_webhook),
    ("GET", "/webhooks/<webhook_id>", get_webhook),
    ("PUT", "/webhooks/<webhook_id>", change_webhook),
    ("DELETE", "/webhooks/<webhook_id>", delete_webhook),
]


def _shape(hook: Webhook) -> dict[str, Any]:
    secret = {"secret": hook.secret} if hook.secret else {}
    return {
        **hook.payload(),
        **secret,
        "orgId": organization_id(),
        "createdBy": hook.created_by_id,
        "appId": webex_id("APPLICATION", "simulator"),
    }


def _is_visible(hook: Webhook, world: World) -> bool:
    if request.args.get("ownedBy") == "org" and hook.owned_by != "org":
        return False
    if not may_call(caller(), WEBHOOKS[hook.resource], for_others=hook.owned_by == "org"):
        return False
    return not world.settings.strict_owner or hook.created_by == caller().email


def _found(world: World, webhook_id: str) -> Webhook:
    hook = world.webhooks.get(webhook_id)
    if hook is None or (world.settings.strict_owner and hook.created_by != caller().email):
        raise not_found()
    check_scopes(WEBHOOKS[hook.resource], for_others=hook.owned_by == "org")
    return hook


def _body(required: tuple[str, ...]) -> dict[str, Any]:
    body = told_json()
    if not isinstance(body, dict):
        raise ApiError(400, "POST and PUT need a JSON object.")
    for name in required:
        if not isinstance(body.get(name), str) or not body[name]:
            raise ApiError(400, f"{name} must be a text that is not empty.")
    if not body["targetUrl"].startswith(("http://", "https://")):
        raise ApiError(400, "targetUrl must be an http or https address.")
    return body


def _owned_by(body: dict[str, Any]) -> str:
    wanted = body.get("ownedBy")
    if wanted is None:
        return "creator"
    if wanted != "org":
        raise ApiError(400, "The only ownedBy that can be set is 'org'.")
    if caller().role != "admin":
        raise ApiError(403, "Only an administrator can own a webhook of the organization.")
    return "org"


def _check_filter(text: str | None, resource: str, owned_by: str) -> None:
    try:
        pairs = parsed_filter(text)
    except ValueError as error:
        raise ApiError(400, f"invalid value for filter: {error}") from None
    for key in pairs:
        if key not in FILTERS[resource] or (key in _HOST_FILTERS and owned_by != "org"):
            raise ApiError(400, f"invalid value for filter: {key}")
