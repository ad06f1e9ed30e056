"""``demo``: the main job for real, against the simulator, told as it happens."""

import json
import shutil
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from app.cli.output import json_option, print_json
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
    """Hold a meeting at a simulated Webex and bring it into an archive.

    Real processes, a real broker, real HTTP; only Webex is simulated. Exit 0 only if every
    file equals what the simulator served.
    """
    began = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    say = _silent if as_json else click.echo
    say("Starting a simulated Webex, and webex-ingest with web, workers, beat and broker ...")
    with ExitStack() as stack:
        backstage = Backstage(FOLDER.absolute(), database_url, broker_url, stack)
        say(f"Ready after {time.monotonic() - began:.1f} s. Registering webhooks:")
        say(backstage.command("webhooks", "register"))
        meeting_id = _hold_meeting(backstage)["meeting_id"]
        say(f"A meeting goes on and ends in two seconds: {meeting_id}\n")
        _follow(backstage, began + _SECONDS, as_json)
        backstage.wait_for_manifest(meeting_id)
        wrong = backstage.differences(meeting_id)
        if not as_json:
            print_polls(backstage.control("GET", "/requests")["items"])
            print_tree(backstage.archive)
        if wrong:
            raise DemoFailed(f"the archive is not what the simulator served: {'; '.join(wrong)}")
        say("\nEvery file equals what the simulator served, byte for byte.")
        say(f"{time.monotonic() - began:.0f} seconds in all.")
        if as_json:
            print_json({"meeting_id": meeting_id, "archive": str(backstage.archive), "ok": True})
        if keep:
            _keep(backstage, meeting_id)


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
        sentence = _line(line) if as_json else tell(line)
        if sentence:
            click.echo(sentence)
        if line.get("event") == "meeting.complete":
            return
    raise DemoFailed("the meeting was not complete in time; the lines above say how far it came")


def _line(line: dict[str, Any]) -> str | None:
    return json.dumps(line) if "event" in line else None


def _keep(backstage: Backstage, meeting_id: str) -> None:
    click.echo(f"\nStill running: {backstage.address}/meetings/{meeting_id}")
    click.echo("Ctrl-C stops it.")
    try:
        for line in backstage.lines(deadline=None):
            if sentence := tell(line):
                click.echo(sentence)
    except KeyboardInterrupt:
        click.echo("Stopping ...")
