"""Named faults that only a download in several steps can meet: ranges, tags, other files."""

from simulator.named_faults import AWAY_BYTES, NamedFaults, cut, fault, resumed

RANGES = {
    "resumed_elsewhere": NamedFaults(
        "After 60 % the connection ends; the resumed part begins 1,000 bytes later than asked "
        "for, and Content-Range says so.",
        resumed(shift_bytes=AWAY_BYTES),
    ),
    "resumed_elsewhere_in_secret": NamedFaults(
        "After 60 % the connection ends; the resumed bytes are those from 1,000 bytes earlier, "
        "and Content-Range claims what was asked for.",
        resumed(shift_bytes=-AWAY_BYTES, hide_shift=True),
    ),
    "resumed_with_other_total": NamedFaults(
        "After 60 % the connection ends; Content-Range then tells a total of 1,000 bytes more.",
        resumed(total_off_by=AWAY_BYTES),
    ),
    "resumed_with_other_etag": NamedFaults(
        "After 60 % the connection ends; the resumed part has another ETag.",
        resumed(etag="other"),
    ),
    "weak_etag": NamedFaults(
        "After 60 % the connection ends; this and the next answer have a weak ETag.",
        (cut(etag="weak"), fault(etag="weak")),
    ),
    "no_etag": NamedFaults(
        "After 60 % the connection ends; this and the next answer have no ETag.",
        (cut(etag="missing"), fault(etag="missing")),
    ),
    "range_refused_with_true_total": NamedFaults(
        "After 60 % the connection ends; the resumed request gets 416 with the true total.",
        resumed(refuse_range="true_total"),
    ),
    "range_refused_with_other_total": NamedFaults(
        "After 60 % the connection ends; the resumed request gets 416 with a total of 1,000 "
        "bytes more.",
        resumed(refuse_range="other_total"),
    ),
    "range_refused_as_if_whole": NamedFaults(
        "After 60 % the connection ends; the resumed request gets 416 with a total of just what "
        "the client has.",
        resumed(refuse_range="asked_start"),
    ),
    "range_refused_without_total": NamedFaults(
        "After 60 % the connection ends; the resumed request gets 416 without Content-Range.",
        resumed(refuse_range="no_total"),
    ),
}

_REPLACED = "After 60 % the link dies with 403, and the recording is another file for good, "
OTHERS = {
    "another_file_same_length": NamedFaults(
        f"{_REPLACED}of the same length.", (cut(link_dies="403", replace_ratio=1),)
    ),
    "another_file_longer": NamedFaults(
        f"{_REPLACED}a quarter longer.", (cut(link_dies="403", replace_ratio=1.25),)
    ),
    "another_file_shorter": NamedFaults(
        f"{_REPLACED}shorter than what has come.", (cut(link_dies="403", replace_ratio=0.5),)
    ),
    "another_file_same_length_without_etag": NamedFaults(
        f"{_REPLACED}of the same length; no answer ever has an ETag.",
        (
            cut(link_dies="403", replace_ratio=1, etag="missing"),
            fault(etag="missing", times=None),
        ),
    ),
    "another_file_longer_without_etag": NamedFaults(
        f"{_REPLACED}a quarter longer; no answer ever has an ETag.",
        (
            cut(link_dies="403", replace_ratio=1.25, etag="missing"),
            fault(etag="missing", times=None),
        ),
    ),
    "another_file_and_if_range_ignored": NamedFaults(
        f"{_REPLACED}of the same length; If-Range is ignored, only the ETag tells.",
        (cut(link_dies="403", replace_ratio=1), fault(resumed=True, ignore_if_range=True)),
    ),
    "another_file_once": NamedFaults(
        "After 60 % the connection ends; the resumed request gets a part of another file of the "
        "same length, with that file's ETag, and is cut again; then the first file is back.",
        resumed(other_file_ratio=1, ignore_if_range=True, after_fraction=0.2),
    ),
}
