"""Other files behind a link: for one answer, or for good."""

import hashlib

import pytest

from simulator import ControlClient, ControlError
from tests.simulator.conftest import BYTES
from tests.simulator.download import download
from tests.simulator.support import Json, Webex


def identities(truth: Json, key: str = "files") -> dict[str, tuple[int, str]]:
    return {each["kind"]: (each["bytes"], each["sha256"]) for each in truth[key]}


def identity(octets: bytes) -> tuple[int, str]:
    return len(octets), hashlib.sha256(octets).hexdigest()


def test_another_file_can_stand_in_for_one_answer(webex: Webex, link: str, file: bytes) -> None:
    webex.simulator.control.add_fault(media={"other_file_ratio": 1.5})

    other, again = download(link), download(link)

    (meeting,) = webex.simulator.control.call("GET", "/meetings")["items"]
    truth = webex.simulator.control.truth(meeting["meeting_id"])
    assert len(other.body) == 1.5 * BYTES
    assert other.body[4:8] == b"ftyp"
    assert other.etag != again.etag
    assert again.body == file
    assert identities(truth)["video"] == identity(file)
    assert identities(truth, "other_files")["video"] == identity(other.body)


@pytest.mark.parametrize(("order", "size"), [({}, BYTES), ({"bytes": 10_000}, 10_000)])
def test_a_recording_can_be_replaced_for_good(
    webex: Webex, recording_id: str, link: str, order: Json, size: int
) -> None:
    old, old_audio = download(link), download(webex.api.links(recording_id)["audioDownloadLink"])

    webex.simulator.control.replace_recording(recording_id, **order)

    new, audio = download(link), download(webex.api.links(recording_id)["audioDownloadLink"])
    (meeting,) = webex.simulator.control.call("GET", "/meetings")["items"]
    truth = webex.simulator.control.truth(meeting["meeting_id"])
    assert len(new.body) == webex.api.json(f"/recordings/{recording_id}")["sizeBytes"] == size
    assert (new.etag != old.etag, new.body != old.body) == (True, True)
    assert identities(truth)["video"] == identity(new.body)
    assert identities(truth)["audio"] == identity(audio.body)
    assert identities(truth, "other_files")["audio"] == identity(old_audio.body)


@pytest.mark.parametrize(
    ("path", "order"),
    [("nothing", {}), ("{id}", {"bytes": 100}), ("{id}", {"size": 10_000})],
)
def test_a_replacement_that_makes_no_sense_is_refused(
    control: ControlClient, recording_id: str, path: str, order: Json
) -> None:
    with pytest.raises(ControlError):
        control.replace_recording(path.format(id=recording_id), **order)
