"""Signing in: the consent and its answer, and pairs of tokens as Webex gives them."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from app.errors import (
    AnswerUnreadable,
    IngestError,
    RateLimited,
    SignInRefused,
    TokenRefused,
    WebexUnavailable,
)
from app.webex.sign_in import SCOPES, App, Consent, TokenPair, redeem, renew
from simulator import Simulator
from tests.webex.conftest import NOW
from tests.webex.host import Answer, Host

APP = App("simulator-client", "simulator-secret")
CALLBACK = "http://localhost:8484/callback"
REFRESH = "simulator-refresh-token"


def agree(simulator: Simulator, consent: Consent) -> str:
    """Agree as a person in a browser would; where the browser is sent."""
    address = consent.address(simulator.api_url, SCOPES)
    answer = requests.get(address, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def renewed(api_url: str, token: str = REFRESH) -> TokenPair:
    return renew(api_url, APP, token, clock=lambda: NOW)


def test_a_consent_leads_to_tokens_that_last_as_long_as_webex_says(simulator: Simulator) -> None:
    consent = Consent.begin(APP, CALLBACK)
    code = consent.code_of(agree(simulator, consent))

    pair = redeem(simulator.api_url, consent, code, clock=lambda: NOW)

    assert pair.access_expires_at == NOW + timedelta(seconds=1209599)
    assert pair.refresh_expires_at is not None
    assert pair.scopes == " ".join(SCOPES)
    answer = requests.get(
        f"{simulator.api_url}/people/me",
        headers={"Authorization": f"Bearer {pair.access_token}"},
        timeout=10,
    )
    assert answer.status_code == 200


def test_a_code_is_worth_nothing_to_whoever_did_not_begin_the_sign_in(simulator: Simulator) -> None:
    consent, thief = Consent.begin(APP, CALLBACK), Consent.begin(APP, CALLBACK)
    code = consent.code_of(agree(simulator, consent))

    with pytest.raises(TokenRefused, match="sign-in"):
        redeem(simulator.api_url, thief, code, clock=lambda: NOW)


def test_the_address_asks_for_the_scopes_and_tells_neither_secret_nor_verifier() -> None:
    consent = Consent.begin(APP, CALLBACK)

    address = consent.address("https://webexapis.com/v1/", ("a_read", "b_read"))

    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert address.startswith("https://webexapis.com/v1/authorize?")
    assert (asked["scope"], asked["code_challenge_method"]) == ("a_read b_read", "S256")
    assert consent.verifier not in address
    assert APP.client_secret not in address
    assert 43 <= len(consent.verifier) <= 128


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "another sign-in"),
        ("?code=abc", "another sign-in"),
        ("?code=abc&state=forged", "another sign-in"),
        ("?state={state}", "no code"),
        ("?state={state}&error=access_denied&error_description=No+thanks", "No thanks"),
        ("?state={state}&error=access_denied", "access_denied"),
        ("?code=abc&state=%C3%A9", "another sign-in"),
        ("?code=abc&state=%FF", "another sign-in"),
        ("?code=abc&state=\udcff", "another sign-in"),
    ],
)
def test_an_answer_that_brings_no_code_says_why(query: str, said: str) -> None:
    consent = Consent.begin(APP, CALLBACK)

    with pytest.raises(SignInRefused, match=said):
        consent.code_of(CALLBACK + query.format(state=consent.state))


@pytest.mark.parametrize("rubbish", ["http://[broken/?code=1", "what?", "", "hello"])
def test_what_is_no_address_is_refused(rubbish: str) -> None:
    with pytest.raises(SignInRefused, match="no address"):
        Consent.begin(APP, CALLBACK).code_of(rubbish)


def test_a_refresh_token_brings_the_next_pair(simulator: Simulator) -> None:
    pair = renewed(simulator.api_url)

    assert pair.refresh_token == REFRESH
    assert pair.access_expires_at == NOW + timedelta(seconds=1209599)


def test_a_refresh_token_that_is_over_is_refused_and_says_what_to_do(simulator: Simulator) -> None:
    with pytest.raises(TokenRefused, match="webex-ingest login") as caught:
        renewed(simulator.api_url, "over-long-ago")

    assert "over-long-ago" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b'{"access_token": "abc", "expires_in": "3600"}', 3600),
        (b'{"access_token": "abc", "expires_in": 0}', 0),
        (b'{"access_token": "abc", "expires_in": -5}', 0),
        (b'{"access_token": "abc", "expires_in": 1e300}', None),
        (b'{"access_token": "abc", "expires_in": null}', None),
        (b'{"access_token": "abc"}', None),
    ],
)
def test_whatever_lifetime_is_told_is_believed(body: bytes, seconds: int | None) -> None:
    with Host(Answer(body=body)) as host:
        pair = renewed(host.url)

    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert (pair.access_expires_at, pair.refresh_token) == (expected, None)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(503), WebexUnavailable),
        (Answer(429, {"Retry-After": "9"}), RateLimited),
        (Answer(403), TokenRefused),
        (Answer(302, {"Location": "http://127.0.0.1:9/"}), AnswerUnreadable),
        (Answer(302, {"Location": "http://[broken"}), WebexUnavailable),
        (Answer(body=b"<html>"), AnswerUnreadable),
        (Answer(body=b"{}"), AnswerUnreadable),
        (Answer(body=b'{"access_token": ""}'), AnswerUnreadable),
        (Answer(body=b'{"access_token": "a b\\r\\nX: y"}'), AnswerUnreadable),
        (Answer(body=b'{"access_token": ["a"]}'), AnswerUnreadable),
        (Answer(body=b'{"access_token": "a"}' + b" " * 1024**2), AnswerUnreadable),
    ],
)
def test_an_answer_that_is_no_pair_is_told_by_its_kind_and_tried_once(
    answer: Answer, error: type[IngestError]
) -> None:
    with Host(answer) as host:
        with pytest.raises(error) as caught:
            renewed(host.url, "s3cret-refresh")

        assert len(host.requests) == 1
    assert "s3cret" not in str(caught.value)


def test_nobody_there_is_told_without_the_address() -> None:
    with pytest.raises(WebexUnavailable, match=r"did not answer \(ConnectionError\)"):
        renewed("http://127.0.0.1:9")


def test_a_netrc_on_the_machine_adds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    with Host(Answer(body=b'{"access_token": "abc"}')) as host:
        renewed(host.url)

    assert "authorization" not in host.requests[0].headers


def test_what_webex_says_of_a_failure_is_not_repeated() -> None:
    body = b'{"message": "cannot redeem ' + REFRESH.encode() + b'"}'
    with Host(Answer(500, body=body)) as host, pytest.raises(WebexUnavailable) as raised:
        renewed(host.url)

    assert REFRESH not in str(raised.value)
    assert "500" in str(raised.value)
