"""Post signed events over kept connections, as wrk does, where wrk is not installed."""

import json
import selectors
import socket
import sys
import time
from itertools import cycle, islice
from pathlib import Path


def main() -> None:
    """``port clients seconds file first count``; prints one JSON object."""
    port, clients, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    first, count = int(sys.argv[5]), int(sys.argv[6])
    with Path(sys.argv[4]).open() as lines:
        requests = cycle([_request(line) for line in islice(lines, first, first + count)])
    selector = selectors.DefaultSelector()
    sent_at: dict[socket.socket, float] = {}
    for _ in range(clients):
        client = socket.create_connection(("127.0.0.1", port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(client, selectors.EVENT_READ)
        sent_at[client] = time.monotonic()
        client.sendall(next(requests))
    took, errors, began = [], 0, time.monotonic()
    while time.monotonic() < began + seconds:
        for key, _ in selector.select(1):
            client = key.fileobj  # type: ignore[assignment]
            answer, now = client.recv(65536), time.monotonic()
            took.append(now - sent_at[client])
            errors += not answer.startswith(b"HTTP/1.1 204")
            if not answer:
                selector.unregister(client)
                continue
            sent_at[client] = now
            client.sendall(next(requests))
    sys.stdout.write(json.dumps(_told(took, time.monotonic() - began, errors)) + "\n")


def _request(line: str) -> bytes:
    signature, _, body = line.rstrip("\n").partition("\t")
    return (
        "POST /webhooks/webex HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-Spark-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _told(took: list[float], seconds: float, errors: int) -> dict[str, float]:
    took = sorted(took) or [seconds]
    return {
        "requests": len(took),
        "seconds": seconds,
        "p50_ms": 1000 * took[len(took) // 2],
        "p99_ms": 1000 * took[len(took) * 99 // 100],
        "errors": errors,
    }


if __name__ == "__main__":
    main()
