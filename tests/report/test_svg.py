"""A figure's way from matplotlib's SVG to the page's."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from by_hand import METHODS, draw

from bench.report.page.svg import Drawing, for_page


def wrapped(inner: str, root: str = 'viewBox="0 0 72 36" width="72pt" height="36pt"') -> str:
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return (
        '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://x/y.dtd">'
        f"<svg {spaces} {root}>{inner}</svg>"
    )


def parsed(drawing: Drawing) -> ET.Element:
    return ET.fromstring(drawing.markup)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("svg")
    return (folder / f"{draw(folder, 'curves')}.svg").read_text(encoding="utf-8")


def test_ids_are_the_figures_own_and_every_reference_is_kept(text: str):
    roots = [parsed(for_page(text, prefix, "words")) for prefix in ("f1", "f2")]
    ids = [e.get("id") for root in roots for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids)) > 10
    for root, prefix in zip(roots, ("f1", "f2"), strict=True):
        markup = ET.tostring(root, encoding="unicode")
        asked = set(re.findall(r'(?:url\(|href=")#([^")]+)', markup))
        assert asked <= {e.get("id") for e in root.iter()}
        assert all(name.startswith(f"{prefix}-") for name in asked)


def test_tags_become_methods(text: str):
    root = parsed(for_page(text, "f1", "words"))
    methods = [e.get("data-method") for e in root.iter() if e.get("data-method")]
    assert sorted(set(methods)) == ["0", "1", "2", "3"]
    assert methods.count("2") == 2


def test_it_is_smaller_and_says_the_same(text: str):
    markup = for_page(text, "f1", "words").markup
    assert len(markup) < 0.7 * len(text)
    assert not re.search(r"\d\.\d{3,}", re.sub(r'(transform|href|viewBox)="[^"]*"', "", markup))
    assert "data:image/png;base64," in markup
    for gone in ("<?xml", "<!DOCTYPE", "<metadata", "<style", "<!--", "patch_1", "font-family: "):
        assert gone not in markup
    words = "".join(parsed(for_page(text, "f1", "words")).itertext())
    assert "<script>alert(2)</script> ]]>" in words
    assert METHODS[2].split()[0] in words
    assert "<script>" not in markup


def test_words_for_the_ear_are_escaped(text: str):
    drawing = for_page(text, "f1", '"><script>alert(1)</script>')
    assert parsed(drawing).get("aria-label") == '"><script>alert(1)</script>'
    assert "<script>" not in drawing.markup


def test_colours_and_the_white_sheet_are_kept(text: str):
    markup = for_page(text, "f1", "words").markup
    for colour in ("stroke:#0072b2", "fill:#222222", "fill:#ffffff"):
        assert colour in markup


def test_a_path_to_a_hundredth_of_a_point():
    def path(d: str) -> str | None:
        root = parsed(for_page(wrapped(f'<path d="{d}"/>'), "f1", ""))
        return root.find("path").get("d")  # type: ignore[union-attr]

    assert path("M 1.23456 -0.001\nL 2 3 \nL -4.5 0.25 \nz\n") == "M1.23 0 2 3-4.5 .25z"
    assert path("M 0 0 C 1 2 3 4 5 6 L 7 8 M 9 9 L 1 1") == "M0 0C1 2 3 4 5 6L7 8M9 9 1 1"
    assert path("M 1e-7 1e3 Q 1 2 3 4") == "M0 1000Q1 2 3 4"


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<style>* {display: none}</style>",
        "<foreignObject><iframe src='http://x'/></foreignObject>",
        "<g onload='alert(1)'><path d='M0 0'/></g>",
        "<image xlink:href='http://x/y.png' x='0' y='0'/>",
        "<use xlink:href='http://x/y.svg#a'/>",
        "<a xlink:href='javascript:alert(1)'><text>x</text></a>",
        "<animate attributeName='href' to='javascript:alert(1)'/>",
    ],
)
def test_nothing_runs_and_nothing_is_fetched(evil: str):
    markup = for_page(wrapped(evil), "f1", "").markup
    for word in ("script", "alert", "http", "iframe", "display", "animate"):
        assert word not in markup


@pytest.mark.parametrize("text", ["", "<svg", "no XML", "<html/>", wrapped("<text>\x08</text>")])
def test_what_is_no_svg_is_said_to_be_none(text: str):
    with pytest.raises(ValueError, match=r"well-formed|begins with"):
        for_page(text, "f1", "")


def test_a_size_in_points_and_one_that_is_not_given():
    assert for_page(wrapped(""), "f1", "").width == 96
    assert for_page(wrapped("", 'viewBox="0 0 144 36"'), "f1", "").width == 192
