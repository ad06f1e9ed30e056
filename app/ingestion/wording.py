"""States, reasons and sizes in plain words, for pages and terminals alike."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from app.archive.inspection import Damage
from app.models.status import AccountStatus, IngestStatus, Transfers
from app.models.words import Reason, Resource, State

_RESOURCES: dict[str, tuple[str, str]] = {
    Resource.MEETINGS: ("meeting details", "meeting details"),
    Resource.PARTICIPANTS: ("participants", "participants"),
    Resource.RECORDINGS: ("recordings", "recording"),
    Resource.TRANSCRIPTS: ("transcripts", "transcript"),
    Resource.INVITEES: ("invitees", "invitees"),
    Resource.SUMMARIES: ("summary", "summary"),
    Resource.CHATS: ("chat", "chat"),
    Resource.POLLS: ("polls", "poll"),
    Resource.QUESTIONS: ("questions and answers", "questions and answers"),
    Resource.CAPTIONS: ("closed captions", "closed captions"),
    Resource.ATTENDEES: ("attendee report", "attendee report"),
}

_REASONS = {
    Reason.STILL_PROCESSING: "Webex is still processing it",
    Reason.NOT_AVAILABLE: "Webex has none",
    Reason.GAVE_UP: (
        "it had not appeared when the time for waiting was over; should it still come, a webhook "
        "or `webex-ingest retry` opens it again"
    ),
    Reason.NOT_RECORDED: (
        "the meeting was not recorded: somebody presses Record in the meeting, or its host lets it "
        "record automatically"
    ),
    Reason.TRANSCRIPTION_OFF: (
        "the meeting was not transcribed: its host records it, or switches on captions or the "
        "AI Assistant in it"
    ),
    Reason.NOT_FINAL: "Webex does not know yet when everybody came and went",
    Reason.TIMES_MISSING: "stored, but Webex never told when everybody came and went",
    Reason.PARTS_MISSING: "stored, but Webex never had all that belongs to it",
    Reason.MEETING_UNKNOWN: "Webex has not told yet when and where the meeting took place",
    Reason.MEETING_IN_PROGRESS: "the meeting is still going on",
    Reason.SETTLING: "found, now looking whether more appear",
    Reason.ITEMS_PENDING: "found, not all of them stored yet",
    Reason.DOWNLOAD_PREVENTED: (
        "its owner does not allow downloads: they switch off “Prevent downloading” of the "
        "recording at Webex, then `webex-ingest retry` fetches it"
    ),
    Reason.NO_PERMISSION: "the account may not read all of it",
    Reason.DELETED_AT_SOURCE: "it was deleted at Webex; what is stored stays",
    Reason.EXCLUDED_BY_POLICY: (
        "a rule of the policy leaves the meeting out; whoever runs webex-ingest can change it"
    ),
    Reason.DISK_FULL: "the disk of the archive is full",
    Reason.ARCHIVE_UNAVAILABLE: "the archive cannot be written or read",
    Reason.HOST_BUSY: "as many downloads from this host as allowed are running already",
    Reason.SIZE_DIFFERS: "stored and whole, but not as large as Webex's list says",
    Reason.DURATION_DIFFERS: "stored and whole, but not as long as Webex's list says",
    Reason.RATE_LIMITED: "Webex asks for a pause",
    Reason.RETRYING: "it went wrong and is tried again",
    Reason.TOKEN_REFUSED: "Webex refuses the access token",
    Reason.TOKEN_RENEWING: "the access token is being renewed",
    Reason.SHUTDOWN: "interrupted by a restart, goes on by itself",
}

_FROM_BACKUP = (
    "it is an earlier version, or Webex has it no more: bring it from a backup, then "
    "`webex-ingest verify --deep` looks at it again"
)
_DAMAGES = {
    Damage.MISSING: _FROM_BACKUP,
    Damage.CHANGED: _FROM_BACKUP,
    Damage.UNREADABLE: (
        "let the user of webex-ingest read it, or move it elsewhere where its disk cannot, then "
        "`webex-ingest verify --deep` looks at it again"
    ),
    Damage.EXTRA: "nobody has stored it: move it elsewhere",
    Damage.PART: "what is left of a download: delete it",
}

SIGN_IN_WARNING = timedelta(days=14)
"""So long before a refresh token ends people are told: nobody but them can make a new one."""

_ABOUT_ITEMS = {Reason.ITEMS_PENDING, "item_failed"}
_MOST_SAID = 4


def resource_name(resource: str, resource_id: str = "") -> str:
    """What people call a resource: ``recordings`` is the list, with an id it is one recording."""
    several, one = _RESOURCES.get(resource, (resource, resource))
    return one if resource_id else several


def reason_sentence(reason: str) -> str:
    """A reason in plain words, without a full stop."""
    return _REASONS.get(Reason(reason), reason) if reason in set(Reason) else _spaced(reason)


def damage_sentence(damage: str) -> str:
    """What to do about a file that is not as it was stored and cannot be fetched again."""
    return _DAMAGES[Damage(damage)]


def look_time(moment: datetime, now: datetime) -> str:
    """When something is looked at next, in UTC; the day only where it is another one."""
    if moment <= now:
        return "due now"
    same_day = moment.date() == now.date()
    return f"next look {moment:%H:%M}" if same_day else f"next look {moment:%Y-%m-%d %H:%M}"


def account_sentence(account: AccountStatus, now: datetime) -> str:
    """What is wrong with an account or soon will be, and what to do; empty if nothing is."""
    name = f" {account.name}" if account.name else ""
    again = f"sign in again with `webex-ingest login{name}`"
    if account.error:
        return account.error
    lasts_until = account.refresh_expires_at if account.renews else account.access_expires_at
    if lasts_until is None:
        return ""
    left = lasts_until - now
    if left <= timedelta(0):
        return f"the sign-in is over: {again}"
    if account.renews and left < SIGN_IN_WARNING:
        return f"the sign-in ends in {age_text(left.total_seconds())}: {again}"
    return ""


def one_line(text: str | None) -> str:
    """A text of somebody's own as it may be shown: without breaks, and commands to a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text or "").split())


def size_text(size: int) -> str:
    """A number of bytes for people, in units of 1024."""
    if size < 1024:
        return f"{size} bytes" if size != 1 else "1 byte"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1023.5 or unit == "TiB":
            return f"{value:.1f} {unit}" if value < 99.5 else f"{value:.0f} {unit}"
    raise AssertionError("unreachable")


def age_text(seconds: float) -> str:
    """How long something takes or has been, for people, in its largest whole unit."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return _counted(int(seconds // length), unit)
    return _counted(max(0, int(seconds)), "second")


def left_text(seconds: int) -> str:
    """How long something will still take, for people; never less than it does."""
    minutes = math.ceil(seconds / 60)
    if seconds < 60:
        return f"{_counted(max(1, seconds), 'second')} left"
    if minutes < 60:
        return f"{_counted(minutes, 'minute')} left"
    hours, rest = divmod(minutes, 60)
    if hours >= 24:
        return f"{_counted(math.ceil(minutes / 1440), 'day')} left"
    and_minutes = f" {_counted(rest, 'minute')}" if rest else ""
    return f"{_counted(hours, 'hour')}{and_minutes} left"


def speed_text(bytes_per_second: int) -> str:
    """How fast bytes arrive, for people."""
    return f"{size_text(bytes_per_second)}/s" if bytes_per_second else "nothing arriving now"


def missing_sentences(ingests: Sequence[IngestStatus], now: datetime) -> list[str]:
    """What a meeting still lacks, one phrase for each resource; empty when nothing is missing.

    A list that only waits for its items is left out: the items say it better.
    """
    open_ones = [each for each in ingests if each.state not in (State.DONE, State.ABSENT)]
    with_items = {each.resource for each in open_ones if each.resource_id}
    said = [
        _missing(each, now)
        for each in _worst_first(open_ones)
        if each.resource_id or not (each.resource in with_items and _is_about_items(each))
    ]
    phrases = list(dict.fromkeys(said))
    more = len(phrases) - _MOST_SAID
    return phrases if more <= 0 else [*phrases[:_MOST_SAID], f"and {more} more"]


def _missing(ingest: IngestStatus, now: datetime) -> str:
    name = resource_name(ingest.resource, ingest.resource_id)
    if ingest.state == State.FAILED:
        return f"{name}: failed"
    if ingest.state == State.RUNNING:
        return f"{name}: {running_text(ingest)}"
    look = f", {look_time(ingest.next_attempt_at, now)}" if ingest.next_attempt_at else ""
    return _with_what_is_here(f"{name}: {_why_it_waits(ingest)}{look}", ingest)


def running_text(ingest: IngestStatus) -> str:
    """How far running work is, how fast it goes and how long it will take."""
    if ingest.silent_seconds is not None:
        silence = f"no sign of life for {age_text(ingest.silent_seconds)}"
        return _with_what_is_here(silence, ingest)
    if not ingest.stage:
        return "being fetched now"
    if ingest.bytes_total and ingest.bytes_done >= ingest.bytes_total:
        return f"{ingest.stage} downloaded ({size_text(ingest.bytes_done)}), now being checked"
    return ", ".join([f"downloading {ingest.stage}", *_progress_parts(ingest)])


def waiting_text(ingest: IngestStatus) -> str:
    """Why something waits, and what of it is here already."""
    return _with_what_is_here(_why_it_waits(ingest), ingest)


def here_text(ingest: IngestStatus) -> str:
    """How much of an unfinished file is here; empty where there is none."""
    if not ingest.stage or not ingest.bytes_done:
        return ""
    if not ingest.bytes_total:
        return f"{size_text(ingest.bytes_done)} of the {ingest.stage} is here"
    percent = percent_text(ingest.bytes_done, ingest.bytes_total)
    return f"{percent} of the {ingest.stage} ({size_text(ingest.bytes_total)}) is here"


def transfers_text(transfers: Transfers) -> str:
    """How far all running transfers are together; empty where there are none."""
    parts = [f"{transfers.running} running", *_progress_parts(transfers)]
    said = [", ".join(parts)] if transfers.running else []
    if transfers.silent:
        said.append(f"{transfers.silent} without a sign of life")
    return "; ".join(said)


def percent_text(bytes_done: int, bytes_total: int) -> str:
    """How much of something is done; 100% only when all of it is."""
    return f"{min(100, 100 * bytes_done // max(1, bytes_total))}%"


def _progress_parts(progress: IngestStatus | Transfers) -> list[str]:
    parts = []
    if progress.bytes_total:
        percent = percent_text(progress.bytes_done, progress.bytes_total)
        parts.append(f"{percent} of {size_text(progress.bytes_total)}")
    elif progress.bytes_done:
        parts.append(size_text(progress.bytes_done))
    if progress.bytes_per_second is not None:
        parts.append(speed_text(progress.bytes_per_second))
    if progress.remaining_seconds is not None:
        parts.append(left_text(progress.remaining_seconds))
    return parts


def _why_it_waits(ingest: IngestStatus) -> str:
    return reason_sentence(ingest.reason) if ingest.reason else "in line"


def _with_what_is_here(text: str, ingest: IngestStatus) -> str:
    return "; ".join(filter(None, [text, here_text(ingest)]))


def _is_about_items(ingest: IngestStatus) -> bool:
    return ingest.reason in _ABOUT_ITEMS or ingest.error_code in _ABOUT_ITEMS


def _worst_first(ingests: Iterable[IngestStatus]) -> list[IngestStatus]:
    order = {State.FAILED: 0, State.RUNNING: 1, State.WAITING: 2}
    return sorted(ingests, key=lambda each: order.get(State(each.state), 3))


def _spaced(word: str) -> str:
    return word.replace("_", " ")


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
