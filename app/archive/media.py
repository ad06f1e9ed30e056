"""Requests to media hosts: without credentials, and not into a private network by surprise."""

import socket
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from app.archive.links import Destination, check_peer

_TIMEOUT_SECONDS = (10, 30)

_UNKNOWN = Destination("the host", listed=False)
_destination: ContextVar[Destination] = ContextVar("destination", default=_UNKNOWN)


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


def ask_media(
    session: requests.Session, url: str, destination: Destination, headers: Mapping[str, str]
) -> requests.Response:
    """Ask for a file; the answer's body is not read yet, and no redirect is followed.

    Raises LinkRefused, before a byte is sent, when a name leads into a private network. Behind
    a proxy the name is all that can be checked, since the peer is the proxy.
    """
    request = session.prepare_request(requests.Request("GET", url, headers=dict(headers)))
    options = session.merge_environment_settings(url, {}, True, None, None)
    token = _destination.set(destination)
    try:
        # Not by the session: it would read a redirect's address and the whole of its body.
        return session.get_adapter(url).send(
            request,
            timeout=_TIMEOUT_SECONDS,
            **options,  # type: ignore[arg-type]  # no verify is None after the merge
        )
    finally:
        _destination.reset(token)


def _checked(connection: socket.socket) -> socket.socket:
    try:
        check_peer(str(connection.getpeername()[0]), _destination.get())
    except BaseException:
        connection.close()
        raise
    return connection


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """Checks whom it is connected to; connections to proxies come from other pools."""

    def init_poolmanager(self, *sizes: Any, **options: Any) -> None:
        super().init_poolmanager(*sizes, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
