"""Tokens as a client asks for them, without a database."""

from app.errors import TokenRefused


class FixedToken:
    """One token that nobody can renew."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def at_hand(self) -> str | None:
        """The token."""
        return self._token or None

    def current(self) -> str:
        """The token; raises TokenRefused where there is none."""
        if not self._token:
            raise TokenRefused("no access token is set: set WEBEX_ACCESS_TOKEN")
        return self._token

    def instead_of(self, refused: str) -> str | None:  # noqa: ARG002 -- the shape of Tokens
        """There is no other."""
        return None
