"""The pages in a real browser: live, without errors, narrow and wide, in both themes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page

from tests.http.callers import SECRET, bearer, make_key, token
from tests.http.conftest import StartServer
from tests.http.server_process import ServerProcess

AXE = Path(__file__).parent / "axe" / "axe.min.js"
# What axe looks for; the schemes differ in nothing but colours.
SCHEMES = {"light": "", "dark": "runOnly: ['color-contrast']"}
ADDRESSES = (
    "/admin",
    "/admin?user=ada",
    "/admin/rulebook",
    "/u/ada",
    "/u/bob",
    "/u/cem",
    "/leaderboard",
    "/badges",
    "/badges/mentor",
    "/badges/first_run",
    "/embed/ada",
    "/u/nobody",
)


@pytest.fixture
def page(browser: Browser, pages: ServerProcess) -> Iterator[Page]:
    """A new page. No error may be told on its console, and no request may leave the server."""
    context = browser.new_context(viewport={"width": 1024, "height": 800})
    page = context.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: told.append(request.url) if not request.url.startswith(pages.url) else None)
    yield page
    context.close()
    assert [line for line in told if "404 (Not Found)" not in line] == []


def test_a_badge_appears_on_the_open_page_without_a_reload(
    page: Page, pages: ServerProcess, client: httpx2.Client
) -> None:
    client.post("/api/progress/event", json={"userId": "live", "eventType": "visualize"})
    page.goto(f"{pages.url}/u/live")
    page.wait_for_timeout(300)
    page.evaluate("window.isSame = true")
    client.post("/api/progress/event", json={"userId": "live", "eventType": "code_run"})
    page.wait_for_selector("[data-badge=first_run]", timeout=30_000)
    assert page.evaluate("window.isSame")
    assert "First Steps" in page.locator("#celebration").inner_text()
    points = client.get("/api/progress/dashboard/live").json()["user"]["totalPoints"]
    page.wait_for_selector(f'[data-total-points="{points}"]', timeout=30_000)


def test_an_operator_signs_in_and_corrects_by_the_forms(browser: Browser, start_server: StartServer) -> None:
    server = start_server()
    # In a thread of its own: the browser's has an event loop.
    with ThreadPoolExecutor(1) as thread:
        key = thread.submit(make_key, f"sqlite:///{server.database}", "admin").result()
    event = {"userId": "ada", "eventType": "code_run", "eventId": "run-1"}
    with server.client() as client:
        assert client.post("/api/progress/event", json=event, headers=bearer(key)).status_code == 201
    page = browser.new_page()
    page.goto(f"{server.url}/admin?user=ada")
    page.fill("[name=key]", key)
    page.click("main button")
    page.fill("#user", "ada")
    page.click("text=Show")
    page.fill("#target", "run-1")
    page.fill("#reason", "a mistake")
    page.click("button:has-text('Correct')")
    assert "The event does not count any more." in page.locator("p.notice").inner_text()
    page.click("text=Sign out")
    assert page.locator("[name=key]").is_visible()
    page.close()


def test_learners_set_their_goals_on_their_own_page(browser: Browser, start_server: StartServer) -> None:
    server = start_server(jwt_secret=SECRET, users_record_events="true")
    mine = bearer(token("ada"))
    with server.client() as client:
        event = {"userId": "ada", "eventType": "code_run"}
        assert client.post("/api/progress/event", json=event, headers=mine).status_code == 201
    # As behind a proxy that adds the token of whoever is signed in.
    context = browser.new_context(bypass_csp=True, extra_http_headers=mine, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(f"{server.url}/u/ada")
    page.fill("#eventsPerWeek", "4")
    page.click("text=Set goals")
    page.wait_for_selector('progress[aria-label="4 events a week"]')
    assert "1 / 4" in page.locator("section[aria-labelledby=goals]").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.add_script_tag(path=AXE)
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(one["id"], one["nodes"][0]["html"]) for one in result["violations"]] == []
    context.close()


def test_no_page_has_an_accessibility_violation(browser: Browser, pages: ServerProcess) -> None:
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    found: list[str] = []
    for address in ADDRESSES:
        page.goto(pages.url + address)
        page.add_script_tag(path=AXE)
        for scheme, rules in SCHEMES.items():
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            result = page.evaluate(f"axe.run(document, {{resultTypes: ['violations'], {rules}}})")
            found += [
                f"{address} {scheme}: {one['id']}: {one['nodes'][0]['html'][:150]} {one['nodes'][0]['failureSummary']}"
                for one in result["violations"]
            ]
    context.close()
    assert found == []


def test_no_page_is_wider_than_a_phone(browser: Browser, pages: ServerProcess) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    for address in ADDRESSES:
        page.goto(pages.url + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, address
    context.close()


def test_level_and_streak_lie_side_by_side_and_fill_the_page(page: Page, pages: ServerProcess) -> None:
    page.set_viewport_size({"width": 1100, "height": 800})
    page.goto(f"{pages.url}/u/ada")
    whole, level, streak = (
        page.locator(where).bounding_box()
        for where in ("section.hero", "section[aria-label=Level]", "section[aria-label=Streak]")
    )
    assert whole
    assert level
    assert streak
    assert (level["y"], level["height"]) == (streak["y"], streak["height"])
    assert streak["x"] + streak["width"] == pytest.approx(whole["x"] + whole["width"], abs=1)


def test_everything_is_there_without_scripts(browser: Browser, pages: ServerProcess) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{pages.url}/u/ada")
    assert page.locator("[data-badge=first_run]").count() == 1
    page.goto(f"{pages.url}/leaderboard")
    assert page.locator("table.rows tbody tr").count() >= 4
    context.close()


def test_the_keyboard_reaches_the_content_first(page: Page, pages: ServerProcess) -> None:
    page.goto(f"{pages.url}/leaderboard")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")


def test_the_element_shows_a_picture(page: Page, pages: ServerProcess) -> None:
    page.goto(f"{pages.url}/leaderboard")
    page.evaluate(
        """() => new Promise((done) => {
            const script = document.createElement("script");
            script.src = "/laurels.js";
            script.onload = () => {
                const element = document.createElement("laurels-progress");
                element.setAttribute("user", "ada");
                document.body.append(element);
                element.querySelector("img").addEventListener("load", done);
            };
            document.head.append(script);
        })"""
    )
    assert page.evaluate("document.querySelector('laurels-progress img').naturalWidth") > 0
