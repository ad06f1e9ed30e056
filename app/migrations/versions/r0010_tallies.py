"""Counts of all rows, kept by triggers, and an index of what has failed."""

from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


@dataclass(frozen=True, slots=True)
class _Counted:
    """A table, and by what its rows are counted; ``{}.`` stands before each column."""

    table: str
    columns: str
    word: str
    detail: str = "''"
    amount: str = "0"

    def of(self, row: str, sign: str = "") -> str:
        """What is to be added to the tallies for a row."""
        word, detail, amount = (
            each.replace("{}", row) for each in (self.word, self.detail, self.amount)
        )
        return f"'{self.table}', {word}, {detail}, {sign}1, {sign}({amount})"

    @property
    def changed(self) -> str:
        """Whether a change of a row changes a count."""
        pairs = (
            (each.replace("{}", "old"), each.replace("{}", "new"))
            for each in (self.word, self.detail, self.amount)
            if "{}" in each
        )
        return " OR ".join(f"{old} <> {new}" for old, new in pairs)


_COUNTED = (
    _Counted("ingest", "resource, state", "{}.resource", "{}.state"),
    _Counted(
        "meeting",
        "completed_at",
        "CASE WHEN {}.completed_at IS NULL THEN 'waiting' ELSE 'complete' END",
    ),
    _Counted(
        "webhook_event",
        "outcome, deliveries",
        "coalesce({}.outcome, 'new')",
        amount="{}.deliveries",
    ),
    _Counted(
        "file",
        "kind, bytes, damage",
        "{}.kind",
        "CASE WHEN {}.damage IS NULL THEN '' ELSE 'damaged' END",
        "{}.bytes",
    ),
)
_ADD = "INSERT INTO tally (subject, word, detail, number, amount)"


def upgrade() -> None:
    """Make the table, count what is there, and keep it so."""
    where = sa.text("state = 'failed'")
    op.create_index(
        "ix_ingest_failed", "ingest", ["ended_at"], sqlite_where=where, postgresql_where=where
    )
    op.create_table(
        "tally",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
    )
    for each in _COUNTED:
        # Before the rows are counted: from then on Postgres keeps others from changing any.
        for name, event, does in _triggers(each):
            _create_trigger(name, each.table, event, does)
        word, detail, amount = (
            what.replace("{}", each.table) for what in (each.word, each.detail, each.amount)
        )
        op.execute(
            f"{_ADD} SELECT '{each.table}', {word}, {detail}, count(*), sum({amount}) "  # noqa: S608
            f"FROM {each.table} GROUP BY 2, 3"
        )


def downgrade() -> None:
    """Drop it all; the rows can be counted."""
    for each in _COUNTED:
        for name, _, _ in _triggers(each):
            if op.get_bind().dialect.name == "sqlite":
                op.execute(f"DROP TRIGGER {name}")
            else:
                op.execute(f"DROP FUNCTION {name}() CASCADE")
    op.drop_table("tally")
    op.drop_index("ix_ingest_failed", "ingest")


def _triggers(each: _Counted) -> list[tuple[str, str, str]]:
    """The name of each trigger of a table, when it runs, and what it adds."""
    gone, come = f"SELECT {each.of('old', '-')}", f"SELECT {each.of('new')}"
    changed = f"UPDATE OF {each.columns}", f"{gone} UNION ALL {come}"
    return [
        (f"tally_{each.table}_added", "INSERT|", come),
        (f"tally_{each.table}_changed", f"{changed[0]}|WHEN ({each.changed})", changed[1]),
        (f"tally_{each.table}_deleted", "DELETE|", gone),
    ]


def _create_trigger(name: str, table: str, event: str, does: str) -> None:
    event, _, when = event.partition("|")
    head = f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {when}"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"{head} BEGIN {_ADD} {does}; END")
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {_ADD} {does}; RETURN NULL; END $$"
    )
    op.execute(f"{head} EXECUTE FUNCTION {name}()")
