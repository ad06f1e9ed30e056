"""The pages of the service."""

from flask import Blueprint

from app.runtime import Runtime


def page_routes(runtime: Runtime) -> Blueprint:
    """The routes."""
    del runtime
    return Blueprint("pages", __name__)
