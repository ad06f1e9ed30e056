"""Sessions of the operator, tokens of programs, and tries that were spent."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "operator_session",
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("password", sa.String(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("last_seen_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
    )
    op.create_index("ix_operator_session_expires_at", "operator_session", ["expires_at"])
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False, unique=True),
        sa.Column("digest", sa.String(), nullable=False, unique=True),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment),
        sa.Column("last_used_at", moment),
    )
    op.create_table(
        "throttle",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("spent_until", sa.Float(), nullable=False),
    )


def downgrade() -> None:
    """Drop them: everybody signs in again, and programs need other tokens."""
    for table in ("throttle", "api_token", "operator_session"):
        op.drop_table(table)
