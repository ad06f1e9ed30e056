"""Who a request comes from, and what they may do."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import abort, g

from app.models.access import Scope

P = ParamSpec("P")
Answer = TypeVar("Answer")

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


def is_allowed(scope: Scope | str) -> bool:
    """Whether who asks may do this."""
    principal = current_principal()
    return principal is not None and scope in principal.scopes


def demand(scope: Scope | str) -> None:
    """Refuse with 403 and a sentence who may not do this."""
    if not is_allowed(scope):
        principal = current_principal()
        name = f"The token “{principal.name}”" if principal else "This request"
        abort(
            403,
            f"{name} has no scope “{scope}”: "
            f"`webex-ingest tokens add NAME --scope {scope}` makes a token that has.",
        )


def requires(scope: Scope | str) -> Callable[[Callable[P, Answer]], Callable[P, Answer]]:
    """Keep a route for those who may do this.

    Whatever changes something by POST, PUT, PATCH or DELETE demands ``operate`` anyway.
    """

    def decorate(route: Callable[P, Answer]) -> Callable[P, Answer]:
        @wraps(route)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
            demand(scope)
            return route(*args, **kwargs)

        return guarded

    return decorate
