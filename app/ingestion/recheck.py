"""Transcripts that are stored are compared with Webex's once a day: hosts edit them."""

import hashlib
import time
from datetime import timedelta

import structlog
from sqlmodel import col

from app.archive.paths import safe_id
from app.db.files import latest_file
from app.db.meetings import lock_meeting, touch
from app.db.notes import note_at_source
from app.db.rechecks import claim_recheck, give_recheck_back
from app.errors import (
    Forbidden,
    Gone,
    NotFound,
    RateLimited,
    TokenRefused,
    TokenRenewing,
    WebexError,
    WebexUnavailable,
    WorkerStopping,
)
from app.ingestion.entry import Urgency, want
from app.ingestion.storing import json_bytes
from app.ingestion.workbench import Workbench
from app.models.tables import Ingest, Meeting
from app.models.words import Kind, Resource
from app.webex import resources
from app.webex.client import WebexClient

log = structlog.get_logger()

_SECONDS_AT_ONCE = 8


def recheck_due(bench: Workbench) -> int:
    """Compare transcripts that are due for some seconds; how many.

    An edited one is fetched again, and stands beside the first; one that Webex has deleted is
    noted, until it has it again. What no account could be asked for now is as due as before.
    """
    until, compared = time.monotonic() + _SECONDS_AT_ONCE, 0
    while not bench.stopping() and time.monotonic() < until:
        now = bench.clock()
        with bench.database.transaction() as session:
            since = now - timedelta(days=bench.pace.recheck_days)
            found = claim_recheck(session, now=now, since=since)
            if found is None:
                break
            claimed, before = found
            meeting = session.get_one(Meeting, claimed.meeting_row_id)
        compared += 1
        try:
            _compare(bench, claimed, meeting)
        except (RateLimited, TokenRefused, TokenRenewing, WorkerStopping):
            with bench.database.transaction() as session:
                give_recheck_back(session, claimed, before)
            break
        except WebexError as error:
            # It alone waits for tomorrow: one that can never be read must not hold up the others.
            item, code = claimed.resource_id, error.code
            log.warning("transcript.not_compared", resource_id=item, error=code)
            if isinstance(error, WebexUnavailable):
                break
    return compared


def _compare(bench: Workbench, stored: Ingest, meeting: Meeting) -> None:
    look = bench.patience()

    def ask(name: str, client: WebexClient) -> bool:
        host = bench.accounts.host_to_name(name, meeting.host_email)
        webex = client.accompanied_by(look)
        kinds = (Kind.VTT, Kind.SNIPPETS)
        return any(_differs(bench, webex, stored, meeting, kind, host) for kind in kinds)

    try:
        _, edited = bench.accounts.first_that_can(stored.account, ask)
    except (NotFound, Gone):
        _note(bench, stored, deleted=True)
        return
    _note(bench, stored, deleted=False)
    if not edited:
        return
    with bench.database.transaction() as session:
        lock_meeting(session, stored.meeting_row_id)
        wishes = {(stored.resource, stored.resource_id): Urgency.CHANGED}
        want(session, [(meeting, wishes)], pace=bench.pace, now=bench.clock())
    log.info("transcript.edited", resource_id=stored.resource_id)


def _differs(
    bench: Workbench,
    client: WebexClient,
    stored: Ingest,
    meeting: Meeting,
    kind: Kind,
    host: str | None,
) -> bool:
    """Whether Webex has another content than is stored; not of a kind that never was."""
    key = (stored.meeting_row_id, Resource.TRANSCRIPTS, stored.resource_id, kind)
    with bench.database.reading() as session:
        file = latest_file(session, *key)
    if file is None:
        return False
    transcript_id = safe_id(stored.resource_id)
    if kind == Kind.VTT:
        content = resources.transcript_text(
            client, transcript_id, meeting.meeting_id, kind, host_email=host
        )
    else:
        try:
            said = resources.snippets(client, transcript_id)
        except Forbidden:
            return False
        content = json_bytes({"items": [each.raw for each in said]})
    return hashlib.sha256(content).hexdigest() != file.sha256


def _note(bench: Workbench, stored: Ingest, *, deleted: bool) -> None:
    with bench.database.transaction() as session:
        lock_meeting(session, stored.meeting_row_id)
        is_it = col(Ingest.id) == stored.id
        if note_at_source(session, is_it, deleted=deleted, now=bench.clock()):
            touch(session, stored.meeting_row_id)
