"""The accounts that we ask as: each with its own token, gate and budget."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from app.db import accounts as table
from app.db.engine import Database
from app.errors import (
    AccountUnknown,
    DatabaseUnavailable,
    Forbidden,
    NotFound,
    TokenRefused,
    WebexError,
    WebexUnavailable,
)
from app.ingestion.status import account_status
from app.ingestion.tokens import OF_SETTINGS, TokenKeeper
from app.models.status import AccountStatus
from app.models.tables import Account
from app.models.times import Clock
from app.models.webex import Event, Person
from app.models.words import Role
from app.webex import resources
from app.webex.client import Gate, WebexClient
from app.webex.scopes import role_of
from app.webex.sign_in import App, TokenPair

T = TypeVar("T")
_READ_AGAIN_SECONDS = 30

Look = Callable[[], None]
MakeGate = Callable[[str], Gate]


@dataclass(frozen=True, slots=True)
class View:
    """As what an account asks, and as whom; the email is None where Webex did not tell it."""

    role: Role = Role.USER
    email: str | None = None


class Accounts:
    """Hands out one client for each account, made when it is first asked for."""

    def __init__(
        self,
        database: Database,
        keeper: TokenKeeper,
        *,
        api_url: str,
        make_gate: MakeGate,
        clock: Clock,
        given_role: Role = Role.USER,
    ) -> None:
        self._given_role = given_role
        self._views: dict[str, tuple[View, float]] = {}
        self._names_known: tuple[frozenset[str], float] = (frozenset(), -math.inf)
        self.api_url = api_url
        self.keeper = keeper
        self._database = database
        self._make_gate = make_gate
        self._clock = clock
        self._clients: dict[str, WebexClient] = {}
        self._making = threading.Lock()

    def all(self) -> list[Account]:
        """The accounts whose tokens are kept here, by name."""
        with self._database.reading() as session:
            return table.all_accounts(session)

    def standings(self) -> list[AccountStatus]:
        """How every account stands; the one of the settings also where its token is kept there."""
        with self._database.reading() as session:
            accounts = table.all_accounts(session)
            told = table.refusal_of(session, OF_SETTINGS)
        if self.keeper.is_given and not any(each.name == OF_SETTINGS for each in accounts):
            accounts.insert(0, Account(name=OF_SETTINGS, added_at=self._clock(), error=told))
        return [account_status(each) for each in accounts]

    def names(self) -> list[str]:
        """All accounts that there are, the one of the settings first."""
        return self._names(self.all())

    def default(self) -> str:
        """The account of what nobody claims: that of the settings, or the first one."""
        return self._default(self.all())

    def in_turn(self, first: str) -> Iterator[tuple[str, WebexClient]]:
        """Every account, the most likely one first; one that is no more comes last."""
        names = self.names()
        others = [name for name in names if name != first]
        for name in [first, *others] if first in names else [*others, first]:
            yield name, self.client(name)

    def is_known(self, name: str) -> bool:
        """Whether there is such an account; looked up twice a minute."""
        known, at = self._names_known
        if time.monotonic() - at >= _READ_AGAIN_SECONDS:
            known = frozenset(self.names())
            self._names_known = (known, time.monotonic())
        return name in known

    def view(self, name: str) -> View:
        """As what an account asks, and as whom; looked up twice a minute."""
        known, at = self._views.get(name, (View(), -math.inf))
        if time.monotonic() - at < _READ_AGAIN_SECONDS:
            return known
        account = self._find(name)
        given = self._given_role if name == OF_SETTINGS else Role.USER
        view = View(_told_role(account) or given, account.email if account else None)
        self._views[name] = (view, time.monotonic())
        return view

    def host_to_name(self, name: str, host_email: str | None) -> str | None:
        """The host that Webex wants to be told when this account asks about a meeting of theirs."""
        view = self.view(name)
        return None if view.role == Role.USER or host_email == view.email else host_email

    def first_that_can(self, first: str, ask: Callable[[str, WebexClient], T]) -> tuple[str, T]:
        """Ask the accounts in turn; the first one that has an answer, and the answer.

        Raises what the first one was told, but WebexUnavailable where another one could not be
        asked: then nobody knows yet whether it can, and a closed gate of theirs is no reason to
        wait for it.
        """
        refusal: WebexError | None = None
        unasked: WebexError | None = None
        for name, client in self.in_turn(first):
            try:
                return name, ask(name, client)
            except (NotFound, Forbidden) as error:
                refusal = refusal or error
            except WebexError as error:
                if name == first:
                    raise
                unasked = WebexUnavailable(f"account {name} could not be asked: {error}")
        assert refusal is not None
        raise unasked or refusal

    def owners(self) -> Callable[[Event], str]:
        """Says of events whose they are: of whoever made the webhook, else of the default."""
        accounts = self.all()
        by_person = {each.person_id: each.name for each in accounts if each.person_id}
        default = self._default(accounts)
        return lambda event: by_person.get(event.created_by or "", default)

    def client(self, name: str) -> WebexClient:
        """Asks as one account; its first request fails where there is no such account."""
        with self._making:
            if name not in self._clients:
                self._clients[name] = WebexClient(
                    self.api_url,
                    tokens=_TokensOf(self.keeper, name, self._note_refusal),
                    gate=self._make_gate(name),
                    clock=self._clock,
                )
            return self._clients[name]

    def add(
        self, name: str, pair: TokenPair, app: App | None = None, *, role: Role | None = None
    ) -> str | None:
        """Keep an account; whose it is, or None if Webex does not say.

        Without a role it is what the scopes of the token make of it; where nobody knows them, it
        stays what it was.

        Raises TokenRefused, and keeps what was there, when Webex refuses the token; as well a
        WebexError when it cannot say now whether it is good, and another one would be lost.
        """
        asking = WebexClient(
            self.api_url,
            tokens=_Untried(pair.access_token),
            gate=self._make_gate(name),
            clock=self._clock,
        )
        try:
            person = resources.me(asking)
        except TokenRefused:
            raise TokenRefused(
                "Webex refuses the access token (401): it is wrong, or it is over; "
                "nothing was changed"
            ) from None
        except WebexError as error:
            # What Webex has just issued is good. A token that somebody pasted may be any word.
            if error.retryable and pair.refresh_token is None and self._find(name) is not None:
                raise WebexUnavailable(
                    f"Webex cannot say now whether the access token is good ({error}): "
                    f"{name} keeps the one it had; try again later"
                ) from error
            # Whose it is will be found out later.
            person = None
        if pair.scopes is None:
            role = role or _told_role(self._find(name))
        kept = self.keeper.keep(name, pair, app, role)
        self._views.pop(name, None)
        self._names_known = (frozenset(), -math.inf)
        return self._write_down(kept, person) if person else None

    def describe(self, name: str, look: Look | None = None) -> str | None:
        """Ask Webex whose account it is and write it down; None if it does not say."""
        client = self.client(name)
        # Not as whoever had this name before.
        self.keeper.forget(name)
        account = self._find(name)
        try:
            person = resources.me(client.accompanied_by(look) if look else client)
        except WebexError:
            return None
        return self._write_down(account, person)

    def _write_down(self, asked: Account | None, person: Person) -> str | None:
        """Say whose the account is that was asked; not of one that has other tokens by now."""
        email = person.emails[0] if person.emails else None
        if asked is not None:
            with self._database.transaction() as session:
                told = {"person_id": person.id, "email": email}
                # What the last renewal was told stays true though the present token serves.
                well = {} if asked.refresh_token else {"error": None}
                table.describe_account(session, asked, **told, **well)
        return email

    def _note_refusal(self, name: str) -> None:
        """Write down that Webex refuses a token which nobody renews."""
        account = self._find(name)
        if account is None or account.refresh_token or account.error:
            return
        error = f"Webex refuses the access token: `webex-ingest accounts add {name}` takes another"
        # Whoever asked goes on; the next refusal is noted as well.
        with suppress(DatabaseUnavailable), self._database.transaction() as session:
            table.describe_account(session, account, error=error)

    def _find(self, name: str) -> Account | None:
        with self._database.reading() as session:
            return table.find_account(session, name)

    def look_after(self, patience: Callable[[], Look]) -> None:
        """Renew and seal again what is due; find out whose the accounts are that nobody knows.

        ``patience`` gives for each account what ends a question that takes too long.
        """
        self.keeper.renew_due()
        self.keeper.reseal()
        for account in self.all():
            is_unknown = account.person_id is None and account.error is None
            # A refusal may have been a mistake of the moment.
            if is_unknown or (account.error is not None and account.refresh_token is None):
                self.describe(account.name, patience())

    def remove(self, name: str) -> int:
        """Forget an account and its tokens; how much work waits for it. Raises AccountUnknown."""
        with self._database.transaction() as session:
            if not table.delete_account(session, name):
                raise AccountUnknown(self._nothing_of(name))
            waiting = table.open_work_of(session, name)
        self.keeper.forget(name)
        self._names_known = (frozenset(), -math.inf)
        return waiting

    def _nothing_of(self, name: str) -> str:
        if name == OF_SETTINGS and self.keeper.is_given:
            return (
                "nothing is kept of the account of the settings: take WEBEX_ACCESS_TOKEN and "
                "WEBEX_REFRESH_TOKEN out of them, and restart, to end it"
            )
        which = name or "(of the settings)"
        return f"there is no account {which}: `webex-ingest accounts list` names them"

    def _names(self, accounts: Sequence[Account]) -> list[str]:
        names = {each.name for each in accounts}
        return sorted(names | {OF_SETTINGS} if self.keeper.is_given else names)

    def _default(self, accounts: Sequence[Account]) -> str:
        return next(iter(self._names(accounts)), OF_SETTINGS)


def _told_role(account: Account | None) -> Role | None:
    """What an account is said to be, or its scopes let it be; None where nobody knows."""
    told = (account.role or role_of(account.scopes)) if account else None
    return Role(told) if told else None


class _Untried:
    """One token that nobody keeps yet."""

    def __init__(self, token: str) -> None:
        self._token = token

    def at_hand(self) -> str:
        """It."""
        return self._token

    current = at_hand

    def instead_of(self, _refused: str) -> None:
        """Nothing."""


class _TokensOf:
    """The tokens of one account, as its client asks for them."""

    def __init__(self, keeper: TokenKeeper, name: str, note_refusal: Callable[[str], None]) -> None:
        self.at_hand = partial(keeper.at_hand, name)
        self.current = partial(keeper.current, name)
        self._instead_of = partial(keeper.instead_of, name)
        self._note_refusal = partial(note_refusal, name)

    def instead_of(self, refused: str) -> str | None:
        """Another one, or None; then the account says so from now on."""
        other = self._instead_of(refused)
        if other is None:
            self._note_refusal()
        return other
