"""``demo``: the main job for real, against the simulator, told as it happens."""

import shutil
import signal
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from app.cli.output import json_option, print_json, say
from app.cli.staging import Backstage, DemoFailed
from app.cli.telling import print_polls, print_tree, tell

FOLDER = Path("var/demo")
_SECONDS = 55
_HOST = "amelie@example.com"
_TIMELINE = {
    "started": 0,
    "ended_webhook": 0.2,
    "details": 2,
    "participants_final": 3,
    "recordings": 4,
    "recording_webhook": None,
    "transcripts": 7,
    "transcript_webhook": 7.5,
}
_TITLE = "Quarterly review: Zürich & Kraków"


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running, and print where.")
@click.option("--database-url", help="Use this empty database instead of an SQLite file.")
@click.option("--broker-url", help="Use this broker instead of a Valkey of our own.")
@json_option
def demo(keep: bool, database_url: str | None, broker_url: str | None, as_json: bool) -> None:
    """Hold a meeting at a simulated Webex and bring it in.

    Real processes, a real broker, real HTTP; only Webex is simulated. Exits with 0 only if every
    file in the archive equals what the simulator served.

    \b
    Example: webex-ingest demo --keep
    """
    began = time.monotonic()
    # However it is ended, none of its processes is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    tell_people = _silent if as_json else say
    tell_people(
        "Starting a simulated Webex, and webex-ingest with web, workers, beat and broker ..."
    )
    with ExitStack() as stack:
        backstage = Backstage(FOLDER.absolute(), database_url, broker_url, stack)
        tell_people(f"Ready after {time.monotonic() - began:.1f} s. Registering webhooks:")
        tell_people(backstage.command("webhooks", "register"))
        meeting_id = _hold_meeting(backstage)["meeting_id"]
        tell_people(f"A meeting goes on and ends in two seconds: {meeting_id}\n")
        _follow(backstage, began + _SECONDS, as_json)
        backstage.wait_for_manifest(meeting_id)
        wrong = backstage.differences(meeting_id)
        if not as_json:
            print_polls(backstage.control("GET", "/requests")["items"])
            print_tree(backstage.archive)
        if wrong:
            raise DemoFailed(f"the archive is not what the simulator served: {'; '.join(wrong)}")
        tell_people("\nEvery file equals what the simulator served, byte for byte.")
        tell_people(f"{time.monotonic() - began:.0f} seconds in all.")
        if as_json:
            print_json({"meeting_id": meeting_id, "archive": str(backstage.archive), "ok": True})
        if keep:
            _keep(backstage, meeting_id, as_json)


def _silent(_text: str) -> None:
    """Say nothing: somebody else reads the JSON."""


def _hold_meeting(backstage: Backstage) -> dict[str, Any]:
    end = datetime.now(UTC) + timedelta(seconds=2)
    order = {
        "title": _TITLE,
        "host_email": _HOST,
        "start": (end - timedelta(minutes=25)).isoformat(),
        "end": end.isoformat(),
        "participant_count": 4,
        "recordings": [{"bytes": 3_000_000, "audio": True}, {"bytes": 1_200_000, "audio": True}],
        "transcripts": 1,
        "timeline": _TIMELINE,
    }
    return backstage.control("POST", "/meetings", order)


def _follow(backstage: Backstage, deadline: float, as_json: bool) -> None:
    """Print what happens until the meeting is complete."""
    for line in backstage.lines(deadline):
        _tell(line, as_json)
        if line.get("event") == "meeting.complete":
            return
    raise DemoFailed("the meeting was not complete in time; the lines above say how far it came")


def _tell(line: dict[str, Any], as_json: bool) -> None:
    # Programs read one document on standard output, and may follow events beside it.
    if as_json and "event" in line:
        print_json(line, indent=None, err=True)
    elif not as_json and (sentence := tell(line)):
        say(sentence)


def _keep(backstage: Backstage, meeting_id: str, as_json: bool) -> None:
    say(f"\nStill running: {backstage.address}/meetings/{meeting_id}", err=as_json)
    say("Ctrl-C stops it.", err=as_json)
    try:
        for line in backstage.lines(deadline=None):
            _tell(line, as_json)
    except KeyboardInterrupt:
        say("Stopping ...", err=as_json)
