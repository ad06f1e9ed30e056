"""A link is followed only to https on port 443 of a listed host, or to a listed origin."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.archive.links import Destination, check_allowed, check_link, check_peer
from app.errors import LinkRefused

ALLOWED = (".webex.com", "media.example.com", "http://127.0.0.1:8801", "https://[::1]:8443")
UNLISTED = Destination("x.webex.com", listed=False)


@pytest.mark.parametrize(
    ("link", "host", "listed"),
    [
        ("https://nsj1wss.webex.com/nbr/x?ticket=T1CKET", "nsj1wss.webex.com", False),
        ("https://a.b.webex.com:443/x", "a.b.webex.com", False),
        ("https://webex.com/x", "webex.com", False),
        ("https://NSJ1WSS.WebEx.COM/x", "nsj1wss.webex.com", False),
        ("HTTPS://nsj1wss.webex.com/x", "nsj1wss.webex.com", False),
        ("https://media.example.com/x", "media.example.com", False),
        ("http://127.0.0.1:8801/x?ticket=T1CKET", "127.0.0.1", True),
        ("https://[::1]:8443/x", "::1", True),
    ],
)
def test_a_link_to_a_listed_place_is_followed(link: str, host: str, listed: bool) -> None:
    assert check_link(link, ALLOWED) == Destination(host, listed)


@pytest.mark.parametrize(
    "link",
    [
        "https://evilwebex.com/T1CKET",
        "https://webex.com.evil.example.com/T1CKET",
        "https://webex.com./T1CKET",
        "https://example.com/T1CKET?x=.webex.com",
        "https://example.com/T1CKET#.webex.com",
        "https://xwebex.com/T1CKET",
        "http://nsj1wss.webex.com/T1CKET",
        "ftp://nsj1wss.webex.com/T1CKET",
        "file:///etc/T1CKET",
        "//nsj1wss.webex.com/T1CKET",
        "/T1CKET",
        "T1CKET",
        "",
        "https:///T1CKET",
        "https://nsj1wss.webex.com:8443/T1CKET",
        "https://nsj1wss.webex.com:80/T1CKET",
        "https://nsj1wss.webex.com:0/T1CKET",
        "https://nsj1wss.webex.com:99999/T1CKET",
        "https://nsj1wss.webex.com:x/T1CKET",
        "https://alice@nsj1wss.webex.com/T1CKET",
        "https://alice:secret@nsj1wss.webex.com/T1CKET",
        "https://@nsj1wss.webex.com/T1CKET",
        "https://nsj1wss.webex.com@example.com/T1CKET",
        "https://example.com\\@nsj1wss.webex.com/T1CKET",
        "https://nsj1wss.webex.com\\T1CKET",
        "https://nsj1wss.webex.com/\nT1CKET",
        "https://nsj1wss.webex.com/\tT1CKET",
        "https://nsj1wss.webex.com/\x00T1CKET",
        "https://nsj1wss.webex.com/\x7fT1CKET",
        "https://nsj1wss.webex.com/T1CKET with space",
        " https://nsj1wss.webex.com/T1CKET",
        "https://e\xe9.webex.com/T1CKET",
        "https://webex\u3002com/T1CKET",
        "https://nsj1wss.webex.com/T1CKET\u2028",
        "https://example.com%2f.webex.com/T1CKET",
        "https://example.com%00.webex.com/T1CKET",
        "https://.webex.com/T1CKET",
        "https://..webex.com/T1CKET",
        "https://10.0.0.1/T1CKET",
        "https://127.0.0.1/T1CKET",
        "https://2130706433/T1CKET",
        "https://[::1]/T1CKET",
        "https://[::ffff:127.0.0.1]/T1CKET",
        "https://[broken/T1CKET",
        "https://169.254.169.254/T1CKET",
        "http://127.0.0.1/T1CKET",
        "http://127.0.0.1:8802/T1CKET",
        "http://127.0.0.1:0/T1CKET",
        "https://127.0.0.1:8801/T1CKET",
        "http://localhost:8801/T1CKET",
        "http://127.0.0.1:8801@example.com/T1CKET",
        "javascript:T1CKET",
    ],
)
def test_any_other_link_is_refused_without_being_told(link: str) -> None:
    with pytest.raises(LinkRefused) as raised:
        check_link(link, ALLOWED)

    assert "T1CKET" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_host_that_only_folds_to_a_listed_one_is_refused() -> None:
    with pytest.raises(LinkRefused):
        check_link("https://gro\xdf.example.com/", ("gross.example.com",))


def test_without_listed_hosts_nothing_is_followed() -> None:
    with pytest.raises(LinkRefused):
        check_link("https://nsj1wss.webex.com/", ())


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.from_regex(r"\Ahttps?://[ -~]{1,40}\Z"))
def test_a_link_is_refused_or_leads_to_a_listed_place(link: str) -> None:
    try:
        destination = check_link(link, ALLOWED)
    except LinkRefused:
        return
    host = destination.host
    assert destination.listed or host == "webex.com" or host.endswith((".webex.com", "example.com"))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 -- no server listens here
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_a_listed_name_must_not_lead_into_a_private_network(address: str) -> None:
    with pytest.raises(LinkRefused, match=r"x\.webex\.com leads to an address"):
        check_peer(address, UNLISTED)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_a_listed_name_may_lead_to_a_public_address(address: str) -> None:
    check_peer(address, UNLISTED)


def test_a_listed_origin_may_be_anywhere() -> None:
    check_peer("127.0.0.1", Destination("127.0.0.1", listed=True))


@pytest.mark.parametrize(
    "entry",
    [
        ".webex.com",
        "webex.com",
        "media.example.com",
        "localhost",
        "http://127.0.0.1:8801",
        "https://media.example.com",
        "https://media.example.com/",
        "http://[::1]:8801",
    ],
)
def test_what_can_stand_in_download_hosts(entry: str) -> None:
    check_allowed(entry)


@pytest.mark.parametrize(
    "entry",
    [
        "",
        ".",
        "*.webex.com",
        "webex.com/x",
        "webex.com:443",
        "web ex.com",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1:8801/path",
        "http://127.0.0.1:8801?query",
        "http://127.0.0.1:8801#part",
        "http://alice@127.0.0.1:8801",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
        "http://[broken",
    ],
)
def test_what_cannot_stand_in_download_hosts(entry: str) -> None:
    with pytest.raises(ValueError, match="must"):
        check_allowed(entry)
