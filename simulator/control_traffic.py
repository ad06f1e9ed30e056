"""Control calls about requests, deliveries and faults."""

import json
from typing import Any

from flask import request
from pydantic import BaseModel, ConfigDict

from simulator.delivery import Event
from simulator.faults import Fault
from simulator.media_faults import MEDIA_FAULTS
from simulator.parts import Control, read_body, read_names


class EventOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    resource: str
    event: str
    data: dict[str, Any] = {}
    body: Any = None
    signature: str = "valid"


def list_requests(control: Control) -> dict[str, Any]:
    wanted = request.args
    items = [
        seen.shape()
        for seen in control.ledger.requests
        if wanted.get("path_contains", "") in seen.path
        and wanted.get("origin", seen.origin) == seen.origin
        and wanted.get("recording_id", seen.recording_id) == seen.recording_id
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


def switch_off_webhooks(control: Control) -> dict[str, Any]:
    """Switch webhooks off, as Webex does after too many failures: those named, or all."""
    ids = read_names("ids")
    hooks = [each for each in control.world.webhooks.values() if ids is None or each.id in ids]
    for hook in hooks:
        hook.status = "inactive"
    return {"switched_off": len(hooks)}


def release_webhooks(control: Control) -> dict[str, Any]:
    released = control.courier.release()
    return {"released": released, "settled": control.settle()}


def send_event(control: Control) -> dict[str, Any]:
    """Send any event; `body` replaces the whole delivery, even by something that is no JSON."""
    order = EventOrder.model_validate(read_body())
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


def add_fault(control: Control) -> dict[str, Any]:
    fault = Fault.model_validate(read_body())
    control.ledger.faults.append(fault)
    return fault.model_dump(mode="json")


def list_faults(control: Control) -> dict[str, Any]:
    return {"items": [fault.model_dump(mode="json") for fault in control.ledger.faults]}


def list_media_faults(_control: Control) -> dict[str, Any]:
    items = [
        {"name": name, "sentence": entry.sentence, "lasting": entry.lasting}
        for name, entry in MEDIA_FAULTS.items()
    ]
    return {"items": items}


def forget_faults(control: Control) -> dict[str, Any]:
    faults = control.ledger.faults
    kept = [fault for fault in faults if request.args.get("origin", fault.origin) != fault.origin]
    count = len(faults) - len(kept)
    faults[:] = kept
    return {"forgotten": count}
