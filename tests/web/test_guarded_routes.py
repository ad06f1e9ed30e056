"""Every route there is: nothing behind it is reached by whoever was not let in."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.models.access import Scope
from tests.web.people import ELSEWHERE, HERE, PAGE, Site

OPEN = {"/webhooks/webex", "/livez", "/readyz"}
TO_SIGN_IN = {"/login"}
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def routes(site: Site) -> Iterator[tuple[str, str]]:
    """Each method and a path of each route, but of those that answer everybody."""
    for rule in site.app.url_map.iter_rules():
        path = re.sub(r"<(?:int|float)[^>]*>", "1", rule.rule)
        path = re.sub(r"<[^>]+>", "x", path)
        if path not in OPEN and rule.endpoint != "static":
            for method in rule.methods or ():
                yield method, path


def reached(site: Site) -> list[str]:
    """The views that are reached from now on, as they are reached."""
    said: list[str] = []

    def telling(endpoint: str, view: Any) -> Any:
        def tell(**told: Any) -> Any:
            said.append(endpoint)
            return view(**told)

        return tell

    for endpoint, view in site.app.view_functions.items():
        site.app.view_functions[endpoint] = telling(endpoint, view)
    return said


def test_without_signing_in_no_route_is_reached(site: Site) -> None:
    views, browser = reached(site), site.browser(peer=HERE)

    for method, path in routes(site):
        if path in TO_SIGN_IN:
            continue
        for headers in (PAGE, {"Accept": "*/*"}, {"HX-Request": "true"} | PAGE):
            answer = browser.send(method, path, headers=headers)
            is_page = headers is PAGE
            assert answer.status_code == (303 if is_page else 401), (method, path)
            if is_page:
                assert answer.headers["Location"].startswith("/login")
    assert views == []


def test_without_a_password_no_route_is_reached_from_elsewhere(open_site: Site) -> None:
    views = reached(open_site)
    strangers = [
        open_site.browser(peer=ELSEWHERE),
        open_site.browser(peer=HERE, host="ingest.example.com"),
    ]

    for method, path in routes(open_site):
        for browser in strangers:
            assert browser.send(method, path, headers=PAGE).status_code == 403, (method, path)
        tunnelled = {"X-Forwarded-For": "192.0.2.7"} | PAGE
        here = open_site.browser(peer=HERE)
        assert here.send(method, path, headers=tunnelled).status_code == 403, (method, path)
    assert views == []


def test_no_route_changes_anything_without_a_form_of_ours(site: Site, open_site: Site) -> None:
    operator = site.browser()
    operator.sign_in()
    for each, browser in ((site, operator), (open_site, open_site.browser(peer=HERE))):
        views = reached(each)
        unsafe = [(method, path) for method, path in routes(each) if method in UNSAFE]
        assert ("POST", "/login") in unsafe
        for method, path in unsafe:
            answer = browser.send(method, path, headers={"Origin": "https://evil.example.com"})
            assert answer.status_code == 403, (method, path)
            assert browser.send(method, path).status_code == 403, (method, path)
        assert views == []


def test_no_route_changes_anything_for_who_may_only_look(site: Site) -> None:
    views = reached(site)
    headers = {"Authorization": f"Bearer {site.token(Scope.READ)}"}

    for method, path in routes(site):
        if method in UNSAFE and path not in TO_SIGN_IN:
            answer = site.browser().send(method, path, headers=headers)
            assert answer.status_code == 403, (method, path)
    assert views == []


@pytest.mark.parametrize(
    "path",
    [
        "//",
        "/./",
        "/%2e%2e/metrics",
        "/livez/",
        "/LIVEZ",
        "/livez/../metrics",
        "/livez;x",
        "/login/",
    ],
)
def test_no_other_way_to_write_a_path_is_open(site: Site, path: str) -> None:
    assert site.browser().send("GET", path, headers={"Accept": "*/*"}).status_code == 401
