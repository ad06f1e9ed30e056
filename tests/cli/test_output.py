"""What is printed: as wide as the terminal, whole where it is copied or read by a program."""

import json

import pytest
from rich.cells import cell_len

from app.cli.output import print_csv, print_json, print_table, say, table_lines

MEETING = "5878d18cf1b35ce266b032ecee7d5ce3_I_380851175556077895"
HEAD = ("MEETING", "FILE", "FOUND", "WHAT COMES OF IT")
ROW = (
    MEETING,
    "recordings/ad6cd04cfa4015d314ccfb472c9a9f2e.mp4",
    "missing",
    "fetched again from Webex as soon as it has it, 会議の録音 and all",
)
HOSTILE = "\x1b[2J\x9b31m[red]Quarterly[/red] :smile: \u202etxt.exe\r\nFAILED  nothing"
HARMLESS = "[2J 31m[red]Quarterly[/red] :smile: txt.exe FAILED nothing"


@pytest.mark.parametrize("columns", [20, 40, 80, 100, 120, 200])
def test_a_table_is_no_wider_than_its_terminal_and_breaks_no_id(columns: int) -> None:
    lines = [*table_lines(HEAD, [ROW, ROW], whole=("MEETING",), columns=columns)]

    assert sum(MEETING in line for line in lines) == 2
    too_long = [each for each in lines if cell_len(each) > columns]
    assert all(each.split()[-1] in ROW for each in too_long if columns >= 40), too_long
    assert not too_long or columns < 80
    for word in ("fetched", "again", "会議の録音", "missing"):
        assert "\n".join(lines).count(word) == 2


def test_where_columns_would_be_too_narrow_a_row_has_a_line_for_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    narrow = [*table_lines(HEAD, [ROW, (*ROW[:3], "")], whole=("MEETING",), columns=80)]

    assert narrow == [
        f"MEETING           {MEETING}",
        f"FILE              {ROW[1]}",
        "FOUND             missing",
        "WHAT COMES OF IT  fetched again from Webex as soon as it has it, 会議の録音 and",
        "                  all",
        "",
        f"MEETING           {MEETING}",
        f"FILE              {ROW[1]}",
        "FOUND             missing",
        "",
    ]
    assert capsys.readouterr().out == ""


def test_what_is_piped_is_whole_and_aligned_by_the_width_of_its_signs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("TITLE", "HOST"), [("会議", "ann@example.com"), ("Sync", "x" * 300)])

    assert capsys.readouterr().out.splitlines() == [
        "TITLE  HOST",
        "会議   ann@example.com",
        f"Sync   {'x' * 300}",
    ]


@pytest.mark.parametrize("columns", [None, 200, 45, 20])
def test_text_of_others_is_neither_markup_nor_a_command(columns: int | None) -> None:
    said = [*table_lines(("TITLE", "HOST"), [(HOSTILE, HOSTILE)], columns=columns)]

    assert all(line.isprintable() for line in said)
    together = "".join("".join(said).split())
    assert together.count("[") == 6
    assert together.count("[red]") == together.count(":smile:") == 2


def test_a_sentence_with_text_of_others_has_nothing_that_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say(f"Meeting {HOSTILE}")

    assert " ".join(capsys.readouterr().out.split()) == f"Meeting {HARMLESS}"


def test_json_is_the_same_value_and_has_nothing_that_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"title": HOSTILE, "host": "Zoë \udcff \U0001f600 \U000e0001"})

    said = capsys.readouterr().out
    assert all(each.isprintable() for each in said.replace("\n", ""))
    assert "Zoë" in said
    assert json.loads(said) == {"title": HOSTILE, "host": "Zoë \udcff \U0001f600 \U000e0001"}


def test_csv_ends_its_lines_as_spreadsheets_expect(capsys: pytest.CaptureFixture[str]) -> None:
    print_csv(["day", "title"], [["2026-03-02", 'a, "b"']])

    assert capsys.readouterr().out == 'day,title\r\n2026-03-02,"a, ""b"""\r\n'
