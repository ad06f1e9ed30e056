"""/_control: the side of the simulator that Webex does not have, for tests and for people."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Flask, Response, request
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.exceptions import HTTPException

from simulator.answers import json_answer
from simulator.clock import milliseconds_text, parsed
from simulator.delivery import Courier, Event
from simulator.events import Happenings
from simulator.faults import Fault, Ledger
from simulator.holding import (
    OrderError,
    RecordingOrder,
    TranscriptOrder,
    hold_meeting,
    read_meeting_order,
    record,
    transcribe,
)
from simulator.model import Meeting
from simulator.settings import Identity
from simulator.timeline import Schedule, wait_until
from simulator.truth import truth_of
from simulator.world import World

_SETTLE_SECONDS = 60.0


class Unknown(Exception):
    """There is nothing of that id."""


class ClockOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    advance_seconds: float = 0
    freeze: bool | None = None
    now: str | None = None


class EventOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    resource: str
    event: str
    data: dict[str, Any] = {}
    body: Any = None
    signature: str = "valid"


@dataclass(frozen=True, slots=True)
class Control:
    """The parts that control calls work on."""

    world: World
    schedule: Schedule
    courier: Courier
    happenings: Happenings
    ledger: Ledger

    def settle(self) -> bool:
        """Wait, lock held, until everything due has happened and every delivery was tried."""
        return wait_until(
            self.world,
            lambda: not self.schedule.has_due() and self.courier.is_idle(),
            _SETTLE_SECONDS,
        )


def create_control(control: Control) -> Flask:
    app = Flask("simulator.control", static_folder=None)
    app.register_error_handler(ValidationError, _invalid)
    app.register_error_handler(OrderError, lambda error: _refused(400, str(error)))
    app.register_error_handler(Unknown, lambda error: _refused(404, str(error)))
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
    clock = control.world.clock
    return {"now": milliseconds_text(clock.now()), "frozen": clock.frozen}


def move_clock(control: Control) -> dict[str, Any]:
    order = ClockOrder.model_validate(_body())
    clock = control.world.clock
    if order.freeze is True:
        clock.freeze()
    elif order.freeze is False:
        clock.unfreeze()
    if order.now is not None:
        clock.set(parsed(order.now))
    clock.advance(order.advance_seconds)
    control.world.changed.notify_all()
    settled = control.settle()
    return get_clock(control) | {"settled": settled}


def list_meetings(control: Control) -> dict[str, Any]:
    return {"items": [_ids(meeting) for meeting in control.world.meetings.values()]}


def create_meeting(control: Control) -> dict[str, Any]:
    meeting = hold_meeting(read_meeting_order(_body(), control.world), control.world)
    control.happenings.of_meeting(meeting)
    return _ids(meeting)


def add_recording(control: Control, meeting_id: str) -> dict[str, Any]:
    order = RecordingOrder.model_validate(_body())
    world = control.world
    ready_at = world.now() + timedelta(seconds=order.delay_seconds or 0)
    recording = record(order, _meeting(world, meeting_id), world, ready_at=ready_at)
    delay = order.webhook_delay_seconds
    told_at = ready_at if delay is None else world.now() + timedelta(seconds=delay)
    control.happenings.of_recording(recording, told_at)
    return {"recording_id": recording.id}


def add_transcript(control: Control, meeting_id: str) -> dict[str, Any]:
    order = TranscriptOrder.model_validate(_body())
    world = control.world
    ready_at = world.now() + timedelta(seconds=order.delay_seconds or 0)
    transcript = transcribe(order, _meeting(world, meeting_id), world, ready_at=ready_at)
    delay = order.webhook_delay_seconds
    told_at = ready_at if delay is None else world.now() + timedelta(seconds=delay)
    control.happenings.of_transcript(transcript, told_at)
    return {"transcript_id": transcript.id}


def delete_recording(control: Control, recording_id: str) -> dict[str, Any]:
    """Delete for good, which is the only deletion that Webex announces."""
    recording = control.world.recordings.get(recording_id)
    if recording is None:
        raise Unknown(f"There is no recording {recording_id}.")
    recording.deleted = True
    control.happenings.of_recording(recording, control.world.now(), "deleted")
    return {"recording_id": recording_id}


def delete_transcript(control: Control, transcript_id: str) -> dict[str, Any]:
    transcript = control.world.transcripts.get(transcript_id)
    if transcript is None:
        raise Unknown(f"There is no transcript {transcript_id}.")
    transcript.deleted = True
    return {"transcript_id": transcript_id}


def get_truth(control: Control, meeting_id: str) -> dict[str, Any]:
    return truth_of(_meeting(control.world, meeting_id), control.world)


def list_requests(control: Control) -> dict[str, Any]:
    wanted = request.args
    items = [
        seen.shape()
        for seen in control.ledger.requests
        if wanted.get("path_contains", "") in seen.path
        and wanted.get("origin", seen.origin) == seen.origin
    ]
    return {"items": items}


def forget_requests(control: Control) -> dict[str, Any]:
    count = len(control.ledger.requests)
    control.ledger.requests.clear()
    return {"forgotten": count}


def list_deliveries(control: Control) -> dict[str, Any]:
    return {
        "items": list(control.courier.log),
        "held": control.courier.held,
        "idle": control.courier.is_idle(),
    }


def forget_deliveries(control: Control) -> dict[str, Any]:
    count = len(control.courier.log)
    control.courier.log.clear()
    return {"forgotten": count}


def release_webhooks(control: Control) -> dict[str, Any]:
    released = control.courier.release()
    return {"released": released, "settled": control.settle()}


def send_event(control: Control) -> dict[str, Any]:
    """Send any event; `body` replaces the whole delivery, even by something that is no JSON."""
    order = EventOrder.model_validate(_body())
    body = None
    if order.body is not None:
        text = order.body if isinstance(order.body, str) else json.dumps(order.body)
        body = text.encode()
    values = {key: str(value) for key, value in order.data.items()}
    event = Event(
        resource=order.resource,
        event=order.event,
        data=order.data,
        values=values,
        host_email=values.get("hostEmail", ""),
        body=body,
        signature=order.signature,
    )
    return {"webhooks": control.courier.announce(event), "settled": control.settle()}


def get_settings(control: Control) -> dict[str, Any]:
    return control.world.settings.model_dump(mode="json")


def change_settings(control: Control) -> dict[str, Any]:
    body = _body()
    control.world.change_settings(control.world.settings.changed(body))
    if "random_seed" in body:
        control.courier.reseed(control.world.settings.random_seed)
    return get_settings(control)


def add_fault(control: Control) -> dict[str, Any]:
    fault = Fault.model_validate(_body())
    control.ledger.faults.append(fault)
    return fault.model_dump(mode="json")


def list_faults(control: Control) -> dict[str, Any]:
    return {"items": [fault.model_dump(mode="json") for fault in control.ledger.faults]}


def forget_faults(control: Control) -> dict[str, Any]:
    count = len(control.ledger.faults)
    control.ledger.faults.clear()
    return {"forgotten": count}


def add_token(control: Control) -> dict[str, Any]:
    body = _body()
    token = str(body.pop("token", "")) or control.world.mint.secret(32)
    control.world.tokens.add(token, Identity.model_validate(body))
    return {"token": token}


def expire_tokens(control: Control) -> dict[str, Any]:
    tokens = _body().get("tokens")
    return {"expired": len(control.world.tokens.expire(tokens))}


def expire_links(control: Control) -> dict[str, Any]:
    """Make every download link that was minted so far useless."""
    control.world.link_key = control.world.mint.hex32()
    return {}


ROUTES: dict[str, Callable[..., dict[str, Any]]] = {
    "GET /clock": get_clock,
    "POST /clock": move_clock,
    "GET /meetings": list_meetings,
    "POST /meetings": create_meeting,
    "POST /meetings/<meeting_id>/recordings": add_recording,
    "POST /meetings/<meeting_id>/transcripts": add_transcript,
    "DELETE /recordings/<recording_id>": delete_recording,
    "DELETE /transcripts/<transcript_id>": delete_transcript,
    "GET /truth/<meeting_id>": get_truth,
    "GET /requests": list_requests,
    "DELETE /requests": forget_requests,
    "GET /deliveries": list_deliveries,
    "DELETE /deliveries": forget_deliveries,
    "POST /webhooks/release": release_webhooks,
    "POST /events": send_event,
    "GET /settings": get_settings,
    "POST /settings": change_settings,
    "GET /faults": list_faults,
    "POST /faults": add_fault,
    "DELETE /faults": forget_faults,
    "POST /tokens": add_token,
    "POST /tokens/expire": expire_tokens,
    "POST /links/expire": expire_links,
}


def _locked(control: Control, view: Callable[..., dict[str, Any]], **arguments: str) -> Response:
    with control.world.lock:
        return json_answer(view(control, **arguments))


def _body() -> dict[str, Any]:
    if not request.get_data():
        return {}
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise OrderError("The body must be a JSON object.")
    return body


def _meeting(world: World, meeting_id: str) -> Meeting:
    meeting = world.meetings.get(meeting_id)
    if meeting is None:
        raise Unknown(f"There is no meeting {meeting_id}.")
    return meeting


def _ids(meeting: Meeting) -> dict[str, Any]:
    return {
        "meeting_id": meeting.id,
        "series_id": meeting.series_id,
        "scheduled_id": meeting.scheduled_id,
        "recording_ids": [recording.id for recording in meeting.recordings],
        "transcript_ids": [transcript.id for transcript in meeting.transcripts],
        "title": meeting.title,
        "start": milliseconds_text(meeting.start),
        "end": milliseconds_text(meeting.end),
    }


def _invalid(error: ValidationError) -> Response:
    problems = [
        f"{'.'.join(str(part) for part in each['loc']) or 'body'}: {each['msg']}"
        for each in error.errors()
    ]
    return _refused(400, "; ".join(problems))


def _refused(status: int, message: str) -> Response:
    return json_answer({"message": message}, status)
