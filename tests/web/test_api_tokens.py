"""Programs with a token: let in from anywhere, for what its scopes say, until it is over."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.db.api_tokens import delete_token
from app.logs import SecretRemover
from app.models.access import Scope, new_token
from tests.web.conftest import NOON
from tests.web.people import ELSEWHERE, HERE, PAGE, Site

METHODS = ("POST", "PUT", "PATCH", "DELETE")


def ask(
    site: Site, token: str, path: str = "/look", *, method: str = "GET", peer: str = ELSEWHERE
) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return (
        site.browser(peer=peer, host="a.example.com")
        .send(method, path, headers=headers)
        .status_code
    )


@pytest.mark.parametrize("kind", ["site", "open_site"])
def test_a_token_is_let_in_from_anywhere_with_and_without_a_password(
    request: pytest.FixtureRequest, kind: str
) -> None:
    site: Site = request.getfixturevalue(kind)
    token = site.token(Scope.READ)
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = {"Authorization": f"{scheme}  {token} ", "X-Forwarded-For": "192.0.2.7"}
        told = site.browser(host="a.example.com").send("GET", "/look", headers=headers)
        assert told.get_json() == {"name": f"program-{token[-4:]}", "way": "token"}


def test_each_scope_allows_its_own_and_nothing_else(site: Site) -> None:
    read, operate = site.token(Scope.READ), site.token(Scope.OPERATE)
    both = site.token(Scope.READ, Scope.OPERATE)

    def told(token: str) -> list[int]:
        changes = [ask(site, token, "/change", method=each) for each in METHODS]
        return [ask(site, token), ask(site, token, "/costly"), *changes]

    assert told(read) == [200, 403, 403, 403, 403, 403]
    assert told(operate) == [403, 403, 200, 200, 200, 200]
    assert told(both) == [200] * 6


def test_a_refusal_says_which_scope_is_lacking(site: Site) -> None:
    headers = {"Authorization": f"Bearer {site.token(Scope.READ)}"}

    answer = site.browser().send("POST", "/change", headers=headers)

    assert answer.status_code == 403
    assert "has no scope “operate”" in answer.get_json()["error"]
    assert "tokens add NAME --scope operate" in answer.get_json()["error"]


def test_a_route_that_costs_something_asks_for_more_than_looking(open_site: Site) -> None:
    assert open_site.browser(peer=HERE).get("/costly").status_code == 200


def test_who_may_only_look_has_no_request_made_to_webex(site: Site) -> None:
    token = site.token(Scope.READ)

    reports = ("/report", "/report?ask=1", "/api/v1/report", "/api/v1/report?ask=true")
    assert [ask(site, token, path) for path in reports] == [200, 403, 200, 403]


def test_a_token_that_is_over_or_revoked_opens_nothing(site: Site) -> None:
    ends, stays = (
        site.token(Scope.READ, expires_at=NOON + timedelta(days=1)),
        site.token(Scope.READ),
    )
    assert [ask(site, ends), ask(site, stays)] == [200, 200]

    site.pass_time(days=1)
    assert [ask(site, ends), ask(site, stays)] == [401, 200]
    with site.database.transaction() as session:
        assert delete_token(session, f"program-{stays[-4:]}")
    assert ask(site, stays) == 401


def wrong_tokens(site: Site) -> list[str]:
    token = site.token(Scope.READ)
    return [
        "",
        token[:-1],
        token + "0",
        token.upper(),
        token.removeprefix("wxi_"),
        new_token(),
        "wxi_" + "g" * 64,
        f"{token},{token}",
        f"{token} x",
        "é" * 68,
        "x" * 100_000,
        "' OR 1=1 --",
    ]


@pytest.mark.parametrize("kind", ["site", "open_site"])
def test_any_other_token_is_refused_and_never_an_error(
    request: pytest.FixtureRequest, kind: str
) -> None:
    site: Site = request.getfixturevalue(kind)

    for token in wrong_tokens(site):
        headers = {"Authorization": f"Bearer {token}".encode().decode("latin-1")} | PAGE
        for peer in (HERE, ELSEWHERE):
            answer = site.browser(peer=peer).send("GET", "/look", headers=headers)
            assert answer.status_code == 401, "not even here: it is not who it says it is"
            assert "revoked or over" in answer.get_json()["error"]
            assert 'Bearer realm="webex-ingest"' in answer.headers.getlist("WWW-Authenticate")
            assert "Location" not in answer.headers


def test_a_token_counts_and_a_session_beside_it_does_not(site: Site) -> None:
    browser = site.browser()
    browser.sign_in()

    answer = browser.get("/look", Authorization=f"Bearer {site.token(Scope.READ)}")
    assert answer.get_json()["way"] == "token"
    assert browser.get("/look", Authorization=f"Bearer {new_token()}").status_code == 401


def test_when_it_was_used_is_written_once_a_minute(site: Site) -> None:
    token = site.token(Scope.READ)
    seen = []
    for _ in range(6):
        ask(site, token)
        site.pass_time(seconds=20)
        with site.database.reading() as session:
            seen.append(session.scalar(text("SELECT last_used_at FROM api_token")))

    assert [seen.count(each) for each in dict.fromkeys(seen)] == [3, 3]
    ask(site, new_token())


def test_a_token_is_nowhere_in_the_log_and_the_database(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    token = site.token(Scope.READ)
    ask(site, token)

    with site.database.reading() as session:
        stored = repr(session.execute(text("SELECT * FROM api_token")).all())
    assert token not in stored
    remover = SecretRemover([])
    assert token not in remover.clean_text(f"they sent {token}")
    assert new_token()[4:] not in remover.clean_text(f"and {new_token()}")
    assert token not in "".join(capfd.readouterr())


def test_wrong_tokens_are_not_learned_in_place_of_real_secrets(site: Site) -> None:
    right, wrong = site.token(Scope.READ), new_token()
    ask(site, right)
    ask(site, wrong)

    remover = SecretRemover([])
    assert right not in remover.clean_text(f"no_boundary_{right}")
    assert wrong in remover.clean_text(f"no_boundary_{wrong}")
