"""Tokens are renewed ahead of their end, by one worker, and stand in the database sealed."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from app.db.accounts import claim_renewal, delete_account, find_account, store_tokens
from app.db.engine import Database
from app.db.sealing import Sealer
from app.errors import DatabaseUnavailable, TokenRefused, TokenRenewing, WebexError
from app.ingestion.tokens import OF_SETTINGS, Given, TokenKeeper
from app.models.tables import Account
from app.webex.sign_in import App, TokenPair, renew
from simulator import Simulator

APP = App("simulator-client", "simulator-secret")
REFRESH = "simulator-refresh-token"
WORKERS = 16
KEY, OTHER_KEY = (Fernet.generate_key().decode() for _ in range(2))


class World:
    """A simulator and a database, whose clocks go together."""

    def __init__(self, simulator: Simulator, database: Database) -> None:
        self.simulator = simulator
        self.database = database
        self.now = datetime.fromisoformat("2026-03-02T09:00:00Z")
        self.advance(0)

    def advance(self, seconds: float) -> None:
        """Let time pass for both."""
        self.now += timedelta(seconds=seconds)
        told = {"freeze": True, "now": self.now.isoformat()}
        self.simulator.control.call("POST", "/clock", told)

    def keeper(self, *keys: str, refresh_token: str | None = REFRESH) -> TokenKeeper:
        """The tokens as one more process knows them."""
        given = Given(app=APP, refresh_token=refresh_token)
        clock = lambda: self.now  # noqa: E731 -- it must follow
        fetch = partial(renew, self.simulator.api_url, clock=clock)
        sealer = Sealer(keys or (KEY,))
        return TokenKeeper(self.database, sealer, renew=fetch, given=given, clock=clock)

    def account(self, name: str = OF_SETTINGS) -> Account:
        """The row as it is now."""
        with self.database.reading() as session:
            account = find_account(session, name)
        assert account is not None
        return account

    @property
    def renewals(self) -> int:
        """How often a pair of tokens was asked for."""
        return len(self.simulator.control.requests(path_contains="/access_token"))


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with Simulator() as simulator:
        yield World(simulator, database)


def test_the_refresh_token_of_the_settings_brings_a_token_that_every_process_then_uses(
    world: World,
) -> None:
    token = world.keeper().current(OF_SETTINGS)

    assert world.keeper().current(OF_SETTINGS) == token
    assert world.renewals == 1


def test_what_is_stored_shows_no_token_and_no_secret(world: World) -> None:
    token = world.keeper().current(OF_SETTINGS)

    with world.database.reading() as session:
        stored = str(session.execute(text("SELECT * FROM account")).mappings().all())
    for secret in (token, REFRESH, APP.client_secret):
        assert secret not in stored


def test_a_token_is_renewed_in_the_last_fifth_of_whatever_life_webex_gives_it(
    world: World,
) -> None:
    world.simulator.control.change_settings(access_token_seconds=1000)
    keeper = world.keeper()
    first = keeper.current(OF_SETTINGS)
    world.advance(799)
    assert keeper.current(OF_SETTINGS) == first

    world.advance(1)

    assert keeper.current(OF_SETTINGS) != first
    assert world.renewals == 2


def test_a_token_of_two_weeks_is_renewed_a_day_before_its_end(world: World) -> None:
    world.keeper().current(OF_SETTINGS)

    ends = world.account().access_expires_at
    assert ends is not None
    assert world.account().renew_at == ends - timedelta(days=1)


def test_sixteen_workers_that_find_the_token_old_renew_it_once(world: World) -> None:
    keepers = [world.keeper() for _ in range(WORKERS)]
    first = keepers[0].current(OF_SETTINGS)
    world.advance(13.5 * 86400)

    tokens = together(keepers, lambda keeper: keeper.current(OF_SETTINGS))

    assert world.renewals == 2
    assert len(set(tokens) - {first}) == 1, "the others went on with what still lasted"


def test_sixteen_workers_whose_token_is_refused_renew_it_once(world: World) -> None:
    keepers = [world.keeper() for _ in range(WORKERS)]
    first = keepers[0].current(OF_SETTINGS)
    world.advance(10)
    world.simulator.control.expire_tokens()

    tokens = together(keepers, lambda keeper: keeper.instead_of(OF_SETTINGS, first))

    assert world.renewals == 2
    assert len({*tokens} - {"TokenRenewing"}) == 1
    (new,) = {*tokens} - {"TokenRenewing"}
    assert {keeper.instead_of(OF_SETTINGS, first) for keeper in keepers} == {new}
    assert world.renewals == 2, "who looks again finds the new one"


def together(keepers: list[TokenKeeper], ask: Callable[[TokenKeeper], object]) -> list[str]:
    """What each gets when all ask at once; the name of its error where it gets none."""
    begin = threading.Barrier(len(keepers))

    def one(keeper: TokenKeeper) -> str:
        begin.wait()
        try:
            return str(ask(keeper))
        except WebexError as error:
            return type(error).__name__

    with ThreadPoolExecutor(len(keepers)) as pool:
        return list(pool.map(one, keepers))


def test_a_refresh_token_that_webex_replaces_is_used_the_next_time(world: World) -> None:
    world.simulator.control.change_settings(rotate_refresh_tokens=True)
    keeper = world.keeper()
    keeper.current(OF_SETTINGS)
    for _ in range(3):
        world.advance(13.5 * 86400)
        keeper.current(OF_SETTINGS)

    assert world.renewals == 4
    assert world.account().error is None


def test_a_worker_that_dies_while_it_renews_is_waited_for_a_minute(world: World) -> None:
    keeper = world.keeper()
    refused = keeper.current(OF_SETTINGS)
    world.advance(10)
    until = world.now + timedelta(seconds=60)
    with world.database.transaction() as session:
        assert claim_renewal(session, world.account(), now=world.now, until=until)

    with pytest.raises(TokenRenewing):
        keeper.instead_of(OF_SETTINGS, refused)
    world.advance(60)

    assert keeper.instead_of(OF_SETTINGS, refused) not in (None, refused)


def test_a_pair_that_comes_too_late_is_thrown_away(world: World) -> None:
    first = world.keeper()
    refused = first.current(OF_SETTINGS)
    world.advance(10)

    def frozen(_app: App, _refresh_token: str) -> TokenPair:
        world.advance(61)
        world.keeper().instead_of(OF_SETTINGS, refused)
        return TokenPair("too-late", None, None, None, None)

    slow = world.keeper()
    slow._renew = frozen
    found = slow.instead_of(OF_SETTINGS, refused)

    assert found not in (refused, "too-late", None)
    assert first.instead_of(OF_SETTINGS, refused) == found


def test_a_pair_outlasts_a_database_that_is_held_for_longer_than_others_wait(world: World) -> None:
    world.simulator.control.change_settings(rotate_refresh_tokens=True)
    keeper = world.keeper()
    refused = keeper.current(OF_SETTINGS)
    world.advance(10)
    is_held, is_to_be_stored = threading.Event(), threading.Event()
    write = text("UPDATE account SET error = NULL")

    def hold() -> None:
        with world.database.transaction() as session:
            session.execute(write)
            is_held.set()
            # Until somebody else who came after the pair has given up.
            is_to_be_stored.wait(10)
            with pytest.raises(DatabaseUnavailable), world.database.transaction() as other:
                other.execute(write)

    def renewed(app: App, refresh_token: str) -> TokenPair:
        pair = renew(world.simulator.api_url, app, refresh_token, clock=lambda: world.now)
        holder.start()
        is_held.wait(10)
        is_to_be_stored.set()
        return pair

    holder = threading.Thread(target=hold)
    slow = world.keeper()
    slow._renew = renewed
    found = slow.instead_of(OF_SETTINGS, refused)
    holder.join()

    assert found not in (refused, None)
    assert world.keeper().current(OF_SETTINGS) == found
    assert world.renewals == 2


def test_of_two_that_give_an_account_its_tokens_at_once_one_pair_stays_whole(world: World) -> None:
    pairs = [TokenPair(f"access-{n}", None, f"refresh-{n}", None, None) for n in range(WORKERS)]
    keepers = [world.keeper() for _ in pairs]
    ask = dict(zip(keepers, pairs, strict=True))

    together(keepers, lambda keeper: keeper.keep("campus", ask[keeper], APP))

    account, sealer = world.account("campus"), Sealer([KEY])
    assert account.access_token is not None
    assert account.refresh_token is not None
    kept = sealer.open(account.access_token), sealer.open(account.refresh_token)
    assert kept in [(pair.access_token, pair.refresh_token) for pair in pairs]
    assert {keeper.current("campus") for keeper in keepers} == {kept[0]}


def test_a_refused_refresh_token_is_told_and_not_asked_for_again_at_once(world: World) -> None:
    keeper = world.keeper(refresh_token="over-long-ago")
    for _ in range(5):
        with pytest.raises(TokenRefused, match="webex-ingest login"):
            keeper.current(OF_SETTINGS)

    assert world.renewals == 1
    assert "webex-ingest login" in str(world.account().error)
    world.advance(300)
    with pytest.raises(TokenRefused):
        keeper.current(OF_SETTINGS)
    assert world.renewals == 2


def test_a_token_that_still_lasts_is_used_while_the_next_cannot_be_had(world: World) -> None:
    keeper = world.keeper()
    first = keeper.current(OF_SETTINGS)
    world.advance(13.5 * 86400)
    world.simulator.control.add_fault(path_regex="/access_token", status=503, times=None)

    assert keeper.current(OF_SETTINGS) == first
    assert world.renewals == 2
    assert keeper.renew_due() == 0
    assert world.renewals == 2, "a minute passes before the next try"
    world.simulator.control.forget_faults()
    world.advance(60)
    assert keeper.renew_due() == 1
    assert world.account().error is None


def test_another_refresh_token_in_the_settings_takes_the_place_of_the_first(world: World) -> None:
    world.keeper(refresh_token="over-long-ago").renew_due()

    assert world.keeper().current(OF_SETTINGS)


def test_the_first_token_comes_at_once_while_the_clock_goes_on(world: World) -> None:
    def clock() -> datetime:
        world.now += timedelta(milliseconds=1)
        return world.now

    keeper = world.keeper()
    keeper._clock = clock

    assert keeper.current(OF_SETTINGS)


def test_processes_with_different_settings_do_not_undo_each_others_work(world: World) -> None:
    world.simulator.control.change_settings(
        refresh_tokens={name: {"email": "host@example.com"} for name in ("old", "new")}
    )
    old, new = world.keeper(refresh_token="old"), world.keeper(refresh_token="new")
    for keeper in [old, new] * 5:
        keeper.forget(OF_SETTINGS)
        assert keeper.current(OF_SETTINGS)

    assert world.renewals == 2


def test_a_sign_in_is_not_undone_by_the_older_refresh_token_of_the_settings(world: World) -> None:
    keeper = world.keeper()
    keeper.current(OF_SETTINGS)
    keeper.keep(OF_SETTINGS, TokenPair("signed-in", None, "r", None, None), APP)

    assert world.keeper().current(OF_SETTINGS) == "signed-in"


def test_tokens_of_a_lost_key_are_waited_for_and_say_what_to_do(world: World) -> None:
    token = world.keeper().current(OF_SETTINGS)

    with pytest.raises(TokenRefused, match="ENCRYPTION_KEY"):
        world.keeper(OTHER_KEY).current(OF_SETTINGS)
    assert world.keeper().current(OF_SETTINGS) == token


def test_a_new_key_before_the_old_one_seals_everything_again(world: World) -> None:
    token = world.keeper().current(OF_SETTINGS)

    assert world.keeper(OTHER_KEY, KEY).reseal() == 1
    assert world.keeper(OTHER_KEY, KEY).reseal() == 0

    assert world.keeper(OTHER_KEY).current(OF_SETTINGS) == token
    assert world.keeper(KEY, OTHER_KEY).current(OF_SETTINGS) == token


def test_an_account_that_nobody_knows_says_how_to_bring_it_back(world: World) -> None:
    with pytest.raises(TokenRefused, match="webex-ingest login sales"):
        world.keeper().current("sales")


def test_an_account_without_anything_to_renew_with_has_no_other_token(world: World) -> None:
    keeper = world.keeper()
    keeper.keep("bot", TokenPair("a-bots-token", None, None, None, None))

    assert keeper.current("bot") == "a-bots-token"
    assert keeper.instead_of("bot", "a-bots-token") is None


def test_an_account_that_takes_the_name_of_another_gets_none_of_its_tokens(world: World) -> None:
    keeper = world.keeper(refresh_token=None)
    keeper.keep("sales", TokenPair("first", None, REFRESH, None, None), APP)
    renewing = world.account("sales")
    with world.database.transaction() as session:
        delete_account(session, "sales")
    keeper.keep("sales", TokenPair("second", None, None, None, None))

    stored, _ = store_tokens(world.database, renewing, now=world.now, access_token="late")

    assert not stored
    assert world.keeper().current("sales") == "second"


def test_a_token_that_is_refused_as_soon_as_it_is_there_is_not_renewed_again_at_once(
    world: World,
) -> None:
    keeper = world.keeper()
    token = keeper.current(OF_SETTINGS)

    assert keeper.instead_of(OF_SETTINGS, token) is None
    assert world.renewals == 1
    world.advance(6)
    assert keeper.instead_of(OF_SETTINGS, token) not in (None, token)


def test_tokens_that_are_over_at_once_are_renewed_every_few_seconds_and_no_more(
    world: World,
) -> None:
    body = {"access_token": "simulator-token", "expires_in": 0, "refresh_token": REFRESH}
    world.simulator.control.add_fault(path_regex="/access_token", times=None, status=200, body=body)
    for _ in range(5):
        assert world.keeper().current(OF_SETTINGS)

    assert world.renewals == 1


def test_what_is_no_sealed_text_at_all_is_told_like_a_lost_key(world: World) -> None:
    keeper = world.keeper()
    keeper.current(OF_SETTINGS)
    with world.database.transaction() as session:
        session.execute(text("UPDATE account SET access_token = 'é'"))

    with pytest.raises(TokenRefused, match="ENCRYPTION_KEY"):
        world.keeper().current(OF_SETTINGS)
    assert world.keeper(OTHER_KEY, KEY).reseal() == 0


def test_a_clock_that_was_set_back_keeps_no_refused_token(world: World) -> None:
    keeper = world.keeper()
    token = keeper.current(OF_SETTINGS)
    world.now -= timedelta(hours=1)

    assert keeper.instead_of(OF_SETTINGS, token) not in (None, token)
