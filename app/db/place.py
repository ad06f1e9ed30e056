"""Where an SQLite file may be: on a disk of this machine, and readable by its owner alone."""

from pathlib import Path

from app.errors import SettingsError

_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.sshfs"}


def prepare_file(path: str, mounts: Path = Path("/proc/self/mounts")) -> None:
    """Make the file and its folder for their owner alone, unless they are there.

    SQLite gives its side files the same rights. Raises SettingsError if the file would be on
    a network file system, where its locks do not hold, or cannot be made.
    """
    place = Path(path).absolute().parent
    _check_disk(place, mounts)
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        Path(path).touch(mode=0o600)
    except OSError as error:
        raise SettingsError(f"DATABASE_URL: cannot make {path}: {error.strerror}") from None


def _check_disk(place: Path, mounts: Path) -> None:
    kind = _file_system(place.resolve(), mounts)
    if kind in _NETWORK:
        raise SettingsError(
            f"DATABASE_URL: {place} is on a network file system ({kind}), where SQLite loses "
            "data; use a local disk or postgresql+psycopg://"
        )


def _file_system(place: Path, mounts: Path) -> str | None:
    try:
        lines = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return None
    above = [(Path(line[1]), line[2]) for line in lines if place.is_relative_to(line[1])]
    return max(above, key=lambda mount: len(mount[0].parts))[1] if above else None
