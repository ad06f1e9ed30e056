"""A small threaded HTTP/1.1 server for WSGI applications: keep-alive and a quick, clean stop."""

import fcntl
import io
import os
import socket
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from simulator.endings import DisconnectError, ResetError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_NO_BODY = (204, 304)
_TAKEN_SECONDS = 1.0


class HttpServer(ThreadingMixIn, TCPServer):
    """Serves one WSGI application; `stop` ends open connections too."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, host: str, port: int, application: "WSGIApplication") -> None:
        super().__init__((host, port), _Handler)
        self.application = application
        self.port: int = self.server_address[1]
        self._open: dict[socket.socket, threading.Thread] = {}
        self._open_lock = threading.Lock()
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.02,), name=f"http-{self.port}", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._open_lock:
            threads = list(self._open.values())
            for connection in self._open:
                _shut(connection)
        deadline = time.monotonic() + 0.5
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._open_lock:
                del self._open[request]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "webex-simulator"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1

    server: HttpServer

    def __getattr__(self, name: str) -> Any:
        # http.server looks for do_GET, do_POST and so on: the application decides about methods.
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Stay quiet: /_control/requests tells more."""

    def _serve(self) -> None:
        if self.headers.get("Transfer-Encoding"):
            self.send_error(411)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = _Answer(self)
        try:
            pieces = self.server.application(self._environ(body), answer.start)
            answer.send(pieces)
        except DisconnectError:
            self.close_connection = True
            self.wfile.flush()
            _shut(self.connection)
        except ResetError:
            self.close_connection = True
            self.wfile.flush()
            _reset(self.connection)
        except OSError:
            self.close_connection = True

    def _environ(self, body: bytes) -> "WSGIEnvironment":
        path, _, query = self.path.partition("?")
        host, port = self.server.server_address[:2]
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": str(host),
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "simulator.connection": self.connection,
        }
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                environ[f"HTTP_{key}"] = value
        return environ


class _Answer:
    """One response on its way to the client."""

    def __init__(self, handler: _Handler) -> None:
        self._handler = handler
        self._status = "500 Nothing"
        self._headers: list[tuple[str, str]] = []

    def start(
        self, status: str, headers: list[tuple[str, str]], *_rest: Any
    ) -> Callable[[bytes], object]:
        self._status, self._headers = status, headers
        return self._handler.wfile.write

    def send(self, pieces: Iterable[bytes]) -> None:
        """Send headers and body; without a length the body goes in chunks."""
        try:
            body = iter(pieces)
            # The application may call start only when its first piece is asked for.
            first = next(body, b"")
            has_body, is_chunked = self._send_head()
            if not first:
                # Nothing may come for a while, and the client should know that much.
                self._handler.wfile.flush()
            for piece in _chain(first, body) if has_body else ():
                self._send_piece(piece, is_chunked=is_chunked)
            if has_body and is_chunked:
                self._handler.wfile.write(b"0\r\n\r\n")
            self._handler.wfile.flush()
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()

    def _send_head(self) -> tuple[bool, bool]:
        code, _, reason = self._status.partition(" ")
        self._handler.send_response(int(code), reason)
        names = {name.lower() for name, _ in self._headers}
        has_body = self._handler.command != "HEAD" and int(code) not in _NO_BODY
        can_chunk = self._handler.request_version != "HTTP/1.0"
        is_chunked = has_body and can_chunk and "content-length" not in names
        if is_chunked:
            self._headers.append(("Transfer-Encoding", "chunked"))
        for name, value in self._headers:
            self._handler.send_header(name, value)
        self._handler.end_headers()
        return has_body, is_chunked

    def _send_piece(self, piece: bytes, *, is_chunked: bool) -> None:
        if not piece:
            return
        if is_chunked:
            self._handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        else:
            self._handler.wfile.write(piece)
        self._handler.wfile.flush()


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The client was quicker.
        return


def _reset(connection: socket.socket) -> None:
    """Send an RST; what is still on its way would be lost, so wait until it has arrived."""
    deadline = time.monotonic() + _TAKEN_SECONDS
    while _unsent_bytes(connection) and time.monotonic() < deadline:
        time.sleep(0.001)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # A plain close() would wait for the files that were made of the socket.
    os.close(connection.detach())


def _unsent_bytes(connection: socket.socket) -> int:
    count = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(count, sys.byteorder)
