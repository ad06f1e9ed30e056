"""Where an SQLite file may be: on a disk of this machine, since its locks end there."""

from pathlib import Path

from app.errors import SettingsError

_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.sshfs"}


def check_local_disk(path: str, mounts: Path = Path("/proc/self/mounts")) -> None:
    """Raise SettingsError if the file would be on a network file system."""
    place = Path(path).absolute().parent
    place.mkdir(parents=True, exist_ok=True)
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
