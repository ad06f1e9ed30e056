"""The API, version 1: what the pages show, as JSON for programs; its description is made of it."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

from flask import Response, current_app, jsonify, request
from flask.json.provider import DefaultJSONProvider
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from werkzeug.exceptions import BadRequest, NotFound, PreconditionFailed

from app.ingestion.feed import FeedUnknown, read_feed
from app.ingestion.listing import list_meetings
from app.ingestion.playing import playable
from app.ingestion.status import meeting_status, overview
from app.ingestion.timeline import timeline
from app.models.feed import FeedPage
from app.models.listing import Filters
from app.models.player import Playable
from app.models.problems import Problems
from app.models.report import ReportTold, told_of
from app.models.status import MeetingStatus, Overview, Told
from app.runtime import Runtime
from app.web.problem_json import API, declared, of_validation, problem
from app.web.search import place_text, read_question
from app.web.shapes import (
    FeedQuery,
    Hits,
    ListQuery,
    MeetingList,
    MeetingPath,
    ReportQuery,
    SearchQuery,
    Timeline,
)
from app.web.shared import Shared

_ABOUT = (
    "Meetings, their files, all that was said in them, and how everything stands. Errors are "
    "`application/problem+json` (RFC 9457), lists are paged with `Link`, answers have an `ETag`."
)
_UNKNOWN = "No meeting with this id is known here; `webex-ingest ingest` fetches it."


def api_routes(runtime: Runtime, shared: Shared) -> APIBlueprint:
    """The routes of the API that change nothing; each answer has an ETag."""
    routes = APIBlueprint(
        "api", __name__, url_prefix=API, abp_responses=declared(401, 403, 412, 503)
    )
    _of_meetings(routes, runtime, shared)
    _of_everything(routes, runtime, shared)
    return routes


def _of_meetings(routes: APIBlueprint, runtime: Runtime, shared: Shared) -> None:
    bench, lease_seconds = runtime.bench, runtime.bench.pace.lease_seconds
    database = bench.database

    @routes.get("/meetings", responses={200: MeetingList, **declared(422)})
    def meetings(query: ListQuery) -> Response:
        """Meetings, newest start first; `Link` leads to older and newer ones."""
        page = list_meetings(
            database,
            limit=query.limit,
            now=bench.clock(),
            lease_seconds=lease_seconds,
            filters=Filters.model_validate(query.model_dump()),
            before=query.before or None,
            after=query.after or None,
        )
        links = {"next": {"before": page.older}, "prev": {"after": page.newer}}
        return told(MeetingList(meetings=page.lines), links)

    @routes.get("/meetings/<meeting_id>", responses={200: MeetingStatus, **declared(404)})
    def meeting(path: MeetingPath) -> Response:
        """One meeting with every resource, file and participant."""
        now = bench.clock()
        found = meeting_status(database, path.meeting_id, now=now, lease_seconds=lease_seconds)
        return told(found or _unknown())

    @routes.get("/meetings/<meeting_id>/timeline", responses={200: Timeline, **declared(404)})
    def happened(path: MeetingPath) -> Response:
        """What happened to a meeting, oldest first, with every look that was made for it."""
        return told(Timeline(happened=timeline(database, path.meeting_id) or _unknown()))

    @routes.get("/meetings/<meeting_id>/transcripts", responses={200: Playable, **declared(404)})
    def transcripts(path: MeetingPath) -> Response:
        """Recordings that can be played, and what was said in each, by speaker and second."""
        return told(playable(bench, path.meeting_id, turn=shared.at_disk) or _unknown())


def _of_everything(routes: APIBlueprint, runtime: Runtime, shared: Shared) -> None:
    bench = runtime.bench
    database, lease_seconds = bench.database, bench.pace.lease_seconds

    @routes.get("/status", responses={200: Overview})
    def status() -> Response:
        """How everything stands."""
        return told(overview(database, now=bench.clock(), lease_seconds=lease_seconds))

    @routes.get("/search", responses={200: Hits, **declared(422)})
    def search(query: SearchQuery) -> Response:
        """Who said these words, in which meeting and at which moment."""
        told_by = query.model_dump(mode="json", by_alias=True, exclude_none=True)
        asked, found = shared.finder.find(read_question(told_by))
        if asked.trouble:
            return problem(422, asked.trouble)
        after = place_text(found.next) if found.next else None
        return told(Hits(hits=found.hits, next=after), {"next": {"after": after}})

    @routes.get("/events", responses={200: FeedPage, **declared(410, 422)})
    def events(query: FeedQuery) -> Response:
        """All that happened to all meetings, in one order that never changes, to be followed.

        Ask again with `after` set to the `next` of the last answer: nothing is left out, whatever
        happened meanwhile. What is read twice has the same `id`.
        """
        try:
            page = read_feed(database, query.after, limit=query.limit)
        except FeedUnknown as error:
            return problem(410, str(error))
        return told(page, {"next": {"after": page.next if page.has_more else None}})

    @routes.get("/report", responses={200: ReportTold, **declared(422)})
    def report(query: ReportQuery) -> Response:
        """What is here of the meetings of some days, and what is missing.

        Of what Webex lists and nobody here knows it tells only when Webex is asked (`ask`), which
        takes fifteen seconds at most. `asked` says whether it was, which no page of another site
        can have done; `ok` is true when all was read and nothing is missing.
        """
        days = query.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"ask"})
        try:
            return told(told_of(shared.reporter.made_of(days, asks=query.ask)))
        except BadRequest as error:
            return problem(422, str(error.description))

    @routes.get("/problems", responses={200: Problems})
    def wrong() -> Response:
        """What is wrong, gravest first, what to do, and how all that goes on by itself stands."""
        return told(shared.watch())


class _Json(DefaultJSONProvider):
    """Reads what is nested too deep as no JSON, which it is to us."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        try:
            return super().loads(s, **kwargs)
        except RecursionError:
            raise ValueError("this is nested too deep") from None


def new_application() -> OpenAPI:
    """An application that describes its API, and checks what it is asked with by that."""
    app = OpenAPI(
        "app.web",
        info=Info(title="webex-ingest", version=version("webex-ingest"), description=_ABOUT),
        security_schemes={
            "token": {"type": "http", "scheme": "bearer"},
            "operator": {"type": "http", "scheme": "basic"},
        },
        doc_ui=False,
        validation_error_callback=of_validation,
    )
    app.json = _Json(app)
    # Without any security of their own in the description of single operations.
    app.get(f"{API}/openapi.json", doc_ui=False)(_description)
    return app


def _description() -> Response:
    """What the API can, as OpenAPI 3.1."""
    described: dict[str, Any] = current_app.api_doc  # type: ignore[attr-defined]
    return if_changed(jsonify(described))


def told(answer: Told, links: Mapping[str, Mapping[str, str | None]] | None = None) -> Response:
    """An answer with its ETag, and 304 for whoever has it; ``links`` lead to other pages."""
    response = Response(answer.model_dump_json(), content_type="application/json")
    for relation, change in (links or {}).items():
        if None not in change.values():
            response.headers.add("Link", f'<{_address(change)}>; rel="{relation}"')
    return if_changed(response)


def if_changed(response: Response) -> Response:
    """An answer with its ETag; 304 for whoever has it, 412 for whoever wants another one."""
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    response.make_conditional(request)
    if response.status_code == PreconditionFailed.code:
        raise PreconditionFailed("This is another one by now.")
    return response


def _address(change: Mapping[str, Any]) -> str:
    """The address of this request with another place in it."""
    kept = [
        (name, value)
        for name, value in request.args.items(multi=True)
        if name not in ("before", "after")
    ]
    return f"{request.path}?{urlencode([*kept, *change.items()])}"


def _unknown() -> Any:
    raise NotFound(_UNKNOWN)
