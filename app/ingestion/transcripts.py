"""The transcripts of a meeting: the list, then for each its VTT, its TXT, its snippets."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from app.archive.paths import safe_id, transcript_path
from app.db.files import latest_file, replace_snippets
from app.db.ingests import heartbeat
from app.db.meetings import lock_meeting
from app.errors import Forbidden, Gone, NotFound, PartialList
from app.ingestion.items import follow_items, or_stored
from app.ingestion.retry import decide
from app.ingestion.rows import snippet_columns
from app.ingestion.storing import store_bytes, store_json
from app.ingestion.workbench import Work
from app.models.outcomes import Done, Failed, Outcome
from app.models.webex import Transcript, TranscriptSnippet
from app.models.words import Kind, Reason
from app.webex import resources
from app.webex.client import WebexClient

_PARTS = (Kind.VTT, Kind.TXT, Kind.SNIPPETS)
_ONCE_MORE = "vtt once more"
_LATER = (*_PARTS[1:], _ONCE_MORE)
"""The stages of an attempt that another one has begun."""


def ingest_transcripts(work: Work) -> Outcome:
    """Look for the transcripts of a meeting."""
    return follow_items(
        work,
        partial(_find, work),
        flag=lambda listed: listed.has_transcription,
        none=Reason.TRANSCRIPTION_OFF,
    )


def _find(
    work: Work, client: WebexClient, meeting_id: str, *, site_url: str | None, **asked: Any
) -> list[Transcript]:
    """At the meeting's site; where only a hint says which one that is, at last at all of them."""
    found = resources.transcripts(client, meeting_id, site_url=site_url, **asked)
    is_last_look = work.bench.clock() >= work.ingest.patience_until
    if found or work.meeting.details_known or not is_last_look:
        return found
    for other in resources.readable_sites(client):
        found = found or resources.transcripts(client, meeting_id, site_url=other, **asked)
    return found


def ingest_transcript(work: Work) -> Outcome:
    """Store one transcript; bytes are kept as Webex sent them, whatever their encoding."""
    try:
        transcript_id = safe_id(work.ingest.resource_id)
    except ValueError as error:
        return Failed("id_unusable", f"Webex names the transcript by {error}")
    begun = work.ingest.stage
    try:
        lacking = _bring(work, transcript_id, _left_of(begun))
        if begun == _ONCE_MORE and _stored(work, Kind.SNIPPETS) is None:
            lacking = Reason.NO_PERMISSION
        if begun in _LATER and _is_edited(work, transcript_id):
            lacking = _bring(work, transcript_id, _PARTS[1:])
    except (NotFound, Gone) as error:
        return or_stored(work, error)
    except PartialList as error:
        return _without_all(work, transcript_id, error)
    return Done(lacking)


def _left_of(begun: str) -> Sequence[Kind]:
    """What an attempt that broke off has left to be fetched.

    It goes on from there: while 429s come, each request that gets through must bring it further.
    """
    if begun not in _LATER:
        return _PARTS
    return _PARTS[_PARTS.index(Kind(begun)) :] if begun != _ONCE_MORE else ()


def _bring(work: Work, transcript_id: str, parts: Sequence[Kind]) -> Reason | None:
    """Fetch and store these parts; why one of them is lacking."""
    for kind in parts:
        work.tell(stage=kind)
        if kind != Kind.SNIPPETS:
            _store_text(work, transcript_id, kind)
            continue
        try:
            snippets = resources.snippets(work.webex, transcript_id)
        except Forbidden:
            # They are for the host and the compliance officer, not for the admin role.
            return Reason.NO_PERMISSION
        _store_snippets(work, transcript_id, snippets)
    return None


def _is_edited(work: Work, transcript_id: str) -> bool:
    """Whether Webex has another text by now: the parts must be of one version."""
    work.tell(stage=_ONCE_MORE)
    before = _stored(work, Kind.VTT)
    _store_text(work, transcript_id, Kind.VTT)
    return _stored(work, Kind.VTT) != before


def _stored(work: Work, kind: Kind) -> str | None:
    """The checksum of the newest version of a part; None where there is none."""
    key = (work.meeting_row_id, work.ingest.resource, work.ingest.resource_id, kind)
    with work.bench.database.reading() as session:
        file = latest_file(session, *key)
    return file.sha256 if file else None


def _store_text(work: Work, transcript_id: str, kind: Kind) -> None:
    meeting_id, host = work.meeting.meeting_id, work.host_email
    text = resources.transcript_text(work.webex, transcript_id, meeting_id, kind, host_email=host)
    store_bytes(work, kind, transcript_path(transcript_id, kind), text)


def _without_all(work: Work, transcript_id: str, error: PartialList) -> Outcome:
    """What becomes of snippets that Webex cannot read itself: in the end those it could stay."""
    outcome = decide(error, work.ingest, work.bench.pace, work.bench.clock())
    if not isinstance(outcome, Failed) or not error.items:
        return outcome
    _store_snippets(work, transcript_id, error.items)
    return Failed(outcome.code, f"{outcome.error}; what could be read is stored")


def _store_snippets(work: Work, transcript_id: str, snippets: Sequence[TranscriptSnippet]) -> None:
    path = transcript_path(transcript_id, Kind.SNIPPETS)
    store_json(work, Kind.SNIPPETS, path, {"items": [each.raw for each in snippets]})
    rows = snippet_columns(snippets)
    with work.bench.database.transaction() as session:
        lock_meeting(session, work.meeting_row_id)
        heartbeat(session, work.lease, now=work.bench.clock())
        replace_snippets(session, work.meeting_row_id, transcript_id, rows)
