"""What people do in a browser: look, play, search, try again."""

import re

from playwright.sync_api import Page, expect

from app.models.words import Resource
from tests.browser.conftest import Visitor
from tests.db.rows import set_ingest

SAME_MOMENT = 0.3


def playing_at(page: Page) -> float:
    """The second at which the media stand."""
    seconds: float = page.locator("#media").evaluate("media => media.currentTime")
    return seconds


def wait_for_second(page: Page, seconds: float) -> None:
    page.wait_for_function(
        "wanted => Math.abs(document.getElementById('media').currentTime - wanted) < 1.5",
        arg=seconds,
    )


def bring_up_to_date(page: Page) -> None:
    """Wait until what the page shows was replaced once."""
    page.evaluate(
        "() => new Promise("
        "done => document.addEventListener('htmx:afterSettle', () => done(), {once: true}))"
    )


def test_from_the_list_to_a_line_of_what_was_said(visitor: Visitor) -> None:
    page = visitor.go("/")
    page.get_by_role("link", name="Quarterly review").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Quarterly review")
    page.get_by_role("link", name="Play", exact=True).click()
    line = page.locator("#lines li[data-start]").nth(7)
    wanted = float(line.get_attribute("data-start") or "nan")

    line.locator("a").click()

    wait_for_second(page, wanted)
    expect(line).to_have_attribute("aria-current", "true")
    assert re.search(rf"t={wanted:.3f}$", page.url)
    # Of a video that plays on, so that the next line is marked when it is spoken.
    later = page.locator("#lines li[data-start]").nth(8)
    page.locator("#media").evaluate(
        "(media, at) => { media.currentTime = at }", float(later.get_attribute("data-start") or 0)
    )
    expect(later).to_have_attribute("aria-current", "true")
    expect(line).not_to_have_attribute("aria-current", "true")


def test_the_video_is_decoded_and_has_captions(visitor: Visitor) -> None:
    page = visitor.go(f"/meetings/{visitor.gallery.played}/play?t=30")

    page.wait_for_function("() => document.getElementById('media').videoWidth > 0")

    assert abs(playing_at(page) - 30) < SAME_MOMENT
    page.wait_for_function(
        "() => document.querySelector('track').track.cues?.length === 24", timeout=20_000
    )
    expect(page.get_by_role("navigation", name="Recordings").get_by_role("link")).to_have_count(2)


def test_a_hit_of_the_search_plays_at_its_second(visitor: Visitor) -> None:
    page = visitor.go("/search")
    page.get_by_label("Words, and phrases").fill('"on the budget"')
    page.keyboard.press("Enter")
    hit = page.locator(".hits li a", has_text="We agreed on the budget").last
    expect(hit.locator("mark")).to_have_text("on the budget")

    hit.click()

    now = page.locator("#lines [aria-current]")
    expect(now).to_contain_text("We agreed on the budget")
    start = float(now.get_attribute("data-start") or "nan")
    page.wait_for_function("() => document.getElementById('media').readyState >= 1")
    assert abs(playing_at(page) - start) < SAME_MOMENT


def test_the_bar_of_a_transfer_moves_by_itself(visitor: Visitor) -> None:
    rows = visitor.gallery.rows
    meeting = rows.meeting("moving_I_1", title="On its way")
    ingest_id = rows.ingest(meeting, Resource.RECORDINGS, "r-moving")
    rows.run(ingest_id, stage="video", bytes_done=1000, bytes_total=4000, bytes_per_second=10)
    page = visitor.go("/meetings/moving_I_1")
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "1000")

    set_ingest(rows.database, ingest_id, bytes_done=3000)

    expect(page.get_by_role("progressbar")).to_have_attribute("value", "3000", timeout=15_000)
    set_ingest(rows.database, ingest_id, state="done", stage="")


def test_what_is_brought_up_to_date_leaves_everybody_where_they_are(visitor: Visitor) -> None:
    rows = visitor.gallery.rows
    meeting = rows.meeting("stay_I_1", title="Looked at for long")
    ingest_id = rows.ingest(meeting, Resource.RECORDINGS, "r-stay")
    rows.run(ingest_id, stage="video", bytes_done=1000, bytes_total=4000, bytes_per_second=10)
    page = visitor.go("/")
    page.get_by_label("Host").press_sequentially("ada@")
    bring_up_to_date(page)
    page.get_by_label("Host").press_sequentially("example.com")
    expect(page.get_by_label("Host")).to_have_value("ada@example.com")
    expect(page.get_by_label("Host")).to_be_focused()
    page = visitor.go("/meetings/stay_I_1")
    button = page.get_by_role("button", name="Look now")
    button.focus()

    bring_up_to_date(page)

    expect(button).to_be_focused()
    set_ingest(rows.database, ingest_id, state="done", stage="")


def test_a_failed_one_is_tried_again_at_the_press_of_a_button(visitor: Visitor) -> None:
    visitor.gallery.rows.failed_meeting("again_I_1", "It went wrong.", title="Once more")
    page = visitor.go("/meetings/again_I_1")
    expect(page.locator(".bar-of-actions .state")).to_have_text("Needs help")

    page.get_by_role("button", name="Try again").click()

    expect(page.get_by_role("status")).to_contain_text("is tried again")
    expect(page.locator(".bar-of-actions .state")).not_to_have_text("Needs help")
    expect(page.locator(".timeline")).to_contain_text("Asked for by somebody here: retry")


def test_all_of_a_kind_are_tried_again_from_the_problems(visitor: Visitor) -> None:
    visitor.gallery.rows.failed_meeting("kind_I_1", "It went wrong.", title="One of a kind")
    page = visitor.go("/problems")

    page.get_by_role("button", name="Try all of this kind again").first.click()

    expect(page.get_by_role("status").first).to_contain_text("tried again")
    rows = visitor.gallery.rows
    rows.failed_meeting("failed_I_1", "It went wrong once more.", title="Budget of the year")


def test_without_javascript_everything_is_reached_by_links_and_forms(scriptless: Visitor) -> None:
    page = scriptless.go("/")
    page.get_by_label("Host").fill("nobody@example.com")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("status")).to_contain_text("No meeting fits.")
    page.get_by_role("link", name="Show all meetings").click()
    page.get_by_role("link", name="Quarterly review").click()
    page.get_by_role("link", name="Play", exact=True).click()
    line = page.locator("#lines li[data-start]").nth(5)
    wanted = line.get_attribute("data-start")

    line.locator("a").click()

    expect(page.locator("#lines [aria-current]")).to_have_attribute("data-start", wanted or "")
    source = page.locator("#media").get_attribute("src") or ""
    assert source.endswith(f"#t={wanted}")
    page.get_by_role("link", name="Search", exact=True).click()
    page.get_by_label("Words, and phrases").fill("budget")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".hits li").first).to_contain_text("budget")
    page = scriptless.go(f"/meetings/{scriptless.gallery.waiting}")
    page.get_by_role("button", name="Look now").click()
    expect(page.get_by_role("status")).to_contain_text("is looked for now")
