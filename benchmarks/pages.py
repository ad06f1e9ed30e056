"""The pages with years of meetings: the web process on databases of several sizes, in turns."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import click
import requests

from app.cli.programs import web_program
from app.runtime import Runtime
from benchmarks.options import with_places, with_sizes
from benchmarks.reporting import write_results
from benchmarks.scale_looks import FILTERS, MEETING, Look, look_in_turns, middle_of, with_asks
from benchmarks.scale_places import counts_of, installations
from benchmarks.scale_rows import RARE
from tests.processes import eventually, free_port, spawn
from tests.servers import ValkeyServer

PASSWORD = "let-me-in"  # noqa: S105 -- of a door that lives for minutes
_PAGE_SECONDS = 60


@click.command()
@with_places
@with_sizes
@with_asks
def main(sizes: str, asks: int, folder: Path, results: Path, bars: bool) -> None:
    """Ask web processes with few and with many meetings for the same pages, in turns."""
    counts = counts_of(sizes, folder)
    sections = []
    for name in ("SQLite", "Postgres"):
        with (
            installations(name, folder, counts) as (runtimes, valkey),
            web_processes(runtimes, valkey) as urls,
        ):
            asked = {count: _looks(url, count) for count, url in urls.items()}
            section = look_in_turns(f"{name}: pages", asked, asks)
        click.echo(section.text())
        sections.append(section)
    settings = {"sizes": ", ".join(f"{each:,}" for each in counts), "asks": asks}
    write_results(results, "pages", "Pages of years of meetings", settings, sections)
    if bars and not all(section.passed for section in sections):
        sys.exit(1)


@contextmanager
def web_processes(runtimes: dict[int, Runtime], valkey: ValkeyServer) -> Iterator[dict[int, str]]:
    """The door and the pages over each database, as ``serve`` runs them; where they listen."""
    with ExitStack() as stack:
        urls = {}
        for count, runtime in runtimes.items():
            port = free_port()
            environment = {
                "DATABASE_URL": runtime.bench.database.url.render_as_string(hide_password=False),
                "CELERY_BROKER_URL": valkey.url,
                "ARCHIVE_DIR": str(runtime.settings.archive_dir),
                "WEBEX_WEBHOOK_SECRET": "nobody-signs",
                "OPERATOR_PASSWORD": PASSWORD,
                "LOG_FORMAT": "json",
            }
            argv = web_program("127.0.0.1", port, {}).argv
            process = stack.enter_context(spawn(argv, environment))
            urls[count] = f"http://127.0.0.1:{port}"
            alive = partial(_lives, urls[count])
            eventually(alive, seconds=60, message=process.output)
        yield urls


def _paths(count: int) -> dict[str, str]:
    return {
        **{f"list: {name}": f"/?{urlencode(filters)}" for name, filters in FILTERS.items()},
        "list: below the middle": f"/?before={middle_of(count)}",
        "one meeting": f"/meetings/{MEETING}",
        "search": f"/search?q={RARE}",
    }


def _looks(url: str, count: int) -> dict[str, Look]:
    """All pages that there are."""
    session = requests.Session()
    session.trust_env = False
    session.auth = ("operator", PASSWORD)

    def look(path: str) -> int:
        status = session.get(url + path, timeout=_PAGE_SECONDS).status_code
        assert status in (200, 404), (path, status)
        return status

    there = {name: path for name, path in _paths(count).items() if look(path) == 200}
    assert there, url
    return {name: partial(look, path) for name, path in there.items()}


def _lives(url: str) -> bool:
    try:
        return requests.get(f"{url}/livez", timeout=5).ok
    except requests.ConnectionError:
        return False


if __name__ == "__main__":
    main()
