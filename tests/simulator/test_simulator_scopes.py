"""Scopes: what a token may read, what a consent grants, and what stays with refreshed tokens."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlparse

import pytest

from simulator import ControlClient, Settings, Simulator
from tests.simulator.support import Api, Webex

CLIENT = {"client_id": "simulator-client", "client_secret": "simulator-secret"}
CALLBACK = "http://127.0.0.1:9/callback"
FORBIDDEN = (
    "The server understood the request, but refused to fulfill it because the access token is "
    "missing required scopes or the user is missing required roles or licenses."
)
# Each family of calls, with what it takes of a user, an administrator and a compliance officer.
COMPLIANCE = "spark-compliance:meetings_read"
FAMILIES = [
    ("/meetings", "schedules_read", "admin_schedule_read", None),
    ("/meetingInvitees", "schedules_read", "admin_schedule_read", None),
    ("/meetings/postMeetingChats", "schedules_read", "admin_schedule_read", None),
    ("/meetingParticipants", "participants_read", "admin_participants_read", COMPLIANCE),
    ("/recordings", "recordings_read", "admin_recordings_read", COMPLIANCE),
    ("/meetingSummaries", "summaries_read", None, None),
    ("/admin/meetingSummaries", None, None, COMPLIANCE),
    ("/meetingClosedCaptions", None, None, COMPLIANCE),
    ("/meetingPreferences/sites", "preferences_read", "admin_preferences_read", None),
]
OPENED = [
    (path, role, scope if ":" in scope else f"meeting:{scope}")
    for path, *scopes in FAMILIES
    for role, scope in zip(("user", "admin", "compliance"), scopes, strict=True)
    if scope is not None
]


@pytest.fixture
def meeting_id(webex: Webex) -> str:
    extras = {"summary": True, "chats": 1, "captions": True}
    held: str = webex.meeting(extras=extras)["meeting_id"]
    return held


@pytest.fixture
def narrow(webex: Webex) -> Iterator[Api]:
    with Api(webex.simulator.api_url, "narrow") as api:
        yield api


def give(control: ControlClient, scopes: str | None, role: str = "user") -> None:
    """Let the token `narrow` have these scopes."""
    told = {"token": "narrow", "email": "host@example.com", "role": role, "scopes": scopes}
    control.call("POST", "/tokens", told)


def status(api: Api, path: str, meeting_id: str, **more: str) -> int:
    return api.get(path, meetingId=meeting_id, **more).status_code


@pytest.mark.parametrize(("path", "role", "scope"), OPENED)
def test_a_call_takes_its_own_scope_and_no_other_will_do(
    control: ControlClient, narrow: Api, meeting_id: str, path: str, role: str, scope: str
) -> None:
    others = {each for _, _, each in OPENED} - {each for a, _, each in OPENED if a == path}

    give(control, scope, role)
    assert status(narrow, path, meeting_id) == 200
    give(control, " ".join(others), role)
    assert status(narrow, path, meeting_id) == 403


def test_what_is_missing_is_told_in_webexs_words(control: ControlClient, narrow: Api) -> None:
    give(control, "meeting:schedules_read")

    refused = narrow.get("/recordings")

    assert refused.status_code == 403
    assert refused.json()["message"] == FORBIDDEN
    assert refused.json()["errors"] == [{"description": FORBIDDEN}]
    assert refused.json()["trackingId"] == refused.headers["trackingId"]


@pytest.mark.parametrize("left_out", ["transcripts_read", "schedules_read"])
def test_transcripts_take_both_of_their_scopes_and_snippets_one(
    control: ControlClient, narrow: Api, api: Api, meeting_id: str, left_out: str
) -> None:
    path = f"/meetingTranscripts/{api.items('/meetingTranscripts')[0]['id']}"
    both = {"transcripts_read", "schedules_read"}
    give(control, " ".join(f"meeting:{each}" for each in both - {left_out}))

    assert status(narrow, "/meetingTranscripts", meeting_id) == 403
    assert status(narrow, f"{path}/download", meeting_id) == 403
    expected = 403 if left_out == "transcripts_read" else 200
    assert status(narrow, f"{path}/snippets", meeting_id) == expected


def test_for_what_is_anothers_an_administrator_takes_the_scope_of_one(
    control: ControlClient, narrow: Api, meeting_id: str
) -> None:
    give(control, "meeting:recordings_read", "admin")
    assert status(narrow, "/recordings", meeting_id) == 200
    assert status(narrow, "/recordings", meeting_id, hostEmail="other@example.com") == 403
    assert status(narrow, "/admin/recordings", meeting_id) == 403

    give(control, "meeting:admin_recordings_read", "admin")
    assert status(narrow, "/recordings", meeting_id, hostEmail="other@example.com") == 200
    assert status(narrow, "/admin/recordings", meeting_id) == 200


def test_a_change_takes_the_scope_for_writing(
    control: ControlClient, narrow: Api, webex: Webex
) -> None:
    series_id = webex.meeting()["series_id"]
    change = {"json": {"title": "Another", "sendEmail": False}}

    give(control, "meeting:schedules_read")
    assert narrow.call("PATCH", f"/meetings/{series_id}", **change).status_code == 403
    give(control, "meeting:schedules_write")
    assert narrow.call("PATCH", f"/meetings/{series_id}", **change).status_code == 200


def test_a_webhook_takes_the_scope_of_its_resource(control: ControlClient, narrow: Api) -> None:
    give(control, "meeting:schedules_read")
    hook = {"name": "x", "targetUrl": "http://127.0.0.1:9/", "event": "created"}

    made = narrow.call("POST", "/webhooks", json=hook | {"resource": "meetings"})
    refused = narrow.call("POST", "/webhooks", json=hook | {"resource": "recordings"})

    assert (made.status_code, refused.status_code) == (200, 403)
    give(control, "meeting:recordings_read")
    assert narrow.items("/webhooks") == []
    assert narrow.get(f"/webhooks/{made.json()['id']}").status_code == 403


def granted(api: Api, **asked: str) -> dict[str, str]:
    """The tokens that somebody consents to."""
    known = {"client_id": "simulator-client", "redirect_uri": CALLBACK}
    answer = api.call("GET", "/authorize", params=known | asked, allow_redirects=False)
    code = parse_qs(urlparse(answer.headers["Location"]).query)["code"][0]
    form = CLIENT | {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code": code}
    tokens: dict[str, str] = api.call("POST", "/access_token", data=form).json()
    return tokens


def refreshed(api: Api, refresh_token: str) -> dict[str, str]:
    form = CLIENT | {"grant_type": "refresh_token", "refresh_token": refresh_token}
    tokens: dict[str, str] = api.call("POST", "/access_token", data=form).json()
    return tokens


def test_scopes_that_were_granted_stay_with_the_tokens_and_those_after_them(
    webex: Webex, api: Api, control: ControlClient
) -> None:
    control.change_settings(rotate_refresh_tokens=True)
    first = granted(api, scope="meeting:recordings_read spark:people_read")
    second = refreshed(api, first["refresh_token"])
    third = refreshed(api, second["refresh_token"])

    for tokens in (first, second, third):
        assert tokens["scope"] == "meeting:recordings_read spark:people_read"
        with Api(webex.simulator.api_url, tokens["access_token"]) as caller:
            assert caller.get("/recordings").status_code == 200
            assert caller.get("/meetings").status_code == 403


def test_a_consent_can_grant_less_than_was_asked_for() -> None:
    consenting = {"email": "host@example.com", "scopes": "spark:people_read a b"}
    told = Settings.model_validate({"consenting": consenting})
    with Simulator(told) as simulator, Api(simulator.api_url) as api:
        tokens = granted(api, scope="meeting:recordings_read spark:people_read")

        assert tokens["scope"] == "spark:people_read"
        with Api(simulator.api_url, tokens["access_token"]) as caller:
            assert caller.get("/people/me").status_code == 200
            assert caller.get("/recordings").status_code == 403


@pytest.mark.parametrize(
    ("role", "word"),
    [("user", "meeting:summaries_read"), ("admin", "meeting:admin_config_read")],
)
def test_a_token_for_everything_tells_all_the_scopes_of_its_role(
    api: Api, control: ControlClient, role: str, word: str
) -> None:
    identity = {"email": "host@example.com", "role": role}
    control.change_settings(refresh_tokens={"simulator-refresh-token": identity})

    scopes = refreshed(api, "simulator-refresh-token")["scope"].split()

    assert word in scopes
    assert COMPLIANCE not in scopes
    assert ("meeting:admin_schedule_read" in scopes) == (role == "admin")
