"""What may take long, with the bounds of each: one for all requests of a process."""

from dataclasses import dataclass

from app.ingestion.opening import Turn
from app.runtime import Runtime
from app.web.problems import Watch, watch_of
from app.web.report import Reporter
from app.web.search import Finder
from app.web.turns import turns_at_the_disk


@dataclass(frozen=True, slots=True)
class Shared:
    """Pages and answers share half of a process's threads: none keeps many of them for long."""

    finder: Finder
    at_disk: Turn
    watch: Watch
    reporter: Reporter


def shared_of(runtime: Runtime) -> Shared:
    """Those of one application."""
    bench = runtime.bench
    return Shared(
        finder=Finder(bench.database),
        at_disk=turns_at_the_disk().turn,
        watch=watch_of(runtime),
        reporter=Reporter(bench),
    )
