"""How the page shows itself: light, dark, on a phone, in print, to the ear, without its script."""

from __future__ import annotations

import json
import re
import time
from itertools import pairwise

import pytest
from browsing import (  # noqa: F401
    TABLE,
    _browser,
    _file,
    _open_page,
    head,
    needs_chromium,
    opacity,
)
from by_hand import document

from bench.report.page.html import render_page

pytestmark = needs_chromium

CONTRAST = """() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const found = parse(getComputedStyle(e).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return null;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !e.checkVisibility()) continue;
    if (e.closest("script, .unseen")) continue;
    const style = getComputedStyle(e);
    const inFigure = e.closest("svg");
    // what is written on a cell has the cell below it, not the page
    if (inFigure && walker.currentNode.data === "cell") continue;
    const [a, b] = [luminance(parse(inFigure ? style.fill : style.color)), luminance(ground(e))];
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    found.push([contrast, walker.currentNode.data.trim().slice(0, 40)]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out(open_page, scheme):
    page = open_page(color_scheme=scheme)
    page.locator(".legend button[data-pick]").nth(4).click()
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    page.mouse.move(0, 0)
    found = page.evaluate(CONTRAST)
    assert len(found) > 120
    assert [each for each in found if each[0] < 4.5] == []


def test_the_reader_chooses_light_or_dark(open_page):
    page = open_page(color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    assert dark == "rgb(22, 24, 27)"
    page.locator(".theme").click()
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.locator(".theme").click()
    assert page.evaluate(paper) == dark
    # a figure keeps its white paper, and so its colours
    paper = "getComputedStyle(document.querySelector('figure svg')).backgroundColor"
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    cells = page.locator('figure[data-name="curves"] svg text', has_text="cell")
    assert [cell.evaluate("e => getComputedStyle(e).fill") for cell in cells.all()] == [
        "rgb(34, 34, 34)", "rgb(255, 255, 255)",
    ]  # fmt: skip


def test_print_is_light_whole_and_without_controls(open_page):
    page = open_page(color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for control in (".tools", ".side", ".save", ".take", ".skip"):
        assert not page.locator(control).first.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details", has_text="Conditions").last.get_attribute("open") is not None
    assert page.locator("details.log").get_attribute("open") is None
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("main details:not(.menu)[open]").count() == 0
    page.set_viewport_size({"width": 700, "height": 1000})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 700
    width, height = map(
        float, re.search(rb"MediaBox \[0 0 (\S+) ([^]]+)]", page.pdf(format="A4")).groups()
    )
    assert width > height


def test_a_phone_shows_all_of_it(open_page):
    page = open_page(360, 740, has_touch=True)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    # the bar leaves the page to the report
    assert page.locator(".side").bounding_box()["height"] < 60
    assert not page.locator(".legend ul").is_visible()
    page.locator(".legend summary").tap()
    page.locator(".legend button[data-pick]").nth(2).tap()
    assert opacity(page, 1) == {"0.12"}
    page.touchscreen.tap(180, 720)
    assert not page.locator(".legend ul").is_visible()
    for menu in (".columns", ".copy"):
        page.locator(f"{TABLE} {menu} summary").tap()
        box = page.locator(f"{TABLE} {menu} .drop").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    # a card holds the scores of all methods, those beyond the first sixteen under a line
    card = page.locator(".verdicts > li").first
    assert card.locator("tr:visible").count() == 16
    card.locator("summary", has_text="14 more").tap()
    assert card.locator("tr:visible").count() == 30
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    # letters of a figure are no smaller than 7 pixels: it scrolls in its own box
    scale = "e => e.getBoundingClientRect().width / e.viewBox.baseVal.width"
    assert page.locator('figure[data-name="curves"] svg').evaluate(scale) * 8 >= 7


def test_structure_is_there_for_screen_readers(open_page):
    page = open_page()
    levels = page.eval_on_selector_all(
        "h1, h2, h3, h4", "all => all.map(e => Number(e.localName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    told = page.locator("body").aria_snapshot()
    assert 'navigation "Contents"' in told
    assert 'img "Curves of ten methods over updates."' in told
    assert 'columnheader "score ↑"' in told
    assert 'rowheader "alpha"' in told
    assert "(best)" in told
    assert "failed: " in told
    ids = page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_without_its_script_all_is_there_to_read(open_page):
    page = open_page(java_script_enabled=False)
    assert head(page, 4).is_visible()
    for useless in (".tools", ".save", "button", "input"):
        assert page.locator(useless).count() == 0
    assert page.get_by_text("real data").first.is_visible()


def test_nothing_foreign_can_run(open_page, file):
    text = file.read_text(encoding="utf-8")
    assert text.count("<script") == 1
    assert "default-src 'none'" in text
    page = open_page()
    assert page.locator("img").count() == 1
    blocked = page.evaluate("""() => new Promise((done) => {
      const told = (event) => done(event.effectiveDirective);
      document.addEventListener("securitypolicyviolation", told);
      const evil = document.createElement("script");
      evil.textContent = "window.evil = 1";
      document.body.append(evil);
      setTimeout(() => done("nothing was blocked"), 2000);
    })""")
    assert blocked.startswith("script-src")
    assert "Content Security Policy" in open_page.told.pop()
    assert page.evaluate("window.evil") is None


def test_a_thousand_rows_stay_quick(open_page, tmp_path):
    text = render_page(document(tmp_path, rows=1000), tmp_path, "today")
    assert len(text) < 2e6
    other = tmp_path / "other.html"
    other.write_text(text, encoding="utf-8")
    started = time.monotonic()
    page = open_page(which=other)
    assert time.monotonic() - started < 5
    seconds = {}
    for name, action in {
        "sort": f"document.querySelectorAll('{TABLE} .sort')[2].click()",
        "pick": "document.querySelector('.legend button[data-pick]').click()",
        "filter": f"(() => {{ const f = document.querySelector('{TABLE} .filter input');"
        " f.value = 'alpha'; f.dispatchEvent(new Event('input')); })()",
    }.items():
        seconds[name] = page.evaluate(
            f"() => {{ const t = performance.now(); {action};"
            " document.body.offsetHeight; return (performance.now() - t) / 1000; }"
        )
    assert max(seconds.values()) < 1, json.dumps(seconds)
    assert page.locator(f"{TABLE} .count").text_content() == "100 of 1000 rows"
