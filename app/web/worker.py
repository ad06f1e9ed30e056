"""The gunicorn worker: no slow client, whether it sends or reads, keeps a thread from the door.

gunicorn's own threads read a request and write its answer however long that takes, so a few
dozen clients that trickle are enough to hold them all. Here the loop that accepts connections
also gathers requests, and a thread gets one that is whole. What threads may be held by readers
of large answers is bounded, and the rest is the door's. A file is sent by no thread that answers,
but by one of its own.
"""

import resource
import selectors
import socket
import sys
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn import http, util
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import TConn, ThreadWorker

from app.web.access import OPEN_PATHS
from app.web.files import is_file_path
from app.web.gathering import Gathering
from app.web.sending import MOST_BODIES, ClientSocket, Sender

_REQUEST_SECONDS = 10
"""How long a request may take to arrive."""

_SEND_SECONDS = 30
"""How long one piece of an answer may take to leave."""

_STUCK_SECONDS = 3
"""So long after the last place became free those that wait for one are refused."""

_MOST_WAITING = 256

_LINGER_SECONDS = 2
_MOST_LINGERING = 256
_RECEIVE_BYTES = 64 * 1024

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Type: application/json\r\nContent-Length: 56\r\n\r\n"
    b'{"error":"too many answers are being read; try again"}\r\n'
)
_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
    b"Content-Length: 0\r\n\r\n"
)
_MALFORMED = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Content-Length: 52\r\n\r\n"
    b'{"error":"nobody can say where this body has ended"}'
)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """A connection that knows what has come of its next request."""

    def __init__(self, worker: "DoorWorker", sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(worker.cfg, ClientSocket(sock), client, server)
        self.gathering = Gathering()
        # It reads what was gathered and never the socket, so that no thread ever waits for it.
        self.parser = http.get_parser(worker.cfg, iter(()), client)
        self.path = ""
        self.is_cut = False
        self.has_place = False
        self.initialized = self.data_ready = True
        self._worker = worker

    def close(self, graceful: bool = False) -> None:
        """Close it; gracefully means that the client has time to read the answer."""
        if graceful:
            self._worker.linger(self.sock)
        else:
            util.close(self.sock)


class DoorWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A gthread worker whose threads only see whole requests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The loop alone knows of places: it gives one, and takes it back when the thread is free.
        self._places = max(1, self.cfg.threads // 2)
        self._freed_at = 0.0
        self._waiting: deque[_Connection] = deque()
        self._lingering: deque[tuple[float, socket.socket]] = deque()

    def init_process(self) -> None:
        """Begin to serve; refuses what this worker cannot do."""
        if self.cfg.is_ssl:
            self.log.error("This worker speaks no TLS: put a proxy that does in front of it.")
            sys.exit(Arbiter.APP_LOAD_ERROR)
        # A thousand connections, some that linger, and two files for each commit to SQLite.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        # Of what a worker may open the door has half at least: a body takes two.
        self._sender = Sender(MOST_BODIES if most < 0 else min(MOST_BODIES, most // 4))
        self._sender.start()
        super().init_process()

    def run(self) -> None:
        """Serve until the end; what is still being sent then is cut."""
        try:
            super().run()
        finally:
            self._sender.close()

    def accept(self, listener: socket.socket) -> None:
        """Take a connection, and wait for its request without a thread."""
        try:
            sock, client = listener.accept()
        except OSError:
            # Another process was quicker, the client has gone again, or there are too many.
            return
        self.nr_conns += 1
        conn = _Connection(self, sock, client, listener.getsockname())
        self._await_more(conn)

    def on_client_socket_readable(self, conn: _Connection, client: socket.socket) -> None:
        """A kept connection begins its next request, or ends."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._receive(conn)

    def on_pending_socket_readable(self, conn: _Connection, client: socket.socket) -> None:
        """More of a request has come."""
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        self._receive(conn, is_waited_for=True)

    def _receive(self, conn: _Connection, *, is_waited_for: bool = False) -> None:
        try:
            received = conn.sock.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            self._await_more(conn, is_waited_for=is_waited_for)
        except OSError:
            self._end(conn)
        else:
            conn.gathering.add(received)
            self._go_on(conn, ended=not received, is_waited_for=is_waited_for)

    def _go_on(
        self, conn: _Connection, *, ended: bool = False, is_waited_for: bool = False
    ) -> None:
        gathering = conn.gathering
        if gathering.is_whole:
            conn.is_cut = gathering.is_cut
            conn.path = gathering.path
            conn.parser.unreader.unread(gathering.take())
            self._dispatch(conn)
        elif gathering.is_too_long or gathering.is_malformed:
            with suppress(OSError):
                conn.sock.send(_HEAD_TOO_LARGE if gathering.is_too_long else _MALFORMED)
            self._end(conn, graceful=True)
        elif ended:
            self._end(conn)
        else:
            if gathering.wants_continue():
                with suppress(OSError):
                    conn.sock.send(_CONTINUE)
            self._await_more(conn, is_waited_for=is_waited_for)

    def _dispatch(self, conn: _Connection) -> None:
        """Let a thread answer; what is not the door's needs one of few places, and waits for it."""
        if conn.path in OPEN_PATHS:
            self.enqueue_req(conn)
        elif len(self._waiting) >= _MOST_WAITING:
            self._refuse(conn)
        else:
            conn.timeout = time.monotonic() + _REQUEST_SECONDS
            self._waiting.append(conn)
            self._fill_places()

    def _fill_places(self) -> None:
        while self._places and self._waiting:
            conn = self._waiting.popleft()
            if self._sender.is_full and is_file_path(conn.path):
                self._refuse(conn)
                continue
            self._places -= 1
            conn.has_place = True
            self.enqueue_req(conn)

    def _refuse(self, conn: _Connection) -> None:
        with suppress(OSError):
            conn.sock.send(_BUSY)
        self._end(conn, graceful=True)

    def _refuse_waiting(self, now: float) -> None:
        """Refuse who has waited for long, and everybody while those that have places stall."""
        while self._waiting:
            conn = self._waiting[0]
            began = conn.timeout - _REQUEST_SECONDS
            if conn.timeout > now and max(began, self._freed_at) > now - _STUCK_SECONDS:
                break
            self._refuse(self._waiting.popleft())

    def _await_more(self, conn: _Connection, *, is_waited_for: bool = False) -> None:
        # In the order of their deadlines, which murder_pending relies on: a client that goes
        # on trickling keeps the deadline that it has.
        if is_waited_for:
            place = sum(1 for each in self.pending_conns if each.timeout <= conn.timeout)
            self.pending_conns.insert(place, conn)
        else:
            conn.timeout = time.monotonic() + _REQUEST_SECONDS
            self.pending_conns.append(conn)
        self.poller.register(
            conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn)
        )

    def _end(self, conn: _Connection, *, graceful: bool = False) -> None:
        self.nr_conns -= 1
        conn.close(graceful=graceful)

    def finish_request(self, conn: _Connection, fs: Any) -> None:
        """Have the file sent that belongs to the answer, and only then finish."""
        body = conn.sock.take_body()
        if body is not None:
            done = partial(self.method_queue.defer, self._sent, conn, fs)
            self._sender.send(conn.sock, body, done)
        if conn.has_place:
            # Before the connection may begin with another request.
            conn.has_place = False
            self._places += 1
            self._freed_at = time.monotonic()
            self._fill_places()
        if body is None:
            self._finish(conn, fs)

    def _sent(self, conn: _Connection, fs: Any, is_whole: bool) -> None:
        if is_whole:
            self._finish(conn, fs)
        else:
            self._end(conn)

    def _finish(self, conn: _Connection, fs: Any) -> None:
        """Keep the connection, and begin with what it has sent of the next request."""
        super().finish_request(conn, fs)
        if conn.gathering.has_bytes and self.keepalived_conns and self.keepalived_conns[-1] is conn:
            self.poller.unregister(conn.sock)
            self.keepalived_conns.pop()
            self._go_on(conn)

    def handle_request(self, req: Any, conn: _Connection) -> bool:
        """Answer one request."""
        conn.sock.settimeout(_SEND_SECONDS)
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError:
            self.log.warning("A client did not read its answer within %d s.", _SEND_SECONDS)
            return False

    def _keepalive_after(self, conn: _Connection, keepalive: bool) -> bool:
        # Of a body that is too large the rest would look like the next request.
        if not keepalive or conn.is_cut or not conn.parser.finish_body():
            return False
        conn.sock.setblocking(False)
        conn.gathering.add(conn.parser.unreader.take_buffered())
        return True

    def linger(self, sock: socket.socket) -> None:
        """Close a connection when its client has closed it too, or after two seconds.

        gunicorn waits for that in the loop, where one client holds up all others.
        """
        try:
            sock.setblocking(False)
            sock.shutdown(socket.SHUT_WR)
            self.poller.register(sock, selectors.EVENT_READ, self._drain)
        except (OSError, ValueError, KeyError, RuntimeError):
            util.close(sock)
            return
        self._lingering.append((time.monotonic() + _LINGER_SECONDS, sock))
        if len(self._lingering) > _MOST_LINGERING:
            self._let_go(self._lingering.popleft()[1])

    def _drain(self, sock: socket.socket) -> None:
        try:
            if sock.recv(_RECEIVE_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._let_go(sock)

    def _let_go(self, sock: socket.socket) -> None:
        with suppress(OSError, ValueError, KeyError):
            self.poller.unregister(sock)
        util.close(sock)

    def murder_pending(self) -> None:
        """Close what has been waited for long enough; the loop calls it once a second."""
        super().murder_pending()
        if not self.alive:
            # Whoever has begun a request may end it; the others are not waited for.
            for conn in [each for each in self.pending_conns if not each.gathering.has_bytes]:
                self.pending_conns.remove(conn)
                self.poller.unregister(conn.sock)
                self._end(conn)
        now = time.monotonic()
        self._refuse_waiting(now)
        while self._lingering and self._lingering[0][0] <= now:
            self._let_go(self._lingering.popleft()[1])
