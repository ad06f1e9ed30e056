"""Webex accounts with their sealed tokens, and two reasons by better names."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


_RENAMED = {"not_transcribed": "transcription_off", "deleted": "deleted_at_source"}


def upgrade() -> None:
    """Make the table, and give two reasons the names that they have now."""
    for old, new in _RENAMED.items():
        _rename(old, new)
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "account",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False, unique=True),
        sa.Column("client_id", sa.String(), nullable=True),
        sa.Column("client_secret", sa.Text(), nullable=True),
        sa.Column("access_token", sa.Text(), nullable=True),
        sa.Column("refresh_token", sa.Text(), nullable=True),
        sa.Column("seed", sa.String(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("renew_at", moment, nullable=True),
        sa.Column("access_expires_at", moment, nullable=True),
        sa.Column("refresh_expires_at", moment, nullable=True),
        sa.Column("renewing_until", moment, nullable=True),
        sa.Column("scopes", sa.Text(), nullable=True),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("added_at", moment, nullable=False),
        sa.Column("renewed_at", moment, nullable=True),
    )


def downgrade() -> None:
    """Drop the table, and with it all tokens."""
    for old, new in _RENAMED.items():
        _rename(new, old)
    op.drop_table("account")


def _rename(old: str, new: str) -> None:
    ingest = sa.table("ingest", sa.column("reason", sa.String()))
    op.execute(ingest.update().where(ingest.c.reason == old).values(reason=new))
