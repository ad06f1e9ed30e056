"""The catalogue of media faults: everything a download can meet, under short names."""

from typing import Any

from simulator.lasting_faults import LASTING, NAMES
from simulator.named_faults import NamedFaults
from simulator.resume_faults import OTHERS, RANGES
from simulator.transport_faults import BUSY, CUTS, DEATHS, PAGES, REDIRECTS

MEDIA_FAULTS: dict[str, NamedFaults] = (
    CUTS | PAGES | DEATHS | REDIRECTS | BUSY | RANGES | OTHERS | NAMES | LASTING
)


def with_names_resolved(wanted: list[Any]) -> list[Any]:
    """Put the faults in the place of each name; raises ValueError for an unknown one."""
    resolved: list[Any] = []
    for item in wanted:
        if not isinstance(item, str):
            resolved.append(item)
            continue
        if item not in MEDIA_FAULTS:
            raise ValueError(
                f"there is no media fault {item!r}; GET /_control/media-faults lists them"
            )
        resolved += MEDIA_FAULTS[item].faults
    return resolved
