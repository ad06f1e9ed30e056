"""What the named media faults are made of: cuts, resumed requests, and a sentence."""

from dataclasses import dataclass
from typing import Any

from simulator.faults import Fault, MediaFault

CUT_AT = 0.6
PAGE = "<!DOCTYPE html><html><body><h1>Sign in to continue</h1></body></html>"
JSON: dict[str, Any] = {"message": "The file is not here.", "errors": []}
AWAY_BYTES = 1000


@dataclass(frozen=True, slots=True)
class NamedFaults:
    """What happens to the video of a recording, one fault after the other."""

    sentence: str
    faults: tuple[Fault, ...]

    @property
    def lasting(self) -> bool:
        """Whether something of it never stops."""
        return any(fault.times is None for fault in self.faults)


def fault(*, times: int | None = 1, resumed: bool | None = None, **more: Any) -> Fault:
    """Make a fault of the video; what only a media fault has goes into its `media`."""
    media = {name: more.pop(name) for name in list(more) if name in MediaFault.model_fields}
    return Fault(
        kind="video",
        times=times,
        resumed=resumed,
        media=MediaFault(**media) if media else None,
        **more,
    )


def cut(**more: Any) -> Fault:
    return fault(after_fraction=CUT_AT, **more)


def resumed(**more: Any) -> tuple[Fault, Fault]:
    """Cut the download, then let its resumed request go wrong."""
    return cut(), fault(resumed=True, **more)
