"""What has happened, for Prometheus: counted by all processes, read from the database alone.

What a process has counted and not written yet is told by none: a counter that one process tells
and the next one does not would look to Prometheus like a restart.
"""

from collections.abc import Iterator, Sequence

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy.orm import Session

from app.db.figures import count_deliveries, count_events
from app.db.lags import Lags, lags_by_source
from app.db.tallies import Happening, totals
from app.errors import BodyTooLarge, DatabaseUnavailable, NotAnEvent, SignatureWrong
from app.web.families import PREFIX, counters

REFUSED = (SignatureWrong, NotAnEvent, BodyTooLarge, DatabaseUnavailable)
"""Why the door turns a delivery away."""

_USUAL_STATUSES = ("200", "401", "429", "none")


def happenings(session: Session, accounts: Sequence[str]) -> Iterator[Metric]:
    """All of it. Of these accounts there are figures from the beginning on."""
    yield _of_deliveries(session)
    yield from _of_requests(session, accounts)
    yield _of_lags(lags_by_source(session))


def _of_deliveries(session: Session) -> Metric:
    """Stored ones are counted by their rows, and so exactly; refused ones leave none."""
    told = totals(session, Happening.DELIVERY)
    new, all_of_them = sum(count_events(session).values()), count_deliveries(session)
    kept_new, kept_again = (told.get(("kept", how), (0, 0))[0] for how in ("new", "again"))
    family = counters(
        "webhook_deliveries",
        "Deliveries at the webhook door, by what became of them; all but stored and duplicate "
        "ones were refused.",
        "outcome",
    )
    family.add_metric(["stored"], new - kept_new)
    family.add_metric(["duplicate"], all_of_them - new - kept_again)
    for error in REFUSED:
        family.add_metric([error.code], told.get((error.code, ""), (0, 0))[0])
    return family


def _of_requests(session: Session, accounts: Sequence[str]) -> Iterator[Metric]:
    answers = {key: number for key, (number, _) in totals(session, Happening.API_REQUEST).items()}
    usual = {(status, account): 0 for account in accounts for status in _USUAL_STATUSES}
    requests = counters(
        "api_requests",
        "Requests to the Webex API by account and HTTP status; none where no answer came.",
        *("account", "status"),
    )
    for (status, account), number in sorted((usual | answers).items()):
        requests.add_metric([account, status], number)
    yield requests
    pauses = totals(session, Happening.GATE_CLOSED)
    closed = counters(
        "gate_closed_seconds",
        "For how long Webex has had an account make no request, counted when the pause begins.",
        "account",
    )
    for account in sorted({*accounts, *(name for name, _ in pauses)}):
        closed.add_metric([account], pauses.get((account, ""), (0, 0))[1] / 1000)
    yield closed


def _of_lags(lags: dict[str, Lags]) -> Metric:
    family = HistogramMetricFamily(
        PREFIX + "meeting_lag_seconds",
        "From the end of a meeting until it was archived for the first time, by what told of it.",
        labels=["source"],
    )
    for source, each in lags.items():
        buckets = [(f"{bound}.0", number) for bound, number in each.at_most.items()]
        family.add_metric([source], [*buckets, ("+Inf", each.meetings)], each.seconds)
    return family
