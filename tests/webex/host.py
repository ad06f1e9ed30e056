"""A small HTTP server that answers exactly as a test says, however wrong that is."""

import socket
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; with ``cut_at`` the connection ends after so many bytes of the body.

    Without ``has_length`` the end of the connection is the end of the body. With ``pause_seconds``
    the body comes in pieces of ``piece_bytes``, so far apart.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    has_length: bool = True
    cut_at: int | None = None
    piece_bytes: int = 0
    pause_seconds: float = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came; names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]


class Host:
    """Gives its answers in turn, the last one again and again; ``requests`` is what it saw."""

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers)
        self.requests: list[Seen] = []
        self.stopping = threading.Event()
        self._server = _Server(self)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, seen: Seen) -> Answer:
        """Note a request and choose its answer."""
        self.requests.append(seen)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, host: Host) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.host = host

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet: clients hang up on purpose here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    # An answer goes out in several pieces: each would wait forty milliseconds for the one before.
    disable_nagle_algorithm = True
    server: _Server

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.host.take(Seen(self.command, self.path, headers))
        self.send_response(answer.status)
        told = {name.lower() for name in answer.headers}
        if answer.has_length and not told & {"content-length", "transfer-encoding"}:
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if not answer.has_length or answer.cut_at is not None:
            self.close_connection = True
        self.end_headers()
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        body = answer.body if answer.cut_at is None else answer.body[: answer.cut_at]
        step = answer.piece_bytes or len(body) or 1
        try:
            for start in range(0, len(body), step):
                self.wfile.write(body[start : start + step])
                if self.server.host.stopping.wait(answer.pause_seconds):
                    break
            if self.close_connection:
                self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            self.close_connection = True
