"""Budgets: how many requests one person has in a minute, and what the next one gets."""

import pytest

from simulator import ControlClient
from tests.simulator.support import ADMIN_TOKEN, Api, Webex


@pytest.fixture
def limited(control: ControlClient) -> ControlClient:
    control.change_settings(requests_per_minute=3)
    return control


def statuses(api: Api, count: int) -> list[int]:
    return [api.get("/people/me").status_code for _ in range(count)]


def test_without_a_budget_nobody_waits(api: Api) -> None:
    assert set(statuses(api, 50)) == {200}


@pytest.mark.usefixtures("limited")
def test_beyond_the_budget_is_429_with_whole_seconds_to_wait(api: Api) -> None:
    assert statuses(api, 4) == [200, 200, 200, 429]

    refused = api.get("/people/me")
    assert refused.headers["Retry-After"] == "60"
    assert "rate limited" in refused.json()["message"]
    assert refused.json()["trackingId"] == refused.headers["trackingId"]


def test_the_budget_is_that_of_any_sixty_seconds(limited: ControlClient, api: Api) -> None:
    statuses(api, 1)
    limited.advance(30)
    statuses(api, 2)
    limited.advance(29.5)
    refused = api.get("/people/me")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")

    limited.advance(1)

    assert statuses(api, 2) == [200, 429]


def test_waiting_as_long_as_told_is_enough(limited: ControlClient, api: Api) -> None:
    statuses(api, 3)
    limited.advance(int(api.get("/people/me").headers["Retry-After"]))

    assert statuses(api, 3) == [200, 200, 200]


def test_all_tokens_of_a_person_share_a_budget_and_others_have_their_own(
    limited: ControlClient, webex: Webex, api: Api
) -> None:
    limited.call("POST", "/tokens", {"token": "second", "email": "host@example.com"})
    statuses(api, 3)

    with Api(webex.simulator.api_url, "second") as same:
        assert statuses(same, 1) == [429]
    with Api(webex.simulator.api_url, ADMIN_TOKEN) as other:
        assert statuses(other, 3) == [200, 200, 200]


def test_refusals_faults_and_strangers_spend_nothing(
    limited: ControlClient, webex: Webex, api: Api
) -> None:
    limited.add_fault(status=503, times=5)
    with Api(webex.simulator.api_url, "unknown") as stranger:
        assert statuses(api, 5) == [503] * 5
        assert statuses(stranger, 5) == [401] * 5

    assert statuses(api, 3) == [200, 200, 200]


def test_a_clock_that_is_set_back_gives_no_minute_longer_than_one(
    limited: ControlClient, api: Api
) -> None:
    statuses(api, 3)
    limited.advance(-3600)

    assert statuses(api, 4) == [200, 200, 200, 429]


def test_downloads_have_no_budget(limited: ControlClient, webex: Webex, api: Api) -> None:
    recording_id = webex.meeting()["recording_ids"][0]
    link = api.links(recording_id)["recordingDownloadLink"]
    limited.change_settings(requests_per_minute=1)

    with Api(webex.simulator.api_url, token=None) as anybody:
        assert {anybody.call("HEAD", link).status_code for _ in range(10)} == {200}
