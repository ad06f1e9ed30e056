"""The errors of the product, each with what it means to the caller.

    IngestError
    ├── SettingsError          a setting is missing or wrong
    ├── DatabaseUnavailable    the database could not take a write in time
    ├── SchemaMismatch         the database is older or newer than this program
    ├── WebhookRefused         a delivery that is not stored
    │   ├── BodyTooLarge
    │   ├── SignatureWrong
    │   └── NotAnEvent
    ├── NoFolderYet            a meeting's start or site is not known yet
    ├── LeaseLost              another worker has taken this work over
    ├── ArchiveUnavailable     the archive's disk refuses to be written or read
    ├── FolderRefused          a folder of the archive of which no meeting can be made
    ├── WorkerStopping         the worker was asked to stop; the work goes on elsewhere
    ├── SignInRefused          a person did not sign in, or not here
    ├── AccountUnknown         there is no account of this name
    ├── WebexError             Webex answered, but not with what was asked for
    │   ├── NotFound           404: not there yet, gone, or not ours to see
    │   ├── Gone               410
    │   ├── TokenRefused       401
    │   ├── TokenRenewing      another worker is fetching the next access token right now
    │   ├── Forbidden          403
    │   ├── RateLimited        429, or our own budget is spent (retry_after_seconds)
    │   ├── WebexUnavailable   no answer, 5xx, 408, 423, 425
    │   ├── PartialList        a list in which Webex itself could not read every item
    │   ├── IdUnusable         an id that would lead to something else
    │   └── AnswerUnreadable   an answer that is not what the API describes
    └── TransferError          a file did not arrive
        ├── LinkDead           the download link no longer leads to the file
        ├── LinkRefused        the link leads where downloads are not allowed
        ├── TransferInterrupted the connection ended early
        ├── TransferOverdue    it took so long that it is another file's turn
        ├── ShorterThanListed  all that was announced came, and is less than Webex lists
        ├── HostBusy           enough other transfers from this host are under way
        ├── MediaBusy          the media host said "later" (retry_after_seconds)
        ├── MediaBroken        what arrived is not a whole file of its kind
        ├── TooLarge           beyond TRANSFER_MAX_BYTES
        └── DiskFull           writing would eat into DISK_RESERVE_BYTES

``code`` is for machines and stands in the database; ``str(error)`` is for people.
``retryable`` says whether the same work may succeed later without anybody's help.
"""

from typing import Any


class IngestError(Exception):
    """Something this product can name went wrong."""

    code = "error"
    retryable = False
    got_further = False
    """Whether the attempt that it ended brought something that stays: then it was no failed one."""


class SettingsError(IngestError):
    """A setting is missing or wrong."""

    code = "settings"


class DatabaseUnavailable(IngestError):
    """The database could not take a write in time."""

    code = "database_unavailable"
    retryable = True


class SchemaMismatch(IngestError):
    """The database is older or newer than this program."""

    code = "schema_mismatch"


class WebhookRefused(IngestError):
    """A delivery that is not stored."""

    code = "webhook_refused"


class BodyTooLarge(WebhookRefused):
    """The body of a delivery is larger than 64 KiB."""

    code = "body_too_large"


class SignatureWrong(WebhookRefused):
    """The delivery was not signed with one of our secrets."""

    code = "signature_wrong"


class NotAnEvent(WebhookRefused):
    """The body is not JSON with ``resource``, ``event`` and ``data.id``."""

    code = "not_an_event"


class NoFolderYet(IngestError):
    """The meeting's start or site is not known yet, so it has no folder."""

    code = "meeting_unknown"
    retryable = True


class LeaseLost(IngestError):
    """Another worker has taken this work over; nothing more may be written."""

    code = "lease_lost"


class ArchiveUnavailable(IngestError):
    """The archive's disk refuses to be written or read; the work waits for it."""

    code = "archive_unavailable"
    retryable = True


class FolderRefused(IngestError):
    """A folder of the archive of which no meeting can be made; the sentence says why."""

    code = "folder_refused"


class WorkerStopping(IngestError):
    """The worker was asked to stop; the work goes on where it was, elsewhere or later."""

    code = "worker_stopping"
    retryable = True


class SignInRefused(IngestError):
    """A person did not sign in, or not in answer to our question."""

    code = "sign_in_refused"


class AccountUnknown(IngestError):
    """There is no account of this name."""

    code = "account_unknown"


class WebexError(IngestError):
    """Webex answered, but not with what was asked for.

    ``tracking_id`` is Webex's own name of the request, for its support.
    """

    code = "webex"

    def __init__(self, message: str, *, status: int | None = None, tracking_id: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.tracking_id = tracking_id


class NotFound(WebexError):
    """404: not there yet, gone, or not ours to see."""

    code = "not_found"


class Gone(WebexError):
    """410: it was there and never will be again."""

    code = "gone"


class TokenRefused(WebexError):
    """401: the access token is missing, wrong or expired."""

    code = "token_refused"
    retryable = True


class TokenRenewing(WebexError):
    """The access token is over, and another worker is fetching the next one right now."""

    code = "token_renewing"
    retryable = True


class Forbidden(WebexError):
    """403: the account lacks a scope, role or licence."""

    code = "no_permission"


class RateLimited(WebexError):
    """429, or our own budget is spent; ask again after ``retry_after_seconds``.

    None until the gate has been asked, when Webex did not say how long.
    """

    code = "rate_limited"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        retry_after_seconds: float | None,
        status: int | None = None,
        tracking_id: str = "",
    ) -> None:
        super().__init__(message, status=status, tracking_id=tracking_id)
        self.retry_after_seconds = retry_after_seconds


class WebexUnavailable(WebexError):
    """No answer, or one that says "later" (408, 423, 425, 5xx), perhaps after how many seconds."""

    code = "webex_unavailable"
    retryable = True
    retry_after_seconds: float | None = None


class AnswerUnreadable(WebexError):
    """An answer that is not what the API describes."""

    code = "answer_unreadable"
    retryable = True


class IdUnusable(WebexError):
    """An id that cannot stand in an address: it would lead to something else."""

    code = "id_unusable"


class PartialList(WebexError):
    """A list in which Webex itself could not read every item; ``items`` are those it could.

    Such an item has an ``errors`` object instead of its fields (REST API basics).
    """

    code = "partial_list"
    retryable = True

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.items: list[Any] = []


class TransferError(IngestError):
    """A file did not arrive."""

    code = "transfer"
    retryable = True


class LinkDead(TransferError):
    """The download link no longer leads to the file; a new one may."""

    code = "link_dead"


class LinkRefused(TransferError):
    """The link leads to a place that ``DOWNLOAD_HOSTS`` does not allow."""

    code = "link_refused"
    retryable = False


class TransferInterrupted(TransferError):
    """The connection ended before the file did."""

    code = "transfer_interrupted"


class TransferOverdue(TransferError):
    """The transfer took so long that it is another file's turn; it goes on where it is."""

    code = "transfer_overdue"


class ShorterThanListed(TransferError):
    """Everything that the media host announced came, and it is less than Webex lists."""

    code = "shorter_than_listed"
    # What came stays, and the next attempt settles it either way.
    got_further = True


class HostBusy(TransferError):
    """As many transfers from this media host are under way as TRANSFER_PER_HOST allows."""

    code = "host_busy"


class MediaBusy(TransferError):
    """The media host said "later" (408, 425, 429, 5xx), perhaps after how many seconds."""

    code = "media_busy"

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class MediaBroken(TransferError):
    """What arrived is not a whole file of its kind."""

    code = "media_broken"


class TooLarge(TransferError):
    """The file is larger than ``TRANSFER_MAX_BYTES``."""

    code = "too_large"
    retryable = False


class DiskFull(TransferError):
    """Writing on would eat into ``DISK_RESERVE_BYTES``."""

    code = "disk_full"
