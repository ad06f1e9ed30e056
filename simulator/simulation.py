"""The whole simulator: two servers, a timeline and a courier around one world."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from simulator.api import create_api
from simulator.client import ControlClient
from simulator.control import create_control
from simulator.delivery import Courier
from simulator.events import Happenings
from simulator.gate import Gate
from simulator.http_server import HttpServer
from simulator.ledger import Ledger
from simulator.media import create_media
from simulator.parts import Control
from simulator.settings import Settings
from simulator.timeline import Schedule
from simulator.world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_STOP_SECONDS = 0.9


class Simulator:
    """Runs in threads of this process: `with Simulator() as simulator: ...`.

    Port 0 is any free one. Once started there are `api_url`, `media_url` and `control_url`, and
    `control`, a client for the control calls.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        media_port: int = 0,
    ) -> None:
        self._host = host
        self._ports = (port, media_port)
        self._world = World(settings or Settings())
        self._schedule = Schedule(self._world)
        self._courier = Courier(self._world, self._schedule)
        self._servers: tuple[HttpServer, ...] = ()
        self.api_url = self.media_url = self.control_url = ""
        self.control: ControlClient

    def start(self) -> Self:
        """Bind both ports and start every thread; raises OSError if a port is taken."""
        world = self._world
        happenings = Happenings(world, self._schedule, self._courier)
        ledger = Ledger(world)
        api = Gate("api", create_api(world, happenings), world, ledger)
        media = Gate("media", create_media(world), world, ledger)
        control = create_control(Control(world, self._schedule, self._courier, happenings, ledger))
        front = HttpServer(self._host, self._ports[0], _split(control, api))
        try:
            behind = HttpServer(self._host, self._ports[1], media)
        except OSError:
            front.server_close()
            raise
        self._servers = (front, behind)
        self._name_urls(front.port, behind.port)
        self._schedule.start()
        self._courier.start()
        for server in self._servers:
            server.start()
        return self

    def stop(self) -> None:
        """Stop every thread; open connections end."""
        deadline = time.monotonic() + _STOP_SECONDS
        self._world.stopping.set()
        with self._world.changed:
            self._world.changed.notify_all()
        self.control.close()
        for server in self._servers:
            server.stop()
        self._schedule.stop(max(0.0, deadline - time.monotonic()))
        self._courier.stop(max(0.0, deadline - time.monotonic()))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _name_urls(self, port: int, media_port: int) -> None:
        base = f"http://{self._host}:{port}"
        self.api_url = f"{base}/v1"
        self.control_url = f"{base}/_control"
        self.media_url = self._world.media_url = f"http://{self._host}:{media_port}"
        self.control = ControlClient(self.control_url)


def _split(control: "WSGIApplication", api: "WSGIApplication") -> "WSGIApplication":
    """Send /_control to the one and everything else to the other."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        is_control = environ["PATH_INFO"].startswith("/_control")
        return (control if is_control else api)(environ, start_response)

    return application
