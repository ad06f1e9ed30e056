"""Structured logs: events with ids, on a terminal or as JSON lines, and never a secret."""

import logging
import os
import re
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET_TEXT = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), r"\1 [removed]"),
    (
        re.compile(r"(?i)([?&](?:ticket|token|access_token|password|secret|code)=)[^&\s\"']+"),
        r"\1[removed]",
    ),
    (re.compile(r"(?i)(\w+://[^\s:/@]*:)[^\s@]+@"), r"\1[removed]@"),
    (re.compile(r"\bwxi_[0-9a-f]{16,}"), "[removed]"),
    (
        re.compile(
            r"(?i)https?://\S*(?:MultiThreadDownloadServlet|downloadMedia\.do|[ln]?[ds]r\.php)\S*"
        ),
        "[link removed]",
    ),
)


REQUEST_ID: ContextVar[object | None] = ContextVar("request_id", default=None)
"""What has the id of the HTTP request that is answered now as its text; cheaper than binding it."""

_SHORTEST_SECRET = 6

_TALKATIVE = {
    "alembic": logging.WARNING,
    "kombu": logging.WARNING,
    "amqp": logging.WARNING,
    "celery.beat": logging.WARNING,
    "celery.worker.strategy": logging.WARNING,
    # It warns about headers that it cannot read, and tells the whole address: a ticket is in it.
    "urllib3": logging.ERROR,
}


_MOST_LEARNED = 256
_LEARNED: dict[str, None] = {}
"""Secrets that this process has met since its logs were set up, such as tokens it has renewed."""


def hide(secret: str) -> None:
    """Cut one more secret out of every line from now on; the oldest of many are forgotten."""
    if len(secret) < _SHORTEST_SECRET or secret in _LEARNED:
        return
    while len(_LEARNED) >= _MOST_LEARNED:
        _LEARNED.pop(next(iter(_LEARNED)), None)
    _LEARNED[secret] = None


def configure_logs(*, log_format: str | None, secrets: Iterable[str]) -> None:
    """Send every log line of the process to standard error, ours and the libraries' alike.

    ``secrets`` are values that are cut out of any line, whoever wrote it.
    """
    as_console = log_format == "console" or (log_format is None and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_request_id,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        SecretRemover(secrets),
    ]
    renderer: Processor = (
        # Rich ones show the variables of each function, secrets among them.
        structlog.dev.ConsoleRenderer(
            colors=_has_colors(), exception_formatter=structlog.dev.plain_traceback
        )
        if as_console
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                SecretRemover(secrets),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name, level in _TALKATIVE.items():
        logging.getLogger(name).setLevel(level)


def _has_colors() -> bool:
    return (
        sys.stderr.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") not in ("dumb", "unknown")
    )


def _add_request_id(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    request_id = REQUEST_ID.get()
    if request_id is not None:
        line.setdefault("request_id", str(request_id))
    return line


class SecretRemover:
    """Cuts secrets out of every text of a line; the last line of defence, not the first."""

    def __init__(self, secrets: Iterable[str]) -> None:
        long_enough = {each for each in secrets if len(each) >= _SHORTEST_SECRET}
        longest_first = sorted(long_enough, key=len, reverse=True)
        self._secrets = [re.escape(each) for each in longest_first]
        self._known = re.compile("|".join(self._secrets)) if self._secrets else None

    def __call__(self, _logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        """Return the line without secrets."""
        return {
            key: value if isinstance(value, logging.LogRecord) else self._clean(value)
            for key, value in line.items()
        }

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.clean_text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, dict):
            return {self.clean_text(str(key)): self._clean(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(inner) for inner in value]
        # What is left would be written as this text only after the secrets were removed.
        return self.clean_text(repr(value))

    def clean_text(self, text: str) -> str:
        """Return a text without secrets."""
        if self._known:
            text = self._known.sub("[removed]", text)
        for secret in tuple(_LEARNED):
            text = text.replace(secret, "[removed]")
        for pattern, replacement in _SECRET_TEXT:
            text = pattern.sub(replacement, text)
        return text
