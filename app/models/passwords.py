"""The operator's password: kept as a scrypt hash, and compared without telling how far it fits."""

import hashlib
import hmac
import re
import secrets
import threading
import unicodedata
from collections.abc import Callable

_HASH = re.compile(r"scrypt:([1-9][0-9]{0,7}):([1-9][0-9]?):([1-9][0-9]?)\$[^$\s]+\$[0-9a-f]{128}")
_PREFIX = "scrypt:"
_N, _R, _P = 2**15, 8, 1
"""What Werkzeug takes today: 32 MiB and some fifty milliseconds for one try."""

_MOST_WORK = 2**22
_MOST_BYTES = 1024
_MOST_REMEMBERED = 512
_TURN_SECONDS = 5


def is_hash(text: str) -> bool:
    """Whether a text stands for a password rather than being one."""
    return text.startswith(_PREFIX)


def check_hash(text: str) -> None:
    """Raise ValueError for a hash that no password can be compared with."""
    found = _HASH.fullmatch(text)
    n, r, p = (int(each) for each in found.groups()) if found else (0, 0, 0)
    if n < 2 or n & (n - 1) or n * r * p > _MOST_WORK:
        raise ValueError("begins like a hash and is none; `webex-ingest password` makes one")


def hash_password(password: str, *, salt: str | None = None) -> str:
    """The hash of a password, in the form of Werkzeug's generate_password_hash."""
    salt = salt or secrets.token_hex(8)
    return f"{_PREFIX}{_N}:{_R}:{_P}${salt}${_scrypt(_plain(password), salt, _N, _R, _P)}"


class OperatorPassword:
    """One password, known by its hash, that remembers what was tried.

    A scrape every few seconds does not pay for scrypt each time, nor does a program that goes on
    with a wrong password. What was tried is known by a digest with a key of this process, and for
    who tried it alone: what is right for one must not tell another, who may not try any more, that
    it is.
    """

    def __init__(self, password_hash: str) -> None:
        self._hash = password_hash
        self._key = secrets.token_bytes(32)
        self._verdicts: dict[bytes, bool] = {}
        self._turn = threading.Lock()

    def key_for(self, purpose: str) -> bytes:
        """A key that every process with this password has, and nobody with another one."""
        return hmac.digest(self._hash.encode(), purpose.encode(), "sha256")

    def check(self, given: bytes, who: str, *, before: Callable[[], None]) -> bool | None:
        """Whether this is the password; None if others have been waiting for their turn too long.

        ``before`` is called ahead of what ``who`` has not tried yet, and may refuse it.
        """
        digest = hmac.digest(self._key, f"{who}\n".encode() + given[: _MOST_BYTES + 1], "sha256")
        verdict = self._verdicts.get(digest)
        if verdict is not None:
            return verdict
        # One at a time: each takes much memory, and those that came together ask the same.
        if not self._turn.acquire(timeout=_TURN_SECONDS):
            return None
        try:
            if digest not in self._verdicts:
                before()
                self._remember(digest, self._fits(given))
            return self._verdicts[digest]
        finally:
            self._turn.release()

    def _remember(self, digest: bytes, verdict: bool) -> None:
        while len(self._verdicts) >= _MOST_REMEMBERED:
            wrong = (each for each, right in self._verdicts.items() if not right)
            self._verdicts.pop(next(wrong, next(iter(self._verdicts))))
        self._verdicts[digest] = verdict

    def _fits(self, given: bytes) -> bool:
        if len(given) > _MOST_BYTES:
            return False
        try:
            password = _plain(given.decode())
        except UnicodeDecodeError:
            return False
        method, salt, expected = self._hash.split("$")
        n, r, p = (int(each) for each in method.removeprefix(_PREFIX).split(":"))
        return hmac.compare_digest(_scrypt(password, salt, n, r, p), expected)


def _plain(password: str) -> bytes:
    # A letter with an accent is typed as one sign here and as two there.
    return unicodedata.normalize("NFC", password).encode()


def _scrypt(password: bytes, salt: str, n: int, r: int, p: int) -> str:
    most = 132 * n * r * p + 2**20
    return hashlib.scrypt(password, salt=salt.encode(), n=n, r=r, p=p, maxmem=most, dklen=64).hex()
