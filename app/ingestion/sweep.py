"""The sweep: new events become rows, due and abandoned rows are claimed and nudged.

Everything that must happen sooner or later happens because of this, whatever the broker loses.
"""

import socket

import structlog

from app.db.claims import claim_due, is_work_due
from app.db.clocks import forget_the_future, was_set_back
from app.db.meetings import stale_manifests
from app.db.steps import number_steps
from app.db.tallies import put_together
from app.db.ticks import tick
from app.ingestion.inbox import ask_about_events, work_through_events
from app.ingestion.storing import refresh_manifest
from app.ingestion.workbench import Workbench
from app.models.words import Queue

_MANIFESTS_AT_ONCE = 50
log = structlog.get_logger()

WORK_QUEUES = (Queue.POLL, Queue.TRANSFER)


def sweep(bench: Workbench) -> int:
    """Look once for everything that is new, due or abandoned; how many rows were nudged.

    Due work goes before events and in between, and events have a few seconds each time: however
    many of them come, they hold up nothing that is due. Two sweeps at once claim different rows.
    """
    _mind_the_clock(bench)
    nudged = _nudge_all(bench)
    unclear = work_through_events(bench)
    nudged += _nudge_all(bench)
    if unclear:
        ask_about_events(bench, unclear)
        nudged += _nudge_all(bench)
    with bench.database.reading() as session:
        stale = stale_manifests(session, limit=_MANIFESTS_AT_ONCE)
    for meeting_row_id in stale:
        refresh_manifest(bench, meeting_row_id)
    with bench.database.transaction() as session:
        put_together(session)
        number_steps(session)
        tick(session, "sweep", now=bench.clock())
    return nudged


def _mind_the_clock(bench: Workbench) -> None:
    now = bench.clock()
    with bench.database.transaction() as session:
        if was_set_back(session, socket.gethostname(), now=now):
            forget_the_future(session, now=now)
            log.warning("clock.set_back", now=now.isoformat())


def _nudge_all(bench: Workbench) -> int:
    return sum(nudge_due(bench, queue) for queue in WORK_QUEUES)


def nudge_due(bench: Workbench, queue: Queue) -> int:
    """Claim due rows of one queue and nudge them; how many.

    Keeps the broker's queue short, so that fairness and priority are decided here, at the
    latest moment. Nothing is claimed while the broker does not answer.
    """
    pace = bench.pace
    with bench.database.reading() as session:
        if not is_work_due(session, queue, now=bench.clock(), lease_seconds=pace.lease_seconds):
            return 0
    waiting = bench.sender.depth(queue)
    if waiting is None:
        return 0
    with bench.database.transaction() as session:
        ids = claim_due(
            session,
            queue,
            limit=bench.in_flight[queue] - waiting,
            now=bench.clock(),
            reserve_seconds=pace.sweep_seconds,
            lease_seconds=pace.lease_seconds,
        )
    for ingest_id in ids:
        bench.sender.nudge(ingest_id, queue, expires_seconds=max(60, pace.lease_seconds))
    return len(ids)
