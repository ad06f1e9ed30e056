"""A file server for machines without nginx: ranges, kept connections, sendfile, TLS."""

import re
import signal
import ssl
import sys
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

import click

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class FileAnswers(BaseHTTPRequestHandler):
    """Sends files of one folder."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, *connection: object, folder: Path) -> None:
        self._folder = folder
        super().__init__(*connection)  # type: ignore[arg-type]  # what the server hands over

    def do_GET(self) -> None:
        """Send a file, or the part of it that is asked for."""
        place = self._folder / Path(self.path).name
        if not place.is_file():
            self.send_error(404)
            return
        total = place.stat().st_size
        match = _RANGE.fullmatch(self.headers.get("Range", ""))
        first = int(match[1]) if match else 0
        last = min(int(match[2]) if match and match[2] else total, total - 1)
        self.send_response(206 if match else 200)
        if match:
            self.send_header("Content-Range", f"bytes {first}-{last}/{total}")
        self._describe(place, last - first + 1)
        with place.open("rb") as file:
            self._send(file, first, last - first + 1)

    def _describe(self, place: Path, length: int) -> None:
        changed = place.stat().st_mtime
        self.send_header("Content-Length", str(length))
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Last-Modified", formatdate(changed, usegmt=True))
        self.send_header("ETag", f'"{changed}"')
        self.end_headers()

    def _send(self, file: BinaryIO, first: int, length: int) -> None:
        try:
            self.connection.sendfile(file, first, length)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            # A client that asks for several ranges may leave early.
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Say nothing."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--certificate", type=click.Path(path_type=Path), help="PEM, with its key.")
def main(folder: Path, certificate: Path | None) -> None:
    """Serve FOLDER on a free loopback port until SIGTERM; prints the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(FileAnswers, folder=folder))
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    click.echo(server.server_address[1])
    server.serve_forever()


if __name__ == "__main__":
    main()
