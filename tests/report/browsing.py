"""Chromium with a page from disk, and what tests ask of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from by_hand import document

from bench.report.page.html import render_page

pytest.importorskip("playwright.sync_api", reason="the browser tests need the package playwright")
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="the browser tests need Chromium")
TABLE = '.table[data-name="ranking-ring8"]'


@pytest.fixture(scope="module", name="browser")
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module", name="file")
def _file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    made = folder / "report.html"
    made.write_text(render_page(document(folder), folder, "today"), encoding="utf-8")
    return made


@pytest.fixture(name="open_page")
def _open_page(browser: Browser, file: Path) -> Iterator:
    """Opens the page; at the end nothing was logged, asked of a network, or run by a name."""
    contexts, told, asked = [], [], []

    def opened(width: int = 1280, height: int = 800, at: str = "", which: Path = file, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("dialog", lambda dialog: (told.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"file://{which}{at}")
        return page

    opened.told = told
    yield opened
    for context in contexts:
        context.close()
    assert told == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert {url.split("#")[0] for url in asked if url.startswith("file:")} <= {f"file://{file}"} | {
        url for url in asked if url.endswith("other.html")
    }


def column(page: Page, index: int) -> list[str]:
    """Texts of a column's visible cells, from top to bottom."""
    return page.eval_on_selector_all(
        f"{TABLE} tbody tr:not([hidden])",
        f"rows => rows.map(row => row.cells[{index}].textContent.trim())",
    )


def head(page: Page, index: int):
    return page.locator(f"{TABLE} thead th").nth(index)


def opacity(page: Page, method: int) -> set[str]:
    page.wait_for_timeout(250)
    return set(
        page.eval_on_selector_all(
            f'figure svg [data-method="{method}"]',
            "all => all.map(e => getComputedStyle(e).opacity)",
        )
    )
