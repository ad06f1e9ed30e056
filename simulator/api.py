"""The API's Flask application: routes, the bearer check, and errors in Webex's form."""

from functools import partial

from flask import Flask, Response, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from simulator import (
    api_account,
    api_extras,
    api_meetings,
    api_recordings,
    api_transcripts,
    api_webhooks,
)
from simulator.answer_faults import spoil
from simulator.answers import (
    NOT_FOUND,
    TOO_MANY,
    UNAUTHORIZED,
    ApiError,
    check_scopes,
    check_times,
    error_body,
    json_answer,
    tracking_id,
)
from simulator.events import Happenings
from simulator.scopes import scopes_of
from simulator.world import World

_OPEN_PATHS = ("/v1/access_token", "/v1/authorize")


class LockedFlask(Flask):
    """Runs every view with the world's lock held, so that views need not think of it."""

    world: World

    def dispatch_request(self) -> ResponseReturnValue:
        with self.world.lock:
            return super().dispatch_request()


def create_api(world: World, happenings: Happenings) -> Flask:
    app = LockedFlask("simulator.api", static_folder=None)
    app.world = world
    app.before_request(partial(_admit, world))
    app.after_request(_add_tracking_id)
    app.after_request(spoil)
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(HTTPException, _http_error)
    routes = [
        *api_webhooks.ROUTES,
        *api_extras.ROUTES,
        *api_meetings.ROUTES,
        *api_recordings.ROUTES,
        *api_transcripts.ROUTES,
        *api_account.ROUTES,
    ]
    for method, path, view in routes:
        app.add_url_rule(f"/v1{path}", f"{method} {path}", partial(view, world), methods=[method])
    change = partial(api_meetings.change_meeting, world, happenings)
    app.add_url_rule(
        "/v1/meetings/<meeting_id>", "change_meeting", change, methods=["PATCH", "PUT"]
    )
    return app


def _admit(world: World) -> None:
    """Refuse whoever has no token, asks too often, or lacks the scopes, in this order."""
    if request.path in _OPEN_PATHS:
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    with world.lock:
        identity = world.tokens.caller(token.strip()) if scheme.lower() == "bearer" else None
        if identity is None:
            raise ApiError(401, UNAUTHORIZED)
        seconds = world.budgets.wait_seconds(identity.email)
    if seconds:
        raise ApiError(429, TOO_MANY, {"Retry-After": str(seconds)})
    g.caller = identity
    path = request.path.removeprefix("/v1")
    g.scopes = scopes_of(request.method, path)
    if g.scopes is not None:
        check_scopes(g.scopes, for_others=path.startswith("/admin/"))
    if world.settings.refuse_fractions:
        check_times()


def _add_tracking_id(response: Response) -> Response:
    response.headers["trackingId"] = tracking_id()
    return response


def _api_error(error: ApiError) -> Response:
    answer = json_answer(error_body(error.message), error.status)
    answer.headers.update(error.headers)
    return answer


def _http_error(error: HTTPException) -> Response:
    message = NOT_FOUND if error.code == 404 else error.description or error.name
    return json_answer(error_body(message), error.code or 500)
