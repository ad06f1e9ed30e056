"""The health of the service."""

from flask import Blueprint

from app.runtime import Runtime


def health_routes(runtime: Runtime) -> Blueprint:
    """The routes."""
    del runtime
    return Blueprint("health", __name__)
