"""Alembic's entry: runs the revisions on the connection it is handed."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

# Each brings its table.
from app.models import access, cursors, planned, scrub, snippets, steps, tallies  # noqa: F401
from app.models.tables import UtcDateTime


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our own type as a plain one, so that revisions never import the product."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    return False


def is_in_models(name: str | None, _kind: str, _parents: Any) -> bool:
    """Leave out the full-text index, of which each database has its own kind."""
    return not str(name).startswith("snippet_search")


def run() -> None:
    """Run on the connection in the configuration, or on DATABASE_URL for a developer."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        from app.config import load_settings
        from app.db.engine import Database

        connection = Database(load_settings().database_url.get_secret_value()).engine.connect()
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        include_name=is_in_models,
        render_item=render_item,
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
