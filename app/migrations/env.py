"""Alembic's entry: runs the revisions on the connection it is handed."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from app.models import cursors, planned, scrub  # noqa: F401 -- each brings its table
from app.models.tables import UtcDateTime


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our own type as a plain one, so that revisions never import the product."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    return False


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
        render_item=render_item,
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
