"""The signatures of a delivery: HMACs of the raw body with the webhook's secret.

``X-Spark-Signature`` is the documented one, SHA-1 in hexadecimal digits. Newer deliveries were seen
with ``X-Webex-Signature: SHA-256=<hex>,SHA-512=<hex>``; other forms of it are hearsay.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

_HEX_SHA1 = re.compile(r"[0-9a-fA-F]{40}")
_NEWER = re.compile(r"(?i)SHA-256=([0-9a-f]{64}),SHA-512=([0-9a-f]{128})", re.ASCII)


def is_signed(
    raw: bytes, signature: str | None, secrets: Sequence[str], *, newer: str | None = None
) -> bool:
    """Whether one of our secrets signed exactly these bytes, in either header.

    Compares in constant time against every secret. Whatever is not so many hexadecimal digits
    is no signature: ``hmac.compare_digest`` raises TypeError on text that is not ASCII.
    """
    if signature is not None and _HEX_SHA1.fullmatch(signature):
        matches = [
            hmac.compare_digest(sign(raw, secret), signature.lower())
            for secret in secrets
            if secret
        ]
        if any(matches):
            return True
    return newer is not None and _is_signed_newly(raw, newer, secrets)


def sign(raw: bytes, secret: str) -> str:
    """The documented signature that Webex sends for these bytes."""
    return hmac.new(secret.encode(), raw, hashlib.sha1).hexdigest()


def sign_newly(raw: bytes, secret: str) -> str:
    """The newer signature of these bytes, as a whole header."""
    key = secret.encode()
    sha256 = hmac.new(key, raw, hashlib.sha256).hexdigest()
    return f"SHA-256={sha256},SHA-512={hmac.new(key, raw, hashlib.sha512).hexdigest()}"


def _is_signed_newly(raw: bytes, header: str, secrets: Sequence[str]) -> bool:
    if not _NEWER.fullmatch(header):
        return False
    told = header.lower()
    matches = [
        hmac.compare_digest(sign_newly(raw, secret).lower(), told) for secret in secrets if secret
    ]
    return any(matches)
