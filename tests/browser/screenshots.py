"""Pictures of the pages for the README: ``python -m tests.browser.screenshots FOLDER``."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import sync_playwright

from app.db.engine import Database
from app.db.schema import migrate
from app.ingestion.sweep import sweep
from app.web.application import create_app
from tests.browser.conftest import chromium_path
from tests.browser.gallery import Gallery, gallery_of
from tests.servers import ValkeyServer
from tests.stage import staged

WINDOW = {"width": 1120, "height": 700}
PICTURES = {
    "meetings": ("/", "light"),
    "meeting": ("/meetings/{played}", "light"),
    "player": ("/meetings/{played}/play?t=98", "dark"),
    "search": ("/search?q=budget", "light"),
    "problems": ("/problems", "dark"),
}


def main(folder: Path) -> None:
    """Hold some meetings, and take a picture of each page."""
    folder.mkdir(parents=True, exist_ok=True)
    path = chromium_path()
    if path is None:
        sys.exit("no Chromium on the PATH: `apt-get install chromium`, then try again")
    with _gallery() as gallery, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name, (place, scheme) in PICTURES.items():
            page = browser.new_page(viewport=WINDOW, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(gallery.url + place.format(played=gallery.played))
            if name == "player":
                page.wait_for_function("() => document.getElementById('media').readyState >= 4")
                page.wait_for_function(
                    "() => document.querySelector('track').track.activeCues?.length"
                )
            # Until what was decoded is drawn.
            page.evaluate("() => new Promise(drawn => setTimeout(drawn, 1500))")
            page.screenshot(path=folder / f"{name}.png")
            print(folder / f"{name}.png")  # noqa: T201 -- a program for people
            page.close()
        browser.close()


@contextmanager
def _gallery() -> Iterator[Gallery]:
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{name}/webex-ingest.db"
        database = Database(url)
        migrate(database)
        database.dispose()
        broker = ValkeyServer()
        broker.start()
        try:
            with staged(Path(name), url, broker.url, application=create_app) as stage:
                gallery = gallery_of(stage)
                _hold_more(gallery)
                sweep(stage.bench)
                yield gallery
        finally:
            broker.close()


def _hold_more(gallery: Gallery) -> None:
    stage = gallery.stage
    for day, title in enumerate(("Sales call: Example Corp", "All hands", "Design review"), 1):
        end = stage.now - timedelta(days=day)
        times = {"start": f"{end - timedelta(hours=1):%FT%TZ}", "end": f"{end:%FT%TZ}"}
        told = stage.hold_meeting(title=title, recordings=1, transcripts=1, **times)
        stage.live_until_complete(told["meeting_id"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
