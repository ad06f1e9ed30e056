"""The metrics of the service."""

from flask import Blueprint

from app.runtime import Runtime


def metrics_routes(runtime: Runtime) -> Blueprint:
    """The routes."""
    del runtime
    return Blueprint("metrics", __name__)
