"""Answers that are a little wrong: items, times, next links, transcripts, and nobody there."""

from typing import Any

import pytest

from simulator import ControlClient, ControlError
from tests.simulator.support import Api, Json, Webex


@pytest.fixture
def meeting(webex: Webex) -> Json:
    return webex.meeting(recordings=3)


def spoiled(api: Api, control: ControlClient, path: str = "/recordings", **answer: Any) -> Json:
    control.add_fault(origin="api", answer=answer)
    return api.json(path)


@pytest.mark.usefixtures("meeting")
def test_items_can_be_such_that_webex_could_not_read_them(api: Api, control: ControlClient) -> None:
    items = spoiled(api, control, unreadable_items=2)["items"]

    assert [set(each) for each in items[:2]] == [{"id", "errors"}] * 2
    assert items[0]["errors"]["title"]["code"] == "kms_failure"
    assert "errors" not in items[2]
    assert all("topic" in each for each in api.items("/recordings"))


@pytest.mark.usefixtures("meeting")
def test_fields_can_be_missing_other_or_more(api: Api, control: ControlClient) -> None:
    change = {"format": "WMF", "madeUp": [1]}

    items = spoiled(api, control, leave_out=["meetingId"], change=change)["items"]

    assert all("meetingId" not in each for each in items)
    assert {(each["format"], each["madeUp"][0]) for each in items} == {("WMF", 1)}


@pytest.mark.usefixtures("meeting")
def test_some_items_can_be_wrong_and_the_others_right(api: Api, control: ControlClient) -> None:
    items = spoiled(api, control, leave_out=["meetingId"], odd_items=1)["items"]

    assert ["meetingId" in each for each in items[:3]] == [False, True, True]


def test_one_object_can_be_wrong_as_well(api: Api, control: ControlClient, meeting: Json) -> None:
    path = f"/meetings/{meeting['meeting_id']}"

    assert spoiled(api, control, path, change={"title": None})["title"] is None


@pytest.mark.usefixtures("meeting")
def test_a_next_page_can_be_one_that_nothing_tells_of(api: Api, control: ControlClient) -> None:
    control.change_settings(page_size_cap=1)
    control.add_fault(origin="api", answer={"next_link": "missing"})

    assert "Link" not in api.get("/recordings").headers
    assert "Link" in api.get("/recordings").headers


@pytest.mark.usefixtures("meeting")
def test_times_can_have_an_offset(api: Api, control: ControlClient) -> None:
    right = api.items("/recordings")[0]["createTime"]

    told = spoiled(api, control, times_hours_ahead=8)["items"][0]["createTime"]

    assert right.endswith("Z")
    assert told.endswith("+08:00")


@pytest.mark.usefixtures("meeting")
def test_numbers_can_be_texts(api: Api, control: ControlClient) -> None:
    item = spoiled(api, control, numbers_as_text=True)["items"][0]

    assert isinstance(item["sizeBytes"], str)
    assert item["sizeBytes"].isdecimal()
    assert item["shareToMe"] is False


@pytest.mark.usefixtures("meeting")
@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("another-host", "https://webexapis.example.com/v1/recordings?max=2"),
        ("circle", "{api}/recordings?max=2"),
    ],
)
def test_a_next_link_can_lead_astray(
    api: Api, control: ControlClient, kind: str, address: str
) -> None:
    control.add_fault(origin="api", answer={"next_link": kind})

    found = api.get("/recordings", max=2)

    assert found.links["next"]["url"] == address.format(api=api.base_url)


def test_an_error_stays_as_it_is(api: Api, control: ControlClient) -> None:
    control.add_fault(origin="api", answer={"change": {"id": "x"}})

    missing = api.get("/recordings/unknown")

    assert (missing.status_code, "id" in missing.json()) == (404, False)


@pytest.mark.parametrize(
    "fault", [{"origin": "media"}, {"status": 200}, {"body": {}}, {"answer": {"unknown": 1}}]
)
def test_an_answer_fault_that_makes_no_sense_is_refused(
    control: ControlClient, fault: dict[str, Any]
) -> None:
    with pytest.raises(ControlError, match="answer"):
        control.add_fault(**({"answer": {"numbers_as_text": True}} | fault))


@pytest.mark.usefixtures("meeting")
def test_lists_that_are_asked_for_too_much_can_take_too_long(
    api: Api, control: ControlClient
) -> None:
    control.change_settings(timeout_above_max=20)

    refused = api.get("/recordings", max=21)

    assert (refused.status_code, "reduce it" in refused.json()["message"]) == (504, True)
    assert api.get("/recordings", max=20).status_code == 200


@pytest.mark.parametrize("name", ["from", "to"])
def test_fractions_of_a_second_are_refused_unless_told_otherwise(
    api: Api, control: ControlClient, name: str
) -> None:
    window = {name: "2026-03-02T09:00:00.000Z"}

    assert api.get("/recordings", **window).status_code == 400
    control.change_settings(refuse_fractions=False)
    assert api.get("/recordings", **window).status_code == 200


def test_a_transcript_can_be_without_speakers(webex: Webex, api: Api) -> None:
    webex.meeting(transcripts=[{"id": "t", "names_speakers": False}])

    vtt, txt = (api.get("/meetingTranscripts/t/download", format=kind) for kind in ("vtt", "txt"))

    assert vtt.text.startswith("WEBVTT\n\n1\n00:00:")
    assert txt.text.startswith("(00:00:00): ")
    assert "personName" not in api.items("/meetingTranscripts/t/snippets")[0]


@pytest.mark.parametrize("kind", ["vtt", "txt"])
def test_a_transcript_can_have_bytes_that_are_no_text(webex: Webex, api: Api, kind: str) -> None:
    webex.meeting(transcripts=[{"id": "t", "broken_bytes": True}])

    body = api.get("/meetingTranscripts/t/download", format=kind).content

    with pytest.raises(UnicodeDecodeError):
        body.decode()


def test_a_meeting_can_be_one_that_nobody_is_known_of(webex: Webex, api: Api) -> None:
    meeting_id = webex.meeting(participants=[])["meeting_id"]

    assert api.items("/meetingParticipants", meetingId=meeting_id) == []
    assert api.items("/meetingTranscripts", meetingId=meeting_id) != []


def test_nobody_asks_nothing(control: ControlClient) -> None:
    with pytest.raises(ControlError, match="somebody who was there"):
        control.hold_meeting(participants=[], extras={"questions": 1})
