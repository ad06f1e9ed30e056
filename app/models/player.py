"""What a player shows of a meeting, as models that people and programs are told."""

from app.models.status import Time, Told


class Track(Told):
    """One recording; ``video`` and ``audio`` are paths of what a browser plays, None where none is.

    ``file`` is what was stored whatever it is, such as an ARF, None where there is a transcript of
    the recording only; ``recorded_at`` when it began.
    """

    recording_id: str
    video: str | None
    audio: str | None
    file: str | None
    recorded_at: Time | None

    @property
    def plays(self) -> str | None:
        """The path of what is played."""
        return self.video or self.audio


class Line(Told):
    """What one person said; seconds are those of the recording, None where nobody knows them.

    ``voice`` is the number of the speaker, from 0, by which a page gives colours.
    """

    start_seconds: float | None
    end_seconds: float | None
    speaker: str
    voice: int
    text: str


class Script(Told):
    """One transcript; all its times are put off by ``later_seconds`` to be those of the recording.

    ``recording_id`` is that of the recording it belongs to, None where there is none.
    """

    transcript_id: str
    vtt: str | None
    recording_id: str | None
    later_seconds: float
    lines: list[Line]


class Playable(Told):
    """A meeting with all that can be played and read of it."""

    meeting_id: str
    title: str | None
    start: Time | None
    host_email: str | None
    tracks: list[Track]
    scripts: list[Script]
