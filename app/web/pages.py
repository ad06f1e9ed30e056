"""The pages: all meetings with their states, and one meeting with everything in it."""

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, abort, render_template, request
from werkzeug.exceptions import NotFound

from app.errors import DatabaseUnavailable
from app.ingestion import wording
from app.ingestion.listing import list_meetings
from app.ingestion.status import meeting_status, overview, seconds_since
from app.models.report import Standing
from app.models.status import IngestStatus, MeetingState
from app.models.times import format_time
from app.models.words import State
from app.runtime import Runtime
from app.web.health import late_sweep_seconds

_MEETINGS_PER_PAGE = 50
_REFRESH_SECONDS = 15
_TRANSFER_REFRESH_SECONDS = 5

_STATE_WORDS = {
    MeetingState.FAILED: "Needs help",
    MeetingState.LEFT_OUT: "Left out by the policy",
    MeetingState.COMPLETE: "Complete",
    MeetingState.RUNNING: "Being fetched",
    MeetingState.IN_PROGRESS: "In progress",
    MeetingState.WAITING: "Waiting",
    State.DONE: "Stored",
    State.ABSENT: "None there",
}

_STANDING_WORDS = {
    Standing.UNKNOWN: "Not known here",
    Standing.FAILED: "Needs help",
    Standing.OVERDUE: "Waits too long",
    Standing.WAITING: "On its way",
    Standing.LEFT_OUT: "Left out",
    Standing.HERE: "Here",
}


def page_routes(runtime: Runtime) -> Blueprint:
    """The routes that people read in a browser; they need no JavaScript."""
    routes = Blueprint("pages", __name__)
    bench, lease_seconds = runtime.bench, runtime.bench.pace.lease_seconds
    _register_filters(routes)

    @routes.get("/")
    def meetings() -> str:
        now, before = bench.clock(), request.args.get("before")
        page = list_meetings(
            bench.database,
            limit=_MEETINGS_PER_PAGE,
            now=now,
            lease_seconds=lease_seconds,
            before=before,
        )
        told = overview(bench.database, now=now, lease_seconds=lease_seconds)
        return render_template(
            "meetings.html",
            meetings=page.lines,
            has_older=page.older is not None,
            is_first_page=before is None,
            overview=told,
            sweep_age=_sweep_age(told.last_sweep_at, now),
            late_sweep_seconds=late_sweep_seconds(runtime.settings.sweep_seconds),
            transfers=wording.transfers_text(told.transfers),
            refresh_seconds=_refresh_seconds(told.is_busy, bool(told.transfers.running)),
            now=now,
        )

    @routes.get("/meetings/<meeting_id>")
    def meeting(meeting_id: str) -> str:
        now = bench.clock()
        status = meeting_status(bench.database, meeting_id, now=now, lease_seconds=lease_seconds)
        if status is None:
            abort(404)
        return render_template(
            "meeting.html",
            meeting=status,
            ingests=[(each, sentence(each)) for each in status.ingests],
            refresh_seconds=_refresh_seconds(status.is_busy, status.is_transferring),
            now=now,
        )

    routes.register_error_handler(NotFound, _unknown)
    routes.register_error_handler(DatabaseUnavailable, unavailable)
    return routes


def _unknown(_error: NotFound) -> tuple[str, int]:
    return render_template("unknown.html"), 404


def unavailable(_error: DatabaseUnavailable) -> tuple[str, int, dict[str, str]]:
    """The page for when the database cannot be reached."""
    page = render_template("unavailable.html", refresh_seconds=_REFRESH_SECONDS)
    return page, 503, {"Retry-After": "5"}


def sentence(ingest: IngestStatus) -> str:
    """Why an ingest stands as it does, in plain words; empty where the state says it all."""
    match ingest.state:
        case State.WAITING:
            text = wording.waiting_text(ingest)
        case State.RUNNING:
            text = wording.running_text(ingest)
        case _:
            text = "; ".join(wording.reason_sentence(each) for each in ingest.reasons)
    return text[:1].upper() + text[1:]


def _refresh_seconds(is_busy: bool, is_transferring: bool) -> int | None:
    if is_transferring:
        return _TRANSFER_REFRESH_SECONDS
    return _REFRESH_SECONDS if is_busy else None


def _sweep_age(last_sweep_at: datetime | None, now: datetime) -> float | None:
    return seconds_since(last_sweep_at, now) if last_sweep_at else None


def _register_filters(routes: Blueprint) -> None:
    filters: dict[str, Callable[..., object]] = {
        "size": wording.size_text,
        "age": wording.age_text,
        "percent_of": wording.percent_text,
        "resource_name": wording.resource_name,
        "damage_sentence": wording.damage_sentence,
        "state_word": lambda state: _STATE_WORDS.get(state, str(state)),
        "account_sentence": wording.account_sentence,
        "one_line": wording.one_line,
        "standing_word": lambda standing: _STANDING_WORDS[standing],
        "iso": format_time,
        "utc": lambda moment: f"{moment:%Y-%m-%d %H:%M}",
    }
    for name, function in filters.items():
        routes.add_app_template_filter(function, name)
