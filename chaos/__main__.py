"""``python -m chaos``: strike an installation for a while, let it drain, and check it."""

import json
import random
import secrets
import tempfile
from pathlib import Path

import click

from chaos.run import Plan, run


@click.command()
@click.option("--seconds", default=120.0, show_default=True, help="How long it is struck.")
@click.option("--drain-seconds", default=180.0, show_default=True, help="How long it may drain.")
@click.option(
    "--database", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True
)
@click.option("--seed", type=int, help="Chooses the blows; default: another one each time.")
@click.option(
    "--meeting-every", default=2.0, show_default=True, help="Seconds from one meeting to the next."
)
@click.option("--folder", type=click.Path(path_type=Path), help="Keep everything in this folder.")
def main(
    seconds: float,
    drain_seconds: float,
    database: str,
    seed: int | None,
    meeting_every: float,
    folder: Path | None,
) -> None:
    """Kill, freeze and restart a running installation at random; exit 1 if anything is lost.

    The last line is JSON. With --folder the logs of all processes stay in it.
    """
    seed = secrets.randbelow(10**6) if seed is None else seed
    plan = Plan(seconds, drain_seconds, database, random.Random(seed), meeting_every)  # noqa: S311
    click.echo(f"Seed {seed}, {database}, {seconds:g} s.")
    with tempfile.TemporaryDirectory(prefix="webex-ingest-chaos-") as temporary:
        report = run(plan, folder or Path(temporary), click.echo)
    for sentence in report.sentences():
        click.echo(sentence)
    click.echo(json.dumps({"seed": seed} | report.figures()))
    if not report.passed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
