"""The page of what is wrong, why, and what to do about it."""

from collections.abc import Callable

from flask import Blueprint, render_template, request

from app.errors import DatabaseUnavailable
from app.ingestion.problems import Expected, problems
from app.ingestion.status import overview
from app.models.problems import Problems
from app.runtime import Runtime
from app.web.health import late_sweep_seconds
from app.web.looks import BoundedLook
from app.web.pages import unavailable

_REFRESH_SECONDS = 15
_WEBHOOK_LOOKS = 3
_DISK_SECONDS = 1
_FRESH_SECONDS = 1

Watch = Callable[[], Problems]


def watch_of(runtime: Runtime) -> Watch:
    """What reads everything that is wrong; it looks at the disk, which may hang, in time."""
    bench, expected = runtime.bench, _expected_of(runtime)
    disk = BoundedLook(
        bench.archive.free_bytes, seconds=_DISK_SECONDS, fresh_seconds=_FRESH_SECONDS
    )

    def watch() -> Problems:
        free = disk.answer()
        return problems(bench, expected, free=free)

    return watch


def problem_routes(runtime: Runtime, watch: Watch) -> Blueprint:
    """The route of the page; what it shows is read anew each time."""
    routes = Blueprint("problems", __name__)
    bench = runtime.bench

    @routes.get("/problems")
    def page() -> str:
        now = bench.clock()
        return render_template(
            "problems.html",
            told=watch(),
            overview=overview(bench.database, now=now, lease_seconds=bench.pace.lease_seconds),
            again=request.args.get("again", type=int),
            refresh_seconds=_REFRESH_SECONDS,
            now=now,
        )

    routes.register_error_handler(DatabaseUnavailable, unavailable)
    return routes


def _expected_of(runtime: Runtime) -> Expected:
    """How old what happens regularly may be by these settings."""
    settings = runtime.settings
    looks_seconds = _WEBHOOK_LOOKS * settings.webhook_health_seconds
    return Expected(
        sweep_seconds=late_sweep_seconds(settings.sweep_seconds),
        webhooks_seconds=looks_seconds if settings.webhook_address else None,
    )
