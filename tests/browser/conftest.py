"""A real Chromium, and a place of meetings for it to look at."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from app.web.application import create_app
from tests.browser.gallery import Gallery, gallery_of
from tests.servers import ValkeyServer
from tests.stage import staged

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_MOST_MILLISECONDS = 20_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say of each test here that it needs a browser, where there is none."""
    if chromium_path() is not None or os.environ.get("REQUIRE_BROWSER"):
        return
    here = Path(__file__).parent
    why = "no Chromium on the PATH: `apt-get install chromium`, then these tests run"
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.skip(reason=why))


def chromium_path() -> str | None:
    """Where the browser is; None where there is none."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all; each test has a profile of its own in it."""
    path = chromium_path()
    assert path is not None, "REQUIRE_BROWSER is set, and no Chromium is on the PATH"
    with sync_playwright() as playwright:
        # As root, as in a container, Chromium has no sandbox; it sees our own pages only.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def gallery(
    tmp_path_factory: pytest.TempPathFactory, migrated_file: Path, valkey: ValkeyServer
) -> Iterator[Gallery]:
    """Meetings in each of the states that people meet."""
    folder = tmp_path_factory.mktemp("gallery")
    path = folder / "webex-ingest.db"
    shutil.copyfile(migrated_file, path)
    with staged(folder, f"sqlite:///{path}", valkey.url, application=create_app) as stage:
        yield gallery_of(stage)


class Visitor:
    """Somebody with a browser, who notices whatever it complains of."""

    def __init__(self, context: BrowserContext, gallery: Gallery) -> None:
        self.gallery = gallery
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(_MOST_MILLISECONDS)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def go(self, path: str) -> Page:
        """Open a page."""
        self.page.goto(f"{self.gallery.url}{path}")
        return self.page

    def _hear(self, message: object) -> None:
        if getattr(message, "type", "") == "error":
            self.complaints.append(getattr(message, "text", ""))


@pytest.fixture
def visitor(chromium: Browser, gallery: Gallery) -> Iterator[Visitor]:
    """A visitor with a usual window; what the browser complains of fails the test."""
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        visitor = Visitor(context, gallery)
        yield visitor
        assert visitor.complaints == []


@pytest.fixture
def scriptless(chromium: Browser, gallery: Gallery) -> Iterator[Visitor]:
    """A visitor whose browser runs no JavaScript."""
    with chromium.new_context(java_script_enabled=False) as context:
        visitor = Visitor(context, gallery)
        yield visitor
        assert visitor.complaints == []
