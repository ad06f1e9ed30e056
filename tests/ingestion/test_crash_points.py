"""A worker that dies at any call that changes something costs nothing and leaves nothing."""

import hashlib
import json
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.ingestion.run import run_ingest
from app.ingestion.sweep import sweep
from app.models.words import Resource, State
from tests.ingestion import archives
from tests.ingestion.borders import Call, read_calls
from tests.processes import spawn
from tests.servers import PostgresServer, ValkeyServer
from tests.stage import TOKEN, Stage, staged

DIED = signal.SIGKILL
KINDS: dict[str, set[str]] = {
    Resource.RECORDINGS: {"video", "audio"},
    Resource.TRANSCRIPTS: {"vtt", "txt"},
    Resource.MEETINGS: set(),
}


def held(stage: Stage, **order: Any) -> str:
    """Hold a meeting whose rows are made and due; its id."""
    told = stage.hold_meeting(timeline="instant", **order)
    stage.advance(1)
    sweep(stage.bench)
    meeting_id: str = told["meeting_id"]
    return meeting_id


def prepare(stage: Stage, meeting_id: str, resource: Resource) -> list[int]:
    """Do what is due of a meeting, but the items of one resource; the rows of these."""
    for items in (False, True):
        for each in stage.ingests(meeting_id):
            left = each.resource == resource and each.resource_id
            if bool(each.resource_id) == items and not left:
                assert each.id is not None
                run_ingest(stage.bench, each.id)
    return rows_of(stage, meeting_id, resource, items=True)


def rows_of(stage: Stage, meeting_id: str, resource: Resource, *, items: bool) -> list[int]:
    return [
        each.id
        for each in stage.ingests(meeting_id)
        if each.id and each.resource == resource and bool(each.resource_id) == items
    ]


def run(
    stage: Stage, ingest_ids: Sequence[int], *, in_copies: bool, since: str = ""
) -> list[dict[str, Any]]:
    """Die at each call of an attempt, in copies of the stage or in one row after the other."""
    settings = stage.runtime.settings
    assert settings.celery_broker_url is not None
    stage.bench.database.dispose()
    template = stage.folder / "template"
    if in_copies:
        template.mkdir()
        shutil.copyfile(str(stage.bench.database.url.database), template / "webex-ingest.db")
        if stage.archive.exists():
            shutil.copytree(stage.archive, template / "archive")
    told = {
        "settings": {
            "webex_api_url": stage.simulator.api_url,
            "webex_access_token": TOKEN,
            "database_url": settings.database_url.get_secret_value(),
            "celery_broker_url": settings.celery_broker_url.get_secret_value(),
            "archive_dir": str(stage.archive),
            "download_hosts": stage.simulator.media_url,
            "rate_limit_per_minute": 100_000,
            "disk_reserve_bytes": 0,
        },
        "template": str(template) if in_copies else None,
        "folder": str(stage.folder / "worlds"),
        "ingest_ids": ingest_ids,
        "since": since,
        "now": stage.now.isoformat(),
        "control_url": stage.simulator.control_url,
    }
    plan = stage.folder / "plan.json"
    plan.write_text(json.dumps(told))
    with spawn([sys.executable, "-m", "tests.ingestion.crashing", plan]) as program:
        said = program.wait_for("the end", seconds=240)
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def differences(deaths: "Deaths", folder: Path) -> list[str]:
    """Where manifest, rows, disk and what the simulator served are not the same."""
    rows = json.loads((folder / "rows.json").read_text())
    [place] = (folder / "archive").rglob(deaths.meeting_id)
    manifest = json.loads((place / "manifest.json").read_text())
    told = {file["path"]: (file["bytes"], file["sha256"]) for file in manifest["files"]}
    known = {path: (size, sha256) for path, size, sha256 in rows["files"]}
    disk = {
        str(path.relative_to(place)): (path.stat().st_size, sha256_of(path))
        for path in (folder / "archive").rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    served = deaths.stage.control.truth(deaths.meeting_id)["files"]
    wanted = {file["sha256"] for file in served if file["kind"] in KINDS[deaths.resource]}
    missing = wanted - {sha256 for _, sha256 in disk.values()}
    return [
        *(
            f"{name}: {set_of.get(name)}"
            for set_of in (told, disk)
            for name in set_of | known
            if set_of.get(name) != known.get(name)
        ),
        *(f"missing: {sha256}" for sha256 in missing),
        *([] if rows["state"] == State.DONE else [rows["state"]]),
    ]


def downloaded_again(died: dict[str, Any]) -> list[str]:
    """The kinds of media that were asked for again although the file had its name."""
    return [
        kind
        for kind, suffix in (("video", ".mp4"), ("audio", ".mp3"))
        if any(name.endswith(suffix) for name in died["named"])
        and len([each for each in died["media"] if each["kind"] == kind]) > 1
    ]


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass
class Deaths:
    """What came of dying at each call of one attempt at one resource."""

    stage: Stage
    meeting_id: str
    resource: Resource
    each: list[dict[str, Any]]
    calls: list[Call]


@pytest.fixture(
    scope="module", params=[Resource.RECORDINGS, Resource.TRANSCRIPTS, Resource.MEETINGS]
)
def deaths(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    migrated_file: Path,
    valkey: ValkeyServer,
) -> Iterator[Deaths]:
    folder = tmp_path_factory.mktemp("deaths")
    path = folder / "webex-ingest.db"
    shutil.copyfile(migrated_file, path)
    resource: Resource = request.param
    with staged(folder, f"sqlite:///{path}", valkey.url) as stage:
        meeting_id = held(stage, recordings=[{"bytes": 300_000}], transcripts=1)
        if resource is Resource.MEETINGS:
            ingest_ids = rows_of(stage, meeting_id, resource, items=False)
        else:
            ingest_ids = prepare(stage, meeting_id, resource)
        each = run(stage, ingest_ids, in_copies=True)
        calls = read_calls(folder / "worlds" / "whole" / "calls")
        yield Deaths(stage, meeting_id, resource, each, calls)


def test_a_worker_dies_at_every_call_that_changes_something(deaths: Deaths) -> None:
    lived = [each["deadly"] for each in deaths.each if set(each["signals"]) != {DIED}]

    assert lived == []
    assert len(deaths.each) > 20


def test_rows_manifest_and_disk_are_right_and_the_same_after_every_death(deaths: Deaths) -> None:
    wrong = {str(each["deadly"]): differences(deaths, Path(each["folder"])) for each in deaths.each}

    assert {deadly: found for deadly, found in wrong.items() if found} == {}


def test_a_file_that_has_its_name_is_not_asked_for_again(deaths: Deaths) -> None:
    again = {str(each["deadly"]): downloaded_again(each) for each in deaths.each}

    assert {deadly: found for deadly, found in again.items() if found} == {}


def test_nothing_is_told_that_a_power_cut_could_still_take_away(deaths: Deaths) -> None:
    whole = {"whole": unflushed(deaths.calls)}
    # The call at which a worker died did not happen any more.
    died = {
        str(each["deadly"]): unflushed([*calls_of(each, "calls")[:-1], *calls_of(each, "recovery")])
        for each in deaths.each
        if len(each["deadly"]) == 1
    }

    assert {name: found for name, found in (whole | died).items() if found} == {}
    assert len([call for call in deaths.calls if call["name"] == "replace"]) >= 2


def calls_of(death: dict[str, Any], name: str) -> list[Call]:
    return read_calls(Path(death["folder"]) / name)


def unflushed(calls: Sequence[Call]) -> list[str]:
    """Renames of files that were not flushed, and commits that tell of names that were not.

    A name is in its folder, so the folder is what must be flushed after it was made.
    """
    flushed: dict[int, list[int]] = {}
    owing: dict[str, set[str]] = {"insert file": set(), "commit update meeting #": set()}
    wrong = []
    for call in calls:
        if call["name"] in ("fsync", "fdatasync"):
            flushed[call["file"]] = call["state"]
            for folders in owing.values():
                folders.discard(call["path"])
        elif call["name"] == "replace":
            if flushed.get(call["file"]) != call["state"] and call["path"] not in resumed(calls):
                wrong.append(call["label"])
            is_manifest = call["target"].endswith("manifest.json")
            told_by = "commit update meeting #" if is_manifest else "insert file"
            owing[told_by].add(str(Path(call["target"]).parent))
        elif call["name"] == "mkdir":
            owing["insert file"].add(str(Path(call["path"]).parent))
        elif call["name"] == "commit":
            too_early = [folders for words, folders in owing.items() if words in call["label"]]
            wrong += [f"{call['label']} before {folders}" for folders in too_early if folders]
    return wrong


def resumed(calls: Sequence[Call]) -> set[str]:
    """Parts that only became the part of a later attempt; that is no name anybody relies on."""
    renames = [call for call in calls if call["name"] == "replace"]
    return {call["path"] for call in renames if call["target"].endswith(".part")}


def test_on_postgres_a_worker_may_die_at_every_step_of_publishing(
    tmp_path: Path, postgres: PostgresServer, migrated_template: str, valkey: ValkeyServer
) -> None:
    url = postgres.create_database("publishing", template=migrated_template)
    recordings = [{"bytes": 90_000, "audio": False}] * 16
    with staged(tmp_path, url, valkey.url) as stage:
        meeting_id = held(stage, recordings=recordings, transcripts=0)
        # The folder that all of them share is there already.
        first, *ingest_ids = prepare(stage, meeting_id, Resource.RECORDINGS)
        run_ingest(stage.bench, first)

        died = run(stage, ingest_ids, in_copies=False, since="fdatasync .*mp4")
        stage.live_until_complete(meeting_id)

        assert 10 < len(died) < len(recordings), "each step needs a recording of its own"
        assert [each["deadly"] for each in died if each["signals"] != [DIED]] == []
        assert [each["deadly"] for each in died if downloaded_again(each)] == []
        assert archives.differences(stage, meeting_id) == []
