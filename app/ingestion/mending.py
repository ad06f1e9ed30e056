"""Why work fails, and what to do about each kind of failure."""

from dataclasses import dataclass

from app.models.words import Reason


@dataclass(frozen=True, slots=True)
class Mend:
    """What an error code means, and what somebody can do; both are sentences without a full stop.

    ``helps`` is whether it is then enough to try again.
    """

    meaning: str
    todo: str
    helps: bool = True


_AGAIN = "try again; where it fails once more, the log of the worker says what was answered"
_MENDS = {
    "fault": Mend(
        "an error in webex-ingest itself",
        "tell its developers what the log says at that time, then try again with a newer version",
    ),
    "worker_lost": Mend(
        "several workers in a row vanished over it, as when memory runs out or the machine stops",
        "see whether the system killed them (`dmesg`), give them more memory, then try again",
    ),
    "item_failed": Mend(
        "single recordings or transcripts of the meeting failed",
        "see what is said about each of them; the list follows them by itself",
        helps=False,
    ),
    "link_refused": Mend(
        "a download link leads to a host that DOWNLOAD_HOSTS does not allow",
        "look at the host in the message; if it is Webex's, add it to DOWNLOAD_HOSTS and try again",
    ),
    "link_dead": Mend("download links led to no file, time after time", _AGAIN),
    "transfer_interrupted": Mend(
        "the connection to the media host broke off, time after time",
        "see that the network and its proxies let long downloads through, then try again",
    ),
    "transfer_overdue": Mend("the download took too long, time after time", _AGAIN),
    "shorter_than_listed": Mend(
        "Webex sends less than it lists, time after time",
        "play the recording at Webex; if it is whole there, try again later",
    ),
    "media_broken": Mend(
        "what Webex sends is no whole file of its kind",
        "play the recording at Webex; if it is broken there too, Cisco's support can mend it",
    ),
    "media_busy": Mend("the media host sends away whoever asks", "try again later"),
    "too_large": Mend(
        "the file is larger than TRANSFER_MAX_BYTES", "set TRANSFER_MAX_BYTES higher and try again"
    ),
    "webex_unavailable": Mend(
        "Webex did not answer, or with an error of its own, until patience was over",
        "see status.webex.com, then try again",
    ),
    "answer_unreadable": Mend("Webex's answer was not what its description says", _AGAIN),
    "partial_list": Mend(
        "Webex could not read all of its own list; what it could read is stored",
        "try again in some hours",
    ),
    "id_unusable": Mend(
        "Webex names it by an id that no file can be called by",
        "nothing can be done here: tell its developers",
        helps=False,
    ),
    Reason.NO_PERMISSION: Mend(
        "the account may not read it", "give the account the scope or role, then try again"
    ),
}
_OTHER = Mend("it went wrong until patience was over", _AGAIN)


def mend_of(error_code: str | None) -> Mend:
    """What a failure with this code means, and what to do about it."""
    return _MENDS.get(error_code or "", _OTHER)
