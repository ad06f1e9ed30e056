"""One of the two databases for each story, by its name.

Whoever imports this fixture tells what Webex does and what comes of it. The statements behind it
are tested on both databases in ``tests/db``, and by the stories that are told twice; these on both
took a quarter of the whole run.
"""

from pathlib import Path
from zlib import crc32

import pytest


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database, of the kind that the name of the test gives."""
    if crc32(request.node.name.encode()) % 2:
        return f"sqlite:///{tmp_path / 'webex-ingest.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url
