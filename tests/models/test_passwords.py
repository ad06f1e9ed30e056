"""The password is a hash in memory, and what was tried once need not be reckoned again."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from werkzeug.security import check_password_hash, generate_password_hash

from app.models.passwords import OperatorPassword, check_hash, hash_password, is_hash

PASSWORD = "correct horse é"


@pytest.fixture
def password() -> OperatorPassword:
    return OperatorPassword(quick_hash(PASSWORD))


def quick_hash(password: str) -> str:
    return generate_password_hash(password, method="scrypt:256:8:1")


def nothing() -> None:
    """What comes before a comparison, where nobody counts."""


def test_a_hash_of_ours_is_one_of_werkzeugs() -> None:
    made = hash_password(PASSWORD)

    assert is_hash(made)
    check_hash(made)
    assert check_password_hash(made, PASSWORD)
    assert made.startswith("scrypt:32768:8:1$")


def test_a_hash_of_werkzeugs_is_understood(password: OperatorPassword) -> None:
    assert password.check(PASSWORD.encode(), "me", before=nothing)
    assert not password.check(b"correct horse", "me", before=nothing)


def test_it_does_not_matter_in_which_form_an_accent_is_typed(password: OperatorPassword) -> None:
    assert password.check("correct horse e\u0301".encode(), "me", before=nothing)


@pytest.mark.parametrize(
    "given", [b"", b"\xff\xfe", b"\x00", b"x" * 100_000, "é".encode("latin-1")]
)
def test_what_is_no_password_is_wrong_and_never_an_error(
    password: OperatorPassword, given: bytes
) -> None:
    assert password.check(given, "me", before=nothing) is False


@pytest.mark.parametrize(
    "text",
    [
        "scrypt:",
        "scrypt:32768:8:1$salt$" + "0" * 127,
        "scrypt:32768:8:1$salt$" + "G" * 128,
        "scrypt:32767:8:1$salt$" + "0" * 128,
        "scrypt:1:8:1$salt$" + "0" * 128,
        "scrypt:8388608:8:1$salt$" + "0" * 128,
        "scrypt:32768:8:1$" + "0" * 128,
        "scrypt:32768:8:1$salt$" + "0" * 128 + "\n",
    ],
)
def test_half_a_hash_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="webex-ingest password"):
        check_hash(text)


def test_what_was_tried_is_compared_once(password: OperatorPassword) -> None:
    counted: list[str] = []
    for given in (PASSWORD, "wrong", PASSWORD, "wrong"):
        password.check(given.encode(), "me", before=partial(counted.append, given))

    assert counted == [PASSWORD, "wrong"]


def test_many_at_once_compare_once(password: OperatorPassword) -> None:
    counted: list[int] = []
    together = threading.Barrier(8)

    def check(_: int) -> bool | None:
        together.wait(10)
        return password.check(PASSWORD.encode(), "me", before=lambda: counted.append(1))

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(check, range(8))) == {True}
    assert len(counted) == 1


def test_wrong_ones_never_crowd_the_right_one_out_of_a_bounded_memory(
    password: OperatorPassword,
) -> None:
    counted: list[str] = []
    password.check(PASSWORD.encode(), "me", before=nothing)
    for number in range(600):
        password.check(f"wrong {number}".encode(), "me", before=nothing)
    password.check(PASSWORD.encode(), "me", before=lambda: counted.append(PASSWORD))

    assert counted == []
    assert len(password._verdicts) <= 512


def test_whoever_refuses_the_comparison_leaves_no_verdict(password: OperatorPassword) -> None:
    def refuse() -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        password.check(PASSWORD.encode(), "me", before=refuse)

    assert password.check(PASSWORD.encode(), "me", before=nothing)


def test_what_one_has_tried_says_nothing_to_another(password: OperatorPassword) -> None:
    counted: list[str] = []
    for who in ("me", "you", "me"):
        password.check(PASSWORD.encode(), who, before=partial(counted.append, who))

    assert counted == ["me", "you"]


def test_nothing_of_the_password_stays_in_memory(password: OperatorPassword) -> None:
    password.check(PASSWORD.encode(), "me", before=nothing)

    assert PASSWORD not in repr(vars(password))
    assert PASSWORD.encode() not in b"".join(password._verdicts)


def test_keys_differ_by_purpose_and_password(password: OperatorPassword) -> None:
    keys = {password.key_for("sessions"), password.key_for("browsers")}
    keys.add(OperatorPassword(quick_hash(PASSWORD)).key_for("sessions"))

    assert len(keys) == 3
