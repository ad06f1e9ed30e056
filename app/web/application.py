"""The Flask application, made from a runtime."""

import sys

import structlog
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from app.config import load_settings
from app.db.schema import check_schema
from app.dispatch.nudger import Nudger
from app.errors import DatabaseUnavailable, IngestError, SettingsError
from app.logs import configure_logs
from app.runtime import Runtime, build_runtime
from app.web.access import guard
from app.web.files import file_routes
from app.web.health import health_routes
from app.web.metrics import metrics_routes
from app.web.pages import page_routes
from app.web.report import report_routes
from app.web.webhooks import webhook_routes

log = structlog.get_logger()

_SWEEP_EXPIRES_SECONDS = 10
_APP_LOAD_ERROR = 4
"""With this exit status gunicorn stops, where others make it start the same worker again."""


def create_app(runtime: Runtime) -> Flask:
    """Make the application; SettingsError if deliveries could not be verified."""
    settings = runtime.settings
    if not settings.webex_webhook_secret and not settings.allow_unsigned_webhooks:
        raise SettingsError(
            "WEBEX_WEBHOOK_SECRET: must be set (`webex-ingest init` makes one), "
            "or set ALLOW_UNSIGNED_WEBHOOKS=1 to believe everybody"
        )
    app = Flask("app.web", static_folder=None)
    nudger = Nudger(lambda: runtime.broker.ask_for_sweep(expires_seconds=_SWEEP_EXPIRES_SECONDS))
    app.register_blueprint(webhook_routes(runtime, nudger))
    app.register_blueprint(health_routes(runtime))
    app.register_blueprint(metrics_routes(runtime))
    app.register_blueprint(page_routes(runtime))
    app.register_blueprint(report_routes(runtime))
    app.register_blueprint(file_routes(runtime))
    app.before_request(guard(settings))
    app.register_error_handler(DatabaseUnavailable, _database_unavailable)
    app.register_error_handler(HTTPException, _plain_error)
    app.after_request(_protect)
    return app


def create_app_from_environment() -> Flask:
    """What gunicorn calls: settings from the environment, logs, runtime, application.

    Ends with one line where settings or the schema do not fit. A database that cannot be
    reached now may be there later, and the door says so until then.
    """
    try:
        settings = load_settings()
        configure_logs(log_format=settings.log_format, secrets=settings.secrets())
        runtime = build_runtime(settings)
        _check_schema(runtime)
        return create_app(runtime)
    except IngestError as error:
        sys.stderr.write(f"webex-ingest: {error}\n")
        sys.exit(_APP_LOAD_ERROR)


def _check_schema(runtime: Runtime) -> None:
    database = runtime.bench.database
    try:
        check_schema(database)
    except DatabaseUnavailable as error:
        log.error("database.unavailable", error=str(error))
    finally:
        # A connection must not cross the fork that may follow.
        database.dispose()


def _database_unavailable(error: Exception) -> tuple[Response, int, dict[str, str]]:
    log.error("database.unavailable", path=request.path, error=str(error))
    answer = jsonify(error="the database cannot be reached now; try again")
    return answer, 503, {"Retry-After": "5"}


def _plain_error(error: HTTPException) -> tuple[Response, int, dict[str, str]]:
    headers = {"WWW-Authenticate": 'Basic realm="webex-ingest"'} if error.code == 401 else {}
    return jsonify(error=error.description), error.code or 500, headers


def _protect(response: Response) -> Response:
    if response.status_code == 204:
        # Nothing that a browser could misread, and the door has no time to waste.
        return response
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault(
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    )
    return response
