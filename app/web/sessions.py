"""The operator's session in a browser: a random cookie, of which the database knows the digest."""

import re
import secrets
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256

from werkzeug.wrappers import Response

from app.config import Settings
from app.db.engine import Database
from app.db.operator_sessions import close_session, find_session, note_seen, open_session
from app.errors import DatabaseUnavailable
from app.models.passwords import OperatorPassword
from app.models.times import Clock
from app.web.protection import read_cookie, set_cookie

LIFETIME = timedelta(days=7)
IDLE = timedelta(hours=12)

_COOKIE = "session"
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_SEEN = timedelta(minutes=1)


class Sessions:
    """Opens, finds and ends them."""

    def __init__(
        self, database: Database, settings: Settings, password: OperatorPassword, clock: Clock
    ) -> None:
        self._database = database
        self._settings = settings
        self._password = password.key_for("sessions").hex()
        self._clock = clock

    def secret(self) -> str | None:
        """The secret of the session that this request belongs to; None if there is none."""
        secret, now = self._given(), self._clock()
        if secret is None:
            return None
        with self._database.reading() as session:
            found = find_session(
                session, _digest(secret), password=self._password, now=now, idle=IDLE
            )
        if found is None:
            return None
        if found.last_seen_at <= now - _SEEN:
            # Who only looks need not wait until something can be written.
            with suppress(DatabaseUnavailable), self._database.transaction() as session:
                note_seen(session, found.digest, now=now)
        return secret

    def open(self, response: Response) -> None:
        """Begin a session with a secret that nobody has seen before; one from before is over."""
        before, secret, now = self._given(), secrets.token_urlsafe(32), self._clock()
        with self._database.transaction() as session:
            if before is not None:
                close_session(session, _digest(before))
            open_session(
                session,
                _digest(secret),
                password=self._password,
                now=now,
                expires_at=now + LIFETIME,
            )
        seconds = int(LIFETIME.total_seconds())
        set_cookie(response, self._settings, _COOKIE, secret, seconds=seconds)

    def close(self, response: Response) -> None:
        """End the session, whichever host and process the next request goes to."""
        secret = self._given()
        if secret is not None:
            with self._database.transaction() as session:
                close_session(session, _digest(secret))
        set_cookie(response, self._settings, _COOKIE, "")

    def _given(self) -> str | None:
        secret = read_cookie(self._settings, _COOKIE)
        return secret if _SECRET.fullmatch(secret) else None


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
