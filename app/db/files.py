"""The rows of files, participants and snippets: written only after the file is in its place."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.statements import insert_into
from app.models.snippets import Snippet
from app.models.spoken import words_of
from app.models.tables import File, Meeting, Participant


def files_of(session: Session, meeting_row_id: int) -> list[File]:
    """All files of a meeting, by path."""
    return list(
        session.scalars(
            select(File).where(col(File.meeting_row_id) == meeting_row_id).order_by(col(File.path))
        )
    )


def find_file(session: Session, meeting_row_id: int, path: str) -> File | None:
    """What is stored of a meeting at a path."""
    return session.scalars(
        select(File).where(col(File.meeting_row_id) == meeting_row_id, col(File.path) == path)
    ).one_or_none()


def forget_file(session: Session, file: File) -> None:
    """Delete the row of a file that is not there any more as it was stored."""
    session.execute(delete(File).where(col(File.id) == file.id, col(File.sha256) == file.sha256))


def note_damage(session: Session, file: File, damage: str | None) -> None:
    """Say what is wrong with a file that nobody can fetch again, or that nothing is any more."""
    session.execute(
        update(File)
        .where(col(File.id) == file.id, col(File.sha256) == file.sha256)
        .values(damage=damage)
    )


def damaged_files(session: Session, *, limit: int) -> list[tuple[File, Meeting]]:
    """Files that are damaged, with their meetings; the latest stored first."""
    rows = session.execute(
        select(File, Meeting)
        .join(Meeting, col(Meeting.id) == col(File.meeting_row_id))
        .where(col(File.damage).is_not(None))
        .order_by(col(File.id).desc())
        .limit(limit)
    )
    return [(file, meeting) for file, meeting in rows]


def latest_file(
    session: Session, meeting_row_id: int, resource: str, resource_id: str, kind: str
) -> File | None:
    """The newest version of one file."""
    return session.scalars(
        select(File)
        .where(
            col(File.meeting_row_id) == meeting_row_id,
            col(File.resource) == resource,
            col(File.resource_id) == resource_id,
            col(File.kind) == kind,
        )
        .order_by(col(File.file_version).desc())
        .limit(1)
    ).first()


def has_files(session: Session, meeting_row_id: int, resource: str, resource_id: str) -> bool:
    """Whether anything of a resource is stored."""
    found = session.scalar(
        select(col(File.id))
        .where(
            col(File.meeting_row_id) == meeting_row_id,
            col(File.resource) == resource,
            col(File.resource_id) == resource_id,
        )
        .limit(1)
    )
    return found is not None


def add_file(session: Session, file: File) -> None:
    """Say that a file is there, replacing what was said about the same path before."""
    session.execute(
        delete(File).where(
            col(File.meeting_row_id) == file.meeting_row_id, col(File.path) == file.path
        )
    )
    session.execute(insert(File).values(**file.model_dump(exclude={"id"})))


def add_files(session: Session, files: Sequence[dict[str, Any]]) -> None:
    """Say that files are there, but for those of whose paths something is said already."""
    if files:
        insert = insert_into(session, File)
        which = ["meeting_row_id", "path"]
        session.connection().execute(insert.on_conflict_do_nothing(index_elements=which), files)


def replace_participants(
    session: Session, meeting_row_id: int, participants: Iterable[dict[str, Any]]
) -> None:
    """Write down who was in a meeting, instead of what was known before."""
    session.execute(delete(Participant).where(col(Participant.meeting_row_id) == meeting_row_id))
    rows = [{"meeting_row_id": meeting_row_id, **participant} for participant in participants]
    if rows:
        session.execute(insert(Participant), rows)
    _join_speakers(session, meeting_row_id)


def participants_of(session: Session, meeting_row_id: int) -> list[Participant]:
    """Who was in a meeting, in the order of Webex's list."""
    return list(
        session.scalars(
            select(Participant)
            .where(col(Participant.meeting_row_id) == meeting_row_id)
            .order_by(col(Participant.id))
        )
    )


def replace_snippets(
    session: Session, meeting_row_id: int, transcript_id: str, snippets: Sequence[dict[str, Any]]
) -> None:
    """Write down what was said in one transcript; speakers are joined by their email."""
    session.execute(
        delete(Snippet).where(
            col(Snippet.meeting_row_id) == meeting_row_id,
            col(Snippet.transcript_id) == transcript_id,
        )
    )
    rows = [
        {
            "meeting_row_id": meeting_row_id,
            "transcript_id": transcript_id,
            "position": position,
            "words": words_of(snippet["text"]),
            **snippet,
        }
        for position, snippet in enumerate(snippets)
    ]
    if rows:
        adding = insert(Snippet)
        if session.get_bind().dialect.name == "sqlite":
            # RETURNING has SQLAlchemy send many rows in one statement. At the end of each SQLite
            # writes down what its full-text index has got, which costs more than all else.
            adding = adding.returning(col(Snippet.id))
        session.execute(adding, rows)
    _join_speakers(session, meeting_row_id)


def snippets_of(session: Session, meeting_row_id: int) -> list[Snippet]:
    """What was said in a meeting, transcript by transcript, in the order of each."""
    return list(
        session.scalars(
            select(Snippet)
            .where(col(Snippet.meeting_row_id) == meeting_row_id)
            .order_by(col(Snippet.transcript_id), col(Snippet.position))
        )
    )


def _join_speakers(session: Session, meeting_row_id: int) -> None:
    # Participants and transcripts arrive in any order, so each of them joins both anew.
    speaker = (
        select(func.min(col(Participant.id)))
        .where(
            col(Participant.meeting_row_id) == meeting_row_id,
            func.lower(col(Participant.email)) == func.lower(col(Snippet.person_email)),
        )
        .scalar_subquery()
    )
    # Postgres writes a row anew for each update, and with it all of its places in the indexes.
    differs = col(Snippet.participant_row_id).is_distinct_from(speaker)
    session.execute(
        update(Snippet)
        .where(col(Snippet.meeting_row_id) == meeting_row_id, differs)
        .values(participant_row_id=speaker)
    )
