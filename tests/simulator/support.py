"""What the simulator's tests talk through: an API client and a receiver of webhooks."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urljoin

import requests

from simulator import Simulator

TOKEN = "simulator-token"
ADMIN_TOKEN = "simulator-admin-token"

Json = dict[str, Any]


class Api:
    """A session with the simulated API; `token=None` sends no Authorization."""

    def __init__(self, base_url: str, token: str | None = TOKEN) -> None:
        self.base_url = base_url
        self._session = requests.Session()
        self._session.trust_env = False
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        address = path if path.startswith("http") else f"{self.base_url}{path}"
        options.setdefault("timeout", 10)
        return self._session.request(method, address, **options)

    def get(self, path: str, **params: Any) -> requests.Response:
        query = {key.rstrip("_"): value for key, value in params.items()}
        return self.call("GET", path, params=query)

    def json(self, path: str, **params: Any) -> Json:
        response = self.get(path, **params)
        assert response.status_code == 200, response.text
        body: Json = response.json()
        return body

    def items(self, path: str, **params: Any) -> list[Json]:
        items: list[Json] = self.json(path, **params)["items"]
        return items

    def pages(self, path: str, **params: Any) -> list[list[Json]]:
        """Follow `next` to the end and return every page."""
        response = self.get(path, **params)
        pages = [response.json()["items"]]
        while "next" in response.links:
            response = self.call("GET", urljoin(self.base_url, response.links["next"]["url"]))
            assert response.status_code == 200, response.text
            pages.append(response.json()["items"])
        return pages

    def register(self, target_url: str, resource: str, event: str, **more: Any) -> Json:
        body = {"name": "a test", "targetUrl": target_url, "resource": resource, "event": event}
        response = self.call("POST", "/webhooks", json=body | more)
        assert response.status_code == 200, response.text
        hook: Json = response.json()
        return hook

    def links(self, recording_id: str) -> dict[str, str]:
        links: dict[str, str] = self.json(f"/recordings/{recording_id}")[
            "temporaryDirectDownloadLinks"
        ]
        return links


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        envelope: Json = json.loads(self.body)
        return envelope

    @property
    def kind(self) -> str:
        return f"{self.json['resource']}.{self.json['event']}"

    @property
    def data(self) -> Json:
        data: Json = self.json["data"]
        return data


class Receiver:
    """A webhook target; `status` is what it answers."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.status = 204
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def kinds(self) -> list[str]:
        return [each.kind for each in self.received]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(Received(dict(self.headers.items()), body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler


@dataclass(frozen=True)
class Webex:
    """A running simulator and a session with its API."""

    simulator: Simulator
    api: Api

    def meeting(self, **order: Any) -> Json:
        """Hold a meeting whose files are all ready at once."""
        held = self.simulator.control.hold_meeting(**{"timeline": "instant"} | order)
        self.simulator.control.settle()
        return held


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "The condition did not come true in time."
        pause.wait(0.01)
