"""The API, version 1: what the buttons do, for programs that may operate."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from app.errors import ArchiveUnavailable
from app.errors import NotFound as NotKnown
from app.ingestion.commands import look_now, retry
from app.models.words import State, Verified
from app.runtime import Runtime
from app.web.api import told
from app.web.principal import who_asks
from app.web.problem_json import API, declared, problem
from app.web.shapes import (
    Looked,
    MeetingPath,
    Retried,
    RetryBody,
    VerifiedFiles,
)
from app.web.verifying import Verifier

_ERRORS = declared(401, 403, 415, 422, 503)


def api_action_routes(runtime: Runtime, verifier: Verifier) -> APIBlueprint:
    """The routes of the API that change something; done twice each changes nothing more."""
    routes = APIBlueprint("api_actions", __name__, url_prefix=API, abp_responses=_ERRORS)
    bench = runtime.bench

    @routes.post("/meetings/<meeting_id>/look", responses={200: Looked, **declared(404)})
    def look(path: MeetingPath) -> Response:
        """Look now for everything of a meeting that waits."""
        look_now(bench, path.meeting_id, who=who_asks())
        return told(Looked(meeting_id=path.meeting_id))

    @routes.post("/meetings/<meeting_id>/retry", responses={200: Retried, **declared(404)})
    def again(path: MeetingPath) -> Response:
        """Try again what failed or is absent of a meeting."""
        number, meeting_ids = retry(bench, [path.meeting_id], who=who_asks())
        return told(Retried(number=number, meeting_ids=meeting_ids))

    @routes.post(
        "/meetings/<meeting_id>/verify", responses={200: VerifiedFiles, **declared(404, 429)}
    )
    def look_at_files(path: MeetingPath) -> Response:
        """Compare the stored files of a meeting with what was stored; the damaged are mended."""
        found = verifier.look_at(path.meeting_id)
        if found is Verified.BUSY:
            wait = [("Retry-After", "5")]
            return problem(429, "The files of another meeting are being read just now.", wait)
        return told(VerifiedFiles(meeting_id=path.meeting_id, found=found))

    @routes.post("/retry", responses={200: Retried})
    def again_all(body: RetryBody) -> Response:
        """Try again everything that failed, or all of one kind."""
        number, meeting_ids = retry(
            bench,
            [],
            states=(State.FAILED,),
            reason=body.reason,
            host_email=body.host,
            who=who_asks(),
        )
        return told(Retried(number=number, meeting_ids=meeting_ids))

    routes.register_error_handler(NotKnown, lambda error: problem(404, str(error)))
    routes.register_error_handler(ArchiveUnavailable, lambda error: problem(503, str(error)))
    return routes
