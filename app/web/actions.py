"""The buttons: each does one thing to a meeting, and leads back to where it stands."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from app.errors import ArchiveUnavailable, DatabaseUnavailable
from app.errors import NotFound as NotKnown
from app.ingestion.commands import look_now, retry
from app.models.words import State
from app.runtime import Runtime
from app.web.pages import unavailable, unknown
from app.web.principal import who_asks
from app.web.verifying import Verifier

_SEE_OTHER = 303
"""Led on by it a browser asks with GET, so that loading the page again repeats nothing."""


def action_routes(runtime: Runtime, verifier: Verifier) -> Blueprint:
    """The routes of buttons; each of them may be pressed twice, which changes nothing more."""
    routes = Blueprint("actions", __name__)
    bench = runtime.bench

    @routes.post("/meetings/<meeting_id>/look")
    def look(meeting_id: str) -> Response:
        look_now(bench, meeting_id, who=who_asks())
        return _back(meeting_id, "look")

    @routes.post("/meetings/<meeting_id>/retry")
    def again(meeting_id: str) -> Response:
        retry(bench, [meeting_id], who=who_asks())
        return _back(meeting_id, "retry")

    @routes.post("/meetings/<meeting_id>/verify")
    def look_at_files(meeting_id: str) -> Response:
        return _back(meeting_id, verifier.look_at(meeting_id))

    @routes.post("/problems/retry")
    def again_all() -> Response:
        # Postgres refuses to be asked for a zero character, which no reason has.
        reason = request.form.get("reason", "").replace("\0", "?")
        count, _ = retry(bench, [], states=(State.FAILED,), reason=reason, who=who_asks())
        return redirect(url_for("problems.page", again=count), _SEE_OTHER)

    routes.register_error_handler(NotKnown, lambda _: unknown(NotFound()))
    routes.register_error_handler(DatabaseUnavailable, unavailable)
    routes.register_error_handler(ArchiveUnavailable, _archive_unavailable)
    return routes


def _back(meeting_id: str, done: str) -> Response:
    return redirect(url_for("pages.meeting", meeting_id=meeting_id, done=done), _SEE_OTHER)


def _archive_unavailable(error: ArchiveUnavailable) -> tuple[str, int]:
    return render_template("trouble.html", sentence=str(error)), 503
