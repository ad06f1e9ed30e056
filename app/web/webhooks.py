"""The door for deliveries: verify, commit, answer 204; everything else happens elsewhere."""

import structlog
from flask import Blueprint, Response, jsonify, request

from app.db.tallies import Happening
from app.dispatch.nudger import Nudger
from app.errors import (
    BodyTooLarge,
    DatabaseUnavailable,
    NotAnEvent,
    SignatureWrong,
    WebhookRefused,
)
from app.ingestion.events import MOST_BODY_BYTES, receive_event
from app.runtime import Runtime

log = structlog.get_logger()

_STATUS: dict[type[WebhookRefused], int] = {
    BodyTooLarge: 413,
    SignatureWrong: 401,
    NotAnEvent: 400,
}


def webhook_routes(runtime: Runtime, nudger: Nudger) -> Blueprint:
    """The route that Webex posts to."""
    routes = Blueprint("webhooks", __name__)
    settings = runtime.settings
    secrets = settings.webhook_secrets

    @routes.post("/webhooks/webex")
    def receive() -> tuple[Response | str, int]:
        # Werkzeug cuts a chunked body silently at its own limit, so one byte more is read here.
        raw = request.stream.read(MOST_BODY_BYTES + 1)
        try:
            receive_event(
                runtime.bench,
                raw,
                # Two of them come joined by a comma, which is no signature.
                request.headers.get("X-Spark-Signature"),
                newer_signature=request.headers.get("X-Webex-Signature"),
                secrets=secrets,
                unsigned_allowed=settings.allow_unsigned_webhooks,
            )
        except WebhookRefused as error:
            runtime.counts.add(Happening.DELIVERY, error.code)
            log.warning("webhook.refused", error=error.code, bytes=len(raw))
            return jsonify(error=str(error)), _STATUS[type(error)]
        except DatabaseUnavailable as error:
            runtime.counts.add(Happening.DELIVERY, error.code)
            raise
        nudger.nudge()
        return "", 204

    return routes
