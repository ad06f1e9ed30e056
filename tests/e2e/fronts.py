"""A TLS front with names: what a client meets when it asks for a real host through a proxy."""

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.webex.tls import Authority


@contextmanager
def tls_front(folder: Path, ports: Mapping[str, int]) -> Iterator[tuple[int, Path]]:
    """Serve each name's TLS and lead it to its local port; the front's port and the CA's file."""
    authority = Authority(folder)
    context = authority.server_context(*ports)
    context.sni_callback = _remember_name
    with socket.create_server(("127.0.0.1", 0)) as listener:
        arguments = (listener, context, dict(ports))
        thread = threading.Thread(target=_accept, args=arguments, daemon=True)
        thread.start()
        yield listener.getsockname()[1], authority.bundle
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _remember_name(socket_: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
    socket_.name_asked_for = name  # type: ignore[attr-defined]


def _accept(listener: socket.socket, context: ssl.SSLContext, ports: dict[str, int]) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(plain, context, ports), daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, ports: dict[str, int]) -> None:
    with suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as client:
        name = str(client.name_asked_for)  # type: ignore[attr-defined]
        with socket.create_connection(("127.0.0.1", ports[name]), 10) as target:
            upward = threading.Thread(target=_pour, args=(client, target), daemon=True)
            upward.start()
            _pour(target, client)


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
