"""What can be wrong with an API answer that is right otherwise: its items, times and next link."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_KMS_FAILURE = {
    "code": "kms_failure",
    "reason": "Key management server failed to respond appropriately.",
}


class AnswerFault(BaseModel):
    """What a fault does to a JSON answer of the API; the README explains each field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unreadable_items: int = Field(default=0, ge=0)
    leave_out: list[str] = []
    change: dict[str, Any] = {}
    odd_items: int | None = Field(default=None, ge=0)
    times_hours_ahead: int | None = Field(default=None, ge=-12, le=14)
    numbers_as_text: bool = False
    next_link: Literal["another-host", "circle", "missing"] | None = None


def spoil(response: Response) -> Response:
    """Do to an answer what the fault of its request says; errors stay as they are."""
    fault: AnswerFault | None = request.environ.get("simulator.answer_fault")
    if fault is None or response.status_code != 200 or not response.is_json:
        return response
    body = response.get_json()
    listed = body.get("items")
    if isinstance(listed, list):
        whole = listed[fault.odd_items :] if fault.odd_items is not None else []
        odd = listed[: len(listed) - len(whole)]
        items = [*(_changed(each, fault) for each in odd), *whole]
        body["items"] = [
            _unreadable(each) if place < fault.unreadable_items else each
            for place, each in enumerate(items)
        ]
    else:
        body = _changed(body, fault)
    response.set_data(json.dumps(body, ensure_ascii=False))
    if fault.next_link == "missing":
        response.headers.pop("Link", None)
    elif fault.next_link is not None:
        response.headers["Link"] = f'<{_next_url(fault.next_link)}>; rel="next"'
    return response


def _changed(item: dict[str, Any], fault: AnswerFault) -> dict[str, Any]:
    changed: Any = {key: value for key, value in item.items() if key not in fault.leave_out}
    changed |= fault.change
    if fault.times_hours_ahead is not None:
        zone = timezone(timedelta(hours=fault.times_hours_ahead))
        changed = _each(changed, lambda value: _moved(value, zone))
    if fault.numbers_as_text:
        changed = _each(changed, lambda value: str(value) if type(value) is int else value)
    moved: dict[str, Any] = changed
    return moved


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change every value inside a JSON value that is no list and no object."""
    if isinstance(value, dict):
        return {key: _each(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_each(inner, change) for inner in value]
    return change(value)


def _moved(value: Any, zone: timezone) -> Any:
    if isinstance(value, str) and _TIME.fullmatch(value):
        return datetime.fromisoformat(value).astimezone(zone).isoformat()
    return value


def _unreadable(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item as Webex lists it when it cannot read it itself (REST API Basics)."""
    return {"id": item.get("id"), "errors": {"title": _KMS_FAILURE}}


def _next_url(kind: str) -> str:
    if kind == "circle":
        return request.url
    return f"https://webexapis.example.com{request.full_path}"
