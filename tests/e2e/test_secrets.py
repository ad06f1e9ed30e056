"""No secret anywhere: the whole flow with marked secrets, then a search through everything."""

import subprocess
from pathlib import Path
from typing import Any

import requests

from tests.e2e.house import House, house
from tests.processes import Spawned, eventually

MARK = "SECRETMARK7"
LEAKY = {
    "secret_marker": MARK,
    "leaky": True,
    "tokens": {f"token-{MARK}": {"email": "host@example.com"}},
}
SECRETS = {
    "WEBEX_ACCESS_TOKEN": f"token-{MARK}",
    "WEBEX_WEBHOOK_SECRET": f"webhook-{MARK}",
    "OPERATOR_PASSWORD": f"operator-{MARK}",
}


def test_no_secret_is_in_any_file_log_page_metric_or_answer(tmp_path: Path) -> None:
    with house(tmp_path, SECRETS, simulator_settings=LEAKY) as home:
        with home.serving() as serve:
            said = home.command("webhooks", "register")
            control = home.simulator.control
            # Errors are where secrets leak: some of each kind on the way.
            for fault in (
                {"origin": "api", "path_regex": "/recordings/", "status": 500, "times": 4},
                {"origin": "api", "path_regex": "/meetings/", "status": 401, "times": 1},
                {"origin": "media", "path_regex": ".*", "status": 403, "times": 2},
                {"origin": "media", "path_regex": ".*", "after_bytes": 50_000, "times": 2},
            ):
                control.add_fault(method="GET", **fault)
            held = control.hold_meeting(recordings=2, transcripts=1)
            meeting_id = held["meeting_id"]
            home.wait_until_complete(meeting_id, seconds=90)
            assert home.differences(meeting_id) == []
            assert marks_that_webex_sent(home, held) >= 8, "passwords, codes, tickets, links"
            told = said + everything_told(home, serve, meeting_id)
        told += serve.output()

    assert lines_with_mark(told) == []
    assert files_with_mark(tmp_path) == []


def everything_told(home: House, serve: Spawned, meeting_id: str) -> str:
    """What pages, figures and commands say."""
    basic = ("operator", SECRETS["OPERATOR_PASSWORD"])
    paths = ("/", f"/meetings/{meeting_id}", "/metrics", "/livez", "/readyz", "/nowhere")
    pages = [requests.get(home.address + path, auth=basic, timeout=10) for path in paths]
    assert [page.status_code for page in pages] == [200, 200, 200, 200, 200, 404]
    commands = [
        home.command("status"),
        home.command("status", "--json"),
        home.command("status", meeting_id),
        home.command("status", meeting_id, "--json"),
        home.command("webhooks", "list"),
        home.command("webhooks", "list", "--json"),
        home.command("webhooks", "send-test"),
    ]
    eventually(lambda: "webexIngest" in serve.output(), message="the test event was not taken")
    headers = [str(page.headers) for page in pages]
    return "\n".join([*(page.text for page in pages), *headers, *commands])


def marks_that_webex_sent(home: House, held: dict[str, Any]) -> int:
    """How many secrets stand in Webex's answers about a meeting and its first recording."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {SECRETS['WEBEX_ACCESS_TOKEN']}"
    paths = (f"/meetings/{held['meeting_id']}", f"/recordings/{held['recording_ids'][0]}")
    answers = [session.get(home.simulator.api_url + path, timeout=10).text for path in paths]
    return sum(answer.count(MARK) for answer in answers)


def lines_with_mark(text: str) -> list[str]:
    """The lines of a text that hold a secret."""
    return [line[:300] for line in text.splitlines() if MARK in line]


def files_with_mark(folder: Path) -> list[str]:
    """The files below a folder that hold a secret: database, broker, logs, archive."""
    found = subprocess.run(
        ["grep", "-rlaF", MARK, str(folder)], capture_output=True, text=True, check=False
    )
    return found.stdout.splitlines()
