"""One budget of requests and one gate, for all processes that use the same token."""

from collections.abc import Iterator

import pytest

from app.dispatch.gate import SharedGate
from app.errors import RateLimited
from tests.processes import eventually, free_port
from tests.servers import ValkeyServer


def gate(url: str, *, account: str = "one", per_minute: int = 100) -> SharedGate:
    return SharedGate(url, token_name=account, per_minute=per_minute)


class Heard:
    """Adds up what a gate tells its meter."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def answered(self, status: int | None) -> None:
        pass

    def closed(self, seconds: float) -> None:
        self.seconds.append(seconds)


def spend(gate: SharedGate, requests: int) -> int:
    """Enter until the budget is spent; how often that went well."""
    for entered in range(requests):
        try:
            gate.enter()
        except RateLimited:
            return entered
    return requests


def seconds_closed(gate: SharedGate) -> float:
    with pytest.raises(RateLimited) as raised:
        gate.enter()
    return raised.value.retry_after_seconds or 0


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """A Valkey that the test may kill."""
    server = ValkeyServer()
    server.start()
    yield server
    server.close()


def test_two_processes_share_one_budget(broker_url: str) -> None:
    one, other = gate(broker_url, per_minute=10), gate(broker_url, per_minute=10)

    assert spend(one, 6) == 6
    assert spend(other, 10) == 4
    assert 1 <= seconds_closed(one) <= 60


def test_two_tokens_have_a_budget_each(broker_url: str) -> None:
    one = gate(broker_url, account="one", per_minute=3)
    other = gate(broker_url, account="other", per_minute=3)

    assert spend(one, 9) == 3
    assert spend(other, 9) == 3


def test_a_gate_closed_by_one_process_is_felt_by_the_other(broker_url: str) -> None:
    one, other = gate(broker_url), gate(broker_url)

    one.close(300)

    assert 298 < seconds_closed(other) <= 301
    assert 298 < seconds_closed(one) <= 301


def test_a_gate_without_a_told_time_is_closed_longer_each_time_up_to_a_minute(
    broker_url: str,
) -> None:
    one, other = gate(broker_url), gate(broker_url)

    assert [each.close(None) for each in (one, other, one, other, one, one)] == [
        5,
        10,
        20,
        40,
        60,
        60,
    ]


def test_a_longer_close_extends_a_shorter_one_and_not_the_other_way(broker_url: str) -> None:
    one = gate(broker_url)

    one.close(5)
    one.close(300)
    one.close(20)

    assert 298 < seconds_closed(one) <= 301


@pytest.mark.parametrize("shared", [True, False])
def test_a_gate_does_not_open_before_the_end_of_a_broken_second(
    broker_url: str, shared: bool
) -> None:
    one = gate(broker_url if shared else "memory")

    one.close(120.4)

    assert seconds_closed(one) > 120.4


def test_a_gate_closed_for_one_token_is_open_for_another(broker_url: str) -> None:
    gate(broker_url, account="one").close(300)

    assert spend(gate(broker_url, account="other"), 1) == 1


@pytest.mark.parametrize("shared", [True, False])
def test_seconds_of_a_pause_are_counted_once_however_many_are_told_to_pause(
    broker_url: str, shared: bool
) -> None:
    heard = Heard()
    url = broker_url if shared else "memory"
    one = SharedGate(url, token_name="one", per_minute=100, meter=heard)

    for seconds in (100, 100, 20, 300, 300):
        one.close(seconds)

    assert sum(heard.seconds) == pytest.approx(300, abs=2)


def test_a_gate_opens_by_itself(broker_url: str) -> None:
    one = gate(broker_url)

    one.close(1)

    assert seconds_closed(one) == pytest.approx(1, abs=0.5)
    assert eventually(lambda: spend(one, 1), seconds=5)


def test_a_gate_is_closed_for_a_day_at_most(broker_url: str) -> None:
    one = gate(broker_url)

    one.close(10**9)

    assert seconds_closed(one) <= 24 * 3600 + 1


@pytest.mark.parametrize("url", ["memory", "amqp://127.0.0.1:5672//"])
def test_without_redis_each_process_has_its_own_gate(url: str) -> None:
    one = gate(url, per_minute=2)

    assert spend(one, 9) == 2
    assert spend(gate(url, per_minute=2), 9) == 2
    one.close(30)
    assert 28 < seconds_closed(one) <= 31


def test_when_redis_is_away_a_local_budget_holds() -> None:
    one = gate(f"redis://127.0.0.1:{free_port()}/0", per_minute=2)

    assert spend(one, 9) == 2


def test_when_redis_goes_away_the_gate_stays_closed(own_valkey: ValkeyServer) -> None:
    one = gate(own_valkey.url)
    one.close(300)

    own_valkey.kill()

    assert 298 < seconds_closed(one) <= 301


def test_the_token_is_not_in_redis(valkey: ValkeyServer, broker_url: str) -> None:
    one = gate(broker_url, account="a-t0ken-of-ours")
    spend(one, 1)
    one.close(300)

    with valkey._client() as client:
        names = b" ".join(client.keys("*"))
    assert b"webex-ingest" in names
    assert b"a-t0ken-of-ours" not in names
