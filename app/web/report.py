"""The page of the report: what is here of the meetings of some days, and what is missing."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from flask import Blueprint, render_template, request
from werkzeug.exceptions import BadRequest

from app.errors import DatabaseUnavailable
from app.ingestion.report import make_report, span_of
from app.ingestion.wording import one_line
from app.ingestion.workbench import Workbench
from app.models.access import Scope
from app.models.report import Report, Standing, Totals, lag_of, totals_by
from app.web.days import DAY, told_days
from app.web.pages import unavailable
from app.web.principal import demand
from app.web.turns import FewAtOnce, come_again

_MOST_DAYS = 31
_MOST_GAPS = 100
_MOST_HOSTS = 50
_ASKING_AT_ONCE = 2
_TURN_SECONDS = 1
_BUSY = "Others have Webex asked; try again in a moment."


class Reporter:
    """Makes reports for people and programs that wait for them; two at once may have Webex asked.

    That takes fifteen seconds at most, and a thread of which all pages have a few.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._turns = FewAtOnce(
            _ASKING_AT_ONCE, seconds=_TURN_SECONDS, busy=lambda: come_again(_BUSY)
        )

    def now(self) -> datetime:
        """The time of all that is told."""
        return self._bench.clock()

    def made_of(self, told: Mapping[str, str], *, asks: bool) -> Report:
        """The report of the days ``from`` and ``to``; BadRequest says what is wrong with them.

        Webex is asked only for whoever may operate, since it spends requests, and not by an
        address that a page of somebody else has led to. Raises ServiceUnavailable and
        DatabaseUnavailable.
        """
        is_ours = request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
        since, until = _span(told, self._bench.clock())
        if not (asks and is_ours):
            return make_report(self._bench, since, until, asks=False)
        demand(Scope.OPERATE)
        with self._turns.turn():
            return make_report(self._bench, since, until, look=self._bench.patience())


def report_routes(reporter: Reporter) -> Blueprint:
    """The route of the report."""
    routes = Blueprint("report", __name__)

    @routes.get("/report")
    def report() -> str:
        made = reporter.made_of(request.args, asks=request.args.get("ask") == "1")
        return render_template("report.html", **_told(made), now=reporter.now())

    routes.register_error_handler(BadRequest, _wrong)
    routes.register_error_handler(DatabaseUnavailable, unavailable)
    return routes


def _span(told: Mapping[str, str], now: datetime) -> tuple[datetime, datetime]:
    """The days that are asked for, the last one included; BadRequest says what is wrong."""
    begin, end = span_of(*told_days(told), now)
    if begin >= end:
        raise BadRequest("The first day lies ahead: Webex lists what has ended.")
    if end - begin > _MOST_DAYS * DAY:
        raise BadRequest(
            f"{_MOST_DAYS} days are told at most. `webex-ingest report --from DATE --to DATE` "
            "takes any number of them."
        )
    return begin, end


def _told(made: Report) -> dict[str, object]:
    hosts = totals_by(made.lines, lambda each: one_line(each.host_email) or "not known")
    days = totals_by(made.lines, lambda each: each.day)
    return {
        "report": made,
        "last_day": made.until - timedelta(microseconds=1),
        "gaps": made.gaps[:_MOST_GAPS],
        "days": days[::-1],
        "hosts": sorted(hosts, key=_worst_first)[:_MOST_HOSTS],
        "more_hosts": max(0, len(hosts) - _MOST_HOSTS),
        "standings": _met(days),
        "unlisted": sum(each.is_listed is False for each in made.lines),
        "lag": lag_of(made.lines),
    }


def _worst_first(host: Totals) -> tuple[int, int, str]:
    gaps = (Standing.UNKNOWN, Standing.FAILED, Standing.OVERDUE)
    return -sum(host.standings[each] for each in gaps), -host.meetings, host.name


def _met(totals: Sequence[Totals]) -> list[Standing]:
    return [each for each in Standing if any(line.standings[each] for line in totals)]


def _wrong(error: BadRequest) -> tuple[str, int]:
    return render_template("wrong_days.html", sentence=error.description), 400
