"""Pages and figures are for the operator; the webhook door and the probes are for everybody."""

import base64
import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import MakeClient
from tests.web.people import quick_hash

HERE = "127.0.0.1"
PASSWORD = "correct horse é"


@pytest.fixture
def open_client(make_client: MakeClient, tmp_path: Path) -> FlaskClient:
    return make_client(database_url=f"sqlite:///{tmp_path / 'never-opened.db'}")


@pytest.fixture
def locked_client(make_client: MakeClient, tmp_path: Path, migrated_file: Path) -> FlaskClient:
    # Tries are counted in the database.
    path = tmp_path / "webex-ingest.db"
    shutil.copyfile(migrated_file, path)
    return make_client(database_url=f"sqlite:///{path}", operator_password=quick_hash(PASSWORD))


def status_of(
    client: FlaskClient, path: str = "/no-such-page", *, peer: str | None = HERE, **environ: str
) -> int:
    """The answer's status; who may look gets 404, because there is no such page."""
    told = {"REMOTE_ADDR": peer, "HTTP_HOST": "localhost", **environ}
    present = {name: value for name, value in told.items() if value is not None}
    environ_base = {} if peer else {"REMOTE_ADDR": ""}
    answer = client.get(path, environ_base=environ_base, environ_overrides=present)
    return answer.status_code


def basic(words: str | bytes) -> str:
    raw = words.encode() if isinstance(words, str) else words
    return "Basic " + base64.b64encode(raw).decode()


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.53:80", "[::1]", "[::1]:8080"],
)
def test_without_a_password_a_browser_on_this_machine_may_look(
    open_client: FlaskClient, peer: str, host: str
) -> None:
    assert status_of(open_client, peer=peer, HTTP_HOST=host) == 404


@pytest.mark.parametrize(
    "peer",
    ["192.0.2.7", "10.0.0.1", "::ffff:192.0.2.7", "2001:db8::1", "0.0.0.0", "unix:", None],  # noqa: S104
)
def test_without_a_password_nobody_else_may_look(
    open_client: FlaskClient, peer: str | None
) -> None:
    assert status_of(open_client, peer=peer) == 403


@pytest.mark.parametrize(
    "host",
    [
        "ingest.example.com",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "example.com:localhost",
        "localhost:8080@example.com",
        "localhost\n",
        "[::2]",
        "١٢٧.0.0.1",
        "",
    ],
)
def test_without_a_password_a_request_for_another_host_is_refused(
    open_client: FlaskClient, host: str
) -> None:
    assert status_of(open_client, HTTP_HOST=host) == 403


@pytest.mark.parametrize(
    "header",
    ["HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO"],
)
def test_without_a_password_a_request_through_a_tunnel_is_refused(
    open_client: FlaskClient, header: str
) -> None:
    assert status_of(open_client, **{header: "127.0.0.1"}) == 403


def test_without_a_password_a_proxy_that_says_nothing_of_itself_is_refused(
    open_client: FlaskClient,
) -> None:
    """nginx asks by HTTP/1.0, for the address that it was told, unless it is told otherwise."""
    assert status_of(open_client, SERVER_PROTOCOL="HTTP/1.0", HTTP_HOST="127.0.0.1:8080") == 403


@pytest.mark.parametrize("path", ["/", "/meetings/x", "/metrics", "/search", "/api/v1/meetings"])
def test_everything_but_the_door_and_the_probes_is_guarded(
    open_client: FlaskClient, locked_client: FlaskClient, path: str
) -> None:
    assert status_of(open_client, path, peer="192.0.2.7") == 403
    assert status_of(locked_client, path) == 401


def test_a_refusal_says_what_to_set(open_client: FlaskClient) -> None:
    answer = open_client.get("/", headers={"Host": "ingest.example.com"})

    assert "set OPERATOR_PASSWORD" in answer.get_json()["error"]


def test_the_right_password_opens_from_anywhere(locked_client: FlaskClient) -> None:
    signed_in = basic(f"operator:{PASSWORD}")

    for scheme in ("Basic", "basic", "BASIC"):
        header = signed_in.replace("Basic", scheme)
        told = {"HTTP_AUTHORIZATION": header, "HTTP_X_FORWARDED_FOR": "192.0.2.7"}
        assert status_of(locked_client, peer="192.0.2.7", **told) == 404


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic é",
        "Basic \xff\xfe",
        "Basic %%%%",
        "Basic QUJD=",
        "Basic " + "A" * 100_000,
        basic("operator"),
        basic("operator:"),
        basic(":" + PASSWORD),
        basic("admin:" + PASSWORD),
        basic("operator:wrong"),
        basic(f"operator:{PASSWORD}x"),
        basic(b"operator:\xff\xfe"),
        basic(f"operator:{PASSWORD}") + "," + basic("x:y"),
        "Bearer " + PASSWORD,
        "Digest username=operator",
    ],
)
def test_any_other_authorization_is_refused_and_never_an_error(
    locked_client: FlaskClient, header: str
) -> None:
    answer = locked_client.get("/no-such-page", environ_overrides={"HTTP_AUTHORIZATION": header})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="webex-ingest"')
    assert PASSWORD not in answer.text


def test_with_a_password_this_machine_needs_it_too(locked_client: FlaskClient) -> None:
    assert status_of(locked_client) == 401


def test_the_webhook_door_and_the_probes_always_answer(
    open_client: FlaskClient, locked_client: FlaskClient
) -> None:
    through_a_tunnel = {"HTTP_HOST": "ingest.example.com", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}
    for client in (open_client, locked_client):
        assert client.get("/livez", environ_overrides=through_a_tunnel).text == "ok\n"
        assert "checks" in client.get("/readyz", environ_overrides=through_a_tunnel).get_json()
        refused = client.post("/webhooks/webex", data=b"{}", environ_overrides=through_a_tunnel)
        assert "signed" in refused.get_json()["error"]
