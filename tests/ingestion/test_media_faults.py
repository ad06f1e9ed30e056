"""Whatever a media host does wrong ends in the right file, or in a state that says why not."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.models.tables import Ingest
from app.models.words import State
from simulator.media_faults import MEDIA_FAULTS
from tests.ingestion.archives import differences
from tests.ingestion.conftest import MakeStage
from tests.stage import Stage

BYTES = 600_000

NEVER_WELL = {
    "always_cut_without_range": ("transfer_interrupted", "begun again 3 times"),
    "always_reset": ("transfer_interrupted", "connection broke"),
    "always_closed": ("transfer_interrupted", "connection broke"),
    "always_stalled": ("transfer_interrupted", "too slowly"),
    "always_slow": ("transfer_interrupted", "too slowly"),
    "always_short": ("media_broken", "the MP4 is cut"),
    "always_short_announced": ("media_broken", "the MP4 is cut"),
    "always_zero_bytes": ("media_broken", "empty"),
    "always_gzip": ("media_broken", "compressed"),
    "always_html": ("link_dead", "a web page or an error message"),
    "always_json": ("link_dead", "a web page or an error message"),
    "always_403": ("link_dead", "answered 403"),
    "always_404": ("link_dead", "answered 404"),
    "always_503": ("media_busy", "answered 503"),
    "always_redirect_to_another_host": ("link_dead", "leads on to elsewhere"),
    "always_resumed_elsewhere": ("transfer_interrupted", "begun again 3 times"),
    "always_replaced": ("transfer_interrupted", "begun again 3 times"),
}
ENDS_WELL = sorted(set(MEDIA_FAULTS) - set(NEVER_WELL))


@pytest.fixture
def impatient(make_stage: MakeStage) -> Stage:
    """A stage that soon gives up, and hangs up on slow hosts at once."""
    stage = make_stage(poll_first_seconds=300, poll_give_up_hours=0.1)
    limits = dataclasses.replace(stage.bench.limits, slow_seconds=0.1)
    stage.bench = dataclasses.replace(stage.bench, limits=limits)
    return stage


def ended(stage: Stage, rows: Sequence[Sequence[str]]) -> tuple[str, list[Ingest]]:
    """Hold a meeting with one recording for each row of faults, and let all of them end.

    The id of the meeting, and how each recording ended.
    """
    recordings = [{"bytes": BYTES, "audio": False, "faults": list(faults)} for faults in rows]
    told = stage.hold_meeting(recordings=recordings, transcripts=0, timeline="instant")
    meeting_id = told["meeting_id"]
    for _ in range(60):
        stage.advance(600)
        stage.work()
        ingests = [stage.ingest(meeting_id, "recordings", each) for each in told["recording_ids"]]
        if {each.state for each in ingests} <= {State.DONE, State.FAILED}:
            return meeting_id, ingests
    raise AssertionError(f"still not ended: {stage.states(meeting_id)}")


def videos(stage: Stage, meeting_id: str) -> dict[str, str]:
    """The checksums of the videos that are in place, by the id of the recording."""
    return {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in stage.place(meeting_id).glob("recordings/*.mp4")
    }


def parts(stage: Stage) -> list[Path]:
    return list(stage.archive.rglob("*.part"))


def test_faults_that_pass_end_in_the_right_files(impatient: Stage) -> None:
    meeting_id, ingests = ended(impatient, [[name] for name in ENDS_WELL])

    failed = {
        name: (ingest.state, ingest.error)
        for name, ingest in zip(ENDS_WELL, ingests, strict=True)
        if ingest.state != State.DONE
    }
    assert failed == {}
    assert differences(impatient, meeting_id) == []
    assert parts(impatient) == []


def test_faults_that_last_end_with_their_reason_and_without_a_file(impatient: Stage) -> None:
    meeting_id, ingests = ended(impatient, [[name] for name in NEVER_WELL])

    wrong = {
        name: (ingest.state, ingest.error_code, ingest.error)
        for (name, (code, words)), ingest in zip(NEVER_WELL.items(), ingests, strict=True)
        if (ingest.state, ingest.error_code) != (State.FAILED, code)
        or words not in str(ingest.error)
    }
    assert wrong == {}
    assert videos(impatient, meeting_id) == {}
    assert parts(impatient) == []


def test_a_host_that_gives_a_little_each_time_is_not_given_up(impatient: Stage) -> None:
    told = impatient.hold_meeting(
        recordings=[{"bytes": 14_000_000, "audio": False}], transcripts=0, timeline="instant"
    )
    for _ in range(10):
        impatient.control.add_fault(origin="media", after_bytes=1_200_000)
        impatient.control.add_fault(origin="media", status=503)

    impatient.live(hours=3)
    impatient.live_until_complete(told["meeting_id"])

    row = impatient.ingest(told["meeting_id"], "recordings", told["recording_ids"][0])
    assert (row.state, row.attempt) == (State.DONE, 11)
    assert differences(impatient, told["meeting_id"]) == []


def test_every_lasting_fault_is_known_to_end_well_or_not() -> None:
    assert set(NEVER_WELL) <= {name for name, fault in MEDIA_FAULTS.items() if fault.lasting}


@settings(
    max_examples=5,
    deadline=None,
    # A row of faults is short as it is, and each try takes a whole meeting.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(
        st.lists(st.sampled_from(sorted(MEDIA_FAULTS)), min_size=1, max_size=5),
        min_size=2,
        max_size=5,
    )
)
def test_any_rows_of_faults_publish_the_right_files_or_none(
    impatient: Stage, rows: list[list[str]]
) -> None:
    meeting_id, ingests = ended(impatient, rows)

    truth = impatient.control.truth(meeting_id)
    whole = {
        (each["resource_id"], each["sha256"]) for each in [*truth["files"], *truth["other_files"]]
    }
    stored = videos(impatient, meeting_id)
    assert set(stored.items()) <= whole
    assert set(stored) == {each.resource_id for each in ingests if each.state == State.DONE}
    for faults, ingest in zip(rows, ingests, strict=True):
        assert ingest.state == State.DONE or set(faults) & set(NEVER_WELL), ingest.error
    assert parts(impatient) == []
