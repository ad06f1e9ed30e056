"""Webex's own OpenAPI description, and what of a request or an answer is not as it says.

The file is not part of this repository. Its address is WEBEX_OPENAPI_FILE; without it the place
beside the repository is tried. The description has known limits, which decide what is checked:

* Property types, allowed values and unknown properties are checked, `required` of answers is not:
  it names `password`, `hostKey` and `telephony` for ended meetings, which do not have them, and
  `downloadUrl` for recordings that must not be downloaded.
* Its examples are not used: some contradict the schemas (`offset` for `offsetMillisecond`).
* It lacks `orgId`, `createdBy` and `appId` of webhooks, which Webex's guide shows.
* It has no error bodies, no OAuth and no webhook deliveries.
* The limits of parameters stand in sentences only, and are read from there.

openapi-core was tried: it wants `servers`, stops at a default that is no boolean, and says nothing
of parameters and properties that are not declared, which is what matters here. jsonschema finds the
same as `problems`, and closing and resolving the description for it takes as many lines.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import requests

Json = dict[str, Any]

BESIDE = Path(__file__).parents[3] / "shared" / "webex-openapi" / "webex-meeting.json"
NOT_IN_THE_DESCRIPTION = {"orgId", "createdBy", "appId"}
CONTRADICTIONS = (
    r"GET /meetingClosedCaptions/.*\.(offset|duration)Millisecond: '\d+' is no number",
    r"GET /meetingClosedCaptions/.*\.(meetingId|peopleId|start|language) is unknown",
    r"GET /meetingReports/attendees\.items\[\d+\]\.meetingNumber: '\d+' is no number",
    r"GET /meetingReports/attendees\.items\[\d+\]\.participantType: '[A-Z]+' is none of .*",
)
"""Where the description's schema is not as its own example; the simulator is as the example."""

NUMBERS = (int, float)
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "number": NUMBERS,
    "integer": int,
    "array": list,
    "object": dict,
}


@cache
def description() -> Json | None:
    path = Path(os.environ.get("WEBEX_OPENAPI_FILE") or BESIDE)
    if not path.is_file():
        return None
    loaded: Json = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def problems(value: Any, schema: Json, where: str) -> Iterator[str]:
    """Yield what is wrong with a value; `required` is left out, see above."""
    schema = resolved(schema)
    kind = schema.get("type", "object" if "properties" in schema else None)
    if kind is None:
        return
    if not isinstance(value, TYPES[kind]) or (kind != "boolean" and isinstance(value, bool)):
        yield f"{where}: {value!r} is no {kind}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is none of {schema['enum']}"
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in schema.get("properties", {}):
                yield from problems(inner, schema["properties"][key], f"{where}.{key}")
            elif key not in NOT_IN_THE_DESCRIPTION:
                yield f"{where}.{key} is unknown"
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from problems(inner, schema["items"], f"{where}[{place}]")


def resolved(schema: Json) -> Json:
    document = description() or {}
    while "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def rule_of(path: str) -> str | None:
    """The path of the description that a request's path is one of; literal ones go first."""
    document = description() or {"paths": {}}
    rules = sorted(document["paths"], key=lambda rule: rule.count("{"))
    return next((rule for rule in rules if _pattern(rule).fullmatch(path)), None)


def answer_problems(rule: str, answer: requests.Response) -> Iterator[str]:
    """Yield what is wrong with an answer of 200 to a method and path of the description."""
    document, content_type = description(), answer.headers["Content-Type"]
    if document is None:
        return
    method, _, path = rule.partition(" ")
    content = document["paths"][path][method.lower()]["responses"]["200"]["content"]
    if content_type not in content:
        # How a transcript is downloaded as plain text is not described.
        if not content_type.startswith("text/plain") or not path.endswith("/download"):
            yield f"{rule}: {content_type}"
    elif "json" in content_type:
        for problem in problems(answer.json(), content[content_type]["schema"], rule):
            if not any(re.fullmatch(known, problem) for known in CONTRADICTIONS):
                yield problem


def request_problems(
    method: str, path: str, query: Mapping[str, str], body: Any, content_type: str | None
) -> Iterator[str]:
    """Yield what Webex would not know of a request: path, parameters, their values, the body."""
    rule = rule_of(path)
    operation = (description() or {})["paths"].get(rule, {}).get(method.lower()) if rule else None
    if operation is None:
        yield f"{method} {path} is not described"
        return
    declared = {
        each["name"]: each for each in operation.get("parameters", []) if each["in"] == "query"
    }
    for name, value in query.items():
        if name not in declared:
            yield f"{method} {rule}: there is no parameter {name}"
        elif wrong := _wrong(name, value, declared[name]):
            yield f"{method} {rule}: {name}={value!r} {wrong}"
    for name, each in declared.items():
        if each.get("required") is True and name not in query:
            yield f"{method} {rule}: {name} is missing"
    if wrong := _wrong_window(query, declared.get("from", {}).get("description", "")):
        yield f"{method} {rule}: {wrong}"
    if body is not None:
        yield from _body_problems(f"{method} {rule}", operation, body, content_type)


def _body_problems(
    where: str, operation: Json, body: Any, content_type: str | None
) -> Iterator[str]:
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        yield f"{where} takes no body"
        return
    if content_type not in content:
        yield f"{where} takes {', '.join(content)} and not {content_type}"
    schema = resolved(next(iter(content.values()))["schema"])
    yield from problems(body, schema, where)
    for name in schema.get("required", ()):
        if name not in body:
            yield f"{where}: {name} is missing"


def _wrong_window(query: Mapping[str, str], told: str) -> str:
    if "30 days" not in told or not {"from", "to"} <= set(query):
        return ""
    start, end = (datetime.fromisoformat(query[name]) for name in ("from", "to"))
    is_right = timedelta(0) < end - start <= timedelta(days=30)
    return "" if is_right else f"{end - start} are no window of thirty days"


def _wrong(name: str, value: str, parameter: Json) -> str:
    schema = parameter.get("schema", {})
    kind = schema.get("type")
    if kind == "boolean":
        return "" if value in ("true", "false") else "is no boolean"
    if "enum" in schema:
        return "" if value in schema["enum"] else f"is none of {schema['enum']}"
    if kind in ("number", "integer") or name == "max":
        told = _MOST.search(parameter.get("description", ""))
        most = int(told.group(1)) if told else 100
        is_right = value.isdecimal() and (name != "max" or 1 <= int(value) <= most)
        return "" if is_right else "is too much"
    if name in ("from", "to"):
        # Milliseconds are ISO 8601, and were refused all the same.
        return "" if _TIME.fullmatch(value) else "is no time that Webex takes"
    return ""


@cache
def _pattern(rule: str) -> re.Pattern[str]:
    return re.compile(
        "/".join("[^/]+" if "{" in part else re.escape(part) for part in rule.split("/"))
    )


_MOST = re.compile(r"(?:up to|equal to or less than) `?(\d+)")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
