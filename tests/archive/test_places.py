"""How many transfers of one worker ask the same media host at once."""

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.archive.places import Places
from app.errors import HostBusy, WorkerStopping
from tests.processes import eventually


def keep_waiting() -> None:
    pass


def take(places: Places, host: str, check: Callable[[], None] = keep_waiting) -> ExitStack:
    stack = ExitStack()
    stack.enter_context(places.at(host, check=check))
    return stack


def test_a_host_has_so_many_places_and_no_more() -> None:
    places = Places(2, patience_seconds=0)

    with take(places, "a.webex.com"), take(places, "a.webex.com"):
        with pytest.raises(HostBusy, match=r"2 transfers from a\.webex\.com"):
            take(places, "a.webex.com")
        with take(places, "b.webex.com"):
            pass
    with take(places, "a.webex.com"):
        pass


def test_a_name_of_any_form_has_places() -> None:
    places = Places(1, patience_seconds=0)

    with take(places, "../../[::1]"), pytest.raises(HostBusy):
        take(places, "../../[::1]")


def test_whoever_waits_for_a_place_gets_the_next_one() -> None:
    places = Places(1)
    first = take(places, "a.webex.com")

    with take(places, "a.webex.com", check=first.close):
        pass


def test_whoever_waits_for_a_place_can_be_stopped() -> None:
    def stop() -> None:
        raise WorkerStopping("on purpose")

    places = Places(1)

    with take(places, "a.webex.com"), pytest.raises(WorkerStopping):
        take(places, "a.webex.com", check=stop)


def test_child_processes_share_the_places_and_a_killed_one_gives_its_back() -> None:
    places = Places(1, patience_seconds=0)
    places.prepare()
    fork = multiprocessing.get_context("fork")
    holds, may_end = fork.Event(), fork.Event()

    def hold() -> None:
        with places.at("a.webex.com", check=keep_waiting):
            holds.set()
            may_end.wait(30)

    child = fork.Process(target=hold)
    child.start()
    try:
        assert holds.wait(20)
        with pytest.raises(HostBusy):
            take(places, "a.webex.com")
    finally:
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()

    with take(places, "a.webex.com"):
        pass


def test_a_folder_that_was_swept_away_is_made_again() -> None:
    places = Places(1, patience_seconds=0)
    shutil.rmtree(places.prepare())

    with take(places, "a.webex.com"), pytest.raises(HostBusy):
        take(places, "a.webex.com")


def test_the_folder_of_a_killed_worker_goes_when_the_next_one_begins() -> None:
    fork = multiprocessing.get_context("fork")
    told = fork.SimpleQueue()

    def work() -> None:
        places = Places(1)
        told.put(places.prepare())
        with places.at("a.webex.com", check=keep_waiting):
            signal.pause()

    workers = [fork.Process(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    killed, other = workers
    folders = {told.get(), told.get()}
    killed.kill()
    killed.join()
    try:
        Places(1).prepare()
        assert [folder.is_dir() for folder in folders].count(True) == 1
    finally:
        other.kill()
        other.join()
    Places(1).prepare()
    assert not any(folder.is_dir() for folder in folders)


def test_the_folder_of_the_places_goes_with_them() -> None:
    places = Places(1)
    folder = places.prepare()
    assert folder.is_dir()

    del places

    eventually(lambda: not Path(folder).exists())
