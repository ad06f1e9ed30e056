"""What commands print: JSON when asked for, otherwise lines that fit a terminal."""

import json
from collections.abc import Sequence
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: Any) -> None:
    """Print a value for programs: as UTF-8, with a JSON escape for what that does not have."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    click.echo(text.encode(errors="backslashreplace"))


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns as wide as their widest text."""
    texts = [[str(each) for each in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *texts, strict=True)]
    for row in [list(head), *texts]:
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
