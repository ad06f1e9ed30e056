"""Ids and secrets in the forms that Webex gives them."""

import base64
import random
import uuid
from datetime import datetime

ORGANIZATION_UUID = "1eb65fdf-9643-417f-9974-ad72cae0e10f"


class Mint:
    """Makes ids and secrets, repeatable if it was given a seed."""

    def __init__(self, seed: int | None, marker: str) -> None:
        # Nothing here protects anything: a seed that repeats is worth more than real secrecy.
        self._random = random.Random(seed)  # noqa: S311
        self.marker = marker

    def hex32(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def digits(self, count: int) -> str:
        return str(self._random.randrange(10 ** (count - 1), 10**count))

    def secret(self, length: int = 8) -> str:
        """Return a password-like word that contains the marker."""
        return self.marker + self.hex32()[:length]

    def secret_digits(self, count: int) -> str:
        return self.marker + self.digits(count)


def people_id(email: str) -> str:
    return webex_id("PEOPLE", str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{email}")))


def organization_id() -> str:
    return webex_id("ORGANIZATION", ORGANIZATION_UUID)


def webex_id(kind: str, name: str, cluster: str = "us") -> str:
    """Return the unpadded base64 of a ciscospark address, as people and webhooks have it."""
    address = f"ciscospark://{cluster}/{kind}/{name}"
    return base64.b64encode(address.encode()).decode().rstrip("=")


def scheduled_id(series_id: str, scheduled_start: datetime) -> str:
    return f"{series_id}_{scheduled_start:%Y%m%dT%H%M%SZ}"


def instance_id(series_id: str, conference_id: str) -> str:
    return f"{series_id}_I_{conference_id}"
