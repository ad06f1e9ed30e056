"""The Celery door: ``celery -A workers worker``, ``… beat``, ``… flower``."""

import sys
from typing import Any

from app.config import load_settings
from app.errors import SettingsError
from app.logs import configure_logs
from app.runtime import build_runtime


def __getattr__(name: str) -> Any:
    """Make the application when Celery's command line looks for ``workers.app``, not before."""
    if name != "app":
        raise AttributeError(name)
    from workers.application import create_celery

    try:
        settings = load_settings()
        configure_logs(log_format=settings.log_format, secrets=settings.secrets())
        app = create_celery(lambda stopping: build_runtime(settings, stopping=stopping))
    except SettingsError as error:
        sys.stderr.write(f"webex-ingest: {error}\n")
        sys.exit(2)
    globals()["app"] = app
    return app
