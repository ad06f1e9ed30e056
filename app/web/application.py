"""The Flask application, made from a runtime."""

import hashlib
import sys
from pathlib import Path
from typing import Any

import structlog
from flask import Flask, jsonify, request
from werkzeug.exceptions import HTTPException

from app.config import Settings, load_settings
from app.db.schema import check_schema
from app.dispatch.nudger import Nudger
from app.errors import DatabaseUnavailable, IngestError, SettingsError
from app.logs import configure_logs
from app.models.access import Scope
from app.models.passwords import OperatorPassword
from app.models.words import DOOR
from app.runtime import Runtime, build_runtime
from app.web.access import Access
from app.web.actions import action_routes
from app.web.api import api_routes, new_application
from app.web.api_actions import api_action_routes
from app.web.csrf import guard_forms
from app.web.files import file_routes
from app.web.health import health_routes
from app.web.login import login_routes
from app.web.metrics import metrics_routes
from app.web.pages import page_routes, unavailable
from app.web.player import player_routes
from app.web.principal import current_principal, is_allowed
from app.web.problem_json import API, problem
from app.web.problems import problem_routes
from app.web.protection import protect
from app.web.refusals import refuse, wants_page
from app.web.report import report_routes
from app.web.search import search_routes
from app.web.sessions import Sessions
from app.web.shared import Shared, shared_of
from app.web.tracing import follow_requests
from app.web.tries import Tries
from app.web.verifying import Verifier
from app.web.webhooks import webhook_routes

log = structlog.get_logger()

_SWEEP_EXPIRES_SECONDS = 10
_TRY_AGAIN = "the database cannot be reached now; try again"
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
    app = new_application()
    _let_static_files_be_kept(app)
    nudger = Nudger(lambda: runtime.broker.ask_for_sweep(expires_seconds=_SWEEP_EXPIRES_SECONDS))
    follow_requests(app)
    app.register_blueprint(webhook_routes(runtime, nudger))
    app.register_blueprint(health_routes(runtime))
    app.register_blueprint(metrics_routes(runtime))
    shared = shared_of(runtime)
    app.register_api(file_routes(runtime, shared.at_disk))
    _show_pages(app, runtime, shared)
    verifier = Verifier(runtime.bench)
    app.register_blueprint(action_routes(runtime, verifier))
    app.register_api(api_routes(runtime, shared))
    app.register_api(api_action_routes(runtime, verifier))
    _let_in(app, runtime, settings.with_hashed_password())
    app.register_error_handler(DatabaseUnavailable, _database_unavailable)
    app.register_error_handler(HTTPException, refuse)
    app.after_request(protect(settings))
    return app


def _show_pages(app: Flask, runtime: Runtime, shared: Shared) -> None:
    for routes in (
        page_routes(runtime),
        player_routes(runtime, shared.at_disk),
        search_routes(shared.finder),
        problem_routes(runtime, shared.watch),
        report_routes(shared.reporter),
    ):
        app.register_blueprint(routes)


def _let_static_files_be_kept(app: Flask) -> None:
    """Give each of our few static files an address that changes with it, to be kept for a year."""
    assert app.static_folder is not None
    files = Path(app.static_folder).iterdir()
    versions = {each.name: hashlib.sha256(each.read_bytes()).hexdigest()[:12] for each in files}
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 365 * 86400

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values["v"] = versions[values["filename"]]


def create_app_from_environment() -> Flask:
    """What gunicorn calls: settings from the environment, logs, runtime, application.

    Ends with one line where settings or the schema do not fit. A database that cannot be
    reached now may be there later, and the door says so until then.
    """
    try:
        settings = load_settings().with_hashed_password()
        configure_logs(log_format=settings.log_format, secrets=settings.secrets())
        runtime = build_runtime(settings)
        _check_schema(runtime)
        runtime.counts.keep()
        return create_app(runtime)
    except IngestError as error:
        sys.stderr.write(f"webex-ingest: {error}\n")
        sys.exit(_APP_LOAD_ERROR)


def _let_in(app: Flask, runtime: Runtime, settings: Settings) -> None:
    """Who may look, signs in and out, and sends forms."""
    sessions = tries = None
    if settings.operator_password is not None:
        password = OperatorPassword(settings.operator_password.get_secret_value())
        tools = (runtime.bench.database, settings, password, runtime.bench.clock)
        sessions, tries = Sessions(*tools), Tries(*tools)
    app.before_request(Access(runtime, sessions, tries).check)
    guard_forms(app, settings)
    app.register_blueprint(login_routes(sessions, tries))
    app.jinja_env.globals["current_principal"] = current_principal
    app.jinja_env.globals["may_operate"] = lambda: is_allowed(Scope.OPERATE)


def _check_schema(runtime: Runtime) -> None:
    database = runtime.bench.database
    try:
        check_schema(database)
    except DatabaseUnavailable as error:
        log.error("database.unavailable", error=str(error))
    finally:
        # A connection must not cross the fork that may follow.
        database.dispose()


def _database_unavailable(error: DatabaseUnavailable) -> Any:
    log.error("database.unavailable", path=request.path, error=str(error))
    if request.path.startswith(API):
        return problem(503, _TRY_AGAIN, [("Retry-After", "5")])
    if request.path != DOOR and wants_page():
        return unavailable(error)
    return jsonify(error=_TRY_AGAIN), 503, {"Retry-After": "5"}
