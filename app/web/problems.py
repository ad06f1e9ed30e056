"""The page of what is wrong, why, and what to do about it."""

from flask import Blueprint, render_template, request

from app.errors import DatabaseUnavailable
from app.ingestion.problems import Expected, problems
from app.ingestion.status import overview
from app.runtime import Runtime
from app.web.health import late_sweep_seconds
from app.web.pages import unavailable

_REFRESH_SECONDS = 15
_WEBHOOK_LOOKS = 3


def problem_routes(runtime: Runtime) -> Blueprint:
    """The route of the page; what it shows is read anew each time."""
    routes = Blueprint("problems", __name__)
    bench, expected = runtime.bench, expected_of(runtime)

    @routes.get("/problems")
    def page() -> str:
        now = bench.clock()
        return render_template(
            "problems.html",
            told=problems(bench, expected),
            overview=overview(bench.database, now=now, lease_seconds=bench.pace.lease_seconds),
            again=request.args.get("again", type=int),
            refresh_seconds=_REFRESH_SECONDS,
            now=now,
        )

    routes.register_error_handler(DatabaseUnavailable, unavailable)
    return routes


def expected_of(runtime: Runtime) -> Expected:
    """How old what happens regularly may be by these settings."""
    settings = runtime.settings
    looks_seconds = _WEBHOOK_LOOKS * settings.webhook_health_seconds
    return Expected(
        sweep_seconds=late_sweep_seconds(settings.sweep_seconds),
        webhooks_seconds=looks_seconds if settings.webhook_address else None,
    )
