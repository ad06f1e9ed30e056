"""The pages: all meetings with their states, and one meeting with everything in it."""

from collections.abc import Callable, Mapping
from datetime import datetime

from flask import Blueprint, abort, render_template, request
from markupsafe import Markup, escape
from pydantic import ValidationError
from werkzeug.exceptions import NotFound

from app.errors import DatabaseUnavailable
from app.ingestion import wording
from app.ingestion.listing import list_meetings, suggestions
from app.ingestion.status import meeting_status, overview, seconds_since
from app.ingestion.timeline import timeline
from app.models.listing import Filters
from app.models.report import Standing
from app.models.status import IngestStatus, MeetingState
from app.models.times import format_time
from app.models.words import Reason, State
from app.runtime import Runtime
from app.web.health import late_sweep_seconds
from app.web.principal import SAFE_METHODS

_MEETINGS_PER_PAGE = 50
_MOST_PEOPLE = 1_000
"""A meeting may have had many more, and its page is brought up to date every few seconds."""
_REFRESH_SECONDS = 15
_TRANSFER_REFRESH_SECONDS = 5
_IDLE_SECONDS = 60
"""Where nothing goes on and something may begin, as far as it takes no loading of the page."""

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

_DONE = {
    "look": "Everything that waits is looked for now.",
    "retry": "Everything that failed or was absent is tried again.",
    "verified": "Every byte of the stored files was read again, and is as it was stored.",
    "there": "The stored files are there at their sizes. They are too large to be read while you "
    "wait: `webex-ingest verify --deep` does.",
    "damaged": "Not all stored files are as they were: what Webex still has is fetched again, and "
    "below is said what to do about the rest.",
    "busy": "The files of another meeting are being read just now; press again in a moment.",
}
"""What a button has done, by the word in the address that it leads to."""


def page_routes(runtime: Runtime) -> Blueprint:
    """The routes that people read in a browser; they need no JavaScript."""
    routes = Blueprint("pages", __name__)
    bench, lease_seconds = runtime.bench, runtime.bench.pace.lease_seconds
    _register_filters(routes)

    @routes.get("/")
    def meetings() -> tuple[str, int]:
        now, database = bench.clock(), bench.database
        filters, trouble = read_filters(request.args)
        before, after = (request.args.get(name) or None for name in ("before", "after"))
        page = list_meetings(
            database,
            limit=_MEETINGS_PER_PAGE,
            now=now,
            lease_seconds=lease_seconds,
            filters=filters,
            before=before,
            after=after,
        )
        told = overview(database, now=now, lease_seconds=lease_seconds)
        shown = render_template(
            "meetings.html",
            page=page,
            filters=filters,
            trouble=trouble,
            suggested=suggestions(database, host=filters.host or ""),
            states=list(MeetingState),
            reasons=list(Reason),
            is_first_page=before is None and after is None,
            overview=told,
            sweep_age=_sweep_age(told.last_sweep_at, now),
            late_sweep_seconds=late_sweep_seconds(runtime.settings.sweep_seconds),
            transfers=wording.transfers_text(told.transfers),
            refresh_seconds=_refresh_seconds(told.is_busy, bool(told.transfers.running)),
            idle_seconds=_IDLE_SECONDS,
            now=now,
        )
        return shown, 400 if trouble else 200

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
            most_people=_MOST_PEOPLE,
            can_retry=any(each.state in (State.FAILED, State.ABSENT) for each in status.ingests),
            happened=timeline(bench.database, meeting_id),
            done=_DONE.get(request.args.get("done", "")),
            refresh_seconds=_refresh_seconds(status.is_busy, status.is_transferring),
            idle_seconds=_IDLE_SECONDS if status.state is MeetingState.IN_PROGRESS else None,
            now=now,
        )

    routes.register_error_handler(NotFound, unknown)
    routes.register_error_handler(DatabaseUnavailable, unavailable)
    return routes


def read_filters(told: Mapping[str, str]) -> tuple[Filters, str | None]:
    """What an address asks the list for, and a sentence about what of it is nothing of the kind."""
    asked = {name: told[name] for name in Filters.model_fields if told.get(name)}
    try:
        return Filters.model_validate(asked), None
    except ValidationError as error:
        wrong = sorted({str(each["loc"][0]) for each in error.errors()})
        fine = {name: text for name, text in asked.items() if name not in wrong}
        return Filters.model_validate(fine), f"This cannot be asked for: {', '.join(wrong)}."


def unknown(_error: NotFound) -> tuple[str, int]:
    """The page for a meeting that is not known."""
    return render_template("unknown.html"), 404


def unavailable(_error: DatabaseUnavailable) -> tuple[str, int, dict[str, str]]:
    """The page for when the database cannot be reached."""
    # What was sent with a button is not sent again by itself.
    seconds = _REFRESH_SECONDS if request.method in SAFE_METHODS else None
    page = render_template("unavailable.html", refresh_seconds=seconds)
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


def with_code(text: str) -> Markup:
    """A sentence of ours for a page, with what it has in backticks as something to be typed."""
    parts = [escape(each) for each in text.split("`")]
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(each) if place % 2 else each
        for place, each in enumerate(parts)
    )


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
        "reason_sentence": wording.reason_sentence,
        "with_code": with_code,
        "standing_word": lambda standing: _STANDING_WORDS[standing],
        "iso": format_time,
        "utc": lambda moment: f"{moment:%Y-%m-%d %H:%M}",
        "second": lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}",
        "hour": lambda moment: f"{moment:%H:%M}",
    }
    for name, function in filters.items():
        routes.add_app_template_filter(function, name)
