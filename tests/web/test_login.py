"""Signing in and out: the page, the session, its cookie, and how often a password may be tried."""

import io
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text

from app.web.sessions import IDLE, LIFETIME
from app.web.tries import ALL, EACH
from tests.web.conftest import NOON
from tests.web.people import ELSEWHERE, HERE, PASSWORD, Site, opened, quick_hash

SESSION = "webex_ingest_session"
HASH = quick_hash(PASSWORD)


def test_a_browser_is_led_to_the_page_and_from_there_to_where_it_wanted_to(site: Site) -> None:
    browser = site.browser()

    led = browser.get("/look?days=3&word=%C3%A9%26")
    assert (led.status_code, led.headers["Location"]) == (
        303,
        "/login?next=/look?days%3D3%26word%3D%25C3%25A9%2526",
    )
    assert "WWW-Authenticate" not in led.headers
    page = browser.get(led.headers["Location"])
    assert 'value="/look?days=3&amp;word=%C3%A9%26"' in page.text
    signed_in = browser.sign_in(place="/look?days=3&word=%C3%A9%26")
    assert (signed_in.status_code, signed_in.headers["Location"]) == (
        303,
        "/look?days=3&word=%C3%A9%26",
    )
    assert browser.get("/look").get_json() == {"name": "operator", "way": "session"}
    assert browser.get("/login?next=/look").headers["Location"] == "/look"


@pytest.mark.parametrize(
    "password", ["", "wrong", PASSWORD + " ", PASSWORD.upper(), "\x00", "e" * 9999]
)
def test_a_wrong_password_opens_nothing_and_says_so(site: Site, password: str) -> None:
    browser = site.browser()

    answer = browser.sign_in(password)

    assert answer.status_code == 403
    assert "This is not the password." in answer.text
    assert SESSION not in browser.cookies()
    assert not browser.is_in()


def test_a_password_in_clear_is_kept_as_a_hash(url: str) -> None:
    with opened(url, NOON, operator_password=PASSWORD) as site:
        browser = site.browser()
        assert browser.sign_in().status_code == 303
        assert browser.is_in()
    with opened(url, NOON, operator_password=PASSWORD) as other_process:
        again = other_process.browser()
        again.client._cookies = browser.client._cookies
        assert again.is_in(), "every process comes to the same hash"


def test_signing_out_ends_the_session_for_whoever_still_has_the_cookie(
    site: Site, url: str
) -> None:
    browser, thief = site.browser(), site.browser()
    browser.sign_in()
    thief.client.set_cookie(SESSION, browser.cookies()[SESSION], domain="localhost")
    assert thief.is_in()

    answer = browser.post("/logout", {"csrf_token": browser.field("/")})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert SESSION not in browser.cookies()
    assert not thief.is_in()
    with opened(url, NOON, operator_password=HASH) as other_host:
        other = other_host.browser()
        other.client._cookies = thief.client._cookies
        assert not other.is_in()


def test_signing_out_takes_a_form_of_ours(site: Site) -> None:
    browser = site.browser()
    browser.sign_in()

    assert browser.post("/logout").status_code == 403
    assert browser.get("/logout").status_code == 405
    assert browser.is_in()


def test_a_session_is_never_one_that_the_browser_brought_along(site: Site) -> None:
    browser = site.browser()
    planted = "A" * 43
    browser.client.set_cookie(SESSION, planted, domain="localhost")

    told = {"csrf_token": browser.field(), "password": PASSWORD}
    browser.post("/login", told)
    first = browser.cookies()[SESSION]
    assert first != planted
    browser.post("/login", told)
    second = browser.cookies()[SESSION]

    stale = site.browser()
    stale.client.set_cookie(SESSION, first, domain="localhost")
    assert second != first
    assert not stale.is_in()
    assert browser.is_in()


def test_the_database_knows_a_session_by_its_digest_alone(site: Site, tmp_path: Path) -> None:
    browser = site.browser()
    browser.sign_in()
    secret = browser.cookies()[SESSION]

    stored = b"".join(path.read_bytes() for path in tmp_path.glob("webex-ingest.db*"))

    assert sha256(secret.encode()).hexdigest().encode() in stored
    assert secret.encode() not in stored
    assert HASH.encode() not in stored


def test_a_session_ends_when_nobody_comes_and_after_a_week_in_any_case(site: Site) -> None:
    idle, busy = site.browser(), site.browser()
    idle.sign_in()
    busy.sign_in()

    site.pass_time(seconds=(IDLE / 2).total_seconds())
    assert busy.is_in()
    site.pass_time(seconds=(IDLE / 2).total_seconds())
    assert not idle.is_in()
    for _ in range(int(LIFETIME / IDLE * 2)):
        busy.is_in()
        site.pass_time(seconds=(IDLE / 2).total_seconds())
    assert not busy.is_in()


def test_that_a_session_is_in_use_is_written_once_a_minute(site: Site) -> None:
    browser = site.browser()
    browser.sign_in()

    seen = []
    for _ in range(5):
        site.pass_time(seconds=20)
        browser.is_in()
        with site.database.reading() as session:
            seen.append(session.scalar(text("SELECT last_seen_at FROM operator_session")))

    assert [seen.count(each) for each in dict.fromkeys(seen)] == [2, 3]


@pytest.mark.parametrize("password", [PASSWORD, quick_hash("another"), None])
def test_another_password_ends_every_session(site: Site, url: str, password: str | None) -> None:
    browser = site.browser()
    browser.sign_in()

    with opened(url, NOON, operator_password=password) as changed:
        again = changed.browser()
        again.client._cookies = browser.client._cookies
        assert not again.is_in()


@pytest.mark.parametrize(
    "cookie", ["", "x", "A" * 43, "A" * 44, "é" * 43, "'; DROP TABLE operator_session; --"]
)
def test_a_cookie_of_somebody_else_opens_nothing_and_is_never_an_error(
    site: Site, cookie: str
) -> None:
    browser = site.browser()
    browser.client.set_cookie(SESSION, cookie, domain="localhost")

    assert browser.get("/look").status_code == 303


def test_the_cookies_cannot_be_read_by_scripts_or_sent_by_other_sites(site: Site) -> None:
    answer = site.browser().sign_in()

    told = {each.partition("=")[0]: each for each in answer.headers.getlist("Set-Cookie")}
    assert set(told) == {SESSION, "webex_ingest_browser"}
    for cookie in told.values():
        assert "; HttpOnly" in cookie
        assert "; Path=/" in cookie
        assert "; SameSite=Lax" in cookie
        assert "Secure" not in cookie
        assert "Domain" not in cookie
    assert "; Max-Age=604800" in told[SESSION]


@pytest.mark.parametrize(
    ("host", "https", "public_url"),
    [
        ("ingest.example.com", True, None),
        ("ingest.example.com", False, "https://ingest.example.com"),
        ("INGEST.example.com:443", False, "https://ingest.example.com/"),
        ("ingest.example.com:8443", False, "https://ingest.example.com:8443"),
    ],
)
def test_by_https_cookies_are_for_https_and_for_this_host_alone(
    url: str, host: str, https: bool, public_url: str | None
) -> None:
    with opened(url, NOON, operator_password=HASH, public_url=public_url) as site:
        browser = site.browser(host=host, https=https)
        cookies = browser.get("/login").headers.getlist("Set-Cookie")
        # This client, unlike a browser, forgets what it was told for https when asked by http.
        for each in cookies:
            assert each.startswith("__Host-webex_ingest_form=")
            assert "; Secure" in each
            assert "; Path=/" in each
            assert "Domain" not in each
        assert len(cookies) == 1


@pytest.mark.parametrize("public_url", ["http://ingest.example.com", "https://other.example.com"])
def test_by_http_cookies_are_sent_by_http(url: str, public_url: str) -> None:
    with opened(url, NOON, operator_password=HASH, public_url=public_url) as site:
        browser = site.browser(host="ingest.example.com")
        browser.sign_in()

        assert browser.is_in()


def test_a_cookie_that_was_set_by_plain_http_is_none_by_https(site: Site) -> None:
    plain, safe = site.browser(), site.browser(https=True)
    plain.sign_in()
    safe.client._cookies = plain.client._cookies

    assert not safe.is_in()


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example.com/",
        "//evil.example.com",
        "/\\evil.example.com",
        "\\\\evil.example.com",
        "/\t/evil.example.com",
        " //evil.example.com",
        "javascript:alert(1)",
        "evil.example.com",
        "/look\r\nSet-Cookie: a=b",
        "/look\n",
        "/é",
        "",
        "http:/evil.example.com",
    ],
)
def test_signing_in_leads_to_no_other_host(site: Site, place: str) -> None:
    answer = site.browser().sign_in(place=place)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert len(answer.headers.getlist("Set-Cookie")) == 2


def test_no_header_decides_where_it_leads(site: Site) -> None:
    told = {"X_Forwarded_Host": "evil.example.com", "Forwarded": "host=evil.example.com"}
    browser = site.browser(host="evil.example.com")

    for answer in (browser.get("/look", **told), browser.sign_in()):
        assert answer.headers["Location"].startswith("/")
        assert "evil" not in answer.headers["Location"]
    assert "evil" not in browser.get("/login", **told).text


def test_a_path_with_two_slashes_is_no_host_to_go_on_to(site: Site) -> None:
    browser = site.browser()
    browser.environ["PATH_INFO"] = "//evil.example.com/x"

    assert browser.get("/").headers["Location"] == "/login?next=/evil.example.com/x"


def test_a_part_of_a_page_is_not_replaced_by_the_sign_in_page(site: Site) -> None:
    shown = "http://localhost/look?a=1"
    answer = site.browser().get("/look", HX_Request="true", HX_Current_URL=shown)

    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/look?a%3D1"
    assert "Basic" not in str(answer.headers), "the browser would ask for a password over the page"


@pytest.mark.parametrize("shown", ["http://[", "//evil.example.com", "http://a//evil.example.com"])
def test_what_a_part_of_a_page_says_of_its_page_is_not_believed(site: Site, shown: str) -> None:
    answer = site.browser().get("/look", HX_Request="true", HX_Current_URL=shown)

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login")


def test_programs_are_told_how_and_scripts_of_a_page_without_a_window(site: Site) -> None:
    program = site.browser().send("GET", "/look", headers={"Accept": "*/*"})
    script = site.browser().send(
        "GET", "/look", headers={"Accept": "*/*", "Sec-Fetch-Mode": "cors"}
    )

    assert (program.status_code, script.status_code) == (401, 401)
    assert program.headers.getlist("WWW-Authenticate") == [
        'Basic realm="webex-ingest", charset="UTF-8"',
        'Bearer realm="webex-ingest"',
    ]
    assert script.headers.getlist("WWW-Authenticate") == ['Bearer realm="webex-ingest"']


def test_without_a_password_there_is_nothing_to_sign_in_to(url: str) -> None:
    with opened(url, NOON) as site:
        assert site.browser(peer=HERE).get("/login").headers["Location"] == "/"
        refused = site.browser(peer=ELSEWHERE).get("/login")
        assert refused.status_code == 403
        assert "set OPERATOR_PASSWORD" in refused.text


def test_one_peer_may_try_ten_times_at_once_and_then_once_a_minute(site: Site) -> None:
    browser = site.browser()

    told = [browser.sign_in(f"wrong {number}").status_code for number in range(EACH.tries + 2)]
    assert told == [403] * EACH.tries + [429] * 2
    throttled = browser.sign_in()
    assert throttled.status_code == 429, "the right one is not looked at either"
    assert "was not looked at" in throttled.text
    assert 55 <= int(throttled.headers["Retry-After"]) <= 61
    assert site.browser(peer="203.0.113.8").sign_in().status_code == 303
    site.pass_time(seconds=61)
    assert browser.sign_in("wrong again").status_code == 403
    assert browser.sign_in().status_code == 429
    site.pass_time(seconds=61)
    assert browser.sign_in().status_code == 303
    told = [site.browser().sign_in(f"also {number}").status_code for number in range(EACH.tries)]
    assert told == [403] * EACH.tries, "they were given back"


def test_whoever_is_throttled_does_not_see_which_one_is_right(site: Site) -> None:
    program = {"auth": ("operator", PASSWORD)}
    assert site.browser().send("GET", "/look", **program).status_code == 200
    for number in range(EACH.tries):
        site.browser().sign_in(f"wrong {number}")

    for peer in (ELSEWHERE, "203.0.113.8"):
        told = [site.browser(peer=peer).send("GET", "/look", **program).status_code]
        assert told == [429 if peer == ELSEWHERE else 200]


def test_processes_count_together_and_by_each_way_in(site: Site, url: str) -> None:
    with opened(url, NOON, operator_password=HASH) as other:
        for number in range(EACH.tries):
            (site if number % 2 else other).browser().sign_in(f"wrong {number}")

        by_page = other.browser().sign_in("wrong")
        by_basic = site.browser().send("GET", "/look", auth=("operator", "wrong"))

    assert by_page.status_code == by_basic.status_code == 429
    assert int(by_basic.headers["Retry-After"]) > 0
    assert "error" in by_basic.get_json()


def test_a_program_with_one_wrong_password_locks_nobody_out(site: Site) -> None:
    told = {
        site.browser().send("GET", "/look", auth=("operator", "wrong")).status_code
        for _ in range(EACH.tries * 3)
    }

    assert told == {401}
    assert site.browser().sign_in().status_code == 303


def test_whoever_guesses_from_everywhere_keeps_the_operator_out_of_nothing(site: Site) -> None:
    known, scraper = site.browser(), {"auth": ("operator", PASSWORD)}
    known.sign_in()
    known.post("/logout", {"csrf_token": known.field("/")})
    working = site.browser()
    working.sign_in()
    assert working.send("GET", "/look", **scraper).status_code == 200

    def guess(number: int) -> int:
        stranger = site.browser(peer=f"198.51.100.{number % 250}")
        return stranger.send("GET", "/look", auth=("operator", f"guess {number}")).status_code

    told = [guess(number) for number in range(ALL.tries + 20)]
    assert told.count(401) == ALL.tries - 1, "the first sign-in was one of them"
    assert told[-20:] == [429] * 20

    assert site.browser(peer="203.0.113.99").sign_in().status_code == 429
    assert working.is_in(), "who is signed in stays so"
    assert working.send("GET", "/look", **scraper).status_code == 200, "nor is a scrape stopped"
    assert known.sign_in().status_code == 303, "a browser where somebody was signed in is known"
    assert site.browser(peer=HERE).sign_in().status_code == 303, "nor is this machine"
    site.pass_time(seconds=3)
    assert site.browser(peer="203.0.113.99").sign_in().status_code == 303


def test_a_known_browser_has_tries_of_its_own_and_no_more_than_others(site: Site) -> None:
    browser = site.browser()
    browser.sign_in()
    browser.post("/logout", {"csrf_token": browser.field("/")})

    told = [browser.sign_in(f"wrong {number}").status_code for number in range(EACH.tries + 1)]

    assert told[-1] == 429
    assert site.browser().sign_in().status_code == 303, "its peer has not spent them"


@pytest.mark.parametrize("cookie", ["0" * 32 + "." + "0" * 64, "x", "é", "." * 97])
def test_nobody_makes_a_known_browser_of_theirs(site: Site, cookie: str) -> None:
    for number in range(EACH.tries):
        site.browser().sign_in(f"wrong {number}")
    browser = site.browser()
    browser.client.set_cookie("webex_ingest_browser", cookie, domain="localhost")

    assert browser.sign_in().status_code == 429


def test_behind_a_proxy_each_client_is_counted_by_itself(site: Site) -> None:
    def tries(peer: str, forwarded: str) -> int:
        browser = site.browser(peer=peer)
        told = {"csrf_token": browser.field(), "password": f"wrong {forwarded} {peer}"}
        return browser.post("/login", told, X_Forwarded_For=forwarded).status_code

    for number in range(EACH.tries):
        told = {"auth": ("operator", f"x {number}"), "headers": {"X-Forwarded-For": "9.9.9.9"}}
        site.browser(peer="10.0.0.2").send("GET", "/look", **told)

    assert tries("10.0.0.2", "9.9.9.9") == 429
    assert tries("10.0.0.2", "1.2.3.4, 9.9.9.9") == 429, "only the last one is the proxy's word"
    assert tries("10.0.0.2", "8.8.8.8") == 403
    for number in range(EACH.tries):
        tries("203.0.113.50", f"7.7.7.{number}")
    assert tries("203.0.113.50", "6.6.6.6") == 429, "who is no proxy is not believed"


def test_a_household_with_many_addresses_is_one_peer(site: Site) -> None:
    told = [
        site.browser(peer=f"2001:db8:1:2::{number:x}").sign_in(f"wrong {number}").status_code
        for number in range(EACH.tries + 1)
    ]

    assert told[-1] == 429
    assert site.browser(peer="2001:db8:1:3::1").sign_in("wrong").status_code == 403


def test_guesses_at_the_same_moment_get_no_further(site: Site) -> None:
    def guess(number: int) -> int:
        browser = site.browser()
        return browser.send("GET", "/look", auth=("operator", f"guess {number}")).status_code

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(guess, range(EACH.tries * 2)))

    assert told.count(401) == EACH.tries


def test_a_form_that_is_too_large_is_refused(site: Site) -> None:
    browser = site.browser()
    told = {"csrf_token": browser.field(), "password": "x" * 100_000}

    assert browser.post("/login", told).status_code == 413


def test_who_cannot_be_counted_is_asked_to_come_again(site: Site) -> None:
    with site.database.transaction() as session:
        session.execute(text("ALTER TABLE throttle RENAME TO elsewhere"))

    page = site.browser().sign_in()
    program = site.browser().send("GET", "/look", auth=("operator", PASSWORD))

    assert page.status_code == program.status_code == 503
    assert page.headers["Retry-After"] == program.headers["Retry-After"] == "5"
    assert "The database cannot be reached now" in page.text
    assert "try again" in program.get_json()["error"]


def test_the_log_names_who_guessed_and_never_what(site: Site, written: io.StringIO) -> None:
    site.browser(peer="192.0.2.77").sign_in("my other password")
    site.browser().sign_in()

    said = written.getvalue()
    assert "sign_in.refused" in said
    assert "session.opened" in said
    assert "192.0.2.77" in said
    assert "my other password" not in said
    assert PASSWORD not in said


def test_a_peer_without_an_address_is_counted_too(site: Site) -> None:
    told = [
        site.browser(peer="unix:").sign_in(f"wrong {number}").status_code
        for number in range(EACH.tries + 1)
    ]

    assert told[-1] == 429
