"""Where an SQLite file may be, and who may read it."""

import stat
from pathlib import Path

import pytest

from app.db.engine import Database
from app.db.place import prepare_file
from app.db.schema import migrate
from app.errors import SettingsError


def test_the_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "var" / "webex-ingest.db"

    prepare_file(str(path))
    database = Database(f"sqlite:///{path}")
    migrate(database)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    database.dispose()

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}, modes


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_network_file_system_is_refused(tmp_path: Path, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"disk / ext4 rw 0 0\nserver:/x {tmp_path} {kind} rw 0 0\n")

    with pytest.raises(SettingsError, match=f"network file system \\({kind}\\)"):
        prepare_file(str(tmp_path / "here" / "webex-ingest.db"), mounts)
    assert not (tmp_path / "here").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="DATABASE_URL: cannot make"):
        prepare_file(str(tmp_path / "file" / "webex-ingest.db"))
