"""Who is compared: the programs that people download with, and ours."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import program, tool

DISCARD = "read and discard"
CURL = "curl -o"
CURL_SHA256 = "curl -o, openssl dgst -sha256"
CURL_SHA256_SYNC = "curl -o, openssl dgst -sha256, sync -d"
OURS = "ours, whole"
OURS_BARE = "ours, no checksum, no flush"
OURS_RANGES = "ours, TRANSFER_RANGES=4"

_FETCH_AND_HASH = 'curl -sSf --cacert "$3" -o "$2" "$1" && openssl dgst -sha256 "$2"'


@dataclass(frozen=True, slots=True)
class Download:
    """What a contender is to do."""

    url: str
    place: Path
    certificate: Path

    def words(self, *before: str) -> list[str]:
        """All of it as arguments."""
        return [*before, self.url, str(self.place), str(self.certificate)]


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to download one file."""

    name: str
    argv: Callable[[Download], list[str]]
    needs: tuple[str, ...] = ()
    keeps: bool = True

    @property
    def missing(self) -> list[str]:
        """The programs that it needs and that are not installed."""
        return [name for name in self.needs if tool(name) is None]


def one_file() -> list[Contender]:
    """All contenders for one large file."""
    return [
        Contender(DISCARD, lambda it: program("discard", it.url, it.certificate), keeps=False),
        Contender(CURL, curl, ("curl",)),
        Contender(CURL_SHA256, lambda it: shell(_FETCH_AND_HASH, it), ("curl", "openssl")),
        Contender(
            CURL_SHA256_SYNC,
            lambda it: shell(f'{_FETCH_AND_HASH} && sync -d "$2"', it),
            ("curl", "openssl", "sync"),
        ),
        Contender("wget", wget, ("wget",)),
        Contender("aria2c -x4", aria2c, ("aria2c",)),
        Contender("requests, iter_content(8192)", lambda it: program("naive", it.url, it.place)),
        Contender(OURS, ours),
        Contender(OURS_BARE, lambda it: [*ours(it), "--bare"]),
        Contender(OURS_RANGES, lambda it: [*ours(it), "--ranges", "4"]),
    ]


def ours(it: Download) -> list[str]:
    """The product's loop."""
    return program("ours", it.url, it.place)


def curl(it: Download) -> list[str]:
    """As people type it, but quiet."""
    return ["curl", "-sSf", "--cacert", str(it.certificate), "-o", str(it.place), it.url]


def wget(it: Download) -> list[str]:
    """As people type it, but quiet."""
    return ["wget", "-q", f"--ca-certificate={it.certificate}", "-O", str(it.place), it.url]


def aria2c(it: Download) -> list[str]:
    """Four connections, and no time spent on reserving space."""
    return [
        "aria2c",
        "-q",
        "-x4",
        "--no-conf",
        "--file-allocation=none",
        f"--ca-certificate={it.certificate}",
        f"--dir={it.place.parent}",
        f"--out={it.place.name}",
        it.url,
    ]


def shell(script: str, it: Download) -> list[str]:
    """A shell that is given the link, the place and the certificate as $1, $2 and $3."""
    return it.words("sh", "-c", script, "sh")
