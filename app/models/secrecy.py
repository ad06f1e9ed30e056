"""What of Webex's answers may be kept: everything but secrets and links to download."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_SECRET_KEY = re.compile(
    r"password|passcode|passphrase|pwd$|secret|token|ticket|authorization$"
    r"|hostkey|(?-i:Pin)$|^pin$|accesscode|participantcode"
    r"|(download|playback|recording|share|stream(ing)?|rtmp|start|join)_?(url|link)s?$",
    re.IGNORECASE,
)
_TYPED = frozenset({"text", "question", "answer", "answers", "title", "value"})
"""Under these names people write: a link that somebody sent to others is what they said."""
_SHORTEST_SECRET = 4
_URL = re.compile(r"\s*https?://\S+\s*", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"[?&](ticket|token|access_token|password|pwd|RCID)=|/MultiThreadDownloadServlet|/downloadMedia\.do"
    r"|/[ln]?[ds]r\.php\b|/download\?",
    re.IGNORECASE,
)


def without_secrets(value: Any) -> Any:
    """Return JSON as Webex sent it, without passwords, codes, tokens, tickets and download links.

    Decides by the name of a field first; a text under any other name is dropped when it is
    a download link, unless people write under that name (the text of a chat). Lists keep their
    order; a link inside a list becomes None. Yes and no are never secret (``excludePassword``).
    Links that let somebody into a meeting count as passwords.
    """
    if isinstance(value, dict):
        return {
            key: inner if _is_typed(key, inner) else without_secrets(inner)
            for key, inner in value.items()
            if not _is_secret(key, inner) and (_is_typed(key, inner) or not _is_link(inner))
        }
    if isinstance(value, list):
        return [without_secrets(inner) for inner in value]
    return None if _is_link(value) else value


def secrets_in(body: Mapping[str, Any]) -> list[str]:
    """The secret texts of a body that is sent, such as a webhook's ``secret``.

    A shorter one than any that Webex takes would be found in the middle of common words.
    """
    texts = [(key, each) for key, each in body.items() if isinstance(each, str)]
    return [each for key, each in texts if len(each) >= _SHORTEST_SECRET and _is_secret(key, each)]


def _is_secret(key: str, value: Any) -> bool:
    return not isinstance(value, bool) and _is_secret_name(key)


@lru_cache(maxsize=1024)
def _is_secret_name(key: str) -> bool:
    # Webex's names are few and come with every event; looking costs more than remembering.
    return _SECRET_KEY.search(key) is not None


def _is_typed(key: str, value: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    return key in _TYPED and all(isinstance(each, str) for each in texts)


def _is_link(value: Any) -> bool:
    return (
        isinstance(value, str)
        and "://" in value
        and _URL.fullmatch(value) is not None
        and _SECRET_TEXT.search(value) is not None
    )
