"""What browsers are told to allow, on every kind of answer."""

import pytest
from werkzeug.test import TestResponse

from tests.web.conftest import NOON
from tests.web.people import ELSEWHERE, HERE, Browser, Site, opened

NEEDED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def answers(site: Site) -> dict[str, TestResponse]:
    here = site.browser(peer=HERE)
    return {
        "page": here.get("/"),
        "unknown": here.get("/nowhere"),
        "json": here.send("GET", "/nowhere"),
        "figures": here.get("/metrics"),
        "probe": here.get("/livez"),
        "refused": site.browser(peer=ELSEWHERE).get("/"),
        "no form": here.post("/change"),
        "door": here.send("POST", "/webhooks/webex", data=b"{}"),
    }


def test_every_answer_is_protected(open_site: Site) -> None:
    for name, answer in answers(open_site).items():
        for header, value in NEEDED.items():
            assert answer.headers[header] == value, name
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, name
        assert "frame-ancestors 'none'" in policy, name
        assert "base-uri 'none'" in policy, name
        assert "form-action 'self'" in policy, name
        assert "camera=()" in answer.headers["Permissions-Policy"], name


def test_no_script_of_a_page_itself_is_run(open_site: Site) -> None:
    policy = open_site.browser(peer=HERE).get("/").headers["Content-Security-Policy"]

    scripts = [each for each in policy.split("; ") if each.startswith("script-src")]
    assert scripts in ([], ["script-src 'self'"])
    assert "unsafe-eval" not in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    ("host", "https", "public_url", "is_told"),
    [
        ("ingest.example.com", True, None, True),
        ("ingest.example.com", False, "https://ingest.example.com", True),
        ("ingest.example.com", False, None, False),
        ("other.example.com", False, "https://ingest.example.com", False),
        ("ingest.example.com", False, "http://ingest.example.com", False),
        ("localhost:8443", True, None, False),
        ("[::1]:8443", True, None, False),
    ],
)
def test_by_https_browsers_are_told_to_stay_with_it(
    url: str, host: str, https: bool, public_url: str | None, is_told: bool
) -> None:
    with opened(url, NOON, public_url=public_url) as site:
        answer = site.browser(host=host, https=https).get("/livez")

    assert ("Strict-Transport-Security" in answer.headers) == is_told
    is_here = host.startswith(("localhost", "["))
    assert ("Cross-Origin-Opener-Policy" in answer.headers) == (is_told or is_here)


@pytest.mark.parametrize(
    "host", ["", "a\r\nX-Evil: 1", "é.example.com", "a.example.com:99999999", "[::", "a b", "@"]
)
def test_a_host_that_is_none_breaks_nothing(site: Site, host: str) -> None:
    browser: Browser = site.browser()
    browser.environ["HTTP_HOST"] = host

    for answer in (browser.get("/login"), browser.get("/look"), browser.post("/login")):
        assert answer.status_code in (200, 303, 403)
        assert "X-Evil" not in answer.headers
        assert "evil" not in answer.headers.get("Location", "").lower()


def test_a_browser_gets_a_page_and_a_program_json(open_site: Site) -> None:
    stranger = open_site.browser(peer=ELSEWHERE)

    page = stranger.get("/")
    assert page.status_code == 403
    assert page.content_type.startswith("text/html")
    assert "set OPERATOR_PASSWORD" in page.text
    rather = "application/json, text/html;q=0.1"
    for accept in ("*/*", "application/json", rather, "text/html;q=0", "nonsense"):
        told = stranger.send("GET", "/", headers={"Accept": accept})
        assert (told.status_code, told.content_type) == (403, "application/json")


def test_a_page_offers_the_way_out_to_who_has_signed_in_alone(site: Site) -> None:
    browser = site.browser()
    assert "Sign out" not in browser.get("/login").text
    browser.sign_in()

    assert "Sign out" in browser.get("/").text
