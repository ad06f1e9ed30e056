"""A door that does nothing: what an answer of 204 costs in itself."""

from flask import Flask


def create_app() -> Flask:
    """One route of our own door, without anything behind it."""
    app = Flask("benchmarks", static_folder=None)

    @app.post("/webhooks/webex")
    def receive() -> tuple[str, int]:
        return "", 204

    @app.get("/livez")
    def live() -> str:
        return "ok"

    return app
