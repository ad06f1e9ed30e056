"""What changes something comes from a page of ours, whoever is signed in and however."""

from typing import Any

import pytest

from app.models.access import Scope
from tests.web.conftest import NOON
from tests.web.people import ELSEWHERE, HERE, PASSWORD, Browser, Site, opened, quick_hash

METHODS = ("POST", "PUT", "PATCH", "DELETE")
FORM = "webex_ingest_form"


@pytest.fixture
def operator(site: Site) -> Browser:
    """A browser in which the operator has signed in."""
    browser = site.browser()
    browser.sign_in()
    return browser


@pytest.fixture
def neighbour(open_site: Site) -> Browser:
    """A browser on this machine, where there is no password."""
    return open_site.browser(peer=HERE)


@pytest.fixture(autouse=True)
def pages_with_a_form(site: Site, open_site: Site) -> None:
    for each in (site, open_site):
        token: Any = each.app.jinja_env.globals["csrf_token"]
        each.app.get("/field")(token)


@pytest.mark.parametrize("method", METHODS)
def test_without_the_field_nothing_is_changed(site: Site, operator: Browser, method: str) -> None:
    assert operator.send(method, "/change").status_code == 403
    assert operator.send(method, "/change", data={"csrf_token": ""}).status_code == 403
    assert site.changes == 0


@pytest.mark.parametrize("method", METHODS)
def test_with_the_field_or_the_header_it_is(site: Site, operator: Browser, method: str) -> None:
    token = operator.get("/field").text

    assert operator.send(method, "/change", data={"csrf_token": token}).status_code == 200
    header = {"X-CSRF-Token": token}
    assert operator.send(method, "/change", json={}, headers=header).status_code == 200
    assert site.changes == 2


def test_without_a_password_it_is_the_same(open_site: Site, neighbour: Browser) -> None:
    assert neighbour.post("/change").status_code == 403
    token = neighbour.get("/field").text
    assert neighbour.post("/change", {"csrf_token": token}).status_code == 200
    assert open_site.changes == 1


def wrong_fields(site: Site, operator: Browser) -> list[str]:
    token = operator.get("/field").text
    stranger = site.browser()
    stranger.sign_in()
    return [
        token[:-1],
        token + "0",
        token.upper(),
        "é" * 64,
        operator.cookies()[FORM],
        stranger.get("/field").text,
    ]


def test_a_field_that_is_not_this_browsers_changes_nothing(site: Site, operator: Browser) -> None:
    for token in wrong_fields(site, operator):
        assert operator.post("/change", {"csrf_token": token}).status_code == 403
        headers = {"X-CSRF-Token": token.encode().decode("latin-1")}
        assert operator.send("POST", "/change", headers=headers).status_code == 403
    assert site.changes == 0


def test_a_field_from_before_signing_in_is_none_of_the_session(site: Site) -> None:
    browser = site.browser()
    before = browser.field()
    browser.sign_in()

    assert browser.post("/change", {"csrf_token": before}).status_code == 403
    assert browser.post("/change", {"csrf_token": browser.get("/field").text}).status_code == 200


def test_a_cookie_that_a_neighbour_has_set_does_not_fit_the_session(
    site: Site, operator: Browser
) -> None:
    """A page of another name in the same domain can set cookies for all of it."""
    attacker = site.browser()
    planted = attacker.field()
    operator.client.set_cookie(FORM, attacker.cookies()[FORM], domain="localhost")

    assert operator.post("/change", {"csrf_token": planted}).status_code == 403


@pytest.mark.parametrize(
    "told",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": ""},
        {"Sec_Fetch_Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost.evil.example.com"},
        {"Origin": "http://localhost:8081"},
        {"Origin": "http://localhost@evil.example.com"},
        {"Origin": "http://[::1"},
    ],
)
def test_what_the_browser_says_comes_from_elsewhere_changes_nothing(
    site: Site, operator: Browser, told: dict[str, str]
) -> None:
    token = operator.get("/field").text

    answer = operator.post("/change", {"csrf_token": token}, **told)

    assert answer.status_code == 403
    assert "another site" in answer.text
    assert site.changes == 0


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "none"},
        {"Origin": "http://localhost"},
        {"Origin": "https://localhost"},
        {"Origin": "https://ingest.example.com"},
        {"Origin": "null", "Sec_Fetch_Site": "same-origin"},
    ],
)
def test_what_comes_from_here_or_from_our_public_address_is_taken(
    url: str, told: dict[str, str]
) -> None:
    given = {"operator_password": quick_hash(PASSWORD), "public_url": "https://ingest.example.com"}
    with opened(url, NOON, **given) as site:
        browser = site.browser()
        browser.sign_in()
        token = browser.field("/")

        assert browser.post("/change", {"csrf_token": token}, **told).status_code == 200


def test_a_page_of_a_stranger_cannot_sign_a_browser_in(site: Site) -> None:
    answer = site.browser().post("/login", {"password": PASSWORD, "next": "/look"})

    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_by_http_basic_the_field_is_needed_too(site: Site) -> None:
    """A browser sends what it was once told with every request, whoever makes it."""
    browser, basic = site.browser(), ("operator", PASSWORD)

    assert browser.send("POST", "/change", auth=basic).status_code == 403
    token = browser.send("GET", "/field", auth=basic).text
    data = {"csrf_token": token}
    assert browser.send("POST", "/change", auth=basic, data=data).status_code == 200


def test_a_program_with_a_token_needs_no_field(site: Site) -> None:
    headers = {"Authorization": f"Bearer {site.token(Scope.OPERATE)}"}

    for method in METHODS:
        assert site.browser().send(method, "/change", headers=headers).status_code == 200
    assert site.changes == 4


def test_a_token_that_opens_nothing_spares_nobody_the_field(
    site: Site, operator: Browser, open_site: Site, neighbour: Browser
) -> None:
    for browser in (operator, neighbour):
        answer = browser.post("/change", Authorization="Bearer wxi_" + "0" * 64)
        assert answer.status_code == 401
    assert site.changes == open_site.changes == 0


def test_the_webhook_door_needs_none(site: Site) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://webexapis.com"}

    answer = site.browser(peer=ELSEWHERE).send(
        "POST", "/webhooks/webex", data=b"{}", headers=headers
    )

    assert answer.status_code == 401
    assert "signed" in answer.get_json()["error"]


def test_looking_needs_none_and_pages_without_a_form_set_no_cookie(site: Site) -> None:
    browser = site.browser()

    for method in ("GET", "HEAD", "OPTIONS"):
        answer = browser.send(method, "/look", auth=("operator", PASSWORD))
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers


def test_one_browser_keeps_one_secret_over_all_its_pages(operator: Browser) -> None:
    first = operator.get("/field").text
    operator.get("/login")
    operator.get("/")

    assert operator.get("/field").text == first


@pytest.mark.parametrize("cookie", ["", "x", "A" * 42, "é" * 43, "A" * 3000])
def test_a_cookie_that_is_none_of_ours_is_replaced(site: Site, cookie: str) -> None:
    browser = site.browser()
    browser.client.set_cookie(FORM, cookie, domain="localhost")

    assert browser.sign_in().status_code == 303
    assert browser.cookies()[FORM] != cookie


def test_what_leads_nowhere_is_said_to_lead_nowhere(site: Site, operator: Browser) -> None:
    assert operator.post("/nowhere").status_code == 404
    assert operator.post("/look").status_code == 405
    assert site.browser().post("/livez").status_code == 405


def test_every_form_of_the_pages_that_sends_something_has_the_field() -> None:
    from tests.test_layout import ROOT

    pages = (ROOT / "app" / "web" / "templates").glob("*.html")
    forms = [
        (path.name, form.partition("</form>")[0])
        for path in pages
        for form in path.read_text().split("<form")[1:]
    ]

    sending = [(name, form) for name, form in forms if 'method="post"' in form.lower()]
    assert sending
    assert [name for name, form in sending if "csrf_field()" not in form] == []
