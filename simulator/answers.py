"""How the API answers: JSON, errors in Webex's form, and lists in pages."""

import base64
import binascii
import json
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Response, g, request

from simulator.clock import parsed
from simulator.ids import people_id
from simulator.scopes import Scopes, may_call
from simulator.settings import Identity, Settings
from simulator.world import World

CHARSET_JSON = "application/json;charset=UTF-8"
PLAIN_JSON = "application/json"
UNAUTHORIZED = "The request requires a valid access token set in the Authorization request header."
FORBIDDEN = (
    "The server understood the request, but refused to fulfill it because the access token is "
    "missing required scopes or the user is missing required roles or licenses."
)
NOT_FOUND = "The requested resource could not be found."
TIMEOUT = (
    "An upstream server failed to respond on time. If your query uses max parameter, please try "
    "to reduce it."
)
TOO_MANY = (
    "Too many requests have been sent in a given amount of time and the request has been rate "
    "limited."
)
_LARGEST_PAGE = 100
_LONGEST_NUMBER = 18

Route = tuple[str, str, Callable[..., Any]]


class ApiError(Exception):
    """An answer other than the wanted one."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


def not_found() -> ApiError:
    return ApiError(404, NOT_FOUND)


def json_answer(body: object, status: int = 200, content_type: str = CHARSET_JSON) -> Response:
    text = json.dumps(body, ensure_ascii=False)
    return Response(text.encode(), status=status, content_type=content_type)


def told_json() -> Any:
    """The JSON that a request brings; None for what is none, or no answer could say again."""
    try:
        body = json.loads(request.get_data())
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return body


def error_body(message: str) -> dict[str, Any]:
    """Return the error body of Webex, with the tracking id of this request."""
    return {
        "message": message,
        "errors": [{"description": message}],
        "trackingId": tracking_id(),
    }


def tracking_id() -> str:
    if "tracking_id" not in g:
        g.tracking_id = f"ROUTERGW_{uuid.uuid4()}"
    tracked: str = g.tracking_id
    return tracked


def api_url() -> str:
    """Return the API's address as the caller knows it."""
    return f"{request.host_url}v1"


def caller() -> Identity:
    identity: Identity = g.caller
    return identity


def check_scopes(scopes: Scopes, *, for_others: bool = False) -> None:
    """Refuse a token that lacks what this takes; for what is another's it takes more."""
    if not may_call(caller(), scopes, for_others=for_others):
        raise ApiError(403, FORBIDDEN)


def caller_id() -> str:
    return people_id(caller().email)


def visible_host(
    world: World, host_email: str | None, *, all_for_admin: bool = False
) -> str | None:
    """Return the only host whose things the caller may see here, or None for everybody's."""
    identity = caller()
    if host_email:
        if host_email != identity.email:
            if identity.role == "user":
                raise ApiError(403, FORBIDDEN)
            check_scopes(g.scopes, for_others=True)
        return host_email
    if not world.settings.strict_owner:
        return None
    if all_for_admin and identity.role != "user" and may_call(identity, g.scopes, for_others=True):
        return None
    return identity.email


def check_times() -> None:
    """Refuse fractions of seconds in `from` and `to`, as Webex was reported to do."""
    for name in ("from", "to"):
        if "." in request.args.get(name, ""):
            raise ApiError(400, f"The value of '{name}' must have whole seconds.")


def time_window(
    now: datetime, *, days_before: int = 7, days_after: int = 0
) -> tuple[datetime, datetime]:
    """Read `from` (inclusive) and `to` (exclusive), with the default around now."""
    span = timedelta(days=days_before + days_after)
    start, end = _moment("from"), _moment("to")
    if start is None and end is None:
        # A file made in this very second belongs to the default window.
        edge = timedelta(seconds=1) if days_after == 0 else timedelta(0)
        return now - timedelta(days=days_before), now + timedelta(days=days_after) + edge
    if start is None:
        start = (end or now) - span
    if end is None:
        end = start + span
    if start > end:
        raise ApiError(400, "'from' must be before 'to'.")
    return start, end


def month_window(now: datetime) -> tuple[datetime, datetime]:
    """Read `from` and `to` of a list that takes thirty days at most."""
    start, end = time_window(now)
    if end - start > timedelta(days=30):
        raise ApiError(400, "The interval between 'from' and 'to' must be within 30 days.")
    return start, end


def is_within(moment: datetime, window: tuple[datetime, datetime]) -> bool:
    """Compare with the second precision in which times are shown."""
    return window[0] <= moment.replace(microsecond=0) < window[1]


def list_answer(
    items: Sequence[object],
    settings: Settings,
    content_type: str = CHARSET_JSON,
    *,
    usual: int = 10,
) -> Response:
    """Return one page, and the address of the next in the Link header if there is one."""
    size = _page_size(usual)
    if settings.timeout_above_max is not None and size > settings.timeout_above_max:
        raise ApiError(504, TIMEOUT)
    if settings.page_size_cap is not None:
        size = min(size, settings.page_size_cap)
    offset, is_empty_page = _cursor()
    page = [] if is_empty_page else items[offset : offset + size]
    following = offset + len(page)
    answer = json_answer({"items": list(page)}, content_type=content_type)
    if following < len(items):
        insert_empty = settings.empty_page_with_next and offset == 0 and not is_empty_page
        answer.headers["Link"] = f'<{_next_url(following, insert_empty, settings)}>; rel="next"'
    return answer


def flag(name: str) -> bool | None:
    """Read a true/false parameter; None if it is not given."""
    text = request.args.get(name)
    if text is None:
        return None
    if text.lower() not in ("true", "false"):
        raise ApiError(400, f"The value of '{name}' must be true or false.")
    return text.lower() == "true"


def _moment(name: str) -> datetime | None:
    text = request.args.get(name)
    if not text:
        return None
    try:
        return parsed(text)
    except ValueError:
        raise ApiError(400, f"The value of '{name}' is not an ISO 8601 time.") from None


def asked_offset() -> int:
    """Where a list begins that pages by offset."""
    text = request.args.get("offset", "0")
    if not text.isdecimal() or len(text) > _LONGEST_NUMBER:
        raise ApiError(400, "The value of 'offset' must be a number.")
    return int(text)


def _page_size(usual: int) -> int:
    text = request.args.get("max")
    if text is None:
        return usual
    # `max=null`, which Webex itself was seen to put into next links, fails there as well.
    if not text.isdecimal() or len(text) > _LONGEST_NUMBER or int(text) < 1:
        raise ApiError(400, "The value of 'max' must be a number from 1 to 100.")
    return min(int(text), _LARGEST_PAGE)


def _cursor() -> tuple[int, bool]:
    text = request.args.get("cursor")
    if not text:
        return 0, False
    try:
        kind, _, offset = base64.urlsafe_b64decode(text.encode()).decode().partition(":")
        return int(offset), kind == "empty"
    except (ValueError, binascii.Error):
        raise ApiError(400, "The value of 'cursor' is not one that was handed out.") from None


def _next_url(offset: int, is_empty_page: bool, settings: Settings) -> str:
    word = f"{'empty' if is_empty_page else 'page'}:{offset}"
    query = request.args.to_dict()
    query["cursor"] = base64.urlsafe_b64encode(word.encode()).decode()
    if settings.max_null_in_next:
        query["max"] = "null"
    return f"{request.base_url}?{urlencode(query)}"
