"""How often somebody may try a password: each peer by itself, and all together.

A browser that has signed in before, and this machine itself, are counted apart: whoever guesses
from everywhere keeps those who do not know the password out, and the operator in.
"""

import hmac
import re
import secrets
from collections.abc import Mapping

import structlog
from flask import request
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests
from werkzeug.wrappers import Response

from app.config import Settings
from app.db.engine import Database
from app.db.throttles import Allowance, give_back, take_tries, wait_for_tries
from app.models.passwords import OperatorPassword
from app.models.times import Clock
from app.web.peers import is_local, peer_of
from app.web.protection import read_cookie, set_cookie

log = structlog.get_logger()

EACH = Allowance(tries=10, seconds=60)
"""What one peer may try: ten times at once, then once a minute."""

ALL = Allowance(tries=100, seconds=2)
"""What all strangers together may try: then a peer of its own for each try is of no use either."""

_COOKIE = "browser"
_YEAR_SECONDS = 365 * 86400
_TOKEN = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})")


class Tries:
    """Compares passwords, and counts what was wrong."""

    def __init__(
        self, database: Database, settings: Settings, password: OperatorPassword, clock: Clock
    ) -> None:
        self._database = database
        self._settings = settings
        self._password = password
        self._clock = clock
        self._key = password.key_for("browsers")

    def is_right(self, given: bytes, *, way: str) -> bool:
        """Whether this is the password; TooManyRequests where it may not be tried now.

        A try is counted before it is made, and given back if it was right.
        """
        wanted = self._wanted()
        who = next(iter(wanted))
        counted: list[str] = []

        def count() -> None:
            self._refuse_for(take_tries(self._database, wanted, now=self._clock()))
            counted.append(who)

        verdict = self._password.check(given, who, before=count)
        if verdict is None:
            raise ServiceUnavailable("Too many sign in at once; try again.", retry_after=5)
        if counted and verdict:
            with self._database.transaction() as session:
                give_back(session, who)
        elif verdict:
            # Otherwise whoever is throttled could try on, and would see which one is right.
            own = {who: wanted[who]}
            self._refuse_for(wait_for_tries(self._database, own, now=self._clock()))
        elif counted:
            log.warning("sign_in.refused", way=way, peer=peer_of(request))
        return verdict

    def remember(self, response: Response) -> None:
        """Know this browser again: it is where somebody signed in."""
        if self._browser() is None:
            name = secrets.token_hex(16)
            token = f"{name}.{self._sign(name)}"
            set_cookie(response, self._settings, _COOKIE, token, seconds=_YEAR_SECONDS)

    @staticmethod
    def _refuse_for(seconds: float) -> None:
        if not seconds:
            return
        log.warning("sign_in.throttled", peer=peer_of(request), seconds=round(seconds))
        raise TooManyRequests(
            "Too many wrong passwords were tried; this one was not looked at. "
            f"Try again in {_time_text(seconds)}.",
            retry_after=max(1, round(seconds + 0.5)),
        )

    def _wanted(self) -> Mapping[str, Allowance]:
        if browser := self._browser():
            return {f"browser:{browser}": EACH}
        if is_local(request):
            return {"here": EACH}
        return {f"peer:{peer_of(request)}": EACH, "all": ALL}

    def _browser(self) -> str | None:
        found = _TOKEN.fullmatch(read_cookie(self._settings, _COOKIE))
        if found is None or not hmac.compare_digest(found[2], self._sign(found[1])):
            return None
        return found[1]

    def _sign(self, name: str) -> str:
        return hmac.digest(self._key, name.encode(), "sha256").hex()


def _time_text(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds >= 2 else "a second"
