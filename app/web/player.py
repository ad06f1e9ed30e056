"""The player: a recording with its captions, and beside it what was said, line by line."""

import math
from collections.abc import Sequence
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, render_template, request
from werkzeug.exceptions import NotFound

from app.errors import ArchiveUnavailable, DatabaseUnavailable, MediaBroken
from app.ingestion.opening import Turn
from app.ingestion.playing import captions, playable
from app.models.player import Line, Playable, Script, Track
from app.runtime import Runtime
from app.web.pages import unavailable, unknown

_VOICES = 8
_LONGEST_SECONDS = 7 * 86400
_SAME_SECONDS = 0.05
"""The time in an address is rounded, and a browser stands a little before what it was led to."""


def player_routes(runtime: Runtime, at_disk: Turn) -> Blueprint:
    """The routes of the player; without JavaScript a line leads to the same page at its time."""
    routes = Blueprint("player", __name__)
    bench = runtime.bench

    @routes.get("/meetings/<meeting_id>/play")
    def play(meeting_id: str) -> str:
        shown = playable(bench, meeting_id, turn=at_disk)
        if shown is None:
            abort(404)
        script, track, seconds = _wanted(shown)
        scripts = [each for each in shown.scripts if track is None or _is_of(each, track)]
        return render_template(
            "player.html",
            meeting=shown,
            track=track,
            script=script,
            number_of={each.recording_id: place for place, each in enumerate(shown.tracks, 1)},
            scripts=scripts,
            spoken=None if script is None or seconds is None else _spoken_at(script.lines, seconds),
            here=_address(script, track, scripts),
            seconds=seconds,
            voices=_VOICES,
        )

    @routes.get("/meetings/<meeting_id>/captions/<transcript_id>.vtt")
    def vtt(meeting_id: str, transcript_id: str) -> Response:
        shown = playable(bench, meeting_id, turn=at_disk)
        try:
            text = captions(bench, shown, transcript_id, turn=at_disk) if shown else None
        except (ArchiveUnavailable, MediaBroken):
            text = None
        if text is None:
            abort(404)
        return Response(text, content_type="text/vtt; charset=utf-8")

    routes.register_error_handler(NotFound, unknown)
    routes.register_error_handler(DatabaseUnavailable, unavailable)
    return routes


def _wanted(shown: Playable) -> tuple[Script | None, Track | None, float | None]:
    """What is to be played and from when, by what the address says.

    ``t`` is seconds of the recording, or of the transcript where only that is named: so a search,
    which does not know the recording, leads to the same moment.
    """
    seconds = _seconds(request.args.get("t", ""))
    tracks = {each.recording_id: each for each in shown.tracks}
    scripts = {each.transcript_id: each for each in shown.scripts}
    script = scripts.get(request.args.get("transcript", ""))
    if script is not None:
        if seconds is not None and request.args.get("recording") != script.recording_id:
            seconds = max(0.0, seconds + script.later_seconds)
        return script, tracks.get(script.recording_id or ""), seconds
    first = next((each for each in shown.tracks if each.file), next(iter(shown.tracks), None))
    track = tracks.get(request.args.get("recording", "")) or first
    of_it = (each for each in shown.scripts if track is None or _is_of(each, track))
    return next(of_it, None), track, seconds


def _spoken_at(lines: Sequence[Line], seconds: float) -> int | None:
    """The place of the last line that has begun; lines go back in time now and then."""
    begun = (
        (line.start_seconds, place)
        for place, line in enumerate(lines)
        if line.start_seconds is not None and line.start_seconds <= seconds + _SAME_SECONDS
    )
    return max(begun, default=(0.0, None))[1]


def _address(script: Script | None, track: Track | None, scripts: Sequence[Script]) -> str:
    """What leads from this page to itself; as short as can be, since each line has it."""
    named = {"recording": track.recording_id} if track else {}
    if script is not None and len(scripts) > 1:
        named["transcript"] = script.transcript_id
    return "?" + urlencode(named)


def _is_of(script: Script, track: Track) -> bool:
    return script.recording_id == track.recording_id


def _seconds(text: str) -> float | None:
    """A time in seconds; None for anything that is none."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 <= seconds <= _LONGEST_SECONDS else None
