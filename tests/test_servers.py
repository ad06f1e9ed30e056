"""The servers that the other tests lean on."""

import os
import shutil
import signal
import sys
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers import PostgresServer, ValkeyServer, alive, eventually, free_port, spawn

REPOSITORY = Path(__file__).parent.parent


def test_valkey_answers_and_forgets_at_flush(valkey: ValkeyServer) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.set("word", "kept")

        valkey.flush()

        assert client.get("word") is None


def test_a_frozen_valkey_accepts_and_does_not_answer() -> None:
    server = ValkeyServer()
    server.start()
    client = redis.Redis.from_url(server.url, socket_timeout=0.2, retry=Retry(NoBackoff(), 0))
    try:
        server.freeze()
        with pytest.raises(redis.TimeoutError):
            client.ping()

        server.thaw()

        assert client.ping()
    finally:
        client.close()
        server.close()


@pytest.mark.parametrize(("persistent", "kept"), [(True, b"kept"), (False, None)])
def test_a_killed_valkey_comes_back_on_its_port(persistent: bool, kept: bytes | None) -> None:
    server = ValkeyServer(persistent=persistent)
    server.start()
    url = server.url
    try:
        with redis.Redis.from_url(url) as client:
            client.set("word", "kept")

        server.kill()
        server.start()

        with redis.Redis.from_url(url) as client:
            assert (server.url, client.get("word")) == (url, kept)
    finally:
        server.close()


def test_each_test_has_an_empty_postgres_database(postgres_url: str) -> None:
    with psycopg.connect(_plain(postgres_url)) as connection:
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()

    assert tables == (0,)


def test_a_database_is_a_copy_of_its_template(postgres: PostgresServer) -> None:
    template_url = postgres.create_database("template_of_a_test")
    with psycopg.connect(_plain(template_url)) as connection:
        connection.execute("CREATE TABLE word AS SELECT 'kept' AS text")

    copy_url = postgres.create_database("copy_of_a_test", template="template_of_a_test")

    with psycopg.connect(_plain(copy_url)) as connection:
        assert connection.execute("SELECT text FROM word").fetchone() == ("kept",)
    postgres.drop_database("copy_of_a_test")
    postgres.drop_database("template_of_a_test")


def test_a_killed_postgres_keeps_what_it_acknowledged(postgres: PostgresServer) -> None:
    url = _plain(postgres.create_database("killed_in_a_test"))
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE word AS SELECT 'kept' AS text")

    postgres.kill()
    postgres.start()

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT text FROM word").fetchone() == ("kept",)
    postgres.drop_database("killed_in_a_test")


def test_a_stopped_postgres_starts_again(postgres: PostgresServer) -> None:
    postgres.stop()

    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(_plain(postgres.url))
    postgres.start()

    psycopg.connect(_plain(postgres.url)).close()


def test_servers_die_with_a_killed_test_run() -> None:
    script = (
        "import signal\n"
        "from tests.servers import PostgresServer, ValkeyServer\n"
        "servers = [ValkeyServer(), PostgresServer()]\n"
        "[server.start() for server in servers]\n"
        "print('pids', *[server.pid for server in servers], flush=True)\n"
        "print('folders', *[server._folder for server in servers], 'end', flush=True)\n"
        "signal.pause()\n"
    )
    with spawn([sys.executable, "-c", script], cwd=REPOSITORY) as run:
        said = run.wait_for("end\n").split("\n")
        pids = [int(word) for word in said[0].split()[1:]]

        os.kill(run.pid, signal.SIGKILL)

        for pid in pids:
            eventually(lambda pid=pid: not alive(pid), message=f"process {pid} is alive")  # type: ignore[misc]
        for folder in said[1].split()[1:-1]:
            shutil.rmtree(folder)


def test_a_spawned_process_ends_with_its_whole_group() -> None:
    script = "sleep 60 & echo child $!; wait"
    with spawn(["/bin/sh", "-c", script]) as shell:
        child = int(shell.wait_for("\n").split()[1])

    eventually(lambda: not alive(child), message="the grandchild is alive")
    assert not shell.running()


def test_a_spawned_process_that_ignores_the_request_is_killed() -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 1; done"
    with spawn(["/bin/sh", "-c", script], seconds=0.2) as shell:
        shell.wait_for("ready")

    assert shell.process.returncode == -signal.SIGKILL


def test_waiting_for_what_never_comes_fails_with_the_message() -> None:
    with pytest.raises(AssertionError, match="no such luck"):
        eventually(lambda: False, seconds=0.1, message="no such luck")


def test_waiting_returns_the_first_true_value() -> None:
    answers = iter([None, "", "there"])

    assert eventually(lambda: next(answers)) == "there"


def test_a_free_port_can_be_bound() -> None:
    assert 1024 <= free_port() <= 65535


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")
