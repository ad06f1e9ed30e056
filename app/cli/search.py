"""``search``: who said some words, in which meeting, and when."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from unicodedata import east_asian_width

import click

from app.cli.days import DAY, check_span, end_of, start_of
from app.cli.output import json_option, padded, print_json, say, terminal_columns
from app.config import load_settings
from app.db.schema import check_schema
from app.db.search import Term, terms_of
from app.db.search import search as find
from app.ingestion.wording import one_line
from app.models.search import Found, Hit
from app.models.spoken import words_of
from app.opening import open_database

_MOST_SPEAKER = 20
_LEAST_TEXT = 16


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--speaker", metavar="NAME", help="Said by this one: part of a name or an email.")
@click.option("--host", metavar="EMAIL", help="In meetings of this host.")
@click.option("--from", "since", type=DAY, help="In meetings from this UTC day on.")
@click.option("--to", "until", type=DAY, help="In meetings to this UTC day, included.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    metavar="NUMBER",
    default=50,
    show_default=True,
    help="At most so many.",
)
@json_option
def search(
    words: tuple[str, ...],
    speaker: str | None,
    host: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """Search all transcripts for what somebody said.

    What has all WORDS in it is found, newest meetings first. A phrase stands in quotation marks,
    within those of the shell: '"on friday" budget'. Case and accents make no difference, and no
    sign has a meaning. Exits with 1 when nothing is found.

    \b
    Example: webex-ingest search budget friday --speaker ann
    """
    check_span(since, until)
    terms = terms_of(" ".join(words))
    if not terms:
        raise click.UsageError("there is no word in what is to be searched for")
    if speaker is not None and not words_of(speaker):
        raise click.UsageError("--speaker: there is no letter in it")
    database = open_database(load_settings())
    check_schema(database)
    begin, end = start_of(since), end_of(until)
    with database.reading() as session:
        found = find(
            session, terms, speaker=speaker, host=host, since=begin, until=end, limit=limit
        )
    if as_json:
        hits = [each.model_dump(mode="json") for each in found.hits]
        print_json({"hits": hits, "more": found.next is not None})
    else:
        _print(found, terms)
    if not found.hits:
        raise SystemExit(1)


def _print(found: Found, terms: Sequence[Term]) -> None:
    if not found.hits:
        say("Nothing found.")
    # A pipe gets whole texts; a terminal what fits, around the first of the words.
    columns = terminal_columns()
    for number, (_, hits) in enumerate(groupby(found.hits, lambda hit: hit.meeting_id)):
        if number:
            say()
        _print_meeting([*hits], terms, columns)
    if found.next is not None:
        say(f"\nThere are more than these {len(found.hits)}: see --limit.")


def _print_meeting(hits: Sequence[Hit], terms: Sequence[Term], columns: int | None) -> None:
    meeting = hits[0]
    start = f"{meeting.start:%Y-%m-%d %H:%M} UTC" if meeting.start else "(start not known)"
    say(f"{start}  {one_line(meeting.title) or '(untitled)'}  {meeting.meeting_id}")
    from rich.cells import cell_len

    rows = [
        (_time(hit.offset_milliseconds), _speaker(hit, columns), one_line(hit.text)) for hit in hits
    ]
    time_width, speaker_width = (max(cell_len(row[place]) for row in rows) for place in (0, 1))
    for time, speaker, text in rows:
        beside = f"  {time:>{time_width}}  {padded(speaker, speaker_width)}  "
        room = None if columns is None else max(_LEAST_TEXT, columns - cell_len(beside))
        say(f"{beside}{_cut(text, terms, room)}")


def _time(offset_milliseconds: int | None) -> str:
    if offset_milliseconds is None:
        return "?"
    minutes, seconds = divmod(offset_milliseconds // 1000, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _speaker(hit: Hit, columns: int | None) -> str:
    name = one_line(hit.speaker) or one_line(hit.speaker_email) or "?"
    most = len(name) if columns is None else max(8, min(_MOST_SPEAKER, columns // 5))
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _cut(text: str, terms: Sequence[Term], room: int | None) -> str:
    """The part of a text around the first of the terms."""
    if room is not None and any(east_asian_width(each) in "WF" for each in text):
        room //= 2  # Its characters are twice as wide.
    if room is None or len(text) <= room:
        return text
    begin = min(max(0, _place_of(text, terms) - room // 3), len(text) - room)
    part = text[begin : begin + room]
    if begin:
        part = f"…{part[1:]}"
    return part if begin + room >= len(text) else f"{part[:-1]}…"


def _place_of(text: str, terms: Sequence[Term]) -> int:
    """Where in a text the first of the terms begins."""
    said = tuple(words_of(text))
    found = (at for at in range(len(said)) if any(said[at : at + len(x)] == x for x in terms))
    before = next(found, 0)
    # Where a word begins words_of does not say, but how many there are up to any place.
    after = bisect_right(range(len(text)), before, key=lambda end: len(words_of(text[:end])))
    return max(0, after - 1)
