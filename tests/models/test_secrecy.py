"""What is kept of Webex's answers holds no secret and no link to download."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.secrecy import without_secrets
from tests.models import samples

SECRET_FIELDS = [
    "password",
    "phoneAndVideoSystemPassword",
    "panelistPassword",
    "phoneAndVideoSystemPanelistPassword",
    "sipPassword",
    "phoneSecurityPwd",
    "hostKey",
    "hostPin",
    "audioPin",
    "accessCode",
    "participantCode",
    "attendeeAccessCode",
    "secret",
    "token",
    "Authorization",
    "access_token",
    "refresh_token",
    "recordingViewerInfoToken",
    "ticket",
    "downloadUrl",
    "downloadURL",
    "playbackUrl",
    "recordingDownloadLink",
    "audioDownloadLink",
    "transcriptDownloadLink",
    "suggestedNotesDownloadLink",
    "vttDownloadLink",
    "txtDownloadLink",
    "temporaryDirectDownloadLinks",
    "webShareLink",
    "streamUrl",
    "rtmpUrl",
    "startLink",
    "joinLink",
]
DOWNLOAD_LINKS = [
    f"{samples.MEDIA}?siteid=1&ticket=abc",
    f"{samples.MEDIA}/audio.mp3?siteid=1",
    "https://site4-example.webex.com/nbr/downloadMedia.do?siteid=1&mediaType=1",
    "https://example.webex.com/example/lsr.php?RCID=77ab",
    "https://example.webex.com/example/ldr.php?RCID=77ab",
    f"{samples.DOWNLOAD}?format=vtt",
    f"  {samples.DOWNLOAD}?format=txt\n",
    "HTTPS://EXAMPLE.WEBEX.COM/x?TOKEN=abc",
    "https://example.webex.com/survey/fa1fc86f?token=eyJ",
]
ORDINARY = {
    "title": "The password is on the slide",
    "topic": "Token of appreciation-20210514 2025-1",
    "text": "Get it at https://example.webex.com/x?token=abc, the password is hunter2",
    "agenda": "https://intranet.example.com/agenda?page=2",
    "webLink": "https://example.webex.com/example/j.php?MTID=m501e",
    "siteUrl": "example.webex.com",
    "targetUrl": "https://ingest.example.com/webhooks/webex",
    "personalMeetingRoomLink": "https://example.webex.com/meet/alice",
    "sipAddress": "123456789@example.webex.com",
    "meetingNumber": "123456789",
    "integrationTags": ["dbaeceebea5c4a63ac9d5ef1edfe36b9"],
    "hostDisplayName": "Alice Example",
    "countryCode": "US",
    "excludePassword": False,
    "requireStrongPassword": True,
    "allowAuthenticatedDevices": False,
    "callInNumbers": [{"label": "US Toll", "callInNumber": "123456789"}],
    "links": [{"rel": "self", "href": "/api/v1/meetings/870f/globalCallinNumbers"}],
    "sizeBytes": 4982263,
    "description": None,
}


@pytest.mark.parametrize("name", SECRET_FIELDS)
@pytest.mark.parametrize("value", ["S3CRET", 424242, ["S3CRET"], {"inner": "S3CRET"}])
def test_a_secret_field_is_gone_at_any_depth(name: str, value: Any) -> None:
    answer = {name: value, "id": "x", "items": [{"id": "y", "deeper": {name: value, "ok": 1}}]}

    assert without_secrets(answer) == {"id": "x", "items": [{"id": "y", "deeper": {"ok": 1}}]}


@pytest.mark.parametrize("link", DOWNLOAD_LINKS)
def test_a_download_link_is_gone_whatever_its_field_is_called(link: str) -> None:
    answer = {"address": link, "list": [link, "kept"], "id": "x"}

    assert without_secrets(answer) == {"list": [None, "kept"], "id": "x"}


@pytest.mark.parametrize("link", DOWNLOAD_LINKS)
@pytest.mark.parametrize("name", ["text", "question", "title", "value"])
def test_a_link_that_somebody_wrote_to_others_is_what_they_said(name: str, link: str) -> None:
    assert without_secrets({name: link, "downloadUrl": link}) == {name: link}
    assert without_secrets({"answer": [link]}) == {"answer": [link]}


@pytest.mark.parametrize("name", sorted(ORDINARY))
def test_an_ordinary_field_stays_as_it_is(name: str) -> None:
    answer = {name: ORDINARY[name]}

    assert without_secrets({"items": [answer]}) == {"items": [answer]}


@pytest.mark.parametrize(
    "sample", [samples.DETAILED_RECORDING, samples.LISTED_TRANSCRIPT, samples.SCHEDULED_MEETING]
)
def test_the_guides_samples_lose_their_secrets_and_keep_the_rest(sample: dict[str, Any]) -> None:
    kept = json.dumps(without_secrets(sample))

    for secret in ("Invented", "INVENTED", "654321", "1234567890", "RCID", "download", "ticket"):
        assert secret not in kept
    assert without_secrets(sample)["id"] == sample["id"]
    assert "MTID" in kept or "webLink" not in sample


def test_the_answer_itself_is_not_changed() -> None:
    answer = {"password": "x", "items": [{"hostKey": "1"}]}

    without_secrets(answer)

    assert answer == {"password": "x", "items": [{"hostKey": "1"}]}


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "password", "hostKey", "items", "downloadUrl"]), inner
            )
        ),
        max_leaves=15,
    )
)
def test_nothing_secret_is_left_and_doing_it_twice_changes_nothing(value: Any) -> None:
    once = without_secrets(value)

    assert without_secrets(once) == once
    assert not _names(once) & {"downloadUrl"}


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {name for inner in value.values() for name in _names(inner)}
    if isinstance(value, list):
        return {name for inner in value for name in _names(inner)}
    return set()
