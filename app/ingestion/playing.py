"""What can be played of a meeting: its recordings, and beside each what was said in it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import datetime

from app.archive.captions import Cue, captions_text, cues_of
from app.archive.inside import read_inside
from app.archive.inspection import Damage
from app.db.files import files_of, find_file, snippets_of
from app.db.meetings import find_meeting
from app.db.standing import ingests_of
from app.errors import ArchiveUnavailable, MediaBroken
from app.ingestion.opening import Turn
from app.ingestion.workbench import Workbench
from app.models.player import Line, Playable, Script, Track
from app.models.snippets import Snippet
from app.models.tables import File, Ingest
from app.models.words import Kind, Resource

_SAME_SECONDS = 2.0
"""Webex tells when a recording began in whole seconds; less than this is no difference."""

_PLAYS = {Kind.VIDEO: ".mp4", Kind.AUDIO: ".mp3"}
Newest = Mapping[tuple[str, str], File]


def playable(bench: Workbench, meeting_id: str, *, turn: Turn) -> Playable | None:
    """All that can be played and read of a meeting; None if it is not known.

    Files are read in one ``turn`` at the disk. A transcript of which Webex gives no snippets, or
    whose file cannot be read now, has what the other one has. Raises DatabaseUnavailable.
    """
    with bench.database.reading() as session:
        meeting = find_meeting(session, meeting_id)
        if meeting is None or meeting.id is None:
            return None
        ingests = ingests_of(session, meeting.id)
        newest = _newest(files_of(session, meeting.id))
        said: defaultdict[str, list[Snippet]] = defaultdict(list)
        for snippet in snippets_of(session, meeting.id):
            said[snippet.transcript_id].append(snippet)
    tracks = [_track(each, newest) for each in _items(ingests, Resource.RECORDINGS)]
    transcripts = _items(ingests, Resource.TRANSCRIPTS)
    partners = _partners(transcripts, tracks)
    vtts = {each.resource_id: newest.get((each.resource_id, Kind.VTT)) for each in transcripts}
    unsaid = [vtt for name, vtt in vtts.items() if vtt is not None and not said[name]]
    read = _lines_of_files(bench, meeting.folder, unsaid, turn)
    scripts = []
    for ingest in transcripts:
        vtt, spoken = vtts[ingest.resource_id], said[ingest.resource_id]
        if vtt is None and not spoken:
            continue
        lines = _lines_of_snippets(spoken) or read.get(ingest.resource_id, [])
        scripts.append(_script(ingest, vtt, lines, partners[ingest.resource_id]))
    spoken_in = {each.recording_id for each in scripts}
    return Playable(
        meeting_id=meeting.meeting_id,
        title=meeting.title,
        start=meeting.start_at,
        host_email=meeting.host_email,
        tracks=[each for each in tracks if each.file or each.recording_id in spoken_in],
        scripts=scripts,
    )


def captions(bench: Workbench, shown: Playable, transcript_id: str, *, turn: Turn) -> str | None:
    """A VTT file of a transcript at the times of its recording; None where there is no VTT of it.

    Raises MediaBroken where the stored one is none any more, and ArchiveUnavailable.
    """
    script = next((each for each in shown.scripts if each.transcript_id == transcript_id), None)
    if script is None or script.vtt is None:
        return None
    with bench.database.reading() as session:
        meeting = find_meeting(session, shown.meeting_id)
        file = find_file(session, meeting.id, script.vtt) if meeting and meeting.id else None
    if meeting is None or file is None:
        return None
    with turn():
        cues = _cues(bench, meeting.folder, file)
    return captions_text(cues, later_seconds=script.later_seconds)


def _items(ingests: Iterable[Ingest], resource: Resource) -> list[Ingest]:
    """The single recordings or transcripts, in the order in which they began."""
    items = [each for each in ingests if each.resource == resource and each.resource_id]
    return sorted(items, key=lambda each: (each.recorded_at or each.opened_at, each.id or 0))


def _newest(files: Iterable[File]) -> Newest:
    found: dict[tuple[str, str], File] = {}
    # An earlier version that is whole plays better than a later one that is not.
    for each in sorted(files, key=lambda file: (file.damage is None, file.file_version)):
        found[each.resource_id, each.kind] = each
    return found


def _track(ingest: Ingest, newest: Newest) -> Track:
    stored = {kind: newest.get((ingest.resource_id, kind)) for kind in _PLAYS}
    plays = {
        kind: file.path if file is not None and file.path.endswith(_PLAYS[kind]) else None
        for kind, file in stored.items()
    }
    there = [file.path for file in stored.values() if file is not None]
    return Track(
        recording_id=ingest.resource_id,
        video=plays[Kind.VIDEO],
        audio=plays[Kind.AUDIO],
        file=there[0] if there else None,
        recorded_at=ingest.recorded_at,
    )


def _partners(transcripts: Iterable[Ingest], tracks: Sequence[Track]) -> dict[str, Track | None]:
    """The recording that each transcript belongs to, stored or not.

    That is the last one that had begun when the transcript did, as far as Webex has told when.
    """
    partners: dict[str, Track | None] = {}
    counts: Counter[datetime | None] = Counter()
    for each in transcripts:
        begun = [track for track in tracks if _later_seconds(each, track) >= 0]
        last = begun[-1] if begun else next(iter(tracks), None)
        partners[each.resource_id] = last
        if last is not None:
            # Of those that began together the first transcript belongs to the first one.
            alike = [track for track in tracks if track.recorded_at == last.recorded_at]
            place = counts[last.recorded_at]
            partners[each.resource_id] = alike[min(place, len(alike) - 1)]
            counts[last.recorded_at] += 1
    return partners


def _later_seconds(ingest: Ingest, track: Track | None) -> float:
    """How much later than the recording a transcript began; 0 where nobody knows."""
    if track is None or track.recorded_at is None or ingest.recorded_at is None:
        return 0.0
    seconds = (ingest.recorded_at - track.recorded_at).total_seconds()
    return 0.0 if abs(seconds) < _SAME_SECONDS else seconds


def _script(ingest: Ingest, vtt: File | None, lines: list[Cue], track: Track | None) -> Script:
    later = _later_seconds(ingest, track)
    voices: dict[str, int] = {}
    told = []
    for cue in lines:
        speaker = cue.speaker or "Unknown"
        voice = voices.setdefault(speaker.casefold(), len(voices))
        is_timed = cue.start_seconds >= 0
        told.append(
            Line(
                start_seconds=max(0.0, cue.start_seconds + later) if is_timed else None,
                end_seconds=max(0.0, cue.end_seconds + later) if is_timed else None,
                speaker=speaker,
                voice=voice,
                text=cue.text,
            )
        )
    return Script(
        transcript_id=ingest.resource_id,
        vtt=vtt.path if vtt else None,
        recording_id=track.recording_id if track else None,
        later_seconds=later,
        lines=told,
    )


def _lines_of_snippets(snippets: Iterable[Snippet]) -> list[Cue]:
    lines = []
    for each in snippets:
        start = -1.0 if each.offset_milliseconds is None else each.offset_milliseconds / 1000
        end = start + (each.duration_milliseconds or 0) / 1000
        lines.append(Cue(start, end, each.person_name or each.person_email, each.text))
    return lines


def _lines_of_files(
    bench: Workbench, folder: str | None, vtts: Sequence[File], turn: Turn
) -> dict[str, list[Cue]]:
    """What the files of transcripts say, as far as they can be read; one turn is waited for."""
    lines = {}
    with suppress(ArchiveUnavailable), turn() if vtts else nullcontext():
        for vtt in vtts:
            with suppress(ArchiveUnavailable, MediaBroken):
                lines[vtt.resource_id] = _cues(bench, folder, vtt)
    return lines


def _cues(bench: Workbench, folder: str | None, vtt: File) -> list[Cue]:
    content = read_inside(bench.archive.root, folder or "", vtt.path, size=vtt.bytes)
    if isinstance(content, Damage):
        raise MediaBroken(f"the VTT file is not as it was stored ({content})")
    return cues_of(content)
