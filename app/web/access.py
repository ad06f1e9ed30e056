"""Who may look: the operator, programs with a token, or somebody at this very machine.

The operator signs in with a password, on the page or by HTTP basic. Where there is no password a
browser on this machine is let in. The webhook door has its own signature.
"""

import base64
from contextlib import suppress
from datetime import timedelta

from flask import abort, g, request
from werkzeug.exceptions import Unauthorized

from app.db.api_tokens import find_token, note_used
from app.errors import DatabaseUnavailable
from app.logs import hide
from app.models.access import Scope, is_token, token_digest
from app.runtime import Runtime
from app.web.peers import is_local
from app.web.principal import SAFE_METHODS, Principal, Way, demand
from app.web.sessions import Sessions
from app.web.tries import Tries

OPERATOR = "operator"

OPEN_PATHS = frozenset({"/webhooks/webex", "/livez", "/readyz"})
"""What answers everybody, with a few bytes."""

_OPEN_ENDPOINTS = frozenset({"static", "login.form", "login.sign_in"})
_USED = timedelta(minutes=1)

_ONLY_HERE = (
    "Without OPERATOR_PASSWORD this page is only for a browser on the same machine "
    "(http://localhost, no proxy or tunnel): set OPERATOR_PASSWORD and sign in as 'operator'. "
    "Programs may also send a token that `webex-ingest tokens add` makes."
)
_WRONG = "Sign in as 'operator' with the OPERATOR_PASSWORD of this service."
_WRONG_TOKEN = "This token is unknown, revoked or over."  # noqa: S105 -- a sentence


class Access:
    """Lets in who may look, and says who that is."""

    def __init__(self, runtime: Runtime, sessions: Sessions | None, tries: Tries | None) -> None:
        self._bench = runtime.bench
        self._sessions = sessions
        self._tries = tries

    def check(self) -> None:
        """What is done before every request: refuse it, or note who it comes from."""
        if request.path in OPEN_PATHS or (self._tries and request.endpoint in _OPEN_ENDPOINTS):
            return
        g.principal = self.principal()
        if g.principal is None:
            if self._tries is None:
                abort(403, _ONLY_HERE)
            abort(401, _WRONG)
        demand(Scope.READ if request.method in SAFE_METHODS else Scope.OPERATE)

    def principal(self) -> Principal | None:
        """Who this request comes from; None if it says nothing that lets it in."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._program(given.strip())
        if self._tries is None or self._sessions is None:
            return Principal("somebody here", Way.HERE) if is_local(request) else None
        if scheme:
            return self._signed_in_by(self._tries, scheme, given.strip())
        g.session_secret = self._sessions.secret()
        return Principal(OPERATOR, Way.SESSION) if g.session_secret else None

    def _program(self, given: str) -> Principal:
        found = None
        if is_token(given):
            now, digest = self._bench.clock(), token_digest(given)
            with self._bench.database.reading() as session:
                found = find_token(session, digest, now=now)
        if found is None:
            raise Unauthorized(_WRONG_TOKEN)
        hide(given)
        if found.last_used_at is None or found.last_used_at <= now - _USED:
            # Who only looks need not wait until something can be written.
            with suppress(DatabaseUnavailable), self._bench.database.transaction() as session:
                note_used(session, found, now=now)
        return Principal(found.name, Way.TOKEN, frozenset(map(Scope, found.scopes.split())))

    @staticmethod
    def _signed_in_by(tries: Tries, scheme: str, given: str) -> Principal | None:
        name, colon, password = _credentials(scheme, given).partition(b":")
        is_operator = bool(colon) and name == OPERATOR.encode()
        if not is_operator or not tries.is_right(password, way=Way.BASIC):
            return None
        return Principal(OPERATOR, Way.BASIC)


def _credentials(scheme: str, encoded: str) -> bytes:
    """What HTTP basic says, ``user:password``; empty where it says nothing readable.

    Werkzeug's own reading fails on a header that is not ASCII.
    """
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        return b""
