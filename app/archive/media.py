"""Requests to media hosts: without credentials, and not into a private network by surprise."""

import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import HTTPResponse

from app.archive import headers
from app.archive.links import Destination, check_link, check_peer
from app.errors import LinkDead, LinkRefused, MediaBroken, MediaBusy, TransferInterrupted
from app.models.times import retry_after_seconds

NOT_MEDIA = "the media host sent a web page or an error message instead of media"

_TIMEOUT_SECONDS = (10, 30)
_DEAD = {401, 403, 404, 410}
_REDIRECT = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 3
_NOT_MEDIA_TYPES = {
    "text/html",
    "text/xml",
    "application/json",
    "application/xml",
    "application/xhtml+xml",
}

Guard = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""Told how to hang up on what is about to be waited for."""


def _unguarded(_hang_up: Callable[[], None]) -> AbstractContextManager[None]:
    return nullcontext()


_UNKNOWN = Destination("the host", listed=False)
_destination: ContextVar[Destination] = ContextVar("destination", default=_UNKNOWN)
_guard: ContextVar[Guard] = ContextVar("guard", default=_unguarded)


def media_session() -> requests.Session:
    """A session without any credentials: the ticket in the link is all that a media host wants."""
    session = requests.Session()
    # An auth of our own keeps requests from looking for credentials in ~/.netrc.
    session.auth = lambda request: request
    session.headers = requests.structures.CaseInsensitiveDict(
        {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "webex-ingest"}
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


def open_link(
    session: requests.Session,
    link: str,
    wanted: Mapping[str, str],
    allowed_hosts: tuple[str, ...],
    *,
    guard: Guard = _unguarded,
    arrive: Callable[[str], None] = lambda _host: None,
) -> requests.Response:
    """Ask for a file, and follow at most three redirects by hand; the body is not read yet.

    ``arrive`` is told each host before it is asked; under ``guard`` headers are waited for, and
    it is handed a way to hang up meanwhile. Raises LinkRefused for a link that may not be
    followed, LinkDead for one that leads on to where it may not be followed.
    """
    url = link
    for hop in range(_MOST_REDIRECTS + 1):
        try:
            destination = check_link(url, allowed_hosts)
            arrive(destination.host)
            response = ask_media(session, url, destination, wanted, guard=guard)
        except LinkRefused as error:
            if hop:
                raise LinkDead(f"the link leads on to elsewhere: {error}") from None
            raise
        if response.status_code not in _REDIRECT:
            return response
        response.close()
        url = _joined(url, response.headers.get("Location", ""))
    raise LinkDead(f"the link redirects more than {_MOST_REDIRECTS} times")


def check_answer(response: requests.Response, now: datetime) -> None:
    """Raise what the answer of a media host means, unless it may go on: 200, 206 or 416.

    LinkDead for a refusal or a page, MediaBusy for "later", MediaBroken for a compressed body,
    which has no honest length.
    """
    status = response.status_code
    if status in _DEAD:
        raise LinkDead(f"the media host answered {status}")
    if status not in (200, 206, 416):
        seconds = retry_after_seconds(response.headers.get("Retry-After"), now)
        raise MediaBusy(f"the media host answered {status}", retry_after_seconds=seconds)
    if status != 416 and headers.content_type(response) in _NOT_MEDIA_TYPES:
        raise LinkDead(NOT_MEDIA)
    if status != 416 and headers.is_encoded(response):
        raise MediaBroken("the media host sent a compressed body although none was asked for")


def ask_media(
    session: requests.Session,
    url: str,
    destination: Destination,
    wanted: Mapping[str, str],
    *,
    guard: Guard = _unguarded,
) -> requests.Response:
    """Ask for a file; the answer's body is not read yet, and no redirect is followed.

    Raises LinkRefused, before a byte is sent, when a name leads into a private network. Behind
    a proxy the name is all that can be checked, since the peer is the proxy.
    """
    request = session.prepare_request(requests.Request("GET", url, headers=dict(wanted)))
    options = session.merge_environment_settings(url, {}, True, None, None)
    token, guarded = _destination.set(destination), _guard.set(guard)
    try:
        # Not by the session: it would read a redirect's address and the whole of its body.
        return session.get_adapter(url).send(
            request,
            timeout=_TIMEOUT_SECONDS,
            **options,  # type: ignore[arg-type]  # no verify is None after the merge
        )
    finally:
        _destination.reset(token)
        _guard.reset(guarded)


def read_piece(response: requests.Response, amount: int) -> bytes:
    """The next bytes of a body, as they came; empty at its end.

    Raises TransferInterrupted, requests' or urllib3's errors. A chunk of a negative size is a
    plain ValueError of urllib3's.
    """
    try:
        return response.raw.read(amount, decode_content=False)
    except ValueError as error:
        kind = type(error).__name__
        raise TransferInterrupted(f"the media host's answer cannot be read ({kind})") from None


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise LinkDead("the link leads on to what is no address") from None


def _checked(connection: socket.socket) -> socket.socket:
    try:
        check_peer(str(connection.getpeername()[0]), _destination.get())
    except BaseException:
        connection.close()
        raise
    return connection


class _Guarded(HTTPConnection):
    """Headers can take for ever, a byte at a time: no timeout ends that, hanging up does."""

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3 does so too
        """Wait for the headers under the guard of whoever asked."""
        connection = self.sock
        assert connection is not None, "the request was sent over it"
        # Not the method of an SSL socket: that takes its keys away from whoever is reading, who
        # then goes on with the bytes as they came over the line.
        shutdown = partial(socket.socket.shutdown, connection)
        with _guard.get()(partial(shutdown, socket.SHUT_RDWR)):
            response = super().getresponse()
        response._sock_shutdown = shutdown
        return response


class _GuardedSecure(_Guarded, HTTPSConnection):
    pass


class _Connection(_Guarded):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _SecureConnection(_GuardedSecure):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _ProxiedPool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _ProxiedSecurePool(HTTPSConnectionPool):
    ConnectionCls = _GuardedSecure


class _Adapter(HTTPAdapter):
    """Checks whom it is connected to; connections to proxies come from other pools."""

    def init_poolmanager(self, *sizes: Any, **options: Any) -> None:
        super().init_poolmanager(*sizes, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = {"http": _ProxiedPool, "https": _ProxiedSecurePool}
        return manager
