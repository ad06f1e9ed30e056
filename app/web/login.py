"""The page where the operator signs in, and the way out."""

import structlog
from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Response

from app.web.access import OPERATOR
from app.web.peers import peer_of
from app.web.principal import Way
from app.web.refusals import safe_place
from app.web.sessions import Sessions
from app.web.tries import Tries

log = structlog.get_logger()

_WRONG = "This is not the password."


def login_routes(sessions: Sessions | None, tries: Tries | None) -> Blueprint:
    """The routes of signing in and out; without a password there is nothing to sign in to."""
    routes = Blueprint("login", __name__)

    @routes.get("/login")
    def form() -> Response:
        place = safe_place(request.args.get("next"))
        if sessions is None or sessions.secret() is not None:
            return redirect(place, 303)
        return _form(place)

    @routes.post("/login")
    def sign_in() -> Response:
        place = safe_place(request.form.get("next"))
        if sessions is None or tries is None:
            return redirect(place, 303)
        try:
            if not tries.is_right(request.form.get("password", "").encode(), way=Way.SESSION):
                return _form(place, 403, _WRONG)
        except TooManyRequests as error:
            answer = _form(place, 429, error.description)
            answer.headers["Retry-After"] = str(error.retry_after)
            return answer
        answer = redirect(place, 303)
        sessions.open(answer)
        tries.remember(answer)
        log.info("session.opened", peer=peer_of(request))
        return answer

    @routes.post("/logout")
    def sign_out() -> Response:
        answer = redirect(safe_place(None), 303)
        if sessions is not None:
            sessions.close(answer)
            log.info("session.closed", peer=peer_of(request))
        return answer

    return routes


def _form(place: str, status: int = 200, sentence: str | None = None) -> Response:
    page = render_template("login.html", name=OPERATOR, place=place, sentence=sentence)
    return make_response(page, status)
