"""The signature of a delivery: ``X-Spark-Signature`` is the HMAC-SHA1 of the raw body."""

import hashlib
import hmac
import re
from collections.abc import Sequence

_HEX_SHA1 = re.compile(r"[0-9a-fA-F]{40}")


def is_signed(raw: bytes, signature: str | None, secrets: Sequence[str]) -> bool:
    """Whether one of our secrets signed exactly these bytes.

    Compares in constant time against every secret. Whatever is not 40 hexadecimal digits
    is no signature: ``hmac.compare_digest`` raises TypeError on text that is not ASCII.
    """
    if signature is None or not _HEX_SHA1.fullmatch(signature):
        return False
    matches = [
        hmac.compare_digest(sign(raw, secret), signature.lower()) for secret in secrets if secret
    ]
    return any(matches)


def sign(raw: bytes, secret: str) -> str:
    """The signature that Webex sends for these bytes."""
    return hmac.new(secret.encode(), raw, hashlib.sha1).hexdigest()
