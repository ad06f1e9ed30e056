"""The recordings of a meeting: the list, then for each its JSON, its video, its audio."""

from app.archive.limits import Link
from app.archive.paths import recording_path, safe_id
from app.db.ingests import heartbeat
from app.db.meetings import ensure_meeting
from app.errors import Gone, LinkDead, NotFound, TransferInterrupted
from app.ingestion.entry import Urgency, want, whole_meeting
from app.ingestion.items import follow_items, or_stored
from app.ingestion.retry import NothingYet, decide
from app.ingestion.storing import store_json
from app.ingestion.transfers import Listed, bring_file
from app.ingestion.workbench import Work
from app.models.outcomes import Absent, Done, Failed, Outcome
from app.models.webex import DownloadLinks, Recording
from app.models.words import Kind, Reason
from app.webex import resources


def ingest_recordings(work: Work) -> Outcome:
    """Look for the recordings of a meeting."""
    return follow_items(
        work,
        resources.recordings,
        flag=lambda listed: listed.has_recording,
        none=Reason.NOT_RECORDED,
    )


def ingest_recording(work: Work) -> Outcome:
    """Store one recording; absent when its owner has prevented downloads."""
    try:
        recording_id = safe_id(work.ingest.resource_id)
    except ValueError as error:
        return Failed("id_unusable", f"Webex names the recording by {error}")
    try:
        recording = resources.recording(work.webex, recording_id, host_email=work.host_email)
    except (NotFound, Gone) as error:
        return or_stored(work, error)
    if recording.meeting_id and recording.meeting_id != work.meeting.meeting_id:
        return _belongs_elsewhere(work, recording.meeting_id)
    store_json(work, Kind.RECORDING, recording_path(recording_id, Kind.RECORDING), recording.raw)
    links = recording.temporary_direct_download_links
    if links is None or links.recording_download_link is None:
        return _without_links(work)
    fresh = _FreshLinks(work, recording)
    oddity = _bring(work, recording, Kind.VIDEO, fresh)
    if links.audio_download_link:
        oddity = _bring(work, recording, Kind.AUDIO, fresh) or oddity
    return Done(oddity)


def _belongs_elsewhere(work: Work, meeting_id: str) -> Outcome:
    """An event named the wrong meeting: the right one is told, this one has no such recording."""
    bench, now = work.bench, work.bench.clock()
    with bench.database.transaction() as session:
        meeting = ensure_meeting(
            session, meeting_id, source="webhook", now=now, account=work.ingest.account
        )
        # The event may have been about a change.
        ids = ("", work.ingest.resource_id)
        changed = dict.fromkeys([(work.ingest.resource, each) for each in ids], Urgency.CHANGED)
        wishes = {**whole_meeting(bench.pace), **changed}
        want(session, [(meeting, wishes)], pace=bench.pace, now=now)
        # Last, since whoever holds a meeting may be waiting for this very row.
        heartbeat(session, work.lease, now=now)
    return Absent(Reason.NOT_AVAILABLE)


def _without_links(work: Work) -> Outcome:
    # Webex leaves the links out where downloads are prevented; one look may also be too early.
    if work.ingest.looks:
        return Absent(Reason.DOWNLOAD_PREVENTED)
    return decide(NothingYet(), work.ingest, work.bench.pace, work.bench.clock())


def _bring(work: Work, recording: Recording, kind: Kind, fresh: "_FreshLinks") -> Reason | None:
    # The size that Webex lists is that of the video.
    size_bytes = recording.size_bytes if kind is Kind.VIDEO else None
    return bring_file(
        work,
        kind,
        recording_path(recording.id, kind, recording.format),
        source=source_of(recording, kind),
        listed=Listed(size_bytes, recording.duration_seconds),
        fresh_link=lambda: fresh.link(kind),
    )


def source_of(recording: Recording, kind: Kind) -> str:
    """What Webex says the file is; another text means another version of the file."""
    told = (recording.create_time, recording.size_bytes, recording.duration_seconds)
    return "|".join([kind, *map(str, told)])


class _FreshLinks:
    """The links of one recording: those that came with it serve once, then new ones are made.

    Each request for the details makes new links. Needing no second request leaves the budget to
    others, and lets a recording through while many are refused.
    """

    def __init__(self, work: Work, recording: Recording) -> None:
        self._work = work
        self._recording = recording
        self._unused = {Kind.VIDEO, Kind.AUDIO}

    def link(self, kind: Kind) -> Link:
        """A link that nobody has used yet; raises LinkDead where Webex gives none any more."""
        now = self._work.bench.clock()
        if kind not in self._unused or not self._of(kind).is_fresh(now):
            work, recording_id = self._work, self._recording.id
            before, self._recording = (
                self._recording,
                resources.recording(work.webex, recording_id, host_email=work.host_email),
            )
            if source_of(before, kind) != source_of(self._recording, kind):
                # What is stored of one attempt must be of one edition.
                raise TransferInterrupted("Webex has replaced the recording meanwhile")
            self._unused = {Kind.VIDEO, Kind.AUDIO}
        self._unused.discard(kind)
        return self._of(kind)

    def _of(self, kind: Kind) -> Link:
        links = self._recording.temporary_direct_download_links or DownloadLinks()
        url = links.recording_download_link if kind is Kind.VIDEO else links.audio_download_link
        if url is None:
            raise LinkDead("Webex no longer gives a link for this file")
        return Link(url, links.expiration)
