"""Tokens of programs: added, found by their digest, revoked."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.statements import insert_into
from app.models.access import ApiToken, Scope


def add_token(
    session: Session,
    name: str,
    digest: str,
    *,
    scopes: Collection[Scope],
    now: datetime,
    expires_at: datetime | None,
) -> bool:
    """Keep a token; false if there is one of this name."""
    added = session.execute(
        insert_into(session, ApiToken)
        .values(
            name=name,
            digest=digest,
            scopes=" ".join(sorted(scopes)),
            created_at=now,
            expires_at=expires_at,
        )
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(col(ApiToken.id))
    )
    return added.first() is not None


def find_token(session: Session, digest: str, *, now: datetime) -> ApiToken | None:
    """The token with this digest, unless it is over."""
    return session.scalars(
        select(ApiToken).where(
            col(ApiToken.digest) == digest,
            or_(col(ApiToken.expires_at).is_(None), col(ApiToken.expires_at) > now),
        )
    ).one_or_none()


def note_used(session: Session, token: ApiToken, *, now: datetime) -> None:
    """Write down that a token is in use."""
    session.execute(update(ApiToken).where(col(ApiToken.id) == token.id).values(last_used_at=now))


def all_tokens(session: Session) -> Sequence[ApiToken]:
    """Every token by name, those that are over as well."""
    return session.scalars(select(ApiToken).order_by(col(ApiToken.name))).all()


def delete_token(session: Session, name: str) -> bool:
    """Forget a token; false if there is none of this name."""
    result = session.execute(delete(ApiToken).where(col(ApiToken.name) == name))
    return bool(result.rowcount)  # type: ignore[attr-defined]
