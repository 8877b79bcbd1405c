"""What a reader does with the page, in Chromium, from disk: sorts, filters, picks, takes along."""

from __future__ import annotations

import base64
import csv
import io
import re
import struct
from xml.etree import ElementTree as ET

import pytest
from browsing import (  # noqa: F401
    TABLE,
    Page,
    _browser,
    _file,
    _open_page,
    column,
    head,
    needs_chromium,
    opacity,
)
from by_hand import COMMAND, EVIL, METHODS, VALUES, ranking

from bench.report.page.copies import as_csv, as_latex

pytestmark = needs_chromium
SVG = "{http://www.w3.org/2000/svg}"


def test_a_column_sorts_by_its_numbers_and_back(open_page):
    page = open_page()
    before = column(page, 1)
    # by the numbers, not the texts; without one last both ways; real data stays below
    rising = ["−1.25", "0.50", "2.00", "2.25", "3.50", "9.00", "10.00", "100.00"]
    for way, expected in (("ascending", rising), ("descending", rising[::-1])):
        head(page, 2).locator("button").click()
        assert head(page, 2).get_attribute("aria-sort") == way
        shown = column(page, 2)
        assert [text.split(" ")[0] for text in shown[:8]] == expected
        assert shown[8:] == ["–", "–", "8.00"]
    head(page, 2).locator("button").click()
    assert head(page, 2).get_attribute("aria-sort") is None
    assert column(page, 1) == before


def test_words_sort_as_people_count(open_page):
    page = open_page()
    head(page, 1).locator("button").click()
    names = column(page, 1)
    assert [n for n in names if re.fullmatch(r"m\d+", n)] == ["m2", "m9", "m10"]
    head(page, 3).locator("button").click()
    assert head(page, 1).get_attribute("aria-sort") is None
    few = page.locator('.table[data-name="few"]')
    few.locator("thead th button").nth(1).click()
    assert few.locator("tbody th").all_text_contents() == ["b 9", "b 10"]


def test_rows_are_filtered_and_counted(open_page):
    page = open_page()
    page.locator(f"{TABLE} .filter input").fill("NOTE 1")
    assert column(page, 3)[:-1] == ["note 1"] * 3
    assert page.locator(f"{TABLE} .count").text_content() == "3 of 10 rows"
    page.locator(f"{TABLE} .filter input").fill("onerror")
    assert column(page, 1) == [EVIL, "real data"]
    page.locator(f"{TABLE} .filter input").fill("")
    assert len(column(page, 1)) == 11
    assert page.locator('.table[data-name="few"] .filter').count() == 0


def test_columns_are_hidden_and_shown(open_page):
    page = open_page()
    spare = head(page, 4)
    assert not spare.is_visible()
    page.locator(f"{TABLE} .columns summary").click()
    box = page.locator(f"{TABLE} .columns label", has_text="spare").locator("input")
    assert not box.is_checked()
    box.check()
    assert spare.is_visible()
    page.locator(f"{TABLE} .columns label", has_text="words").locator("input").uncheck()
    assert not head(page, 3).is_visible()
    # the column that names a row is needed by all others
    assert page.locator(f"{TABLE} .columns label", has_text="method").locator("input").is_disabled()
    page.keyboard.press("Escape")
    assert not box.is_visible()


def test_a_click_on_a_method_highlights_it_everywhere(open_page):
    page = open_page()
    assert opacity(page, 1) == {"1"}
    page.locator(f"{TABLE} tbody button.method").first.click()
    assert opacity(page, 0) == {"1"}
    assert opacity(page, 1) == opacity(page, 2) == {"0.12"}
    legend = page.locator(".legend button[data-pick]")
    assert legend.first.get_attribute("aria-pressed") == "true"
    tinted = "row => getComputedStyle(row.cells[0]).backgroundColor"
    rows = page.locator(f"{TABLE} tbody tr")
    assert rows.nth(0).evaluate(tinted) != rows.nth(2).evaluate(tinted)
    assert "alpha" in page.locator("#said").text_content()
    legend.nth(2).click()
    assert opacity(page, 2) == {"1"}
    address = page.url
    page.keyboard.press("Escape")
    assert opacity(page, 1) == {"1"}
    assert legend.first.get_attribute("aria-pressed") == "false"
    # the address names what was highlighted, hostile names too
    again = open_page(at="#" + address.split("#")[1])
    assert opacity(again, 2) == {"1"}
    assert opacity(again, 1) == {"0.12"}
    again.locator(".all").click()
    assert opacity(again, 1) == {"1"}


def test_the_legend_finds_a_method(open_page):
    page = open_page()
    page.locator(".legend .find").fill("M1")
    assert page.locator(".legend li:visible").all_text_contents() == ["m10"]
    page.locator(".legend .find").fill("שלום")
    page.locator(".legend li:visible button").click()
    assert opacity(page, 3) == {"1"}
    assert opacity(page, 0) == {"0.12"}


def test_copies_are_those_of_the_python_side(open_page, tmp_path):
    page = open_page(accept_downloads=True)
    table = ranking()
    for form, suffix, expected in (
        ("CSV", "csv", as_csv(table)),
        ("LaTeX", "tex", as_latex(table)),
    ):
        page.locator(f"{TABLE} .copy summary").click()
        with page.expect_download() as waiting:
            page.get_by_role("button", name=f"Save {form}").click()
        assert waiting.value.suggested_filename == f"ranking-ring8.{suffix}"
        waiting.value.save_as(tmp_path / suffix)
        assert (tmp_path / suffix).read_text(encoding="utf-8") == expected
    rows = list(csv.reader(io.StringIO(as_csv(table))))
    assert rows[0] == ["rank", "method", "score ↑", "score ↑ (as shown)", "words", "spare"]


def test_copying_works_with_and_without_a_clipboard(open_page):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.locator(".command .take").click()
    page.wait_for_function("document.querySelector('#said').textContent.includes('Copied')")
    assert page.evaluate("navigator.clipboard.readText()") == COMMAND
    page = open_page()
    page.evaluate("""() => {
      Object.defineProperty(navigator, "clipboard", {value: {writeText: () => Promise.reject()}});
      document.execCommand = () => false;
    }""")
    page.locator(f"{TABLE} .copy summary").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Copy CSV").click()
    assert waiting.value.suggested_filename == "ranking-ring8.csv"


def test_figures_are_saved_as_svg_and_png(open_page, tmp_path):
    page = open_page(color_scheme="dark")
    page.locator(f"{TABLE} tbody button.method").first.click()
    figure = page.locator('figure[data-name="curves"]')
    for form in ("svg", "png"):
        with page.expect_download() as waiting:
            figure.locator(f'[data-as="{form}"]').click()
        assert waiting.value.suggested_filename == f"curves.{form}"
        waiting.value.save_as(tmp_path / form)
    root = ET.parse(tmp_path / "svg").getroot()
    text = (tmp_path / "svg").read_text(encoding="utf-8")
    assert root.tag == f"{SVG}svg"
    assert "var(" not in text
    assert "#0072b2" in text
    assert root.findtext(f"{SVG}title") == "Curves of ten methods over updates."
    content = (tmp_path / "png").read_bytes()
    assert content.startswith(b"\x89PNG")
    # 9.6 inches at 96 pixels, twice as fine
    assert struct.unpack(">II", content[16:24])[0] == pytest.approx(1843, abs=2)
    # on white, whatever the page's colours are
    corner = page.evaluate(
        """async (url) => { const image = new Image(); image.src = url; await image.decode();
        const canvas = document.createElement('canvas'); canvas.width = canvas.height = 9;
        canvas.getContext('2d').drawImage(image, 0, 0);
        return [...canvas.getContext('2d').getImageData(2, 2, 1, 1).data]; }""",
        "data:image/png;base64," + base64.b64encode(content).decode(),
    )
    assert corner == [255, 255, 255, 255]
    plain = page.locator('figure[data-name="plain"]')
    assert plain.locator("[data-as]").all_text_contents() == ["PNG"]
    with page.expect_download() as waiting:
        plain.locator("[data-as]").click()
    waiting.value.save_as(tmp_path / "plain")
    assert (tmp_path / "plain").read_bytes().startswith(b"\x89PNG")


def test_values_are_read_by_pointer_keys_and_touch(open_page):
    page = open_page(has_touch=True)
    figure = page.locator('figure[data-name="curves"]')
    titles = "all => all.map(e => e.textContent)"
    # of marks without a value, the pointer learns the name
    of_methods = figure.locator("[data-method]").all()
    told = figure.locator("[data-method] > title").evaluate_all(titles)
    assert len(told) == len(of_methods)
    assert {*VALUES, *METHODS[:2]} <= {*told}
    stops = page.evaluate(
        "[...document.querySelectorAll('.save button')].filter(e => !e.tabIndex).length"
    )
    assert stops == page.locator(".save").count()
    said, read = page.locator("#said"), figure.locator(".read > title")
    figure.locator(".values").focus()
    for key, expected in (("Enter", 0), ("ArrowDown", 1), ("ArrowDown", 0), ("ArrowUp", 1)):
        page.keyboard.press(key)
        assert said.text_content() == read.text_content() == VALUES[expected]
    page.keyboard.press("Tab")
    assert read.count() == 0
    figure.locator("[data-method]", has_text="2.90").dispatch_event("click")
    assert said.text_content() == VALUES[0]
    # a mark without a value has none to be read
    names = [each for each in of_methods if each.locator("title").text_content() in METHODS]
    names[0].dispatch_event("click")
    assert said.text_content() == VALUES[0]
    assert page.locator('figure[data-name="plain"] .values').count() == 0


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.textContent.trim()")


def tab_to(page: Page, text: str, limit: int = 80) -> None:
    for _ in range(limit):
        page.keyboard.press("Tab")
        if focused(page) == text:
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(outline) != "none"
            return
    raise AssertionError(f"{text!r} cannot be reached by Tab")


def test_everything_is_done_by_keyboard_alone(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the report"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "report"
    tab_to(page, "Columns (1 hidden)")
    page.keyboard.press("Enter")
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert head(page, 4).is_visible()
    page.keyboard.press("Escape")
    assert focused(page) == "Columns"
    # the buttons of a table's head are one stop, from which arrows lead on
    tab_to(page, "method")
    page.keyboard.press("ArrowRight")
    assert focused(page) == "score ↑"
    page.keyboard.press("Enter")
    assert head(page, 2).get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Space")
    assert head(page, 2).get_attribute("aria-sort") == "descending"
    page = open_page()
    tab_to(page, METHODS[1])
    assert page.evaluate("document.activeElement.closest('.legend') !== null")
    page.keyboard.press("Space")
    assert opacity(page, 0) == {"0.12"}
