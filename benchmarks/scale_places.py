"""Filled databases of several sizes, side by side, with all that is needed to ask them."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from app.config import load_settings
from app.db.schema import migrate
from app.runtime import Runtime, build_runtime
from benchmarks.scale_rows import grow
from simulator import Simulator
from tests.servers import PostgresServer, ValkeyServer

_BYTES_A_MEETING = 15_000

_POSTGRES = {"shared_buffers": "512MB", "max_wal_size": "4GB"}


def counts_of(sizes: str, folder: Path) -> list[int]:
    """The sizes, from the least on; raises ClickException where there is no room for them."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = sorted({int(size) for size in sizes.split(",")})
    needed = counts[-1] * _BYTES_A_MEETING
    if shutil.disk_usage(folder).free < needed:
        raise click.ClickException(f"{folder} needs {needed / 2**30:.0f} GiB; see BENCH_DIR")
    return counts


@contextmanager
def installations(
    name: str, folder: Path, counts: list[int]
) -> Iterator[tuple[dict[int, Runtime], ValkeyServer]]:
    """A filled database of each size, with a broker and a Webex that lists nothing."""
    with ExitStack() as stack:
        own = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        postgres = PostgresServer(durable=True, settings=_POSTGRES) if name == "Postgres" else None
        valkey = ValkeyServer()
        for server in (valkey, postgres):
            if server is not None:
                stack.callback(server.close)
                server.start()
        webex = stack.enter_context(Simulator())
        runtimes = {}
        for count in counts:
            click.echo(f"{name}, {count:,} meetings ...", err=True)
            runtimes[count] = _runtime(own, f"scale{count}", postgres, webex.api_url, valkey.url)
            database = runtimes[count].bench.database
            stack.callback(database.dispose)
            migrate(database)
            grow(database, 0, count, counts[0])
        yield runtimes, valkey


def _runtime(
    folder: Path, name: str, postgres: PostgresServer | None, api_url: str, broker_url: str
) -> Runtime:
    url = postgres.create_database(name) if postgres else f"sqlite:///{folder / name}.db"
    settings = load_settings(
        webex_api_url=api_url,
        webex_access_token="nobody-minds",  # noqa: S106 -- no secret
        webex_webhook_secret="nobody-signs",  # noqa: S106
        database_url=url,
        celery_broker_url=broker_url,
        archive_dir=folder / name,
        rate_limit_per_minute=100_000,
    )
    return build_runtime(settings)
