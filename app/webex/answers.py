"""What Webex's answers mean: one status, one error."""

import json
import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import requests

from app.errors import (
    AnswerUnreadable,
    Forbidden,
    Gone,
    NotFound,
    RateLimited,
    TokenRefused,
    WebexError,
    WebexUnavailable,
)
from app.models.times import retry_after_seconds

_LATER = {408, 423, 425}
_NEVER = {501, 505}
_DEEPEST = 64
_PIECE_BYTES = 64 * 1024
_NO_REASON = "without a reason"
_UNTOLD = re.compile(r"\b[a-z][a-z0-9+.-]{0,30}://\S+|\bBearer\s+\S+", re.IGNORECASE)


def raise_for_answer(
    response: requests.Response, now: datetime, *, untold: Iterable[str] = ()
) -> None:
    """Raise the WebexError that a status stands for; nothing for 2xx.

    The text is Webex's ``message`` as one line, without any address or token it may repeat and
    without the secrets it was sent, ``untold``; never its HTML, never the request's address.
    """
    status = response.status_code
    if 200 <= status < 300:
        return
    told = {"status": status, "tracking_id": _plain(response.headers.get("trackingId", ""), untold)}
    text = f"Webex answered {status}: {_message(response, untold)}"
    if status == 401:
        # Whose it is this answer does not know.
        text += " The access token is wrong or has expired: `webex-ingest doctor` says what to do."
    seconds = retry_after_seconds(response.headers.get("Retry-After"), now)
    if status == 429:
        raise RateLimited(text, retry_after_seconds=seconds, **told)  # type: ignore[arg-type]
    kinds: dict[int, type[WebexError]] = {
        401: TokenRefused,
        403: Forbidden,
        404: NotFound,
        410: Gone,
    }
    # Proxies in between have 5xx of their own, such as 520.
    if status in _LATER or (status >= 500 and status not in _NEVER):
        later = WebexUnavailable(text, **told)  # type: ignore[arg-type]
        later.retry_after_seconds = seconds
        raise later
    raise kinds.get(status, WebexError)(text, **told)  # type: ignore[arg-type]


def read_whole(response: requests.Response, most_bytes: int) -> requests.Response:
    """An answer whose body had not been read, with it; AnswerUnreadable where it is larger."""
    content = bytearray()
    for piece in response.iter_content(_PIECE_BYTES):
        content += piece
        if len(content) > most_bytes:
            response.close()
            raise AnswerUnreadable(
                f"Webex sent more than {most_bytes // 1024**2} MiB", status=response.status_code
            )
    response._content = bytes(content)
    return response


def read_json(response: requests.Response) -> dict[str, Any]:
    """The JSON object of an answer; AnswerUnreadable for anything else.

    What JSON does not know (NaN, Infinity and numbers beyond all floats) is nothing else, and
    neither is what lies so deep that nobody could write it down again.
    """
    value = _json(response)
    if not isinstance(value, dict):
        raise AnswerUnreadable("Webex's answer is not a JSON object", status=response.status_code)
    if _is_deep(value):
        raise AnswerUnreadable(
            f"Webex's answer is nested more than {_DEEPEST} deep", status=response.status_code
        )
    return value


def _message(response: requests.Response, untold: Iterable[str]) -> str:
    body = _json(response)
    told = body if isinstance(body, dict) else {}
    text = told.get("message") or _description(told) or response.reason or _NO_REASON
    return _plain(str(text), untold)


def _description(body: dict[str, Any]) -> Any:
    """What the first of ``errors`` says, where there is no message beside it."""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return first.get("description") if isinstance(first, dict) else None


def _json(response: requests.Response) -> Any:
    try:
        return response.json(parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        return None


def _finite(text: str) -> float:
    """A number that JSON can say again; Python reads NaN and Infinity, and 1e999 as Infinity."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number that JSON does not know")
    return number


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _plain(text: str, untold: Iterable[str]) -> str:
    for secret in untold:
        # As it is, and as it stands in the JSON that it was sent in.
        for told in (secret, json.dumps(secret)[1:-1]):
            text = text.replace(told, "…")
    text = _UNTOLD.sub("…", text)
    return "".join(char if char.isprintable() else " " for char in text)[:300]
