"""A plain client of the media origin: one request, and all that can be said of its answer."""

import http.client
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.simulator.support import Webex

_SLOW_SECONDS = 1.0
_SILENT_SECONDS = 1.0


@dataclass(frozen=True)
class Answer:
    """What came; `ending` is empty when the answer came whole, as far as its headers tell."""

    status: int | None
    headers: dict[str, str]
    body: bytes
    ending: str

    @property
    def etag(self) -> str:
        return self.headers.get("etag", "")


def download(link: str, **headers: str) -> Answer:
    """Ask once, follow nothing, hide nothing; `If_Range` stands for If-Range."""
    address = urlsplit(link)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=_SILENT_SECONDS)
    try:
        asked = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", f"{address.path}?{address.query}", headers=asked)
        return _read(connection.getresponse())
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return Answer(None, {}, b"", "closed")
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse) -> Answer:
    body, ending = b"", ""
    deadline = time.monotonic() + _SLOW_SECONDS
    try:
        while piece := response.read1(65_536):
            body += piece
            if time.monotonic() > deadline:
                ending = "slow"
                break
    except http.client.IncompleteRead:
        ending = "cut"
    except ConnectionResetError:
        ending = "reset"
    except TimeoutError:
        ending = "stalled"
    headers = {name.lower(): value for name, value in response.headers.items()}
    promised = headers.get("content-length")
    if not ending and promised is not None and len(body) < int(promised):
        ending = "cut"
    response.close()
    return Answer(response.status, headers, body, ending)


def video_link(webex: Webex, recording_id: str) -> str:
    return webex.api.links(recording_id)["recordingDownloadLink"]
