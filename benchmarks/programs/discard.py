"""Read an answer into one buffer and throw it away: how fast the server is, and no client."""

import socket
import ssl
import sys
from urllib.parse import urlsplit

_BUFFER_BYTES = 1024**2


def main(url: str, certificate: str) -> None:
    """Ask for ``url`` and read until the server closes; an https server is checked."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    with socket.create_connection((host, port), timeout=60) as plain:
        connection = plain
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=certificate)
            # The server closes without a word at the end, as files often end.
            connection = context.wrap_socket(plain, server_hostname=host)
        connection.sendall(
            f"GET {parts.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        buffer = bytearray(_BUFFER_BYTES)
        received = 0
        while count := connection.recv_into(buffer):
            received += count
        sys.stdout.write(f"{received}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
