"""Who a request comes from, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

from flask import abort, g

from app.models.access import Scope

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""What changes nothing."""


class Way(StrEnum):
    """How somebody was let in."""

    HERE = "here"
    SESSION = "session"
    BASIC = "basic"
    TOKEN = "token"  # noqa: S105 -- a word, and no token


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who was let in: the operator, or a program by the name of its token."""

    name: str
    way: Way
    scopes: frozenset[Scope] = frozenset(Scope)


def current_principal() -> Principal | None:
    """Who this request comes from; None where everybody is answered."""
    found: Principal | None = g.get("principal")
    return found


def who_asks() -> str:
    """Who asks, as it is kept beside what they ask for."""
    principal = current_principal()
    if principal is None:
        return "somebody"
    return f"token {principal.name}" if principal.way is Way.TOKEN else principal.name


def is_allowed(scope: Scope | str) -> bool:
    """Whether who asks may do this."""
    principal = current_principal()
    return principal is not None and scope in principal.scopes


def demand(scope: Scope | str) -> None:
    """Refuse with 403 and a sentence who may not do this.

    Whatever changes something by POST, PUT, PATCH or DELETE demands ``operate`` anyway.
    """
    if not is_allowed(scope):
        principal = current_principal()
        name = f"The token “{principal.name}”" if principal else "This request"
        abort(
            403,
            f"{name} has no scope “{scope}”: "
            f"`webex-ingest tokens add NAME --scope {scope}` makes a token that has.",
        )
