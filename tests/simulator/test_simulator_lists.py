"""Lists: pages, windows, and who may see what."""

import pytest

from simulator import ControlClient, Settings, Simulator
from tests.simulator.support import ADMIN_TOKEN, Api, Json, Webex


def test_a_list_is_cut_into_pages_that_next_links_join(webex: Webex) -> None:
    meeting = webex.meeting(recordings=25, transcripts=0)

    pages = webex.api.pages("/recordings", max=10)

    assert [len(page) for page in pages] == [10, 10, 5]
    ids = {item["id"] for page in pages for item in page}
    assert ids == set(meeting["recording_ids"])


def test_the_next_link_keeps_the_query_and_the_host(webex: Webex) -> None:
    webex.meeting(recordings=3)

    link = webex.api.get("/recordings", max=2, topic="weekly").links["next"]["url"]

    assert link.startswith(f"{webex.api.base_url}/recordings?")
    assert "topic=weekly" in link


def test_max_is_ten_by_default_and_clamped_to_a_hundred(webex: Webex) -> None:
    webex.meeting(participant_count=130)
    (listed,) = webex.api.items("/meetings", meetingType="meeting")
    wanted = {"meetingId": listed["id"]}

    assert len(webex.api.items("/meetingParticipants", **wanted)) == 10
    assert len(webex.api.items("/meetingParticipants", max=1000, **wanted)) == 100


@pytest.mark.parametrize("value", ["0", "-1", "many", "null"])
def test_a_max_that_is_no_number_is_refused(api: Api, value: str) -> None:
    assert api.get("/recordings", max=value).status_code == 400


def test_small_pages_can_be_forced(webex: Webex) -> None:
    webex.meeting(recordings=3)
    webex.simulator.control.change_settings(page_size_cap=1)

    assert [len(page) for page in webex.api.pages("/recordings", max=100)] == [1, 1, 1]


def test_an_empty_page_with_a_next_can_be_inserted(webex: Webex) -> None:
    webex.meeting(recordings=3)
    webex.simulator.control.change_settings(page_size_cap=2, empty_page_with_next=True)

    assert [len(page) for page in webex.api.pages("/recordings")] == [2, 0, 1]


def test_max_null_can_be_put_into_the_next_link_and_then_fails(webex: Webex) -> None:
    webex.meeting(recordings=3)
    webex.simulator.control.change_settings(page_size_cap=2, max_null_in_next=True)

    link = webex.api.get("/recordings", max=2).links["next"]["url"]

    assert "max=null" in link
    assert webex.api.get(link).status_code == 400
    assert webex.api.get(link.replace("max=null", "max=2")).status_code == 200


def test_snippets_and_transcripts_are_paged_too(webex: Webex) -> None:
    meeting = webex.meeting(recordings=0, transcripts=[{"snippets": 7}, {}])
    path = f"/meetingTranscripts/{meeting['transcript_ids'][0]}/snippets"

    assert [len(page) for page in webex.api.pages(path, max=3)] == [3, 3, 1]
    assert [len(page) for page in webex.api.pages("/meetingTranscripts", max=1)] == [1, 1]


def test_recordings_older_than_seven_days_are_found_only_with_a_window(webex: Webex) -> None:
    meeting = webex.meeting(end="2021-05-14T20:26:54Z")
    webex.simulator.control.call("POST", "/clock", {"now": "2021-05-22T20:26:54Z"})
    wanted = {"meetingId": meeting["meeting_id"]}

    assert webex.api.items("/recordings", **wanted) == []
    assert webex.api.items("/meetingTranscripts", **wanted) == []
    window = {"from": "2021-05-14T00:00:00Z", "to": "2021-05-15T00:00:00Z"}
    assert len(webex.api.items("/recordings", **wanted, **window)) == 1
    assert len(webex.api.items("/meetingTranscripts", **wanted, **window)) == 1


def test_a_window_includes_from_and_excludes_to(webex: Webex) -> None:
    webex.meeting(end="2021-05-14T20:26:54Z", transcripts=0)
    moment, later = "2021-05-14T20:26:54Z", "2021-05-14T20:26:55Z"

    assert len(webex.api.items("/recordings", **{"from": moment, "to": later})) == 1
    assert webex.api.items("/recordings", **{"from": "2021-05-14T00:00:00Z", "to": moment}) == []
    assert len(webex.api.items("/recordings", to=later)) == 1
    assert len(webex.api.items("/recordings", **{"from": moment})) == 1


@pytest.mark.parametrize(
    "window",
    [
        {"from": "2021-05-15T00:00:00Z", "to": "2021-05-14T00:00:00Z"},
        {"from": "last week"},
        {"to": "2021-99-99T00:00:00Z"},
    ],
)
def test_a_window_that_makes_no_sense_is_refused(api: Api, window: dict[str, str]) -> None:
    assert api.get("/recordings", **window).status_code == 400


def test_recordings_are_listed_newest_first(webex: Webex) -> None:
    for end in ("2021-05-14T10:00:00Z", "2021-05-16T10:00:00Z", "2021-05-15T10:00:00Z"):
        webex.meeting(end=end, transcripts=0)
    window = {"from": "2021-05-10T00:00:00Z", "to": "2021-05-20T00:00:00Z"}

    times = [item["createTime"] for item in webex.api.items("/recordings", **window)]

    assert times == sorted(times, reverse=True)
    assert len(times) == 3


@pytest.mark.parametrize("key", ["meeting_id", "scheduled_id", "series_id"])
def test_recordings_are_found_by_each_kind_of_meeting_id(webex: Webex, key: str) -> None:
    meeting = webex.meeting()

    (found,) = webex.api.items("/recordings", meetingId=meeting[key])

    assert found["meetingId"] == meeting["meeting_id"]


def test_transcripts_are_found_by_the_instance_id_only(webex: Webex) -> None:
    meeting = webex.meeting()

    response = webex.api.get("/meetingTranscripts", meetingId=meeting["series_id"])

    assert response.status_code == 400
    assert "is not allowed for this API" in response.json()["message"]
    assert webex.api.items("/meetingTranscripts", meetingId="unknown") == []


def test_meetings_are_series_of_the_coming_week_by_default(webex: Webex) -> None:
    webex.meeting()
    now = webex.simulator.control.call("GET", "/clock")["now"]
    webex.simulator.control.advance(-86400)
    planned = webex.simulator.control.hold_meeting(start=now)

    series = webex.api.items("/meetings")

    assert planned["series_id"] in {item["id"] for item in series}
    assert {item["meetingType"] for item in series} == {"meetingSeries"}


def test_meetings_with_a_recording_can_be_asked_for(webex: Webex) -> None:
    with_one = webex.meeting()
    without = webex.meeting(recordings=0)
    wanted = {"meetingType": "meeting", "state": "ended"}

    found = webex.api.items("/meetings", hasRecording="true", **wanted)
    others = webex.api.items("/meetings", hasRecording="false", **wanted)

    assert [item["id"] for item in found] == [with_one["meeting_id"]]
    assert [item["id"] for item in others] == [without["meeting_id"]]


def test_flags_need_ended_meetings(api: Api) -> None:
    assert api.get("/meetings", hasRecording="true").status_code == 400


def test_the_instances_of_a_series_can_be_listed(webex: Webex) -> None:
    first = webex.meeting()
    second = webex.meeting(series_id=first["series_id"])
    webex.meeting()

    found = webex.api.items("/meetings", meetingSeriesId=first["series_id"], meetingType="meeting")

    assert {item["id"] for item in found} == {first["meeting_id"], second["meeting_id"]}


def test_a_series_id_stands_for_its_last_instance_in_the_list_of_participants(
    webex: Webex,
) -> None:
    first = webex.meeting(end="2021-05-14T10:00:00Z")
    last = webex.meeting(end="2021-05-15T10:00:00Z", series_id=first["series_id"])

    people = webex.api.items("/meetingParticipants", meetingId=first["series_id"])

    assert {person["meetingId"] for person in people} == {last["meeting_id"]}


def test_participants_need_a_meeting_that_exists(api: Api) -> None:
    assert api.get("/meetingParticipants").status_code == 400
    assert api.get("/meetingParticipants", meetingId="unknown").status_code == 404


def test_auto_record_is_switched_on_with_either_content_type(webex: Webex) -> None:
    meeting = webex.simulator.control.hold_meeting(start="2035-01-01T10:00:00Z")
    for any_id, kind in [
        (meeting["series_id"], "application/json"),
        (meeting["scheduled_id"], "application/json-patch+json"),
    ]:
        response = webex.api.call(
            "PATCH",
            f"/meetings/{any_id}",
            data='{"enabledAutoRecordMeeting": true, "sendEmail": false}',
            headers={"Content-Type": kind},
        )
        assert response.json()["enabledAutoRecordMeeting"] is True
        assert webex.api.json(f"/meetings/{any_id}")["enabledAutoRecordMeeting"] is True


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("enabledAutoRecordMeeting=true", "application/x-www-form-urlencoded", 415),
        ('[{"op": "replace"}]', "application/json-patch+json", 400),
        ('{"enabledAutoRecordMeeting": "yes"}', "application/json", 400),
    ],
)
def test_a_wrong_change_of_a_meeting_is_refused(
    webex: Webex, body: str, kind: str, status: int
) -> None:
    meeting = webex.simulator.control.hold_meeting(start="2035-01-01T10:00:00Z")

    response = webex.api.call(
        "PATCH",
        f"/meetings/{meeting['series_id']}",
        data=body,
        headers={"Content-Type": kind},
    )

    assert response.status_code == status


def test_an_instance_cannot_be_changed(webex: Webex) -> None:
    meeting = webex.meeting()

    response = webex.api.call("PATCH", f"/meetings/{meeting['meeting_id']}", json={"title": "x"})

    assert response.status_code == 400


def test_only_an_administrator_may_name_another_host(webex: Webex) -> None:
    webex.meeting(host_email="other@example.com")
    webex.meeting()
    with Api(webex.simulator.api_url, ADMIN_TOKEN) as admin:
        assert webex.api.get("/recordings", hostEmail="other@example.com").status_code == 403
        assert len(admin.items("/recordings", hostEmail="other@example.com")) == 1
        assert len(admin.items("/recordings")) == 2


def both_hosts(control: ControlClient) -> dict[str, Json]:
    held = {
        email: control.hold_meeting(host_email=email, timeline="instant")
        for email in ("host@example.com", "other@example.com")
    }
    control.settle()
    return held


def test_a_strict_owner_sees_own_meetings_only() -> None:
    with Simulator(Settings(strict_owner=True)) as simulator, Api(simulator.api_url) as api:
        held = both_hosts(simulator.control)
        own, other = held["host@example.com"], held["other@example.com"]

        assert [item["meetingId"] for item in api.items("/recordings")] == [own["meeting_id"]]
        assert len(api.items("/meetings", meetingType="meeting")) == 1
        assert api.get(f"/meetings/{other['meeting_id']}").status_code == 404
        assert api.get(f"/recordings/{other['recording_ids'][0]}").status_code == 404
        path = f"/meetingTranscripts/{other['transcript_ids'][0]}/download"
        assert api.get(path).status_code == 404
        people = api.get("/meetingParticipants", meetingId=other["meeting_id"])
        assert people.status_code == 404


def test_a_strict_administrator_lists_all_instances_and_reads_by_host() -> None:
    with (
        Simulator(Settings(strict_owner=True)) as simulator,
        Api(simulator.api_url, ADMIN_TOKEN) as admin,
    ):
        held = both_hosts(simulator.control)
        path = f"/recordings/{held['host@example.com']['recording_ids'][0]}"

        assert len(admin.items("/meetings", meetingType="meeting", state="ended")) == 2
        assert admin.get(path).status_code == 404
        assert admin.get(path, hostEmail="host@example.com").status_code == 200


def test_people_me_and_sites_tell_who_is_calling(api: Api) -> None:
    assert api.json("/people/me")["emails"] == ["host@example.com"]
    sites = api.json("/meetingPreferences/sites")["sites"]
    assert sites == [{"siteUrl": "example.webex.com", "default": True}]


@pytest.mark.parametrize("path", ["/admin/recordings", "/meetingReports/attendees"])
@pytest.mark.parametrize(("to", "status"), [("2021-05-30", 200), ("2021-05-31", 400)])
def test_some_lists_take_thirty_days_at_most(webex: Webex, path: str, to: str, status: int) -> None:
    webex.simulator.control.call("POST", "/clock", {"now": "2021-05-22T20:26:54Z"})
    which = {"meetingId": webex.meeting()["meeting_id"], "siteUrl": "example.webex.com"}
    window = {"from_": "2021-04-30T09:00:00Z", "to": f"{to}T09:00:00Z"}

    with Api(webex.simulator.api_url, ADMIN_TOKEN) as admin:
        assert admin.get(path, **which, **window).status_code == status


def test_reports_about_attendees_are_kept_for_ninety_days(webex: Webex) -> None:
    which = {"meetingId": webex.meeting()["meeting_id"], "siteUrl": "example.webex.com"}
    window = {"from_": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"}

    refused = webex.api.get("/meetingReports/attendees", **which, **window)

    assert (refused.status_code, "90 days" in refused.json()["message"]) == (400, True)
