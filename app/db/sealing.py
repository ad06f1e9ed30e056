"""Tokens at rest: sealed with the first ENCRYPTION_KEY, opened with any of them."""

from collections.abc import Sequence

from app.errors import SettingsError


class Sealer:
    """Seals and opens texts with Fernet keys; a new key goes before the old ones."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)

    def seal(self, text: str) -> str:
        """A text as it may be stored; raises SettingsError without a key."""
        # Most commands and all workers without accounts never need the library.
        from cryptography.fernet import Fernet

        if not self._keys:
            raise SettingsError(
                "ENCRYPTION_KEY: must be set before a token can be stored; "
                "`webex-ingest init` makes one"
            )
        return Fernet(self._keys[0]).encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text of what was sealed with any of the keys; raises SettingsError."""
        from cryptography.fernet import Fernet, InvalidToken, MultiFernet

        try:
            if not self._keys:
                raise InvalidToken
            return MultiFernet([Fernet(key) for key in self._keys]).decrypt(sealed).decode()
        except (InvalidToken, ValueError):
            raise SettingsError(
                "ENCRYPTION_KEY: opens none of the stored tokens; put back the key that it was, "
                "behind the new one, or sign in again with `webex-ingest login`"
            ) from None

    def is_newest(self, sealed: str) -> bool:
        """Whether it is sealed with the first key, so that older ones are not needed for it."""
        from cryptography.fernet import Fernet, InvalidToken

        try:
            Fernet(self._keys[0]).decrypt(sealed)
        except (InvalidToken, IndexError, ValueError):
            return False
        return True
