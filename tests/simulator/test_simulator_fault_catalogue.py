"""The catalogue: every named media fault does to a plain client what its sentence says."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import simulator
from simulator import ControlClient, ControlError, Simulator
from simulator.faults import Fault, MediaFault
from simulator.media_faults import MEDIA_FAULTS
from tests.simulator.download import Answer, download, video_link
from tests.simulator.support import Api, Webex

BYTES = 200_000
RECORDING_ID = "724a81a697201039a976005056819cde"
RECORDING = {"id": RECORDING_ID, "bytes": BYTES}
README = (Path(simulator.__file__).parent / "README.md").read_text(encoding="utf-8")

GOOD = "200 right 200000"
CUT = "200 right 120000 cut"
REST = "206 right to the end"
LOGIN = "302 to login"
# What the first request gets, and what the next: a resumed one if a part of the file has come.
EXPECTED: dict[str, tuple[str, str]] = {
    "cut_at_60_percent": (CUT, REST),
    "cut_and_range_ignored": (CUT, GOOD),
    "cut_three_times": ("200 right 40000 cut", "206 right 40000 cut"),
    "reset_at_60_percent": ("200 right 120000 reset", REST),
    "closed_without_answer": ("nothing", GOOD),
    "stall_at_60_percent": ("200 right 120000 stalled", REST),
    "slow_drip": ("200 right some slow", REST),
    "short_chunked": ("200 right 120000 unmeasured", REST),
    "short_announced": ("200 right 120000", REST),
    "zero_bytes": ("200 right 0", GOOD),
    "content_length_too_large": ("200 right 200000 cut", GOOD),
    "content_length_too_small": ("200 right 199000", REST),
    "gzip": ("200 gzip", GOOD),
    "html_with_200": ("200 html", GOOD),
    "json_with_200": ("200 json", GOOD),
    "html_without_its_type": ("200 html as video/mp4", GOOD),
    "html_when_resumed": (CUT, "200 html"),
    "json_when_resumed": (CUT, "200 json"),
    "html_inside_body": ("200 right 120000 then html cut", GOOD),
    "html_inside_body_chunked": ("200 right 120000 then html unmeasured", GOOD),
    "html_inside_resumed_body": (CUT, "206 right 40000 then html cut"),
    "html_inside_resumed_body_chunked": (CUT, "206 right 40000 then html unmeasured"),
    "link_dies_with_401": (CUT, "401 json"),
    "link_dies_with_403": (CUT, "403 json"),
    "link_dies_with_404": (CUT, "404 json"),
    "link_dies_with_410": (CUT, "410 json"),
    "link_dies_with_login_page": (CUT, "200 html"),
    "link_dies_with_login_redirect": (CUT, LOGIN),
    "link_dead_from_the_start": ("403 json", "403 json"),
    "redirect_to_login": (LOGIN, GOOD),
    "redirect_to_another_host": ("302 to media.example.net", GOOD),
    "redirect_to_private_address": ("302 to 10.0.0.1", GOOD),
    "redirect_loop": ("302 to itself", "302 to itself"),
    "redirect_once": ("302 to a new link", GOOD),
    "busy_429_seconds": ("429 empty, retry after 1", GOOD),
    "busy_429_date": ("429 empty, retry after date", GOOD),
    "busy_429_malformed": ("429 empty, retry after soon; or later", GOOD),
    "busy_429_without_retry_after": ("429 empty", GOOD),
    "busy_503_seconds": ("503 empty, retry after 1", GOOD),
    **{f"answer_{status}": (f"{status} empty", GOOD) for status in (408, 425, 500, 502, 503, 504)},
    "resumed_elsewhere": (CUT, f"{REST} from 121000"),
    "resumed_elsewhere_in_secret": (CUT, "206 wrong to the end"),
    "resumed_with_other_total": (CUT, f"{REST} of 201000"),
    "resumed_with_other_etag": (CUT, f"{REST} other tag"),
    "weak_etag": (f"{CUT} weak tag", f"{REST} weak tag"),
    "no_etag": (f"{CUT} no tag", f"{REST} no tag"),
    "range_refused_with_true_total": (CUT, "416 of 200000"),
    "range_refused_with_other_total": (CUT, "416 of 201000"),
    "range_refused_as_if_whole": (CUT, "416 of 120000"),
    "range_refused_without_total": (CUT, "416 of unknown"),
    **{
        f"another_file_{what}": (f"{CUT}{tag}", "403 json")
        for what, tag in (
            ("same_length", ""),
            ("longer", ""),
            ("shorter", ""),
            ("same_length_without_etag", " no tag"),
            ("longer_without_etag", " no tag"),
            ("and_if_range_ignored", ""),
        )
    },
    "another_file_once": (CUT, "206 wrong 40000 cut other tag"),
    "name_climbs": (f"{GOOD} named", f"{GOOD} named"),
    "name_with_control_characters": (f"{GOOD} named", f"{GOOD} named"),
    "name_of_300_characters": (f"{GOOD} named", f"{GOOD} named"),
    "always_cut": ("200 right 60000 cut", "206 right 60000 cut"),
    "always_cut_without_range": (CUT, CUT),
    "always_reset": ("200 right 0 reset", "200 right 0 reset"),
    "always_closed": ("nothing", "nothing"),
    "always_stalled": ("200 right 0 stalled", "200 right 0 stalled"),
    "always_slow": ("200 right some slow", "206 right some slow"),
    "always_short": ("200 right 120000 unmeasured", "200 right 120000 unmeasured"),
    "always_short_announced": ("200 right 120000", "200 right 120000"),
    "always_zero_bytes": ("200 right 0", "200 right 0"),
    "always_gzip": ("200 gzip", "200 gzip"),
    "always_html": ("200 html", "200 html"),
    "always_json": ("200 json", "200 json"),
    "always_403": ("403 empty", "403 empty"),
    "always_404": ("404 empty", "404 empty"),
    "always_503": ("503 empty", "503 empty"),
    "always_redirect_to_another_host": ("302 to media.example.net", "302 to media.example.net"),
    "always_resumed_elsewhere": (CUT, f"{REST} from 121000"),
    "always_replaced": (CUT, "200 wrong 120000 cut other tag"),
}
# Something of these lasts, and yet a new link brings the file.
_MENDABLE = {name for name in MEDIA_FAULTS if name.startswith(("name_", "another_file_"))}


def told(answer: Answer, asked: int, link: str, file: bytes, tag: str) -> str:
    """Describe an answer to a request for the bytes from `asked` on, in the words of EXPECTED."""
    if answer.status is None:
        return "nothing"
    if "location" in answer.headers:
        return f"{answer.status} to {_destination(answer.headers['location'], link)}"
    if answer.status == 416:
        total = answer.headers.get("content-range", "bytes */unknown").rpartition("/")[2]
        return f"416 of {total}"
    if "content-encoding" in answer.headers:
        return f"{answer.status} {answer.headers['content-encoding']}"
    kind = {b"": "empty", b"<": "html", b"{": "json"}.get(answer.body[:1])
    if kind is not None and (kind != "empty" or answer.status != 200):
        return f"{answer.status} {kind}{_manner(answer, kind)}"
    return _about_bytes(answer, asked, file, tag)


def _destination(location: str, link: str) -> str:
    address, own = urlsplit(location), urlsplit(link)
    if address.path == "/login":
        return "login"
    if address.path != own.path:
        return str(address.hostname)
    return "itself" if address.query == own.query else "a new link"


def _manner(answer: Answer, kind: str) -> str:
    content_type = answer.headers["content-type"]
    manner = "" if kind != "html" or "html" in content_type else f" as {content_type}"
    after = answer.headers.get("retry-after")
    if after is None:
        return manner
    return f", retry after {'date' if after.endswith('GMT') else after}"


def _about_bytes(answer: Answer, asked: int, file: bytes, tag: str) -> str:
    start = asked if answer.status == 206 else 0
    notes = []
    if answer.status == 206:
        begin, total = re.findall(r"bytes (\d+)-\d+/(\d+)", answer.headers["content-range"])[0]
        notes += [f"from {begin}"] if int(begin) != start else []
        notes += [f"of {total}"] if int(total) != len(file) else []
        start = int(begin)
    body, page, _ = answer.body.partition(b"<!DOCTYPE html>")
    notes = (["then html"] if page else []) + notes
    notes += [answer.ending] if answer.ending else []
    notes += [] if "content-length" in answer.headers else ["unmeasured"]
    if answer.etag != tag:
        notes.append(
            "weak tag" if answer.etag == f"W/{tag}" else "other tag" if answer.etag else "no tag"
        )
    notes += [] if "Weekly%20sync" in answer.headers["content-disposition"] else ["named"]
    count = "some" if "slow" in notes else str(len(body))
    if answer.status == 206 and start + len(body) == len(file):
        count = "to the end"
    right = "right" if body == file[start : start + len(body)] else "wrong"
    return " ".join([str(answer.status), right, count, *notes])


@dataclass(frozen=True)
class GoodFile:
    octets: bytes
    etag: str


@pytest.fixture(scope="module")
def good() -> GoodFile:
    """The recording of every test here, as a simulator without faults has it."""
    with Simulator() as plain, Api(plain.api_url) as api:
        meeting = Webex(plain, api).meeting(recordings=[RECORDING])
        link = video_link(Webex(plain, api), meeting["recording_ids"][0])
        answer = download(link)
    return GoodFile(answer.body, answer.etag)


def next_answer(first: Answer, link: str, good: GoodFile) -> tuple[Answer, int]:
    """Go on where the first answer ended, or ask again if nothing of use came."""
    came = len(first.body)
    if first.status != 200 or came in (0, BYTES) or not good.octets.startswith(first.body):
        return download(link), 0
    condition = {"If_Range": first.etag} if first.etag.startswith('"') else {}
    return download(link, Range=f"bytes={came}-", **condition), came


def videos(webex: Webex, meeting_id: str, key: str) -> list[tuple[int, str]]:
    files = webex.simulator.control.truth(meeting_id)[key]
    return [(file["bytes"], file["sha256"]) for file in files if file["kind"] == "video"]


def identity(octets: bytes) -> tuple[int, str]:
    return len(octets), hashlib.sha256(octets).hexdigest()


@pytest.mark.parametrize("name", MEDIA_FAULTS)
def test_a_named_fault_does_what_its_sentence_says(name: str, webex: Webex, good: GoodFile) -> None:
    meeting = webex.meeting(recordings=[RECORDING | {"faults": [name]}])
    link = video_link(webex, RECORDING_ID)

    first = download(link)
    second, asked = next_answer(first, link, good)

    assert (
        told(first, 0, link, good.octets, good.etag),
        told(second, asked, link, good.octets, good.etag),
    ) == EXPECTED[name]
    tries = (download(video_link(webex, RECORDING_ID)) for _ in range(3))
    ended_well = any(
        identity(each.body) in videos(webex, meeting["meeting_id"], "files") for each in tries
    )
    assert ended_well == (name in _MENDABLE or not MEDIA_FAULTS[name].lasting)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("another_file_same_length", BYTES),
        ("another_file_longer", 250_000),
        ("another_file_shorter", 100_000),
    ],
)
def test_the_truth_knows_the_new_file_and_the_old_one(
    name: str, size: int, webex: Webex, good: GoodFile
) -> None:
    meeting = webex.meeting(recordings=[RECORDING | {"faults": [name]}])

    download(video_link(webex, RECORDING_ID))
    second = download(video_link(webex, RECORDING_ID))

    assert len(second.body) == webex.api.json(f"/recordings/{RECORDING_ID}")["sizeBytes"] == size
    assert second.body != good.octets
    assert second.etag != good.etag
    assert videos(webex, meeting["meeting_id"], "files") == [identity(second.body)]
    assert videos(webex, meeting["meeting_id"], "other_files") == [identity(good.octets)]


def test_each_recording_of_a_meeting_has_its_own_faults(webex: Webex) -> None:
    orders = [{"faults": ["answer_500", "html_with_200"]}, {}, {"faults": [{"status": 404}]}]
    ids = webex.meeting(recordings=orders)["recording_ids"]

    answers = [[download(video_link(webex, each)) for _ in range(3)] for each in ids]

    statuses = [[answer.status for answer in group] for group in answers]
    assert statuses == [[500, 200, 200], [200, 200, 200], [404, 200, 200]]
    assert [answer.body[:1] == b"<" for answer in answers[0]] == [False, True, False]


def test_a_recording_that_is_added_later_can_have_faults(webex: Webex) -> None:
    meeting = webex.meeting()
    added = webex.simulator.control.add_recording(meeting["meeting_id"], faults=["answer_502"])

    assert download(video_link(webex, added["recording_id"])).status == 502
    assert webex.simulator.control.call("GET", "/faults")["items"] == []


def test_an_unknown_name_is_refused_before_anything_is_held(control: ControlClient) -> None:
    with pytest.raises(ControlError, match="there is no media fault 'cut_somewhere'"):
        control.hold_meeting(recordings=[{"faults": ["cut_somewhere"]}])

    assert control.call("GET", "/meetings")["items"] == []


def test_the_readme_has_every_named_fault_and_every_field(control: ControlClient) -> None:
    listed = control.media_faults()

    table = README.partition("| name | what happens | lasting |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| ?(yes)? ?\|$", table, re.MULTILINE)
    assert rows == [
        (each["name"], each["sentence"], "yes" if each["lasting"] else "") for each in listed
    ]
    fields = [*Fault.model_fields, *MediaFault.model_fields]
    assert [name for name in fields if f"`{name}`" not in README] == []
