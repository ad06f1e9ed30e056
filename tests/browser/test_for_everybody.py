"""Pages are for everybody: by keyboard, on a phone, in light and dark, with a screen reader."""

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # has no types
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visitor
from tests.browser.gallery import Gallery


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(
    chromium: Browser, gallery: Gallery, scheme: str
) -> None:
    with chromium.new_context(color_scheme=scheme, bypass_csp=True) as context:  # type: ignore[arg-type]
        page = context.new_page()
        found = {}
        for name, path in gallery.pages.items():
            page.goto(f"{gallery.url}{path}")
            violations = Axe().run(page).response["violations"]
            found[name] = [
                (each["id"], each["nodes"][0]["html"][:200])
                for each in violations
                if each["impact"] in ("serious", "critical")
            ]
    assert {name: each for name, each in found.items() if each} == {}


def test_no_page_is_wider_than_a_phone(chromium: Browser, gallery: Gallery) -> None:
    with chromium.new_context(viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        wide = {}
        for name, path in gallery.pages.items():
            page.goto(f"{gallery.url}{path}")
            wide[name] = page.evaluate("document.documentElement.scrollWidth")
    assert {name: width for name, width in wide.items() if width > 360} == {}


def test_the_keyboard_alone_leads_to_a_line_and_plays_it(visitor: Visitor) -> None:
    page = visitor.go("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        # Not :focus, which nothing is on the button that is within a field for a day.
        if page.evaluate("document.activeElement.innerText") == "Quarterly review":
            break
    page.keyboard.press("Enter")
    play = page.get_by_role("link", name="Play", exact=True)
    play.focus()
    assert play.evaluate("link => getComputedStyle(link).outlineStyle") != "none"
    page.keyboard.press("Enter")
    line = page.locator("#lines li[data-start] a").nth(6)
    line.focus()

    page.keyboard.press("Enter")

    expect(page.locator("#lines li[data-start]").nth(6)).to_have_attribute("aria-current", "true")


def test_no_page_makes_the_browser_complain_or_ask_elsewhere(visitor: Visitor) -> None:
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))

    for name, path in visitor.gallery.pages.items():
        if name != "unknown":
            visitor.go(path)

    strangers = [each for each in asked if not each.startswith((visitor.gallery.url, "data:"))]
    assert strangers == []
