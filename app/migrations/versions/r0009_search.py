"""The words of what was said, and an index of them."""

import unicodedata
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_AT_ONCE = 50_000

# columnsize serves ranking only. The tokenizer parts words at spaces, as all that is no
# letter or digit has been taken out of them.
_INDEX = """
CREATE VIRTUAL TABLE snippet_search USING fts5(
    words, content='snippet', content_rowid='id', tokenize='ascii', columnsize=0
)"""
_ADD = "INSERT INTO snippet_search (rowid, words) VALUES (new.id, new.words);"
_TAKE = (
    "INSERT INTO snippet_search (snippet_search, rowid, words) "
    "VALUES ('delete', old.id, old.words);"
)
_TRIGGERS = {
    "snippet_added": f"AFTER INSERT ON snippet BEGIN {_ADD} END",
    "snippet_changed": f"AFTER UPDATE OF words ON snippet BEGIN {_TAKE} {_ADD} END",
    "snippet_deleted": f"AFTER DELETE ON snippet BEGIN {_TAKE} END",
}


def upgrade() -> None:
    """Give every snippet its words: both databases index the same ones, and make none up."""
    if op.get_bind().dialect.name == "sqlite":
        _upgrade_sqlite()
    else:
        _upgrade_postgres()


def downgrade() -> None:
    """Drop them; what was said stays."""
    if op.get_bind().dialect.name == "sqlite":
        for name in _TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
        op.execute("DROP TABLE snippet_search")
    else:
        op.drop_index("snippet_search", "snippet")
    op.drop_column("snippet", "words")


def _upgrade_sqlite() -> None:
    op.add_column("snippet", sa.Column("words", sa.Text(), nullable=False, server_default=""))
    driver: Any = op.get_bind().connection.dbapi_connection
    driver.create_function("words_of", 1, lambda text: " ".join(_words_of(text)))
    op.execute("UPDATE snippet SET words = words_of(text)")
    op.execute(_INDEX)
    op.execute("INSERT INTO snippet_search (snippet_search) VALUES ('rebuild')")
    for name, does in _TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {does}")


def _upgrade_postgres() -> None:
    op.add_column("snippet", sa.Column("words", TSVECTOR(), nullable=False, server_default=""))
    driver: Any = op.get_bind().connection.dbapi_connection
    with driver.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE found (id integer, words tsvector) ON COMMIT DROP")
        for said in _batches(cursor):
            with cursor.copy("COPY found FROM STDIN") as copy:
                for row_id, text in said:
                    copy.write_row((row_id, _tsvector(text)))
            cursor.execute(
                "UPDATE snippet SET words = found.words FROM found WHERE snippet.id = found.id"
            )
            cursor.execute("TRUNCATE found")
        cursor.execute("DROP TABLE found")
    op.create_index("snippet_search", "snippet", ["words"], postgresql_using="gin")


def _batches(cursor: Any) -> Iterator[list[tuple[int, str]]]:
    last = 0
    question = "SELECT id, text FROM snippet WHERE id > %s ORDER BY id LIMIT %s"
    while said := cursor.execute(question, (last, _AT_ONCE)).fetchall():
        yield said
        last = said[-1][0]


def _tsvector(text: str) -> str:
    places: dict[str, list[str]] = {}
    for place, word in enumerate(_words_of(text), 1):
        places.setdefault(word, []).append(str(place))
    return " ".join(f"'{word}':{','.join(found)}" for word, found in places.items())


# What follows is words_of() as it was when this revision was made.
_UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x30FF)),
    *((0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),
)


def _words_of(text: str) -> list[str]:
    text = text[:50_000]
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).translate(_LEFT_OUT)
        text = unicodedata.normalize("NFC", text.casefold())
    return [word[:200] for word in text.lower().translate(_SIGNS).split()[:16_000]]


class _Signs(dict[int, str]):
    def __missing__(self, code: int) -> str:
        character = chr(code)
        if any(first <= code <= last for first, last in _UNSPACED):
            kept = f" {character} "
        elif (category := unicodedata.category(character)) == "Cf":
            kept = ""
        else:
            kept = character if character.isalnum() or category in ("Mn", "Mc") else " "
        self[code] = kept
        return kept


_SIGNS = _Signs()
_LEFT_OUT = dict.fromkeys((*range(0x0300, 0x0370), *range(0xFE00, 0xFE10)))
