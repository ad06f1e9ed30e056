"""What was acknowledged, how quickly, and how many bytes were served for what they brought."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_TELLING = {
    ("meetings", "ended"),
    ("recordings", "created"),
    ("meetingTranscripts", "created"),
}
"""The events that tell of an ended meeting; who joined or left says nothing of its end."""

COMPARED_BYTES = 64 * 1024
"""What a resumed download asks for once more, to compare it."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Deliveries that were answered with 204; times in milliseconds."""

    events: int
    meetings: set[str]
    deliveries: Mapping[tuple[str, str, str], int]
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Served:
    """Bytes of media: those of the files, those served, and why some were served again.

    Only an answer that broke off without a fault counts as broken by a kill.
    """

    needed: int
    served: int
    again_after_faults: int
    again_after_kills: int
    broken_by_kills: int

    @property
    def ratio(self) -> float:
        """Served without what kills and faults made necessary, as a multiple of the files."""
        ours = self.served - self.again_after_kills - self.again_after_faults
        return ours / self.needed if self.needed else 1.0


def acknowledged(
    deliveries: Iterable[Mapping[str, Any]], meetings: Mapping[str, set[str]]
) -> Acknowledged:
    """Count what was acknowledged; ``meetings`` has all ids that belong to each."""
    meeting_of = {each: meeting for meeting, ids in meetings.items() for each in ids}
    done = [each for each in deliveries if each["outcome"] == "delivered"]
    told = [each for each in done if (each["resource"], each["event"]) in _TELLING]
    seconds = sorted(each["seconds"] for each in done)
    return Acknowledged(
        events=len(done),
        deliveries=Counter((each["resource"], each["event"], each["data_id"]) for each in done),
        meetings={meeting_of[each["data_id"]] for each in told if each["data_id"] in meeting_of},
        p50_ms=1000 * _percentile(seconds, 0.5),
        p99_ms=1000 * _percentile(seconds, 0.99),
    )


def served(requests: Iterable[Mapping[str, Any]], sizes: Mapping[tuple[str, str], int]) -> Served:
    """Tell apart what was served twice because of the host's faults, of kills, and of neither.

    ``sizes`` has the bytes of each file by recording and kind. An answer that ended early, or
    went on too long, without a fault of the host ended because of somebody on our side.
    """
    asked: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for each in requests:
        asked[(each["recording_id"], each["kind"])].append(each)
    again: Counter[str] = Counter()
    broken = 0
    for file, answers in asked.items():
        for one, after in pairwise(filter(_is_of_the_file, answers)):
            begin, end = _begin(after), _begin(one) + one["bytes_sent"]
            is_whole = end >= sizes.get(file, 0)
            # What had come whole and is asked for again is waste, whoever was killed meanwhile.
            if one["faulty"] or (after["faulty"] and not is_whole):
                why = "faults"
            else:
                why = "nothing" if is_whole or not end else "kills"
            # It may have ended before it came as far.
            again[why] += max(0, min(end - begin, after["bytes_sent"]) - COMPARED_BYTES)
            broken += why == "kills"
    return Served(
        needed=sum(sizes.values()),
        served=sum(each["bytes_sent"] for each in requests),
        again_after_faults=again["faults"],
        again_after_kills=again["kills"],
        broken_by_kills=broken,
    )


def _is_of_the_file(request: Mapping[str, Any]) -> bool:
    """Whether an answer brought some of the file: an error or a page in its place brings none."""
    is_small = request["bytes_sent"] <= COMPARED_BYTES
    return request["status"] in (200, 206) and not (request["faulty"] and is_small)


def _begin(request: Mapping[str, Any]) -> int:
    asked = request["headers"].get("Range", "bytes=0-")
    return int(asked.removeprefix("bytes=").partition("-")[0]) if request["status"] == 206 else 0


def _percentile(values: Sequence[float], share: float) -> float:
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else 0.0
