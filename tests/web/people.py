"""A site with a clock that can be moved, and the browsers and programs that come to it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from app.config import load_settings
from app.db.api_tokens import add_token
from app.db.engine import Database
from app.models.access import Scope, new_token, token_digest
from app.runtime import build_runtime
from app.web.application import create_app
from app.web.principal import current_principal, demand

PASSWORD = "correct horse é"
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HERE = "127.0.0.1"
ELSEWHERE = "203.0.113.7"


@cache
def quick_hash(password: str) -> str:
    """A hash of a password that takes no time to compare with; for one password it is one."""
    return generate_password_hash(password, method="scrypt:256:8:1")


class Site:
    """One application, with two routes more: ``/look`` at something and ``/change`` something."""

    def __init__(self, app: Flask, database: Database, now: datetime) -> None:
        self.app = app
        self.database = database
        self.now = now
        self.changes = 0

    def browser(
        self, *, peer: str = ELSEWHERE, host: str = "localhost", https: bool = False
    ) -> "Browser":
        """A browser that was never here."""
        return Browser(self, peer, host, https)

    def pass_time(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)

    def token(self, *scopes: Scope, expires_at: datetime | None = None) -> str:
        """A token of a program."""
        token = new_token()
        with self.database.transaction() as session:
            add_token(
                session,
                f"program-{token[-4:]}",
                token_digest(token),
                scopes=scopes,
                now=self.now,
                expires_at=expires_at,
            )
        return token


class Browser:
    """One browser, with cookies of its own."""

    def __init__(self, site: Site, peer: str, host: str, https: bool) -> None:
        self.client: FlaskClient = site.app.test_client()
        self.environ = {"REMOTE_ADDR": peer, "HTTP_HOST": host}
        self.scheme = "https" if https else "http"
        self.host = host

    def get(self, path: str, **headers: str) -> TestResponse:
        """Ask for a page."""
        return self.send("GET", path, headers=PAGE | _named(headers))

    def post(self, path: str, data: dict[str, Any] | None = None, **headers: str) -> TestResponse:
        """Send a form, as it is given."""
        return self.send("POST", path, data=data, headers=PAGE | _named(headers))

    def send(self, method: str, path: str, **told: Any) -> TestResponse:
        """Send a request."""
        base = f"{self.scheme}://{self.host}"
        return self.client.open(
            path, method=method, base_url=base, environ_overrides=self.environ, **told
        )

    def field(self, path: str = "/login") -> str:
        """What the form of a page has in its hidden field."""
        found = re.search(r'name="csrf_token" value="(\w+)"', self.get(path).text)
        assert found is not None, f"{path} has no form"
        return found[1]

    def sign_in(self, password: str = PASSWORD, *, place: str = "/look") -> TestResponse:
        """Fill in the page and send it."""
        told = {"csrf_token": self.field(), "password": password, "next": place}
        return self.post("/login", told)

    def is_in(self) -> bool:
        """Whether pages are shown."""
        return self.get("/look").status_code == 200

    def cookies(self) -> dict[str, str]:
        """The cookies that would be sent now, by name."""
        found = self.client._cookies or {}
        return {each.key: each.value for each in found.values()}


@contextmanager
def opened(url: str, now: datetime, **given: Any) -> Iterator[Site]:
    """A site over a database that is at the newest schema."""
    database = Database(url)
    told = {"webex_webhook_secret": "a-webhook-secret-for-tests", "disk_reserve_bytes": 1}
    settings = load_settings(**(told | given), database_url=url)
    runtime = build_runtime(settings, broker_url="memory://", clock=lambda: site.now)
    site = Site(create_app(runtime), database, now)
    _add_routes(site)
    try:
        yield site
    finally:
        runtime.bench.database.dispose()
        database.dispose()


def _add_routes(site: Site) -> None:
    @site.app.get("/look")
    def look() -> dict[str, Any]:
        principal = current_principal()
        assert principal is not None
        return {"name": principal.name, "way": principal.way}

    @site.app.route("/change", methods=["POST", "PUT", "PATCH", "DELETE"])
    def change() -> str:
        site.changes += 1
        return "changed"

    @site.app.get("/costly")
    def costly() -> str:
        demand("operate")
        return "looked up"


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
