"""Folders of other machines, of enemies and of broken disks: added, left alone or refused."""

import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from app.archive.inspection import Damage
from app.archive.part import Part
from app.db.engine import Database
from app.db.meetings import ensure_meeting, find_meeting
from app.errors import ArchiveUnavailable
from app.ingestion.entry import want_meeting
from app.ingestion.rebuild import Fate, Rebuilt, rebuild
from app.ingestion.workbench import Workbench
from app.models.snippets import Snippet
from app.models.tables import File, Ingest, Meeting, Participant
from tests.ingestion.benches import NOW, make_bench, rows_of
from tests.ingestion.folders import VIDEO, lay_meeting, read_manifest, write_manifest


@pytest.fixture
def bench(tmp_path: Path, database: Database) -> Iterator[Workbench]:
    made = make_bench(tmp_path, database.url.render_as_string(hide_password=False))
    made.archive.root.mkdir()
    yield made
    made.database.dispose()


@pytest.fixture
def archive(bench: Workbench) -> Path:
    return bench.archive.root


def counted(bench: Workbench) -> list[int]:
    """How many meetings, ingests, files, people and snippets there are."""
    with bench.database.reading() as session:
        tables = (Meeting, Ingest, File, Participant, Snippet)
        return [session.scalar(select(func.count()).select_from(each)) or 0 for each in tables]


def meeting(bench: Workbench, meeting_id: str) -> Meeting | None:
    with bench.database.reading() as session:
        return find_meeting(session, meeting_id)


def fates(made: list[Rebuilt]) -> dict[str, Fate]:
    return {each.folder.rpartition("/")[2]: each.fate for each in made}


def refusals(bench: Workbench, **how: Any) -> list[str]:
    return [each.why for each in rebuild(bench, **how) if each.fate is Fate.REFUSED]


def test_a_folder_of_another_machine_is_added_where_it_lies(
    bench: Workbench, archive: Path
) -> None:
    lay_meeting(archive, "a_I_1")
    list(rebuild(bench))
    known = meeting(bench, "a_I_1")
    lay_meeting(archive, "b_I_2", folder="from-berlin/2026/Kick-off b_I_2")

    made = list(rebuild(bench))

    assert fates(made) == {"a_I_1": Fate.KNOWN, "Kick-off b_I_2": Fate.ADDED}
    assert meeting(bench, "a_I_1") == known
    added = meeting(bench, "b_I_2")
    assert added is not None
    assert added.folder == "from-berlin/2026/Kick-off b_I_2"
    assert (added.title, added.completed_at) == ("All of b_I_2", known and known.completed_at)
    assert counted(bench) == [2, 12, 8, 4, 4]


def test_what_would_be_added_is_foretold_and_nothing_changed(
    bench: Workbench, archive: Path
) -> None:
    place = lay_meeting(archive, "a_I_1")
    lay_meeting(archive, "a_I_1", folder="copies/a_I_1")
    (place / "meeting.json").write_bytes(b"{}")
    files = {each: each.stat() for each in archive.rglob("*")}

    made = list(rebuild(bench, dry_run=True, deep=True))

    assert [each.fate for each in made] == [Fate.ADDED, Fate.REFUSED]
    assert {each: each.stat() for each in archive.rglob("*")} == files
    assert counted(bench) == [0] * 5


def test_one_meeting_in_two_folders_is_taken_once_and_named(
    bench: Workbench, archive: Path
) -> None:
    lay_meeting(archive, "a_I_1", folder="one/a_I_1")
    lay_meeting(archive, "a_I_1", folder="two/a_I_1")

    for _ in range(2):
        (why,) = refusals(bench)
        assert why == "a_I_1 is known in one/a_I_1: keep one of the two, in that place"
    assert counted(bench)[0] == 1


def test_what_an_event_has_told_meanwhile_goes_on_with_what_is_there(
    bench: Workbench, archive: Path
) -> None:
    lay_meeting(archive, "a_I_1")
    with bench.database.transaction() as session:
        told = ensure_meeting(session, "a_I_1", source="webhook", now=NOW, account="ours")
        want_meeting(session, told, pace=bench.pace, now=NOW)

    (made,) = rebuild(bench)

    assert made.fate is Fate.ADDED
    states = rows_of(bench, "a_I_1")
    assert states["recordings", ""] == "waiting"
    assert states["recordings", "r1"] == "done"
    known = meeting(bench, "a_I_1")
    assert known is not None
    assert known.folder is not None
    assert (known.completed_at, known.account) == (None, "ours")
    assert counted(bench) == [1, 6, 4, 2, 2]
    assert not read_manifest(archive / known.folder)["complete"]


def test_what_another_writer_is_at_is_left_to_it_and_nothing_else(
    bench: Workbench, archive: Path
) -> None:
    place = lay_meeting(archive, "a_I_1")
    secret = archive.parent / "secret"
    secret.write_bytes(b"mine")
    (place / ".r1.mp4.3-1.part").symlink_to(secret)
    (place / ".notes.part").write_text("mine")
    with Part(place / ".r1.mp4.3-2.part") as part:
        list(rebuild(bench))
        assert part.path.exists()

    assert (place / ".notes.part").exists()
    assert secret.read_bytes() == b"mine"


def test_whoever_is_killed_between_two_meetings_goes_on_by_doing_it_again(
    bench: Workbench, archive: Path
) -> None:
    for number in range(5):
        lay_meeting(archive, f"a_I_{number}")

    list(islice(rebuild(bench), 2))
    made = list(rebuild(bench))

    assert [each.fate for each in made] == [Fate.KNOWN] * 2 + [Fate.ADDED] * 3
    assert counted(bench) == [5, 30, 20, 10, 10]


def test_several_at_once_make_each_meeting_once(bench: Workbench, archive: Path) -> None:
    for number in range(20):
        lay_meeting(archive, f"a_I_{number}")
    barrier = threading.Barrier(4)

    def run(_: int) -> int:
        barrier.wait(10)
        return sum(each.fate is Fate.ADDED for each in rebuild(bench))

    with ThreadPoolExecutor(4) as pool:
        added = sum(pool.map(run, range(4)))

    assert added == 20
    assert counted(bench) == [20, 120, 80, 40, 40]


def cut(place: Path) -> None:
    content = (place / "manifest.json").read_bytes()
    (place / "manifest.json").write_bytes(content[: len(content) // 2])


def changed(**change: Any) -> Any:
    return lambda place: write_manifest(place, read_manifest(place) | change)


def path_of_video(path: str) -> Any:
    def change(place: Path) -> None:
        told = read_manifest(place)
        told["files"][2]["path"] = path
        write_manifest(place, told)

    return change


def linked(name: str) -> Any:
    def change(place: Path) -> None:
        elsewhere = place.parent.parent.parent.parent.parent / "elsewhere"
        (place / name).rename(elsewhere)
        (place / name).symlink_to(elsewhere)

    return change


def pipe(place: Path) -> None:
    (place / "manifest.json").unlink()
    os.mkfifo(place / "manifest.json")


def huge(place: Path) -> None:
    os.truncate(place / "manifest.json", 10**10)


def of_another(place: Path) -> None:
    other = lay_meeting(place.parent.parent, "other_I_1", folder="other_I_1")
    shutil.copy(other / "manifest.json", place)
    shutil.rmtree(other)


def with_details_of_another(place: Path) -> None:
    other = lay_meeting(place.parent.parent, "other_I_1", folder="other_I_1")
    told, theirs = read_manifest(place), read_manifest(other)
    shutil.copy(other / "meeting.json", place)
    told["files"][0] = theirs["files"][0]
    write_manifest(place, told)
    shutil.rmtree(other)


def no_people(place: Path) -> None:
    told = read_manifest(place)
    told["files"][2] |= {"kind": "participants", "path": "recordings/r1.mp4", "resource_id": ""}
    write_manifest(place, told)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (cut, "its manifest cannot be read: it is cut or none"),
        (changed(version=2), "its manifest is of version 2, which this program does not know"),
        (changed(meeting_id="z_I_9"), "its manifest is of z_I_9, which the folder's name does not"),
        (changed(meeting_id="../../a_I_1"), "meeting_id is wrong"),
        (changed(files="all"), "files is wrong"),
        (path_of_video("../../a_I_1/meeting.json"), "files.2.path is wrong"),
        (path_of_video("/etc/passwd"), "files.2.path is wrong"),
        (path_of_video("meeting.json"), "something stands there twice"),
        (path_of_video("meeting.json/r1.mp4"), "meeting.json/r1.mp4 cannot be read"),
        (linked("recordings"), "recordings is a link, and may lead out of the archive"),
        (linked("manifest.json"), "manifest.json cannot be read"),
        (pipe, "manifest.json is no file"),
        (huge, "manifest.json is larger than 64 MiB"),
        (of_another, "its manifest is of other_I_1, which the folder's name does not contain"),
        (with_details_of_another, "meeting.json is of another meeting than its manifest"),
        (no_people, "recordings/r1.mp4 is no JSON"),
        (
            lambda place: (place / "manifest.json").unlink(),
            "has files of a meeting and no manifest",
        ),
    ],
)
def test_a_folder_that_cannot_be_right_is_refused_by_name_and_the_others_go_on(
    bench: Workbench, archive: Path, damage: Any, sentence: str
) -> None:
    lay_meeting(archive, "a_I_1")
    damage(lay_meeting(archive, "b_I_2"))
    lay_meeting(archive, "c_I_3")

    made = {each.folder.rpartition("/")[2]: each for each in rebuild(bench)}

    assert [each.fate for each in made.values()] == [Fate.ADDED, Fate.REFUSED, Fate.ADDED]
    assert sentence in made["b_I_2"].why
    assert counted(bench) == [2, 12, 8, 4, 4]


def test_a_file_that_is_a_link_is_none_that_was_stored(bench: Workbench, archive: Path) -> None:
    place = lay_meeting(archive, "a_I_1")
    secret = archive.parent / "secret"
    secret.write_bytes(VIDEO)
    (place / "recordings" / "r1.mp4").unlink()
    (place / "recordings" / "r1.mp4").symlink_to(secret)

    (made,) = rebuild(bench, deep=True)

    assert [(each.path, each.damage) for each in made.lacking] == [
        ("recordings/r1.mp4", Damage.CHANGED)
    ]
    assert rows_of(bench, "a_I_1")["recordings", "r1"] == "waiting"
    assert secret.read_bytes() == VIDEO


def test_links_are_named_and_what_is_hidden_or_foreign_is_passed_over(
    bench: Workbench, archive: Path
) -> None:
    lay_meeting(archive, "a_I_1")
    lay_meeting(archive, "a_I_1", folder=".snapshots/monday/a_I_1")
    (archive / "lost+found").mkdir()
    (archive / "manifest.json").write_text('{"name": "somebody else\'s"}')
    (archive / "notes.txt").write_text("mine")
    lay_meeting(archive.parent, "b_I_2", folder="other-disk/b_I_2")
    (archive / "old").symlink_to(archive.parent / "other-disk")
    (archive / "round").symlink_to(archive)

    made = list(rebuild(bench))

    assert fates(made) == {"a_I_1": Fate.ADDED, "old": Fate.REFUSED, "round": Fate.REFUSED}
    assert {each.why for each in made if each.why} == {
        "is a link, which is not followed: mount there what it leads to"
    }


def test_a_link_to_itself_holds_up_nothing(bench: Workbench, archive: Path) -> None:
    lay_meeting(archive, "b_I_2")
    (archive / "a").symlink_to("a")

    assert fates(list(rebuild(bench))) == {"a": Fate.REFUSED, "b_I_2": Fate.ADDED}


def test_a_foreign_manifest_hides_no_meeting_below_it(bench: Workbench, archive: Path) -> None:
    lay_meeting(archive, "a_I_1")
    (archive / "example.webex.com" / "manifest.json").write_text('{"name": "somebody else\'s"}')

    assert fates(list(rebuild(bench))) == {"example.webex.com": Fate.REFUSED, "a_I_1": Fate.ADDED}


@pytest.mark.parametrize(
    "above", [b"caf\xe9", b"bell\x07", b"/".join([b"deep" * 40] * 7)], ids=["bytes", "bell", "deep"]
)
def test_a_folder_whose_name_no_database_keeps_is_refused(
    bench: Workbench, archive: Path, above: bytes
) -> None:
    lay_meeting(archive, "a_I_1")
    lay_meeting(archive, "b_I_2", folder=f"{os.fsdecode(above)}/b_I_2")

    assert refusals(bench) == ["its path is too long, or has signs that are none of a text"]
    assert counted(bench)[0] == 1


def test_folders_may_be_as_deep_as_they_like(bench: Workbench, archive: Path) -> None:
    lay_meeting(archive, "a_I_1")
    place = archive
    for _ in range(500):
        place /= "d"
        place.mkdir()

    assert fates(list(rebuild(bench))) == {"a_I_1": Fate.ADDED}


def test_a_title_in_a_folders_name_is_no_hindrance(bench: Workbench, archive: Path) -> None:
    lay_meeting(archive, "a_I_1", folder="営業\u3000会議\xa0Café 👩‍💻 a_I_1")

    assert [each.fate for each in rebuild(bench)] == [Fate.ADDED]


def test_numbers_that_no_database_counts_on_from_are_refused(
    bench: Workbench, archive: Path
) -> None:
    told = read_manifest(place := lay_meeting(archive, "a_I_1"))
    told["resources"][0]["for_rebuild"]["attempt"] = 2**31 - 1
    write_manifest(place, told)

    assert refusals(bench) == [
        "its manifest cannot be read: resources.0.for_rebuild.attempt is wrong"
    ]


def test_an_item_of_what_has_none_is_refused(bench: Workbench, archive: Path) -> None:
    told = read_manifest(place := lay_meeting(archive, "a_I_1"))
    told["resources"][1] |= {"resource_id": "x"}
    write_manifest(place, told)

    assert refusals(bench) == ["its manifest cannot be read: resources.1 is wrong"]


def test_an_archive_that_is_not_there_is_told_and_changes_nothing(
    bench: Workbench, archive: Path
) -> None:
    for is_mounted in (True, False):
        if not is_mounted:
            archive.rmdir()
        with pytest.raises(ArchiveUnavailable, match="is its disk there"):
            list(rebuild(bench))
    assert counted(bench) == [0] * 5


def test_a_manifest_without_what_a_rebuild_remembers_serves_as_well(
    bench: Workbench, archive: Path
) -> None:
    place = lay_meeting(archive, "a_I_1")
    told = read_manifest(place)
    for each in [told, *told["resources"], *told["files"]]:
        each.pop("for_rebuild", None)
    write_manifest(place, told)

    (made,) = rebuild(bench)

    known = meeting(bench, "a_I_1")
    assert made.fate is Fate.ADDED
    assert known is not None
    assert (known.webex_state, known.details_known) == ("ended", True)
    assert known.completed_at is not None
    assert {*rows_of(bench, "a_I_1").values()} == {"done"}
    with bench.database.reading() as session:
        rows = session.scalars(select(Ingest).where(col(Ingest.resource_id) != ""))
        assert all(each.stored_at and each.ended_at for each in rows)
