"""The last line of defence: no secret leaves the process in a log line, whoever wrote it."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from app.logs import SecretRemover, configure_logs, hide

TOKEN = "an-access-token-for-tests"
PASSWORD = "pass word/with+signs"
SECRETS = [TOKEN, PASSWORD, f"{TOKEN}-and-longer"]

LINKS = [
    "https://example.webex.com/nbr/MultiThreadDownloadServlet?recordid=1&ticket=SEENOWHERE",
    "https://example.webex.com/downloadMedia.do?id=SEENOWHERE",
    "http://example.webex.com/example/ldr.php?RCID=SEENOWHERE",
    "https://example.webex.com/example/nsr.php?SEENOWHERE",
    "https://api.example.com/v1/x?meetingId=1&token=SEENOWHERE",
    "https://api.example.com/v1/x?password=SEENOWHERE&max=1",
    "https://api.example.com/v1/oauth?code=SEENOWHERE",
    "redis://:SEENOWHERE@example.com:6379/0",
    "postgresql+psycopg://operator:SEENOWHERE@example.com/archive",
    "amqp://guest:SEENOWHERE@example.com//",
    "Authorization: Bearer SEENOWHERE-and-more",
    "Authorization: Basic SEENOWHERE+and/more==",
]


@pytest.fixture(params=["json", "console"])
def lines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Everything that is logged during the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logs(log_format=request.param, secrets=SECRETS)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class Told:
    """An object whose text holds a secret, as a request's or an error's does."""

    def __repr__(self) -> str:
        return f"<Told {TOKEN}>"


def clean(lines: io.StringIO) -> str:
    text = lines.getvalue()
    assert text, "nothing was logged"
    assert TOKEN not in text
    assert PASSWORD not in text
    return text


def test_events_and_their_values_are_cleaned(lines: io.StringIO) -> None:
    structlog.get_logger().info(f"told {TOKEN}", header=f"Bearer {TOKEN}", other=PASSWORD)

    assert "[removed]" in clean(lines)


@pytest.mark.parametrize(
    "value",
    [
        {"a": {"b": [TOKEN]}},
        [(TOKEN, 1), {"c": TOKEN}],
        {TOKEN: 1},
        {TOKEN},
        TOKEN.encode(),
        Told(),
        ValueError(TOKEN),
        [Told()],
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_any_kind_are_cleaned(lines: io.StringIO, value: object) -> None:
    structlog.get_logger().warning("told", value=value)

    clean(lines)


def test_exceptions_and_what_caused_them_are_cleaned(lines: io.StringIO) -> None:
    try:
        try:
            raise ValueError(f"inner {TOKEN}")
        except ValueError as error:
            raise RuntimeError(f"outer {PASSWORD}") from error
    except RuntimeError:
        structlog.get_logger().exception("broken")
        logging.getLogger("foreign").exception("broken too")

    assert clean(lines).count("ValueError") >= 2


def test_loggers_of_libraries_are_cleaned(lines: io.StringIO) -> None:
    foreign = logging.getLogger("some.library")

    foreign.warning("connecting with %s", TOKEN)
    foreign.warning("as a mapping %(secret)s", {"secret": PASSWORD})
    foreign.warning("an object %r", Told())
    foreign.error("extra", extra={"told": TOKEN})

    assert clean(lines).count("[removed]") >= 3


def test_values_bound_for_later_lines_are_cleaned(lines: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(meeting_id="a_I_1", told=TOKEN):
        structlog.get_logger().info("first")

    assert "a_I_1" in clean(lines)


@pytest.mark.parametrize("link", LINKS)
def test_what_looks_like_a_secret_is_removed_though_nobody_named_it(
    lines: io.StringIO, link: str
) -> None:
    structlog.get_logger().info(f"asking {link} now", url=link)
    logging.getLogger("urllib3.poolmanager").warning("retrying %s", link)

    assert "SEENOWHERE" not in lines.getvalue()
    assert lines.getvalue()


def test_what_is_no_secret_stays_as_it_is() -> None:
    line = {
        "event": "file.stored",
        "bytes": 7,
        "whole": True,
        "none": None,
        "path": "recordings/a.mp4",
        "url": "https://webexapis.com/v1/recordings?meetingId=a_I_1&max=100",
    }

    assert SecretRemover(SECRETS)(None, "info", dict(line)) == line


def test_json_lines_are_json_with_a_time_and_a_level(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    try:
        configure_logs(log_format=None, secrets=[])
        structlog.get_logger().info("file.stored", bytes=7)
        logging.getLogger("some.library").warning("a\nb")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()

    told = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [each["level"] for each in told] == ["info", "warning"]
    assert all(each["timestamp"].endswith("Z") for each in told)
    assert told[0]["bytes"] == 7


def test_the_longest_secret_goes_first_and_short_words_are_no_secrets() -> None:
    remover = SecretRemover(["secret", "secret-and-more", "abc", ""])

    assert remover.clean_text("secret-and-more secret abc") == "[removed] [removed] abc"


def test_a_secret_that_is_met_later_is_removed_as_well() -> None:
    remover = SecretRemover([])
    hide("a-token-that-was-renewed")

    line = remover(None, "info", {"event": "it was a-token-that-was-renewed"})

    assert line == {"event": "it was [removed]"}


def test_a_log_into_a_file_has_no_colours_and_no_variables_of_functions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs(log_format="console", secrets=())
    try:
        local = "variable" * 2
        raise ValueError(len(local))
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()

    assert written.getvalue().count("ValueError: 16") == 2
    assert "\x1b" not in written.getvalue()
    assert "variablevariable" not in written.getvalue()
