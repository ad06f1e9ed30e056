"""Databases with years of meetings in them, filled in bulk: made to be measured."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.models.times import utc_now

A_DAY = 100
"""So many meetings begin on each day, however many there are."""

OPEN = 200
"""So many of the newest meetings still wait for something, half of them for now."""

FEW = 60
"""So many meetings, from the newest to the oldest, have what few have: each such thing others."""

RARE, HITS = "zebra", 50
_AT_ONCE = 20_000

_SERIES = (
    "WITH RECURSIVE series(n) AS (SELECT CAST(:first AS integer) "
    "UNION ALL SELECT n + 1 FROM series WHERE n < :last)"
)
_PART = ", part(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM part WHERE k < {last})"

_MEETINGS = f"""
INSERT INTO meeting (id, meeting_id, account, title, site_url, host_email, webex_state, start_at,
    end_at, details_known, folder, source, revision, manifest_revision, completed_at, first_seen_at)
{_SERIES}
SELECT n + 1, 'meeting-' || n || '_I_' || n, CASE WHEN n % :every = 3 THEN 'rare' ELSE '' END,
    'Weekly sync ' || n,
    CASE WHEN n % :every = 3 THEN 'rare.webex.com' WHEN n % 3 = 0 THEN 'other.webex.com'
        ELSE 'example.webex.com' END,
    CASE WHEN n % :every = 3 THEN 'Rare@example.com' ELSE 'host' || (n % 100) || '@example.com' END,
    'ended', {{start}}, {{start}}, TRUE,
    'example.webex.com/2026/03/02/meeting-' || n || '_I_' || n, 'webhook', 9, 9,
    CASE WHEN n % :every = 1 THEN NULL ELSE {{start}} END, {{start}}
FROM series
"""  # noqa: S608 -- nothing but names
_INGESTS = f"""
INSERT INTO ingest (meeting_row_id, resource, resource_id, account, queue, priority, state, stage,
    reason, error_code, attempt, looks, tries, lost, next_attempt_at, opened_at, patience_until,
    woken, bytes_done, bytes_synced, stored_at, updated_at, ended_at)
{_SERIES}, work(resource, item, queue) AS (
    SELECT 'meetings', '', 'poll' UNION ALL SELECT 'meetingParticipants', '', 'poll'
    UNION ALL SELECT 'recordings', '', 'poll' UNION ALL SELECT 'meetingTranscripts', '', 'poll'
    UNION ALL SELECT 'recordings', 'recording-', 'transfer'
    UNION ALL SELECT 'meetingTranscripts', 'transcript-', 'poll')
SELECT n + 1, resource, CASE item WHEN '' THEN '' ELSE item || n END, '', queue, '0-fresh',
    CASE WHEN n % :every = 1 AND item = 'recording-' THEN 'failed'
        WHEN n % 10 = 4 OR n % 3 = 0 AND resource = 'meetingTranscripts'
        THEN 'absent' ELSE 'done' END, '',
    CASE WHEN n % 10 = 4 THEN 'excluded_by_policy'
        WHEN n % :every = 2 AND resource = 'meetingParticipants' THEN 'no_permission'
        WHEN n % 3 = 0 AND resource = 'meetingTranscripts' THEN 'not_available' END,
    CASE WHEN n % :every = 1 AND item = 'recording-' THEN 'media_broken' END,
    3, 2, 0, 0, NULL, {{start}}, {{start}}, FALSE, 0, 0, {{start}}, {{start}}, {{start}}
FROM series, work
"""  # noqa: S608
_FILES = f"""
INSERT INTO file (meeting_row_id, resource, resource_id, kind, path, file_version, bytes, sha256,
    source, stored_at)
{_SERIES}, kept(resource, item, kind, bytes) AS (
    SELECT 'meetings', '', 'meeting', 645
    UNION ALL SELECT 'meetingParticipants', '', 'participants', 3900
    UNION ALL SELECT 'recordings', 'recording-', 'video', 300000000
    UNION ALL SELECT 'meetingTranscripts', 'transcript-', 'vtt', 60000)
SELECT n + 1, resource, CASE item WHEN '' THEN '' ELSE item || n END, kind,
    resource || '/' || item || n || '.' || kind, 1, bytes,
    'f12ddf1e0b57a1c31b0d6a0a7d6e8c6a2f7c8b3e5d4a9f0e1c2b3a4d5e6f7a8b', 'x', {{start}}
FROM series, kept
"""  # noqa: S608
_PARTICIPANTS = f"""
INSERT INTO participant (meeting_row_id, participant_id, email, display_name, host, co_host)
{_SERIES}{_PART.format(last=1)}
SELECT n + 1, 'p' || k, 'guest' || (n % 5000 + k) || '@example.com', 'Guest ' || (n % 5000 + k),
    FALSE, FALSE
FROM series, part
"""  # noqa: S608
_SNIPPETS = f"""
INSERT INTO snippet (meeting_row_id, transcript_id, position, snippet_id, offset_milliseconds,
    person_name, person_email, text, words)
{_SERIES}{_PART.format(last=9)}, said AS (
    SELECT n, k, 'we talk about word' || ((n * 7 + k * 13) % 5000) || ' and word'
        || ((n * 31 + k * 17) % 3000) || ' as well as word' || ((n + k) % 200)
        || CASE WHEN k = 0 AND n < :base AND n % :rarely = 0 AND n / :rarely < {HITS}
           THEN ' {RARE}' ELSE '' END AS spoken
    FROM series, part)
SELECT n + 1, 'transcript-' || n, k, 's' || k, k * 5000, 'Guest ' || (n % 5000 + k % 2),
    'guest' || (n % 5000 + k % 2) || '@example.com', spoken, {{words}}
FROM said
"""  # noqa: S608
_EVENTS = f"""
INSERT INTO webhook_event (digest, resource, event, data_id, body, first_received_at,
    last_received_at, deliveries, tries, next_attempt_at, outcome, processed_at)
{_SERIES}{_PART.format(last=1)}
SELECT n || '-' || k, CASE k WHEN 0 THEN 'meetings' ELSE 'recordings' END, 'ended',
    'meeting-' || n || '_I_' || n, '{{{{}}}}', {{start}}, {{start}}, 1, 0, {{start}},
    'processed', {{start}}
FROM series, part
"""  # noqa: S608
_PLENTY = (_MEETINGS, _INGESTS, _FILES, _PARTICIPANTS, _SNIPPETS, _EVENTS)

_REOPEN = (
    (
        "UPDATE ingest SET state = 'waiting', reason = 'still_processing', next_attempt_at = "
        "CASE WHEN meeting_row_id % 2 = 0 THEN {now} ELSE {later} END "
        "WHERE meeting_row_id <= :open AND resource = 'recordings' AND resource_id = ''"
    ),
    (
        "UPDATE ingest SET state = 'waiting', next_attempt_at = {later} "
        "WHERE meeting_row_id <= :open AND meeting_row_id % 10 = 0 AND resource = 'meetings'"
    ),
    (
        "UPDATE ingest SET state = 'running', heartbeat_at = {later} WHERE meeting_row_id <= :open "
        "AND meeting_row_id % 10 = 6 AND resource = 'meetingParticipants'"
    ),
    (
        "UPDATE meeting SET completed_at = NULL, webex_state = "
        "CASE id % 10 WHEN 0 THEN 'inProgress' ELSE 'ended' END WHERE id <= :open"
    ),
)

_PUT_TOGETHER = (
    "INSERT INTO tally (subject, word, detail, number, amount) "
    "SELECT subject, word, detail, sum(number), sum(amount) FROM tally WHERE id <= :last "
    "GROUP BY subject, word, detail"
)


def grow(database: Database, have: int, want: int, base: int) -> None:
    """Add meetings, older and older ones; those that wait and what is rare are in the first."""
    newest = utc_now().replace(minute=0, second=0, microsecond=0)
    if not database.is_sqlite:
        with database.transaction() as session:
            session.execute(text("DROP INDEX snippet_search"))
    for first in range(have, want, _AT_ONCE):
        with database.transaction() as session:
            last = min(first + _AT_ONCE, want) - 1
            _add(session, database.is_sqlite, newest, first, last, (base, want))
            if first == 0:
                _reopen(session, database.is_sqlite)
    _settle(database)


def _add(
    session: Session, is_sqlite: bool, newest: datetime, first: int, last: int, of: tuple[int, int]
) -> None:
    apart = 86_400 // A_DAY
    start = f"CAST(:newest AS timestamptz) - n * interval '{apart} seconds'"
    words = "to_tsvector('simple', spoken)"
    if is_sqlite:
        start = f"datetime(:newest, '-' || (n * {apart}) || ' seconds') || '.000000'"
        words = "spoken"
    values = {"first": first, "last": last, "newest": f"{newest:%Y-%m-%d %H:%M:%S}+00:00"}
    base, want = of
    more = {"base": base, "rarely": max(1, base // HITS), "every": max(10, want // FEW)}
    for each in _PLENTY:
        statement = text(each.format(start=start, words=words))
        used = {*statement.compile().params}
        session.execute(statement, {k: v for k, v in (values | more).items() if k in used})


def _reopen(session: Session, is_sqlite: bool) -> None:
    now, later = "now()", "now() + interval '1 day'"
    if is_sqlite:
        now, later = "datetime('now') || '.000000'", "datetime('now', '1 day') || '.000000'"
    for each in _REOPEN:
        session.execute(text(each.format(now=now, later=later)), {"open": OPEN})


def _settle(database: Database) -> None:
    """What an idle night does: counts put together, statistics, and what autovacuum is for."""
    with database.transaction() as session:
        # As sweeps do it in small parts; nobody else writes here.
        last = session.scalar(text("SELECT max(id) FROM tally"))
        session.execute(text(_PUT_TOGETHER), {"last": last})
        session.execute(text("DELETE FROM tally WHERE id <= :last"), {"last": last})
    if database.is_sqlite:
        return  # The program never has it gather statistics.
    with database.transaction() as session:
        session.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
        session.execute(text("CREATE INDEX snippet_search ON snippet USING gin (words)"))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
