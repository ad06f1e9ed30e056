"""The accounts and their sealed tokens: one pair at a time, replaced under its generation."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import tenacity
from sqlalchemy import and_, delete, func, null, or_, select, true, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.engine import Database
from app.db.statements import insert_into
from app.errors import DatabaseUnavailable
from app.models.tables import Account, Ingest
from app.models.words import Reason, State

_LONGEST_STORING_SECONDS = 15
_NOTHING_KNOWN: dict[str, Any] = {
    "access_token": None,
    "refresh_token": None,
    "renew_at": None,
    "access_expires_at": None,
    "refresh_expires_at": None,
    "renewing_until": None,
    "scopes": None,
    "error": None,
    "person_id": None,
    "email": None,
}


def all_accounts(session: Session) -> list[Account]:
    """Every account, by name; the one of the settings, which has none, first."""
    return list(session.scalars(select(Account).order_by(col(Account.name))))


def find_account(session: Session, name: str) -> Account | None:
    """One account; None if there is none of this name."""
    return session.scalars(select(Account).where(col(Account.name) == name)).one_or_none()


def put_account(
    session: Session, name: str, *, now: datetime, seed: str = "", **values: Any
) -> None:
    """Make an account, or replace all that is known of its tokens but the seeds it had."""
    _put(session, name, seed, now, values)


def plant_account(session: Session, name: str, *, seed: str, now: datetime, **values: Any) -> None:
    """Make or replace an account, unless it has had this seed before.

    Processes that were started with other settings would else undo each other's work for ever.
    """
    new = func.instr if session.get_bind().dialect.name == "sqlite" else func.strpos
    unseen = new(func.coalesce(col(Account.seed), ""), seed) == 0
    _put(session, name, seed, now, {"renew_at": now} | values, unseen)


def _put(
    session: Session,
    name: str,
    seed: str,
    now: datetime,
    values: dict[str, Any],
    *which: Any,
) -> None:
    values = _NOTHING_KNOWN | values
    insert = insert_into(session, Account).values(
        name=name, generation=_first_generation(), added_at=now, seed=seed, **values
    )
    seeds = func.coalesce(col(Account.seed), "") + " " + seed
    again = values | {"generation": Account.generation + 1, "seed": seeds}
    session.execute(
        insert.on_conflict_do_update(
            index_elements=["name"], set_=again, where=and_(true(), *which)
        )
    )


def _first_generation() -> int:
    """Not that of an account which had this name before, and of which a renewal is under way."""
    return secrets.randbelow(2**30)


def claim_renewal(session: Session, account: Account, *, now: datetime, until: datetime) -> bool:
    """Take the right to fetch the next pair of tokens; false if somebody else has it."""
    free = or_(col(Account.renewing_until).is_(None), col(Account.renewing_until) <= now)
    return _write(session, account, free, renewing_until=until)


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(DatabaseUnavailable),
    stop=tenacity.stop_after_delay(_LONGEST_STORING_SECONDS),
    wait=tenacity.wait_random(0.2, 1),
    reraise=True,
)
def store_tokens(
    database: Database, account: Account, *, now: datetime, **values: Any
) -> tuple[bool, Account | None]:
    """Replace a pair of tokens by the next one, and read what is there then.

    False if somebody else already has replaced it. The one before may be over by now, so a
    database that is locked is no reason to lose this one.
    """
    with database.transaction() as session:
        stored = _write(
            session,
            account,
            **values,
            generation=Account.generation + 1,
            renewing_until=null(),
            error=null(),
            renewed_at=now,
        )
        return stored, find_account(session, account.name)


def note_refusal(session: Session, account: Account, error: str, *, until: datetime) -> None:
    """Write down why there is no next pair, and let nobody try again until then."""
    _write(session, account, error=error, renewing_until=until)


def describe_account(session: Session, account: Account, **values: Any) -> bool:
    """Write down more about an account, as long as its tokens are still the same."""
    return _write(session, account, **values)


def accounts_to_renew(session: Session, *, now: datetime) -> Sequence[Account]:
    """The accounts whose next pair of tokens may be fetched now."""
    return list(
        session.scalars(
            select(Account).where(
                col(Account.renew_at) <= now,
                or_(col(Account.renewing_until).is_(None), col(Account.renewing_until) <= now),
            )
        )
    )


def delete_account(session: Session, name: str) -> bool:
    """Forget an account and its tokens; false if there was none of this name."""
    result = session.execute(delete(Account).where(col(Account.name) == name))
    return bool(result.rowcount)  # type: ignore[attr-defined]


def open_work_of(session: Session, name: str) -> int:
    """How many ingests wait for this account or are under way with it."""
    which = (col(Ingest.account) == name, col(Ingest.state).in_((State.WAITING, State.RUNNING)))
    return session.scalar(select(func.count()).select_from(Ingest).where(*which)) or 0


def refusal_of(session: Session, name: str) -> str | None:
    """What work was told that waits for another token of this account."""
    refused = (col(Ingest.state) == State.WAITING, col(Ingest.reason) == Reason.TOKEN_REFUSED)
    which = (*refused, col(Ingest.account) == name)
    return session.scalars(select(col(Ingest.error)).where(*which).limit(1)).first()


def _write(session: Session, account: Account, *which: Any, **values: Any) -> bool:
    result = session.execute(
        update(Account)
        .where(
            col(Account.name) == account.name,
            col(Account.generation) == account.generation,
            *which,
        )
        .values(**values)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]
