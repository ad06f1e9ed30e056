"""The pages with years of meetings: a web process over each database, asked over HTTP."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from urllib.parse import urlencode

import requests

from app.runtime import Runtime
from benchmarks.scale_looks import EVERY_KIND, FILTERS, Look, middle_of, settled_of
from benchmarks.scale_rows import RARE
from benchmarks.web_process import PASSWORD, web_process
from tests.servers import ValkeyServer

_PAGE_SECONDS = 60


@contextmanager
def web_processes(runtimes: dict[int, Runtime], valkey: ValkeyServer) -> Iterator[dict[int, str]]:
    """The door and the pages over each database; where they listen."""
    with ExitStack() as stack:
        urls = {}
        for count, runtime in runtimes.items():
            told = {
                "DATABASE_URL": runtime.bench.database.url.render_as_string(hide_password=False),
                "CELERY_BROKER_URL": valkey.url,
                "WEBEX_WEBHOOK_SECRET": "nobody-signs",
            }
            process = web_process(runtime.settings.archive_dir, told)
            urls[count] = f"http://127.0.0.1:{stack.enter_context(process)}"
        yield urls


def _paths(count: int) -> dict[str, str]:
    return {
        **{f"list: {name}": f"/?{urlencode(filters)}" for name, filters in FILTERS.items()},
        "list: below the middle": f"/?before={middle_of(count)}",
        "one meeting": f"/meetings/{settled_of(count)}",
        "search": f"/search?q={RARE}",
    }


def page_looks(url: str, count: int) -> dict[str, Look]:
    """Each page of a database of so many meetings; what is looked at must show one of them."""
    session = requests.Session()
    session.trust_env = False
    session.auth = ("operator", PASSWORD)

    def look(path: str) -> None:
        answer = session.get(url + path, timeout=_PAGE_SECONDS)
        assert answer.status_code == 200, (path, answer.status_code)
        assert 'href="/meetings/' in answer.text or count < EVERY_KIND, path

    return {name: partial(look, path) for name, path in _paths(count).items()}
