"""Webex's own OpenAPI description, and what of a request or an answer is not as it says.

The file is not part of this repository. Its address is WEBEX_OPENAPI_FILE; without it the place
beside the repository is tried. The description has known limits, which decide what is checked:

* Property types, allowed values and unknown properties are checked, `required` of answers is not:
  it names `password`, `hostKey` and `telephony` for ended meetings, which do not have them, and
  `downloadUrl` for recordings that must not be downloaded.
* Its examples are not used: some contradict the schemas (`offset` for `offsetMillisecond`).
* It lacks `orgId`, `createdBy` and `appId` of webhooks, which Webex's guide shows.
* It has no error bodies, no OAuth and no webhook deliveries.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]

BESIDE = Path(__file__).parents[3] / "shared" / "webex-openapi" / "webex-meeting.json"
NOT_IN_THE_DESCRIPTION = {"orgId", "createdBy", "appId"}
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
        elif wrong := _wrong(name, value, declared[name].get("schema", {})):
            yield f"{method} {rule}: {name}={value!r} {wrong}"
    for name, each in declared.items():
        if each.get("required") is True and name not in query:
            yield f"{method} {rule}: {name} is missing"
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


def _wrong(name: str, value: str, schema: Json) -> str:
    kind = schema.get("type")
    if kind == "boolean":
        return "" if value in ("true", "false") else "is no boolean"
    if "enum" in schema:
        return "" if value in schema["enum"] else f"is none of {schema['enum']}"
    if kind in ("number", "integer") or name == "max":
        # All limits are in the prose: "equal to or less than 100".
        return "" if value.isdecimal() and (name != "max" or int(value) <= 100) else "is too much"
    if name in ("from", "to"):
        # Milliseconds are ISO 8601, and were refused all the same.
        return "" if _TIME.fullmatch(value) else "is no time that Webex takes"
    return ""


@cache
def _pattern(rule: str) -> re.Pattern[str]:
    return re.compile(
        "/".join("[^/]+" if "{" in part else re.escape(part) for part in rule.split("/"))
    )


_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
