"""Only bytes that one of our secrets signed are a delivery."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.webex.signature import is_signed, sign

SECRET = "myBongoSecret"
BODY = b'{"a":1,"b":2,"c":{"d":3}}'
SIGNATURE = "01e0cb6a53731b9615b483335d77d97023410c72"


def test_the_published_vector_is_signed() -> None:
    assert sign(BODY, SECRET) == SIGNATURE
    assert is_signed(BODY, SIGNATURE, [SECRET])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_any_of_several_secrets_may_have_signed(place: int) -> None:
    secrets = ["old", "older", "oldest"]
    secrets[place] = SECRET

    assert is_signed(BODY, SIGNATURE, secrets)


def test_a_signature_in_upper_case_counts() -> None:
    assert is_signed(BODY, SIGNATURE.upper(), [SECRET])


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "0" * 40,
        SIGNATURE[:-1],
        SIGNATURE + "0",
        SIGNATURE + "\n",
        " " + SIGNATURE,
        f"sha1={SIGNATURE}",
        "é" + SIGNATURE[1:],
        "\uff10" + SIGNATURE[1:],
        "\u0660" * 40,
        "g" * 40,
        "\x00" * 40,
    ],
)
def test_what_is_not_the_signature_is_refused(signature: str | None) -> None:
    assert not is_signed(BODY, signature, [SECRET])


NEWER = (
    "SHA-256=adb7aff265a9c9f314b1054fcce5f8447cd0d5893bcbc509a8813ccec2873d2b,"
    "SHA-512=e141eb02fea5ce39bc9235839a8409cb4c14e8412e2f2ccff7b546d5e38e308e"
    "f437f393545f36bc86b9a35262ac6cd9a7432bd62939eb1553c1eb53d97177bc"
)


@pytest.mark.parametrize("header", [NEWER, NEWER.lower(), NEWER.upper()])
@pytest.mark.parametrize("signature", [None, "0" * 40])
def test_the_newer_signature_is_as_good(header: str, signature: str | None) -> None:
    assert is_signed(BODY, signature, ["other", SECRET], newer=header)
    assert not is_signed(BODY + b" ", signature, [SECRET], newer=header)
    assert not is_signed(BODY, signature, ["other"], newer=header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        SIGNATURE,
        f"sha1={SIGNATURE}",
        NEWER.partition(",")[0],
        NEWER.partition(",")[2],
        ",".join(reversed(NEWER.split(","))),
        NEWER.replace(",", ", "),
        f"{NEWER},{NEWER}",
        NEWER + "\n",
        NEWER[:-1],
        NEWER.replace("SHA-256=adb7", "SHA-256=0db7"),
        NEWER.replace("77bc", "77bd"),
        NEWER.replace("SHA", "\u017fHA"),
        NEWER.replace("SHA-256=", "sha256="),
    ],
)
def test_no_other_form_of_the_newer_signature_is_believed(header: str) -> None:
    assert not is_signed(BODY, None, [SECRET], newer=header)


def test_one_changed_byte_is_refused() -> None:
    assert not is_signed(BODY + b" ", SIGNATURE, [SECRET])


def test_without_secrets_nothing_is_signed() -> None:
    assert not is_signed(BODY, SIGNATURE, [])


def test_an_empty_secret_signs_nothing() -> None:
    assert not is_signed(BODY, sign(BODY, ""), ["", "another"])


def test_a_secret_may_hold_any_characters() -> None:
    assert is_signed(BODY, sign(BODY, "pässwörd 👋"), ["pässwörd 👋"])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.text(min_size=1, alphabet=st.characters(codec="utf-8")))
def test_what_a_secret_signed_is_accepted_with_it_alone(raw: bytes, secret: str) -> None:
    signature = sign(raw, secret)

    assert is_signed(raw, signature, ["another", secret])
    assert not is_signed(raw, signature, [secret + "x"])
    assert not is_signed(raw + b"x", signature, [secret])


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_no_header_is_ever_an_error(header: str) -> None:
    assume(header.lower() != SIGNATURE)

    assert not is_signed(BODY, header, [SECRET])
