"""What commands print: JSON when asked for, otherwise lines that fit a terminal.

Titles, names and errors are anybody's: nothing printed here can move a cursor, turn the direction
of a line or be taken for markup.
"""

import csv
import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

from app.ingestion.wording import one_line

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

_BETWEEN = "  "
_NARROWEST, _WIDEST_LEAST = 12, 20
"""A column is broken into about three lines, and never made narrower than the first, nor kept
wider than the second for it; where that is too wide a row gets a line for each column."""

_NOT_PLAIN = re.compile(r"[^\x20-\x7e\n]")


def say(text: str = "", *, err: bool = False) -> None:
    """Print text for people, without what a terminal would take for a command."""
    click.echo(_plain(text, lambda _: " "), err=err)


def complain(text: object) -> None:
    """Tell people what went wrong, in one line, beside what programs read."""
    say(f"webex-ingest: {one_line(str(text))}", err=True)


def print_json(value: Any, *, indent: int | None = 2, err: bool = False) -> None:
    """Print a value for programs: as UTF-8, with a JSON escape for what a terminal obeys."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    click.echo(_plain(text, lambda sign: json.dumps(sign)[1:-1]).encode(), err=err)


def print_table(
    head: Sequence[str], rows: Sequence[Sequence[object]], *, whole: Sequence[str] = ()
) -> None:
    """Print rows in columns: as wide as their texts, on a terminal no wider than it is.

    Columns named in ``whole`` are never broken, as what is in them will be copied.
    """
    for line in table_lines(head, rows, whole=whole, columns=terminal_columns()):
        say(line)


def terminal_columns() -> int | None:
    """How wide a line may be; None where no terminal shows it, and it may be as wide as it is."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def padded(text: str, width: int) -> str:
    """A text with spaces up to the width that a terminal gives to its signs."""
    from rich.cells import cell_len

    return text + " " * (width - cell_len(text))


def table_lines(
    head: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    whole: Sequence[str] = (),
    columns: int | None = None,
) -> Iterator[str]:
    """The lines of a table that has so many columns of a terminal, or as many as it takes.

    What is too long goes on below; where too little room would be left, each column of a row has
    a line of its own.
    """
    from rich.cells import cell_len

    texts = [[one_line(str(each)) for each in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(head, *texts, strict=True)]
    least = [
        width if name in whole else min(width, max(_NARROWEST, min(width // 3, _WIDEST_LEAST)))
        for name, width in zip(head, widths, strict=True)
    ]
    between = len(_BETWEEN) * (len(head) - 1)
    if columns is None or sum(widths) + between <= columns:
        return _aligned([[*head], *texts], widths)
    if sum(least) + between <= columns:
        return _folded(head, texts, least, whole, columns)
    return _one_below_another(head, texts, columns)


def print_csv(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows for spreadsheets; no cell may have anything that a terminal obeys."""
    out = io.StringIO()
    csv.writer(out).writerows([head, *rows])
    click.echo(out.getvalue(), nl=False)


def _aligned(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for row in rows:
        yield _BETWEEN.join(map(padded, row, widths)).rstrip()


def _folded(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    least: Sequence[int],
    whole: Sequence[str],
    columns: int,
) -> Iterator[str]:
    # Few commands print a table, and fewer one that is too wide.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, len(_BETWEEN), 0, 0), header_style="")
    for name, width in zip(head, least, strict=True):
        table.add_column(Text(name), no_wrap=name in whole, min_width=width, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(width=columns, color_system=None)
    for line in console.render_lines(table, pad=False):
        yield "".join(part.text for part in line).rstrip()


def _one_below_another(
    head: Sequence[str], rows: Sequence[Sequence[str]], columns: int
) -> Iterator[str]:
    width = max(map(len, head))
    room = max(_NARROWEST, columns - width - len(_BETWEEN))
    for row in rows:
        for name, text in zip(head, row, strict=True):
            for number, line in enumerate(_broken(text, room)):
                yield f"{name if number == 0 else '':{width}}{_BETWEEN}{line}"
        yield ""


def _broken(text: str, room: int) -> Iterator[str]:
    """Lines of whole words; one that is too long is left to the terminal, to be copied whole."""
    from rich.cells import cell_len

    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if line and cell_len(longer) > room:
            yield line
            longer = word
        line = longer
    if line:
        yield line


def _plain(text: str, instead_of: Callable[[str], str]) -> str:
    return _NOT_PLAIN.sub(
        lambda each: each[0] if each[0].isprintable() else instead_of(each[0]), text
    )
