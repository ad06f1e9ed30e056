"""What was said in a meeting: one list of lines, written as VTT, as text and as snippets."""

from dataclasses import dataclass

_PHRASES = (
    "Good morning, everybody.",
    "Let us begin with the numbers of last week.",
    "The new office in Zürich opens in March.",
    "Could you share your screen, please?",
    "I would rather wait for the second quotation.",
    "That is a fair point: let us write it down.",
    "Who takes care of the invoice?",
    "We agreed on the budget already.",
    "¿Podemos hablar de la fecha otra vez?",
    "Thank you, that is all from my side.",
)


@dataclass(frozen=True, slots=True)
class Speaker:
    name: str
    email: str
    number: int  # the numeric id that stands in the VTT


_NOBODY = Speaker("Unknown", "", 0)


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    speaker: Speaker
    text: str
    offset_milliseconds: int
    duration_milliseconds: int


def spoken_lines(
    speakers: list[Speaker], count: int, duration_seconds: int, topic: str
) -> list[Line]:
    """Spread count lines over the time; the first names the topic, so that every text differs."""
    speakers = speakers or [_NOBODY]
    slot = max(1, duration_seconds * 1000 // max(1, count))
    return [
        Line(
            number=number,
            speaker=speakers[(number - 1) % len(speakers)],
            text=f"This is {topic}." if number == 1 else _PHRASES[number % len(_PHRASES)],
            offset_milliseconds=(number - 1) * slot + slot // 8,
            duration_milliseconds=max(1, slot * 3 // 4),
        )
        for number in range(1, count + 1)
    ]


def vtt(lines: list[Line], *, names: bool = True) -> bytes:
    """Return cues as Webex writes them, or with bare numbers, as in its description."""
    cues = [
        f"{_cue_name(line) if names else line.number}\n"
        f"{_time(line.offset_milliseconds)} --> "
        f"{_time(line.offset_milliseconds + line.duration_milliseconds)}\n"
        f"{line.text}\n"
        for line in lines
    ]
    return "\n".join(["WEBVTT\n", *cues]).encode()


def txt(lines: list[Line], *, names: bool = True) -> bytes:
    """Return an invented layout: no sample of Webex's own is public."""
    return "".join(
        f"{f'{line.speaker.name} ' if names else ''}({_time(line.offset_milliseconds)[:8]}): "
        f"{line.text}\n"
        for line in lines
    ).encode()


def _cue_name(line: Line) -> str:
    return f'{line.number} "{line.speaker.name}" ({line.speaker.number})'


def _time(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}.{thousandths:03}"
