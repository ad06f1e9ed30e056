"""A Webex that is ready within half a minute, for stories of what comes afterwards.

Whoever imports this fixture is not about waiting: half of the looks of a meeting are at what is not
there yet. How the usual wait ends is told by the road, the
stories, the rounds and others.
"""

import pytest

from simulator import Timeline


@pytest.fixture
def timeline() -> Timeline:
    """Everything is there when the first looks have found nothing."""
    return Timeline(
        details=15,
        participants_final=15,
        recordings=15,
        transcripts=20,
        extras=20,
        recording_webhook=20,
        transcript_webhook=25,
    )
