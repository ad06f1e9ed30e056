"""The main job: a meeting ends, and everything of it is on disk."""

from tests.ingestion.archives import differences
from tests.stage import Stage


def test_a_meeting_is_complete_with_every_file_as_the_simulator_served_it(stage: Stage) -> None:
    meeting_id = stage.hold_meeting(recordings=2, transcripts=1, participant_count=3)["meeting_id"]

    stage.advance(10)
    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []
