"""Rebuilding: the rows of the archive's meetings, of which the database does not know."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import structlog

from app.archive.inspection import (
    Damage,
    damage_of,
    insist_on_root,
    is_missing,
    set_aside,
    strays,
)
from app.archive.paths import version_of
from app.archive.reading import Place, meeting_places, read_document, read_manifest
from app.db.engine import Database
from app.db.meetings import ensure_meeting, find_meeting, holder_of_folder
from app.errors import AnswerUnreadable, FolderRefused, IngestError
from app.ingestion.integrity import Finding
from app.ingestion.recordings import source_of
from app.ingestion.restoring import Documents, Found, Key, restore
from app.ingestion.storing import refresh_manifest
from app.ingestion.workbench import Workbench
from app.models.manifest import MANIFEST, Manifest, ManifestFile
from app.models.tables import Meeting
from app.models.webex import MeetingDetails, MeetingParticipant, Recording, TranscriptSnippet
from app.models.words import Kind, State

log = structlog.get_logger()

_MEDIA = (Kind.VIDEO, Kind.AUDIO)


class Fate(StrEnum):
    """What becomes of a folder: its meeting is new here, known already, or cannot be made."""

    ADDED = "added"
    KNOWN = "known"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of one folder; ``why`` is a sentence about one that was refused."""

    folder: str
    fate: Fate
    meeting_id: str = ""
    files: int = 0
    bytes: int = 0
    lacking: Sequence[Finding] = ()
    why: str = ""


def places(bench: Workbench, tops: Sequence[Path] = ()) -> Iterator[Place]:
    """Where meetings lie in the archive, or below some folders of it; each once.

    Raises ArchiveUnavailable where nothing is in the archive at all.
    """
    root = bench.archive.root
    insist_on_root(root)
    told: set[str] = set()
    for top in tops or [root]:
        for each in meeting_places(root, top):
            if each.folder not in told:
                told.add(each.folder)
                yield each


def rebuild(
    bench: Workbench, tops: Sequence[Path] = (), *, deep: bool = False, dry_run: bool = False
) -> Iterator[Rebuilt]:
    """Make the rows of all meetings in the archive that the database does not know, one by one.

    Each meeting is one transaction, so whoever is killed goes on where it was by doing the same
    again. What a manifest names and what is not there as it was stored is no file, and is fetched
    again; ``deep`` reads every byte for that. ``dry_run`` changes nothing.
    """
    foretold: dict[str, str] = {}
    for place in places(bench, tops):
        try:
            if place.trouble:
                raise FolderRefused(place.trouble)
            made = _rebuild(bench, place.folder, deep=deep, dry_run=dry_run)
            if dry_run and made.fate is Fate.ADDED:
                _refuse_another(made.meeting_id, place.folder, foretold)
        except FolderRefused as error:
            made = Rebuilt(place.folder, Fate.REFUSED, why=str(error))
        except OSError as error:
            why = f"{error.filename or 'a file'} cannot be read: {error.strerror}"
            made = Rebuilt(place.folder, Fate.REFUSED, why=why)
        except IngestError:
            raise
        except Exception as error:
            # As in an attempt: a fault of ours with one folder must hold up no other.
            log.exception("rebuild.fault", folder=place.folder)
            why = f"an error in webex-ingest itself: {type(error).__name__}"
            made = Rebuilt(place.folder, Fate.REFUSED, why=why)
        yield made


def _refuse_another(meeting_id: str, folder: str, foretold: dict[str, str]) -> None:
    other = foretold.setdefault(meeting_id, folder)
    if other != folder:
        raise FolderRefused(_of_two(meeting_id, other))


def _rebuild(bench: Workbench, folder: str, *, deep: bool, dry_run: bool) -> Rebuilt:
    manifest = read_manifest(bench.archive.root, folder)
    if _is_known(bench.database, manifest.meeting_id, folder):
        return Rebuilt(folder, Fate.KNOWN, manifest.meeting_id)
    found = _look(bench, folder, manifest, deep=deep)
    if not dry_run and not _add(bench, found):
        return Rebuilt(folder, Fate.KNOWN, manifest.meeting_id)
    return Rebuilt(
        folder,
        Fate.ADDED,
        manifest.meeting_id,
        files=len(found.kept),
        bytes=sum(each.bytes for each in found.kept),
        lacking=[
            Finding(manifest.meeting_id, path, damage, path in found.wanted)
            for path, damage in found.damage.items()
        ],
    )


def _is_known(database: Database, meeting_id: str, folder: str) -> bool:
    """Whether this is the folder of its meeting; FolderRefused where it is another one."""
    with database.reading() as session:
        known = find_meeting(session, meeting_id)
        holder = holder_of_folder(session, folder)
    if holder not in (None, meeting_id):
        raise FolderRefused(f"its manifest is of {meeting_id}, and here it is known as {holder}")
    return known is not None and _has_folder(known, folder)


def _has_folder(known: Meeting, folder: str) -> bool:
    if known.folder not in (None, folder):
        raise FolderRefused(_of_two(known.meeting_id, known.folder or ""))
    return known.folder is not None


def _of_two(meeting_id: str, other: str) -> str:
    return f"{meeting_id} is known in {other}: keep one of the two, in that place"


def _add(bench: Workbench, found: Found) -> bool:
    """Make the rows of a meeting; false where somebody else has made them meanwhile."""
    if not _set_aside(bench, found):
        return False
    bench.archive.remove_orphans(found.folder)
    now, memory = bench.clock(), found.manifest.for_rebuild
    with bench.database.transaction() as session:
        meeting = ensure_meeting(
            session,
            found.manifest.meeting_id,
            source=memory.source,
            now=now,
            account=memory.account,
        )
        if _has_folder(meeting, found.folder):
            return False
        restore(session, meeting, found, pace=bench.pace, now=now)
    assert meeting.id is not None
    refresh_manifest(bench, meeting.id)
    return True


def _set_aside(bench: Workbench, found: Found) -> bool:
    """Keep changed files beside their places, before anybody may put good ones there.

    False where somebody may have done so already, since the meeting is known by now.
    """
    changed = [path for path in found.wanted if found.damage[path] is Damage.CHANGED]
    if changed and _is_known(bench.database, found.manifest.meeting_id, found.folder):
        return False
    for path in changed:
        try:
            set_aside(bench.archive.locate(found.folder, path))
        except OSError as error:
            raise FolderRefused(f"{path} has changed, and {error.strerror}") from None
    return True


def _look(bench: Workbench, folder: str, manifest: Manifest, *, deep: bool) -> Found:
    """Compare a folder with its manifest, and read what rows are made of."""
    place = bench.archive.root / folder
    damage: dict[str, Damage] = {}
    documents = Documents()
    for file in manifest.files:
        wrong = damage_of(place / file.path, file.bytes, file.sha256 if deep else None)
        if wrong is None and file.path in manifest.newest and file.kind in _READERS:
            wrong = _read(place, file, manifest, documents)
        if wrong is Damage.UNREADABLE:
            raise FolderRefused(f"{file.path} cannot be read: let the user of webex-ingest read it")
        if wrong is not None:
            damage[file.path] = wrong
    if damage and is_missing(place / MANIFEST):
        raise FolderRefused("has gone while it was read: is its disk there?")
    return Found(folder, manifest, damage, documents, _newer(place, manifest))


def _read(
    place: Path, file: ManifestFile, manifest: Manifest, documents: Documents
) -> Damage | None:
    """Read a document of which rows are made; what is wrong with it."""
    content = read_document(place, file.path, file.sha256)
    if content is None:
        return Damage.CHANGED
    try:
        _READERS[file.kind](content, file, manifest, documents)
    except (AnswerUnreadable, KeyError, TypeError):
        raise FolderRefused(f"{file.path} does not hold what its manifest says") from None
    return None


def _read_details(content: Any, file: ManifestFile, manifest: Manifest, into: Documents) -> None:
    into.details = MeetingDetails.read(content)
    if into.details.id != manifest.meeting_id:
        raise FolderRefused(f"{file.path} is of another meeting than its manifest")


def _read_people(content: Any, _: ManifestFile, _manifest: Manifest, into: Documents) -> None:
    into.people = [MeetingParticipant.read(each) for each in content["items"]]


def _read_snippets(content: Any, file: ManifestFile, _: Manifest, into: Documents) -> None:
    said = [TranscriptSnippet.read(each) for each in content["items"]]
    into.said[file.resource_id] = said


def _read_recording(content: Any, file: ManifestFile, manifest: Manifest, into: Documents) -> None:
    """What the media are: one that is done is as its details say; of others nobody knows."""
    recording = Recording.read(content)
    done = {each.key for each in manifest.resources if each.state == State.DONE}
    for each in manifest.files:
        if each.kind in _MEDIA and each.path in manifest.newest and each.key == file.key:
            source = source_of(recording, each.kind) if each.key in done else "not known"
            into.sources[each.path] = source


_READERS: dict[Kind, Callable[[Any, ManifestFile, Manifest, Documents], None]] = {
    Kind.MEETING: _read_details,
    Kind.PARTICIPANTS: _read_people,
    Kind.SNIPPETS: _read_snippets,
    Kind.RECORDING: _read_recording,
}


def _newer(place: Path, manifest: Manifest) -> frozenset[Key]:
    """The items of which later versions lie there than the manifest, which is older, knows."""
    known: dict[str, tuple[int, Key]] = {}
    for each in manifest.files:
        name, version = version_of(each.path)
        known[name] = max(known.get(name, (0, each.key)), (version, each.key))
    try:
        extra = [path for path, damage in strays(place, {each.path for each in manifest.files})]
    except OSError as error:
        raise FolderRefused(f"{error.filename or place}: {error.strerror}") from None
    later = [version_of(path) for path in extra]
    return frozenset(
        known[name][1] for name, version in later if name in known and version > known[name][0]
    )
