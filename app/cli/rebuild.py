"""``rebuild``: the database from the archive, and meetings that were copied into it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from app.archive.reading import read_manifest
from app.cli.output import complain, json_option, print_json, print_table, say
from app.cli.progress import progress
from app.cli.tools import command_runtime
from app.errors import FolderRefused
from app.ingestion import rebuild as use_case
from app.ingestion.integrity import Finding, what_comes
from app.ingestion.rebuild import Fate, Rebuilt
from app.ingestion.storing import usual_folder
from app.ingestion.wording import size_text
from app.ingestion.workbench import Workbench


@click.command()
@click.argument(
    "folders",
    metavar="[FOLDER...]",
    nargs=-1,
    shell_complete=lambda _context, _parameter, begun: [CompletionItem(begun, type="dir")],
)
@click.option("--deep", is_flag=True, help="Read every byte and compare the checksums.")
@click.option("--dry-run", is_flag=True, help="Say what would be added, and change nothing.")
@json_option
def rebuild(folders: tuple[str, ...], deep: bool, dry_run: bool, as_json: bool) -> None:
    """Add the meetings of the archive that are not known here.

    All of them, or those of some folders in the archive. That makes a lost database again, and
    takes in what was copied into the archive from another machine. What is known already stays as
    it is. What is missing or changed is fetched again from Webex. Links, and folders that begin
    with a dot, are passed over. Exits with 1 when anything was refused, missing or changed.

    \b
    Example: webex-ingest rebuild --dry-run
    """
    bench = command_runtime().bench
    tops = [_inside(bench, each) for each in folders]
    told = _Told()
    try:
        for each in _shown(bench, tops, deep=deep, dry_run=dry_run, quiet=as_json):
            told.count(each)
    except KeyboardInterrupt:
        stopped = "Nothing was changed." if dry_run else "The same command goes on where it was."
        raise click.Abort(stopped) from None
    if as_json:
        print_json({"dry_run": dry_run, "deep": deep, **told.as_json()})
    else:
        told.print(deep=deep, dry_run=dry_run)
    if told.refused or told.lacking:
        raise SystemExit(1)


class _Told:
    """What became of all folders: numbers, and each that is not as it should be."""

    def __init__(self) -> None:
        self.added = 0
        self.known = 0
        self.files = 0
        self.bytes = 0
        self.refused: list[Rebuilt] = []
        self.lacking: list[Finding] = []

    def count(self, made: Rebuilt) -> None:
        self.added += made.fate is Fate.ADDED
        self.known += made.fate is Fate.KNOWN
        self.files += made.files
        self.bytes += made.bytes
        self.lacking += made.lacking
        if made.fate is Fate.REFUSED:
            self.refused.append(made)

    def as_json(self) -> dict[str, object]:
        return {
            "added": self.added,
            "known": self.known,
            "files": self.files,
            "bytes": self.bytes,
            "findings": [asdict(each) for each in self.lacking],
            "refused": [{"folder": _text(each.folder), "error": each.why} for each in self.refused],
        }

    def print(self, *, deep: bool, dry_run: bool) -> None:
        if self.lacking:
            rows = [
                (each.meeting_id, each.path, each.damage, what_comes(each)) for each in self.lacking
            ]
            print_table(("MEETING", "FILE", "FOUND", "WHAT COMES OF IT"), rows, whole=("MEETING",))
        for each in self.refused:
            complain(f"{each.folder}: {each.why}")
        were = "would be" if dry_run else "were"
        how = "every byte read" if deep else "by name and size; --deep reads every byte"
        size = size_text(self.bytes)
        say(
            f"{self.added} meeting(s) with {self.files} file(s), {size}, {were} added ({how}); "
            f"{self.known} known already, {len(self.refused)} refused."
        )


def _text(name: str) -> str:
    """The name of a folder, which need not be a text that can be written."""
    return name.encode(errors="replace").decode()


def _shown(
    bench: Workbench, tops: Sequence[Path], *, deep: bool, dry_run: bool, quiet: bool
) -> Iterator[Rebuilt]:
    """Each folder as it is done, and how far that is."""
    made: Iterable[Rebuilt] = use_case.rebuild(bench, tops, deep=deep, dry_run=dry_run)
    whole = sum(1 for _ in use_case.places(bench, tops))
    with progress("Reading folders", whole, quiet=quiet) as show:
        for number, each in enumerate(made, start=1):
            yield each
            show(number, f"{number} of {whole}")


def _inside(bench: Workbench, name: str) -> Path:
    """A folder of the archive, as it is named from here or as `status` names it."""
    root = bench.archive.root
    top = root.resolve()
    found = [each.resolve() for each in (Path(name), root / name) if each.is_dir()]
    inside = [each for each in found if each.is_relative_to(top)]
    if inside:
        return root / inside[0].relative_to(top)
    if not found:
        raise click.UsageError(f"{name} is no folder")
    where_to = _where_to(bench, found[0])
    raise click.UsageError(f"{name} is not in the archive: copy it to {where_to}, then try again")


def _where_to(bench: Workbench, place: Path) -> Path:
    """Where below the archive a folder belongs: one of a meeting where it would be made."""
    try:
        manifest = read_manifest(place.parent, place.name)
    except FolderRefused:
        return bench.archive.root / place.name
    return bench.archive.root / usual_folder(
        bench,
        manifest.meeting_id,
        start=manifest.start or bench.clock(),
        site=manifest.site_url,
        host=manifest.host_email,
        title=manifest.title,
    )
