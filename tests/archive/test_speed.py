"""A speed is that of the last seconds: what came long ago, or of another body, says nothing."""

import pytest

from app.archive.speed import Speedometer


@pytest.fixture
def speedometer() -> Speedometer:
    return Speedometer(10)


def test_there_is_no_speed_before_two_notes(speedometer: Speedometer) -> None:
    assert speedometer.bytes_per_second is None

    speedometer.note(500, at=100)

    assert speedometer.bytes_per_second is None


def test_two_notes_of_one_moment_give_no_speed(speedometer: Speedometer) -> None:
    speedometer.note(0, at=100)
    speedometer.note(500, at=100)

    assert speedometer.bytes_per_second is None


def test_a_speed_is_the_average_between_the_first_and_the_last_note(
    speedometer: Speedometer,
) -> None:
    for size, at in ((0, 100), (10, 101), (600, 104)):
        speedometer.note(size, at=at)

    assert speedometer.bytes_per_second == 150


def test_what_came_before_the_window_is_forgotten(speedometer: Speedometer) -> None:
    for size, at in ((0, 100), (9000, 101), (9100, 106), (9200, 111), (9300, 116)):
        speedometer.note(size, at=at)

    assert speedometer.bytes_per_second == 20


def test_a_host_that_stands_still_has_a_speed_of_nothing(speedometer: Speedometer) -> None:
    for at in (100, 105, 110):
        speedometer.note(700, at=at)

    assert speedometer.bytes_per_second == 0


def test_after_a_pause_longer_than_the_window_there_is_a_speed_still(
    speedometer: Speedometer,
) -> None:
    speedometer.note(0, at=100)
    speedometer.note(3000, at=160)

    assert speedometer.bytes_per_second == 50


@pytest.mark.parametrize(("last_at", "is_full"), [(109.9, False), (110, True), (125, True)])
def test_a_window_is_full_when_it_has_been_looked_at_for_its_length(
    speedometer: Speedometer, last_at: float, is_full: bool
) -> None:
    assert not speedometer.has_full_window

    speedometer.note(0, at=100)
    speedometer.note(10, at=last_at)

    assert speedometer.has_full_window is is_full


def test_a_window_stays_full_while_notes_keep_coming(speedometer: Speedometer) -> None:
    fullness = []
    for at in range(100, 140, 4):
        speedometer.note(at, at=at)
        fullness.append(speedometer.has_full_window)

    assert fullness == [False] * 3 + [True] * 7


def test_fewer_bytes_than_before_begin_anew(speedometer: Speedometer) -> None:
    for size, at in ((0, 90), (9000, 100), (100, 101)):
        speedometer.note(size, at=at)
    at_once = (speedometer.bytes_per_second, speedometer.has_full_window)

    speedometer.note(130, at=102)

    assert at_once == (None, False)
    assert speedometer.bytes_per_second == 30


def test_another_body_begins_anew(speedometer: Speedometer) -> None:
    speedometer.note(0, at=90)
    speedometer.note(9000, at=100)

    speedometer.begin()
    forgotten = (speedometer.bytes_per_second, speedometer.has_full_window)
    speedometer.note(9000, at=101)
    speedometer.note(9030, at=102)

    assert forgotten == (None, False)
    assert speedometer.bytes_per_second == 30
