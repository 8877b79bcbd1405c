"""How long a report of usual size is, and what of it a reader sees, chooses and prints."""

from __future__ import annotations

import numpy as np
import pytest
from browsing import _browser, _open_page, needs_chromium  # noqa: F401
from handmade import store_in, studies_in, trainer

from bench.report import write_report

pytestmark = [needs_chromium, pytest.mark.slow]

SMALL = "{mlp: {generator_widths: [8], discriminator_widths: [8]}}"
STUDY = f"""
description: Six methods on three datasets, by hand.
methods: [label_smoothing, non_saturating, spectral_norm, ttur, vanilla, wgan_gp]
seeds: 4
evaluations: 8
experiments:
  - {{dataset: ring8, architecture: {SMALL}, updates: 1600}}
  - {{dataset: grid25, architecture: {SMALL}, updates: 1600}}
  - {{dataset: digits8, architecture: {SMALL}, updates: 1600}}
"""
BEST = {"ring8": 8, "grid25": 25}
SEEN = """() => {
  const seen = (e) => e.checkVisibility({ visibilityProperty: true });
  let words = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (parent.closest("script, template, .unseen") || !seen(parent)) continue;
    words += (walker.currentNode.data.match(/\\S+/g) || []).length;
  }
  const stops = [...document.querySelectorAll("a[href], button, input, summary, [tabindex]")]
    .filter((e) => e.tabIndex >= 0 && !e.disabled && seen(e))
    // of a group of radio buttons, Tab reaches one
    .filter((e) => e.type !== "radio" || e.checked);
  const labels = [...document.querySelectorAll("figure svg text")].filter(seen).map((e) => {
    const svg = e.closest("svg");
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    return [parseFloat(getComputedStyle(e).fontSize) * scale, e.textContent];
  });
  const cut = [...document.querySelectorAll(".scroll")]
    .filter((e) => seen(e) && e.scrollWidth > e.clientWidth).map((e) => e.textContent.slice(0, 60));
  return { words, stops: stops.length, labels, cut,
    screens: document.documentElement.scrollHeight / innerHeight,
    width: document.scrollingElement.scrollWidth };
}"""
SMALL_PRINT = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !parent.checkVisibility()) continue;
    if (parent.closest("script, template, .unseen, #said")) continue;
    const svg = parent.closest("svg");
    const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    const size = parseFloat(getComputedStyle(parent).fontSize) * scale;
    if (size < 11.99) found.push([size, walker.currentNode.data.trim().slice(0, 40)]);
  }
  return found;
}"""


def _values(cell, at: int, random: np.random.Generator) -> dict[str, float | None]:
    place = ["wgan_gp", "spectral_norm"].index(cell.method.name) + 2 if (
        cell.method.name in ("wgan_gp", "spectral_norm")) else 1  # fmt: skip
    share = (0.3 * place + 0.05 * random.random()) * at / cell.updates
    if cell.dataset.name == "digits8":
        return {"pixel_fd": 10 - 9 * share, "pixel_fd_averaged": 10 - 8 * share}
    best = BEST[cell.dataset.name]
    return {"modes_20": best * share, "modes_1": best * share, "high_quality": share,
            "reverse_kl": 2 - share, "jsd": 1 - share, "data_fd": 1.5 - share}  # fmt: skip


@pytest.fixture(scope="module", name="file")
def _file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("budget")
    study, store = studies_in(folder)(STUDY, "budget"), store_in(folder)
    train, random, planned = trainer(store), np.random.default_rng(0), []
    for cell in study.cells:
        points = np.linspace(0, cell.updates, 9).astype(int).tolist()
        images = cell.dataset.name == "digits8"
        samples = (random.integers(0, 256, (9, 64, 8, 8)).astype(np.uint8) if images
                   else random.normal(size=(9, 400, 2)).astype(np.float16))  # fmt: skip
        norms = np.exp(random.normal(size=cell.updates)).astype(np.float32)
        norms[-40::8] = 1e4
        one = train(cell, {at: _values(cell, at, random) for at in points}, samples=samples,
                    floor={"modes_20": BEST.get(cell.dataset.name), "pixel_fd": 0.6},
                    norms=norms, pictures={"last real": samples[0]})  # fmt: skip
        if cell.method.name == "wgan_gp":
            fewer = {"generator_updates": cell.updates // 5,
                     "gradient_evaluations": 11 * cell.updates // 5}  # fmt: skip
            one.record.data["result"]["cost"] = one.record.cost | fewer
        planned.append(one)
    return write_report(study, planned, store.results)


def test_a_report_of_six_methods_and_three_datasets_is_short(open_page, file):
    found = open_page(1440, 900).evaluate(SEEN)
    assert found["screens"] <= 15
    assert found["words"] <= 3500
    assert found["stops"] <= 100
    assert found["cut"] == []
    assert found["width"] <= 1440
    assert [label for label in found["labels"] if label[0] < 11] == []
    assert file.stat().st_size <= 2_000_000
    text = file.with_suffix(".md").read_text(encoding="utf-8")
    assert len(text.split()) <= 3500
    assert text.index("![") < text.index("\n| ")


def test_a_phone_shows_every_dataset_of_the_overview_one_under_the_other(open_page):
    page = open_page(360, 740)
    assert not page.locator('figure[data-name="overview"]').is_visible()
    boxes = [each.bounding_box() for each in page.locator(".verdicts > li").all()]
    assert [box["x"] for box in boxes] == [boxes[0]["x"]] * 3
    assert boxes[0]["x"] + boxes[0]["width"] <= 360
    tops = [box["y"] for box in boxes]
    assert tops == sorted(tops)
    for card in page.locator(".verdicts > li").all():
        assert card.locator(".scores").is_visible()
        assert card.locator(".scores tr").count() == 7
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360


@pytest.mark.parametrize("scripted", [True, False])
def test_curves_are_plotted_against_the_axis_that_the_reader_chooses(open_page, scripted):
    page = open_page(1440, 900, java_script_enabled=scripted)
    choice = page.locator(".choice").first
    shown = choice.locator("figure:visible")
    assert "over discriminator updates" in shown.locator("svg").get_attribute("aria-label")
    for axis in ("generator updates", "gradient evaluations", "seconds of training"):
        choice.get_by_role("radio", name=axis).check()
        assert shown.count() == 1
        assert f"over {axis}" in shown.locator("svg").get_attribute("aria-label")


def test_the_pointer_reads_a_value_anywhere_in_a_panel(open_page):
    page = open_page(1440, 900)
    under = """e => {
      e.scrollIntoView({block: "center"});
      const {x, y, width, height} = e.getBoundingClientRect();
      const found = document.elementFromPoint(x + 0.3 * width, y + 0.6 * height);
      return found.closest("[data-method]")?.querySelector("title").textContent;
    }"""
    for figure, told in (("curves", "interquartile mean"), ("norms", "last norm")):
        drawn = page.locator(f'figure[data-name^="ring8-"][data-name$="-{figure}"] g')
        panels = drawn.filter(has=page.locator("title", has_text=told)).all()
        assert panels
        for panel in panels:
            assert panel.evaluate(under) == panel.locator("title").text_content()


def test_sorted_by_difference_the_reference_stays_on_top(open_page):
    page = open_page(1440, 900)
    table = page.locator('.table[data-name^="ranking-"]').first
    rows = table.locator("tbody tr")
    best, last = (rows.nth(n).locator("th").text_content().strip() for n in (0, -1))
    assert last == "real data"
    for _ in range(2):
        table.locator("thead button", has_text="mean difference").click()
        assert rows.first.locator("th").text_content().strip() == best
        assert rows.last.locator("th").text_content().strip() == "real data"


def test_print_has_no_small_text_and_keeps_headings_with_what_follows(open_page):
    # what the margins leave of a landscape A4 page
    page = open_page(1047, 718)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(SMALL_PRINT) == []
    heights = "all => all.map((e) => e.getBoundingClientRect().height)"
    assert max(page.eval_on_selector_all("figure svg", heights)) <= 718
    assert page.locator('figure[data-name$="-samples"]').first.locator(".strip").count() == 2
    style = "(all, name) => [...new Set(all.map((e) => getComputedStyle(e)[name]))]"
    for what in ("h2", "h3", "h4", "main summary", "caption"):
        if page.locator(what).count():
            assert page.eval_on_selector_all(what, style, "breakAfter") == ["avoid"], what
    short = ".table:not(:has(.long)), figure:not(:has(.strip)), .strip, .notice, tr"
    assert page.eval_on_selector_all(short, style, "breakInside") == ["avoid"]
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 1047
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".strip").count() == 0
