"""Flower as it is installed, with our configuration, a real broker and a real worker."""

import base64
import http.client
import json
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.security import generate_password_hash

from app.db.engine import Database
from app.db.schema import migrate
from app.dispatch.broker import Broker
from app.models.words import Queue
from tests.processes import Spawned, eventually, free_port, spawn
from tests.servers import ValkeyServer

CELERY = Path(sys.executable).with_name("celery")
CONFIGURATION = Path(__file__).parent.parent / "flowerconfig.py"
PASSWORD = "a-password-for-tests-é"
PASSWORD_HASH = generate_password_hash(PASSWORD, method="scrypt:256:8:1")
INGEST_ID = 987_654_321
"""An argument that is easy to find again; there is no such ingest, so the task does nothing."""
WORKER = "all@flower-test"


@dataclass(frozen=True)
class Answer:
    status: int
    text: str


@dataclass(frozen=True)
class Flower:
    """A running Flower that has seen one task."""

    port: int
    process: Spawned

    def ask(self, path: str, *, method: str = "GET", password: str | None = PASSWORD) -> Answer:
        return ask(self.port, path, method=method, password=password)


@pytest.fixture(scope="module")
def environment(
    valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The settings of a worker and of Flower; nothing comes from an ``.env``."""
    folder = tmp_path_factory.mktemp("flower")
    url = f"sqlite:///{folder / 'webex-ingest.db'}"
    database = Database(url)
    migrate(database)
    database.dispose()
    valkey.flush()
    yield {
        "CELERY_BROKER_URL": valkey.url,
        "DATABASE_URL": url,
        "ARCHIVE_DIR": str(folder / "archive"),
        "WEBEX_ACCESS_TOKEN": "an-access-token-for-tests",
        "WEBEX_WEBHOOK_SECRET": "a-webhook-secret-for-tests",
        "OPERATOR_PASSWORD": PASSWORD_HASH,
    }
    valkey.flush()


@pytest.fixture(scope="module")
def flower(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flower]:
    """Flower beside a worker; the worker has run one task with ``INGEST_ID``."""
    folder, port = tmp_path_factory.mktemp("flower-cwd"), free_port()
    argv = ["worker", "--queues", "control,poll,transfer", "--pool", "threads"]
    with (
        celery(folder, environment, *argv, "--hostname", WORKER) as worker,
        celery(folder, environment, *flower_arguments(port)) as process,
    ):
        worker.wait_for(f"{WORKER} ready")
        eventually(
            lambda: WORKER in ask(port, "/api/workers?refresh=1").text, message=process.output
        )
        send_task(environment)
        eventually(lambda: "SUCCESS" in ask(port, "/api/tasks").text, message=process.output)
        yield Flower(port, process)


def test_nobody_sees_anything_without_the_password(flower: Flower) -> None:
    paths = ["/", "/tasks", "/api/workers", "/api/tasks", f"/worker/{quote(WORKER)}"]

    statuses = {flower.ask(path, password=None).status for path in paths}

    assert statuses == {401}


def test_a_wrong_password_opens_nothing(flower: Flower) -> None:
    assert flower.ask("/api/workers", password="another-password").status == 401


def test_the_operator_sees_the_worker_and_its_queues(flower: Flower) -> None:
    answer = flower.ask("/api/workers?refresh=1")

    queues = json.loads(answer.text)[WORKER]["active_queues"]
    assert {queue["name"] for queue in queues} == set(Queue)


def test_the_operator_sees_that_the_task_was_run(flower: Flower) -> None:
    (task,) = tasks(flower).values()

    assert (task["name"], task["state"]) == ("webex_ingest.run", "SUCCESS")


def test_the_arguments_of_a_task_are_shown_nowhere(flower: Flower) -> None:
    (task_id,) = tasks(flower)
    table = "/tasks/datatable?draw=1&start=0&length=10&order[0][column]=0&columns[0][data]=name"
    paths = [
        *("/", "/tasks", table, f"/task/{task_id}", f"/worker/{quote(WORKER)}", "/metrics"),
        *("/api/tasks", f"/api/task/info/{task_id}", f"/api/workers?refresh=1&workername={WORKER}"),
    ]

    answers = {path: flower.ask(path) for path in paths}

    assert {answer.status for answer in answers.values()} == {200}
    assert [path for path in paths if str(INGEST_ID) in answers[path].text] == []


def test_no_secret_is_shown_either(flower: Flower, environment: dict[str, str]) -> None:
    secrets = [environment[name] for name in ("WEBEX_ACCESS_TOKEN", "WEBEX_WEBHOOK_SECRET")]

    pages = [flower.ask(f"/worker/{quote(WORKER)}").text, flower.ask("/api/workers?refresh=1").text]

    assert not any(secret in page for secret in (*secrets, PASSWORD_HASH) for page in pages)


@pytest.mark.parametrize(
    "path",
    [
        f"/api/worker/shutdown/{WORKER}",
        f"/api/worker/pool/shrink/{WORKER}?n=1",
        f"/api/worker/queue/cancel-consumer/{WORKER}?queue=control",
        "/api/task/send-task/webex_ingest.sweep",
        "/api/task/revoke/some-task",
    ],
)
def test_the_operator_cannot_touch_anything(flower: Flower, path: str) -> None:
    answer = flower.ask(path, method="POST")

    assert (answer.status, answer.text) == (403, "Read only mode is enabled")


def test_it_listens_on_loopback_only(flower: Flower) -> None:
    with pytest.raises(OSError, match=r"refused|unreachable"):
        socket.create_connection((other_address(), flower.port), timeout=2).close()


def test_it_stops_when_it_is_asked_to(environment: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    with celery(tmp_path, environment, *flower_arguments(port)) as process:
        eventually(lambda: ask(port, "/healthcheck").status == 200, message=process.output)

        process.process.terminate()

        assert process.process.wait(10) == 0
        assert list(tmp_path.iterdir()) == []


def test_without_a_password_it_does_not_start(environment: dict[str, str], tmp_path: Path) -> None:
    without = environment | {"OPERATOR_PASSWORD": ""}

    with celery(tmp_path, without, *flower_arguments(free_port())) as process:
        code = process.process.wait(20)

        assert code == 1
        assert process.output() == (
            "webex-ingest: OPERATOR_PASSWORD: must be set, since Flower asks for it\n"
        )


def celery(folder: Path, environment: dict[str, str], *arguments: str) -> Any:
    """Run one of Celery's programs as an operator would, in a folder without an ``.env``."""
    return spawn([CELERY, "-A", "workers", *arguments], environment, cwd=folder)


def flower_arguments(port: int) -> tuple[str, ...]:
    return ("flower", f"--conf={CONFIGURATION}", f"--port={port}")


def send_task(environment: dict[str, str]) -> None:
    sent = Broker(environment["CELERY_BROKER_URL"]).nudge(INGEST_ID, Queue.POLL, expires_seconds=60)
    assert sent, "the broker did not take the message"


def tasks(flower: Flower) -> dict[str, Any]:
    """Every task Flower knows; the worker has run nothing else."""
    found: dict[str, Any] = json.loads(flower.ask("/api/tasks").text)
    return found


def ask(port: int, path: str, *, method: str = "GET", password: str | None = PASSWORD) -> Answer:
    """Ask Flower; status 0 while nobody listens yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {}
    if password is not None:
        encoded = base64.b64encode(f"operator:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {encoded}"
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.read().decode())
    except ConnectionRefusedError:
        return Answer(0, "")
    finally:
        connection.close()


def other_address() -> str:
    """Another address of this machine; on Linux all of 127/8 is, so no network is needed."""
    assert re.fullmatch(r"linux|darwin", sys.platform)
    return "127.0.0.2" if sys.platform == "linux" else "::1"
