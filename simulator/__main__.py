"""The command line: `python -m simulator`."""

import json
import signal
import threading
from pathlib import Path

import click
from pydantic import ValidationError

from simulator.settings import Settings
from simulator.simulation import Simulator


@click.command(name="simulator")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8801, show_default=True, help="API and control; 0 is any free port."
)
@click.option("--media-port", default=8802, show_default=True, help="Media; 0 is any free port.")
@click.option(
    "--settings",
    "settings_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON file with settings; see the README.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one JSON object.")
def main(host: str, port: int, media_port: int, settings_path: Path | None, as_json: bool) -> None:
    """Simulate the Webex Meetings API until SIGINT or SIGTERM."""
    settings = _read_settings(settings_path)
    asked_to_stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_stop.set())
    simulator = Simulator(settings, host=host, port=port, media_port=media_port)
    try:
        simulator.start()
    except OSError as error:
        raise click.ClickException(
            f"The ports {port} and {media_port} of {host} cannot be used ({error.strerror}). "
            "Choose others with --port and --media-port."
        ) from None
    click.echo(_announcement(simulator, as_json=as_json))
    asked_to_stop.wait()
    simulator.stop()


def _read_settings(path: Path | None) -> Settings:
    if path is None:
        return Settings()
    try:
        return Settings.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "the file"
        raise click.ClickException(f"{path}: {name}: {first['msg']}") from None


def _announcement(simulator: Simulator, *, as_json: bool) -> str:
    addresses = {
        "api_url": simulator.api_url,
        "media_url": simulator.media_url,
        "control_url": simulator.control_url,
    }
    if as_json:
        return json.dumps(addresses)
    return (
        f"Webex simulator: API {simulator.api_url}, media {simulator.media_url}, "
        f"control {simulator.control_url}. Stop with Ctrl-C."
    )


if __name__ == "__main__":
    main()
