"""The Valkey that serve runs for itself, as a real server."""

import os
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from app.cli.valkey import NoValkey, Valkey, answers_ping, find_binary, valkey_program
from tests.servers import Spawned, eventually, free_port, spawn


@contextmanager
def running(valkey: Valkey) -> Iterator[Spawned]:
    with spawn(valkey.program.argv, valkey.program.environment) as server:
        assert valkey.program.ready
        eventually(valkey.program.ready, message=server.output)
        yield server


def test_what_is_written_survives_a_kill(tmp_path: Path) -> None:
    first = valkey_program(tmp_path)
    with running(first) as server, redis.Redis.from_url(first.url) as client:
        client.set("word", "kept")
        server.process.kill()
        server.process.wait(10)

    second = valkey_program(tmp_path)

    with running(second), redis.Redis.from_url(second.url) as client:
        assert client.get("word") == b"kept"
    assert second.url == first.url


@pytest.mark.parametrize("spoil", ["short", "zeros", "nonsense"])
def test_a_log_that_is_damaged_at_its_end_does_not_stop_it(tmp_path: Path, spoil: str) -> None:
    first = valkey_program(tmp_path)
    with running(first), redis.Redis.from_url(first.url) as client:
        client.set("word", "kept")
        client.set("last", "lost or not")
    damage(tmp_path, spoil)

    second = valkey_program(tmp_path)

    with running(second), redis.Redis.from_url(second.url) as client:
        assert client.get("word") == b"kept"


@pytest.mark.parametrize("name", ["appendonly.aof.manifest", "appendonly.aof.1.base.aof"])
def test_a_log_that_cannot_be_mended_is_put_aside(tmp_path: Path, name: str) -> None:
    first = valkey_program(tmp_path)
    with running(first), redis.Redis.from_url(first.url) as client:
        client.set("word", "lost")
    (tmp_path / "valkey/appendonlydir" / name).write_text("nonsense")

    second = valkey_program(tmp_path)

    with running(second), redis.Redis.from_url(second.url) as client:
        assert client.get("word") is None
    assert (tmp_path / "valkey/appendonlydir.damaged").is_dir()


def test_it_lets_nobody_in_without_the_password(tmp_path: Path) -> None:
    valkey = valkey_program(tmp_path)
    password, address = valkey.url.removeprefix("redis://:").split("@")

    with running(valkey):
        assert not answers_ping(f"redis://{address}")()
        assert not answers_ping(f"redis://:x{password}@{address}")()
        assert answers_ping(valkey.url)()


def test_the_password_is_shown_nowhere(tmp_path: Path) -> None:
    valkey = valkey_program(tmp_path)
    password = (tmp_path / "valkey/password").read_text()

    with running(valkey) as server:
        shown = subprocess.run(
            ["cat", f"/proc/{server.pid}/cmdline", f"/proc/{server.pid}/environ"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert len(password) > 40
    assert "valkey" in shown
    assert password not in shown + repr(valkey) + server.output()


def test_its_files_are_for_us_alone(tmp_path: Path) -> None:
    valkey_program(tmp_path)

    folder = tmp_path / "valkey"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes == {"valkey": 0o700, "password": 0o600, "port": 0o600, "valkey.conf": 0o600}


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    valkey = valkey_program(tmp_path)

    with running(valkey), redis.Redis.from_url(valkey.url) as client:
        settings = client.config_get("bind", "appendonly", "appendfsync", "maxmemory-policy")

    assert settings == {
        "bind": "127.0.0.1",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
    }


def test_another_port_is_taken_when_that_of_last_time_is_in_use(tmp_path: Path) -> None:
    first = valkey_program(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", int((tmp_path / "valkey/port").read_text())))
        other.listen()

        second = valkey_program(tmp_path)

    assert second.url != first.url
    assert valkey_program(tmp_path).url == second.url


@pytest.mark.parametrize("text", ["", "nonsense", "70000", "-1"])
def test_a_spoilt_port_file_is_written_anew(tmp_path: Path, text: str) -> None:
    valkey_program(tmp_path)
    (tmp_path / "valkey/port").write_text(text)

    valkey = valkey_program(tmp_path)

    assert valkey.url.endswith(f":{int((tmp_path / 'valkey/port').read_text())}/0")


def test_a_given_port_is_used(tmp_path: Path) -> None:
    port = free_port()

    assert f"127.0.0.1:{port}/" in valkey_program(tmp_path, port).url


def test_a_folder_with_spaces_and_quotes_is_no_trouble(tmp_path: Path) -> None:
    valkey = valkey_program(tmp_path / 'my "own" folder')

    with running(valkey), redis.Redis.from_url(valkey.url) as client:
        assert client.set("word", "kept")


def test_a_server_on_the_path_is_used_where_the_wheel_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "redis-server").symlink_to(find_binary())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    assert find_binary() == tmp_path / "redis-server"


def test_without_any_server_the_error_names_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    with pytest.raises(NoValkey, match="CELERY_BROKER_URL"):
        valkey_program(tmp_path)


def damage(state_dir: Path, how: str) -> None:
    """Spoil the end of the log as a power cut does."""
    (log,) = (state_dir / "valkey/appendonlydir").glob("*.incr.aof")
    if how == "short":
        os.truncate(log, log.stat().st_size - 5)
        return
    with log.open("ab") as stream:
        stream.write(bytes(5000) if how == "zeros" else b"nonsense\r\n" * 9)
