"""The tokens of all accounts: handed out while they last, and replaced by one worker at a time."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from app.db import accounts as table
from app.db.engine import Database
from app.db.sealing import Sealer
from app.errors import (
    IngestError,
    RateLimited,
    SettingsError,
    TokenRefused,
    TokenRenewing,
    WebexError,
)
from app.models.tables import Account
from app.models.times import Clock
from app.models.words import Role
from app.webex.sign_in import App, TokenPair

OF_SETTINGS = ""
"""The name of the account that the settings describe."""

_READ_AGAIN_SECONDS = 30
_LONGEST_RENEWAL_SECONDS = 60
_PAUSE_SECONDS = 60
_PAUSE_AFTER_REFUSAL_SECONDS = 300
_LONGEST_AHEAD = timedelta(days=1)
_SOONEST_SECONDS = 5
"""So long no next pair is fetched: else tokens that never serve would cost two requests each."""
_LAST_PART = 5
"""The last fifth of a token's life is when the next one is fetched."""

log = structlog.get_logger()

Renew = Callable[[App, str], TokenPair]


@dataclass(frozen=True, slots=True)
class Given:
    """What the settings say about their account."""

    access_token: str | None = None
    app: App | None = None
    refresh_token: str | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """A token as this process has read it, and when by its monotonic clock."""

    access_token: str
    renew_at: datetime | None
    read_at: float

    def is_fresh(self, now: datetime) -> bool:
        """Whether it may be used without a look into the database."""
        is_recent = time.monotonic() - self.read_at < _READ_AGAIN_SECONDS
        return is_recent and (self.renew_at is None or now < self.renew_at)


class TokenKeeper:
    """Knows a good access token of every account.

    Of all workers that find a token too old only one fetches the next pair. Should it die, another
    one does so a minute later; a pair that comes after that is thrown away.
    """

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        renew: Renew,
        given: Given,
        clock: Clock,
        hide: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._hide = hide
        self._database = database
        self._sealer = sealer
        self._renew = renew
        self._given = given
        self._clock = clock
        self._known: dict[str, _Known] = {}

    @property
    def is_given(self) -> bool:
        """Whether the settings describe an account."""
        return bool(self._given.access_token or self._given.refresh_token)

    def current(self, name: str) -> str:
        """The access token of an account; raises TokenRefused, TokenRenewing."""
        if token := self.at_hand(name):
            return token
        account = self._find(name)
        if account is None:
            return self._of_settings(name)
        is_old = account.renew_at is not None and account.renew_at <= self._clock()
        if is_old or (account.access_token is None and account.refresh_token is not None):
            return self._next_or_present(account)
        return self._remember(account)

    def at_hand(self, name: str) -> str | None:
        """The access token of an account as this process read it lately; None if it must look."""
        known = self._known.get(name)
        is_fresh = known is not None and known.is_fresh(self._clock())
        return known.access_token if known is not None and is_fresh else None

    def instead_of(self, name: str, refused: str) -> str | None:
        """Another token than one that Webex has refused; None where there is no other.

        Raises TokenRefused, TokenRenewing.
        """
        self._known.pop(name, None)
        account = self._find(name)
        if account is None:
            return None
        if account.access_token is not None and self._open(account.access_token) != refused:
            return self._remember(account)
        now, renewed_at = self._clock(), account.renewed_at
        is_new = renewed_at is not None and renewed_at <= now < self._soonest(renewed_at)
        return self._next(account) if account.refresh_token and not is_new else None

    def keep(
        self, name: str, pair: TokenPair, app: App | None = None, role: Role | None = None
    ) -> Account | None:
        """Keep the first pair of tokens of an account, in the place of all it had; its row."""
        now = self._clock()
        values = self._sealed(pair) | {"role": role}
        if app is not None:
            values |= {
                "client_id": app.client_id,
                "client_secret": self._sealer.seal(app.client_secret),
            }
        seed = self._given.refresh_token if name == OF_SETTINGS else None
        with self._database.transaction() as session:
            # The one of the settings is older, and must not take its place.
            planted = _fingerprint(seed) if seed else ""
            table.put_account(session, name, now=now, seed=planted, **values)
            kept = table.find_account(session, name)
        self.forget(name)
        return kept

    def forget(self, name: str) -> None:
        """Let this process look at an account anew; others do so within half a minute."""
        self._known.pop(name, None)

    def renew_due(self) -> int:
        """Fetch the next pair of every account whose time has come; how many came.

        What fails is noted in its row, and tried again after a pause.
        """
        self._find(OF_SETTINGS)
        with self._database.reading() as session:
            due = table.accounts_to_renew(session, now=self._clock())
        return sum(self._next_is_there(account) for account in due)

    def reseal(self) -> int:
        """Seal again what an older ENCRYPTION_KEY has sealed; how many accounts there were."""
        with self._database.reading() as session:
            accounts = table.all_accounts(session)
        return sum(self._reseal(account) for account in accounts)

    def _find(self, name: str) -> Account | None:
        with self._database.reading() as session:
            account = table.find_account(session, name)
        given = self._given
        if name != OF_SETTINGS or given.refresh_token is None or given.app is None:
            return account
        seed = _fingerprint(given.refresh_token)
        if account is not None and seed in (account.seed or "").split():
            return account
        with self._database.transaction() as session:
            table.plant_account(
                session,
                name,
                seed=seed,
                now=self._clock(),
                client_id=given.app.client_id,
                client_secret=self._sealer.seal(given.app.client_secret),
                refresh_token=self._sealer.seal(given.refresh_token),
            )
            return table.find_account(session, name)

    def _of_settings(self, name: str) -> str:
        if name != OF_SETTINGS:
            raise TokenRefused(
                f"there is no account {name} any more: `webex-ingest login {name}` or "
                f"`webex-ingest accounts add {name}` brings it back"
            )
        if not self._given.access_token:
            raise TokenRefused(
                "no access token is set: set WEBEX_ACCESS_TOKEN, or run `webex-ingest login`"
            )
        return self._given.access_token

    def _remember(self, account: Account) -> str:
        if account.access_token is None:
            raise TokenRefused(account.error or "the account has no access token yet")
        token = self._open(account.access_token)
        self._known[account.name] = _Known(token, account.renew_at, time.monotonic())
        return token

    def _next_or_present(self, account: Account) -> str:
        try:
            return self._next(account)
        except WebexError:
            expires_at = account.access_expires_at
            if account.access_token is None or expires_at is None or expires_at <= self._clock():
                raise
            return self._remember(account)

    def _next(self, account: Account) -> str:
        now = self._clock()
        until = now + timedelta(seconds=_LONGEST_RENEWAL_SECONDS)
        with self._database.transaction() as session:
            if not table.claim_renewal(session, account, now=now, until=until):
                return self._fetched_by_another(table.find_account(session, account.name), account)
        try:
            pair = self._fetch(account)
        except IngestError as error:
            self._note(account, error)
            raise
        values = self._sealed(pair, account)
        stored, latest = table.store_tokens(self._database, account, now=self._clock(), **values)
        log.info("token.renewed" if stored else "token.came_too_late", account=account.name)
        return self._remember(latest) if latest else self._of_settings(account.name)

    def _fetched_by_another(self, latest: Account | None, account: Account) -> str:
        if latest is not None and latest.generation != account.generation:
            return self._remember(latest)
        if latest is not None and latest.error:
            raise TokenRefused(latest.error)
        raise TokenRenewing("another worker is fetching the next access token")

    def _fetch(self, account: Account) -> TokenPair:
        if account.refresh_token is None or account.client_secret is None:
            raise TokenRefused("the account has nothing to renew its access token with")
        app = App(account.client_id or "", self._open(account.client_secret))
        return self._renew(app, self._open(account.refresh_token))

    def _note(self, account: Account, error: IngestError) -> None:
        seconds: float = _PAUSE_SECONDS
        if isinstance(error, TokenRefused):
            seconds = _PAUSE_AFTER_REFUSAL_SECONDS
        elif isinstance(error, RateLimited):
            seconds = max(seconds, error.retry_after_seconds or 0)
        until = self._clock() + timedelta(seconds=seconds)
        log.warning("token.not_renewed", account=account.name, error=str(error))
        with self._database.transaction() as session:
            table.note_refusal(session, account, str(error), until=until)

    def _next_is_there(self, account: Account) -> bool:
        try:
            self._next(account)
        except WebexError:
            return False
        return True

    def _sealed(self, pair: TokenPair, before: Account | None = None) -> dict[str, Any]:
        """A pair as columns; what Webex left out of it stays as it was ``before``."""
        self._hide(pair.access_token)
        values: dict[str, Any] = {
            "access_token": self._sealer.seal(pair.access_token),
            "access_expires_at": pair.access_expires_at,
            "renew_at": self._renew_at(pair) if pair.refresh_token or before else None,
        }
        if pair.refresh_token is not None:
            self._hide(pair.refresh_token)
            values["refresh_token"] = self._sealer.seal(pair.refresh_token)
        if pair.refresh_expires_at is not None:
            values["refresh_expires_at"] = pair.refresh_expires_at
        if pair.scopes is not None:
            values["scopes"] = pair.scopes
        return values

    def _reseal(self, account: Account) -> bool:
        names = ("client_secret", "access_token", "refresh_token")
        sealed = {name: text for name in names if (text := getattr(account, name)) is not None}
        if all(self._sealer.is_newest(text) for text in sealed.values()):
            return False
        try:
            values = {name: self._sealer.seal(self._open(text)) for name, text in sealed.items()}
        except (SettingsError, TokenRefused):
            # Said to whoever needs the token; there is nothing that could be sealed again.
            return False
        with self._database.transaction() as session:
            return table.describe_account(session, account, **values)

    def _open(self, sealed: str) -> str:
        try:
            secret = self._sealer.open(sealed)
        except SettingsError as error:
            # Nothing is wrong with the work: it waits until the key is back.
            raise TokenRefused(str(error)) from None
        self._hide(secret)
        return secret

    def _renew_at(self, pair: TokenPair) -> datetime | None:
        if pair.access_expires_at is None:
            return None
        now = self._clock()
        ahead = min((pair.access_expires_at - now) / _LAST_PART, _LONGEST_AHEAD)
        return max(pair.access_expires_at - ahead, self._soonest(now))

    def _soonest(self, renewed_at: datetime) -> datetime:
        return renewed_at + timedelta(seconds=_SOONEST_SECONDS)


def _fingerprint(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:32]
