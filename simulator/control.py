"""/_control: the side of the simulator that Webex does not have, for tests and for people."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from flask import Flask, Response
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.exceptions import HTTPException

from simulator import control_meetings, control_traffic
from simulator.answers import json_answer
from simulator.clock import milliseconds_text, parsed
from simulator.holding import OrderError
from simulator.parts import Control, UnknownIdError, read_body, read_names
from simulator.settings import Identity, Span


class ClockOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    advance_seconds: Span = 0
    freeze: bool | None = None
    now: str | None = None


def create_control(control: Control) -> Flask:
    app = Flask("simulator.control", static_folder=None)
    app.register_error_handler(ValidationError, _invalid)
    app.register_error_handler(OrderError, lambda error: _refused(400, str(error)))
    app.register_error_handler(UnknownIdError, lambda error: _refused(404, str(error)))
    app.register_error_handler(
        HTTPException, lambda error: _refused(error.code or 500, error.description or error.name)
    )
    for rule, view in ROUTES.items():
        method, path = rule.split()
        app.add_url_rule(
            f"/_control{path}", rule, partial(_locked, control, view), methods=[method]
        )
    return app


def get_clock(control: Control) -> dict[str, Any]:
    clock, next_at = control.world.clock, control.schedule.next_at()
    # Rounded up: whoever moves the clock there is not too early.
    next_at = next_at and next_at + timedelta(microseconds=999)
    return {
        "now": milliseconds_text(clock.now()),
        "frozen": clock.frozen,
        "next": milliseconds_text(next_at) if next_at else None,
    }


def move_clock(control: Control) -> dict[str, Any]:
    order = ClockOrder.model_validate(read_body())
    clock = control.world.clock
    if order.freeze is True:
        clock.freeze()
    elif order.freeze is False:
        clock.unfreeze()
    if order.now is not None:
        clock.set(_moment(order.now))
    try:
        clock.advance(order.advance_seconds)
    except ValueError as error:
        raise OrderError(f"The clock cannot go there: {error}.") from None
    control.world.changed.notify_all()
    settled = control.settle()
    return get_clock(control) | {"settled": settled}


def get_settings(control: Control) -> dict[str, Any]:
    return control.world.settings.model_dump(mode="json")


def change_settings(control: Control) -> dict[str, Any]:
    body = read_body()
    control.world.change_settings(control.world.settings.changed(body))
    if "random_seed" in body:
        control.courier.reseed(control.world.settings.random_seed)
    return get_settings(control)


def add_token(control: Control) -> dict[str, Any]:
    body = read_body()
    token = str(body.pop("token", "")) or control.world.mint.secret(32)
    control.world.tokens.add(token, Identity.model_validate(body))
    return {"token": token}


def expire_tokens(control: Control) -> dict[str, Any]:
    tokens = read_names("tokens")
    return {"expired": len(control.world.tokens.expire(tokens))}


def expire_links(control: Control) -> dict[str, Any]:
    """Make every download link that was minted so far useless."""
    control.world.link_key = control.world.mint.hex32()
    return {}


def list_routes(_control: Control) -> dict[str, Any]:
    return {"calls": [rule.replace(" ", " /_control", 1) for rule in ROUTES]}


ROUTES: dict[str, Callable[..., dict[str, Any]]] = {
    "GET /": list_routes,
    "GET /clock": get_clock,
    "POST /clock": move_clock,
    "GET /meetings": control_meetings.list_meetings,
    "POST /meetings": control_meetings.create_meeting,
    "POST /meetings/<meeting_id>/recordings": control_meetings.add_recording,
    "POST /meetings/<meeting_id>/transcripts": control_meetings.add_transcript,
    "POST /recordings/<recording_id>/replace": control_meetings.replace_recording,
    "DELETE /recordings/<recording_id>": control_meetings.delete_recording,
    "DELETE /transcripts/<transcript_id>": control_meetings.delete_transcript,
    "GET /truth/<meeting_id>": control_meetings.get_truth,
    "GET /requests": control_traffic.list_requests,
    "DELETE /requests": control_traffic.forget_requests,
    "GET /deliveries": control_traffic.list_deliveries,
    "DELETE /deliveries": control_traffic.forget_deliveries,
    "POST /webhooks/release": control_traffic.release_webhooks,
    "POST /webhooks/switch-off": control_traffic.switch_off_webhooks,
    "POST /events": control_traffic.send_event,
    "GET /settings": get_settings,
    "POST /settings": change_settings,
    "GET /faults": control_traffic.list_faults,
    "POST /faults": control_traffic.add_fault,
    "DELETE /faults": control_traffic.forget_faults,
    "GET /media-faults": control_traffic.list_media_faults,
    "POST /tokens": add_token,
    "POST /tokens/expire": expire_tokens,
    "POST /links/expire": expire_links,
}


def _locked(control: Control, view: Callable[..., dict[str, Any]], **arguments: str) -> Response:
    if view is control_meetings.get_truth:
        return json_answer(view(control, **arguments))
    with control.world.lock:
        return json_answer(view(control, **arguments))


def _moment(text: str) -> datetime:
    try:
        return parsed(text)
    except ValueError:
        raise OrderError(f"'{text}' is not an ISO 8601 time of 1970 to 2199.") from None


def _invalid(error: ValidationError) -> Response:
    problems = [
        f"{'.'.join(str(part) for part in each['loc']) or 'body'}: {each['msg']}"
        for each in error.errors()
    ]
    return _refused(400, "; ".join(problems))


def _refused(status: int, message: str) -> Response:
    return json_answer({"message": message}, status)
