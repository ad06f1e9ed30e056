"""Tokens: who may call, refreshing, expiry."""

from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from simulator import ControlClient
from tests.simulator.support import Api, Webex

CLIENT = {"client_id": "simulator-client", "client_secret": "simulator-secret"}
REFRESH = CLIENT | {"grant_type": "refresh_token", "refresh_token": "simulator-refresh-token"}


@pytest.mark.parametrize("token", [None, "wrong", ""])
def test_an_unknown_token_is_refused_as_webex_does(webex: Webex, token: str | None) -> None:
    with Api(webex.simulator.api_url, token) as api:
        response = api.get("/people/me")

    assert response.status_code == 401
    body = response.json()
    assert body["message"] == (
        "The request requires a valid access token set in the Authorization request header."
    )
    assert body["errors"] == [{"description": body["message"]}]
    assert body["trackingId"] == response.headers["trackingId"]


def test_a_refresh_token_gives_an_access_token_that_works(api: Api, webex: Webex) -> None:
    tokens = api.call("POST", "/access_token", data=REFRESH).json()

    assert tokens["expires_in"] == 1209599
    assert tokens["refresh_token"] == "simulator-refresh-token"
    assert tokens["token_type"] == "Bearer"
    with Api(webex.simulator.api_url, tokens["access_token"]) as fresh:
        assert fresh.get("/people/me").status_code == 200


def test_a_code_gives_both_tokens(api: Api) -> None:
    form = CLIENT | {"grant_type": "authorization_code", "code": "simulator-code"}

    tokens = api.call("POST", "/access_token", data=form).json()

    assert tokens["access_token"] != tokens["refresh_token"]
    assert tokens["refresh_token_expires_in"] == 7776000


@pytest.mark.parametrize(
    "change",
    [
        {"client_secret": "wrong"},
        {"refresh_token": "wrong"},
        {"grant_type": "password"},
        {"grant_type": "authorization_code"},
    ],
)
def test_wrong_credentials_give_no_token(api: Api, change: dict[str, Any]) -> None:
    assert api.call("POST", "/access_token", data=REFRESH | change).status_code in (400, 401)


def test_the_life_of_a_refresh_token_runs_out(api: Api, control: ControlClient) -> None:
    first = api.call("POST", "/access_token", data=REFRESH).json()
    control.advance(86400)
    second = api.call("POST", "/access_token", data=REFRESH).json()
    control.advance(90 * 86400)

    spent = first["refresh_token_expires_in"] - second["refresh_token_expires_in"]
    assert spent == 86400
    assert api.call("POST", "/access_token", data=REFRESH).status_code == 400


def test_refresh_tokens_can_be_made_to_rotate(api: Api, control: ControlClient) -> None:
    control.change_settings(rotate_refresh_tokens=True)

    tokens = api.call("POST", "/access_token", data=REFRESH).json()
    again = REFRESH | {"refresh_token": tokens["refresh_token"]}

    assert tokens["refresh_token"] != "simulator-refresh-token"
    assert api.call("POST", "/access_token", data=REFRESH).status_code == 400
    assert api.call("POST", "/access_token", data=again).status_code == 200


def test_an_access_token_ends_with_its_lifetime(
    webex: Webex, api: Api, control: ControlClient
) -> None:
    control.change_settings(access_token_seconds=60)
    token = api.call("POST", "/access_token", data=REFRESH).json()["access_token"]
    with Api(webex.simulator.api_url, token) as fresh:
        assert fresh.get("/people/me").status_code == 200
        control.advance(60)
        assert fresh.get("/people/me").status_code == 401


def test_all_access_tokens_can_be_ended_at_once(
    webex: Webex, api: Api, control: ControlClient
) -> None:
    control.expire_tokens()

    assert api.get("/people/me").status_code == 401
    token = api.call("POST", "/access_token", data=REFRESH).json()["access_token"]
    with Api(webex.simulator.api_url, token) as fresh:
        assert fresh.get("/people/me").status_code == 200


def test_a_token_can_be_added(webex: Webex, control: ControlClient) -> None:
    control.call("POST", "/tokens", {"token": "another", "email": "new@example.com"})

    with Api(webex.simulator.api_url, "another") as fresh:
        assert fresh.json("/people/me")["emails"] == ["new@example.com"]


def test_signing_in_leads_back_with_a_code_and_the_state(api: Api) -> None:
    response = api.call(
        "GET",
        "/authorize",
        params={
            "client_id": "simulator-client",
            "redirect_uri": "http://127.0.0.1:9/callback",
            "state": "s1",
        },
        allow_redirects=False,
    )

    assert response.status_code == 302
    target = urlparse(response.headers["Location"])
    assert target.path == "/callback"
    assert parse_qs(target.query)["state"] == ["s1"]


CALLBACK = "http://127.0.0.1:9/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
# The pair of RFC 7636, appendix B.
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def consented(api: Api, **asked: str) -> dict[str, list[str]]:
    """What the answer to a consent says."""
    known = {"client_id": "simulator-client", "redirect_uri": CALLBACK}
    response = api.call("GET", "/authorize", params=known | asked, allow_redirects=False)
    assert response.status_code == 302, response.text
    return parse_qs(urlparse(response.headers["Location"]).query)


def test_a_code_is_good_once_and_for_whoever_has_the_verifier(api: Api) -> None:
    asked = {"code_challenge": CHALLENGE, "code_challenge_method": "S256", "scope": "a b"}
    form = CLIENT | {"grant_type": "authorization_code", "redirect_uri": CALLBACK}

    def redeem(code: str, **more: str) -> Any:
        return api.call("POST", "/access_token", data=form | {"code": code} | more)

    assert redeem(consented(api, **asked)["code"][0]).status_code == 400
    assert redeem(consented(api, **asked)["code"][0], code_verifier="x").status_code == 400
    elsewhere = {"code_verifier": VERIFIER, "redirect_uri": "http://127.0.0.1:9/other"}
    assert redeem(consented(api, **asked)["code"][0], **elsewhere).status_code == 400
    code = consented(api, **asked)["code"][0]
    assert redeem(code, code_verifier=VERIFIER).json()["scope"] == "a b"
    assert redeem(code, code_verifier=VERIFIER).status_code == 400


def test_somebody_can_refuse_to_consent(api: Api, control: ControlClient) -> None:
    control.change_settings(consenting=None)

    assert consented(api)["error"] == ["access_denied"]
