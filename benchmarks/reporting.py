"""Sections of a report: printed as tables, and written as Markdown and JSON."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.figures import Bar

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Section:
    """One measurement: a table, what is to be known of it, and its bars."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    measured: dict[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every bar is reached."""
        return all(bar.passed for bar in self.bars)

    def text(self) -> str:
        """The section as Markdown that reads well on a terminal too."""
        notes = [f"- {note}" for note in self.notes]
        bars = [f"- {bar}" for bar in self.bars]
        blocks = [[f"## {self.title}"], table(self.heads, self.rows), notes, bars]
        return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"

    def shape(self) -> dict[str, Any]:
        """The section for JSON."""
        return {
            "title": self.title,
            "rows": [dict(zip(self.heads, row, strict=True)) for row in self.rows],
            "notes": self.notes,
            "bars": [{**asdict(bar), "passed": bar.passed} for bar in self.bars],
            "measured": self.measured,
        }


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table whose columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [heads, ["-" * width for width in widths], *rows]
    return [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]


def write_results(
    folder: Path, name: str, title: str, settings: dict[str, Any], sections: Sequence[Section]
) -> None:
    """Write ``name``.json and ``name``.md; nothing of this machine but its number of cores."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"cores": os.cpu_count(), **settings}
    told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in settings.items())
    text = f"# {title}\n\n{told}.\n\n" + "\n".join(section.text() for section in sections)
    (folder / f"{name}.md").write_text(text)
    shape = {"settings": settings, "sections": [section.shape() for section in sections]}
    (folder / f"{name}.json").write_text(json.dumps(shape, indent=2) + "\n")
