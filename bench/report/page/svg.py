"""A figure's SVG made fit for the page.

What matplotlib draws is a file of its own, on white. Within the page it must bring no names that
meet those of another figure, follow light and dark, say which method a line belongs to, run
nothing, and be small.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from markupsafe import Markup

from bench.report.page.shades import is_grey

_ALLOWED = {
    "svg", "g", "defs", "path", "use", "clipPath", "rect", "circle", "ellipse", "line", "polyline",
    "polygon", "text", "tspan", "image", "pattern", "mask", "linearGradient", "radialGradient",
    "stop", "marker", "symbol",
}  # fmt: skip
_TAGGED = re.compile(r"method-(\d+)-\d+")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_STEP = re.compile(r"([A-Za-z])|(-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_ROOT = (
    "font-family:'DejaVu Sans',Verdana,sans-serif;stroke-linejoin:round;stroke-linecap:butt;"
    "max-width:{0:.0f}px;min-width:min({0:.0f}px,var(--legible,0px))"
)
"""``--legible`` is the page's: the width below which a figure scrolls and shrinks no further."""
_INHERITED = {
    "fill", "stroke", "stroke-width", "fill-opacity", "stroke-opacity", "stroke-linejoin",
    "stroke-linecap", "stroke-dasharray", "stroke-dashoffset",
}  # fmt: skip
_PIXELS_PER_POINT = 96 / 72

_BOX = ("x", "y", "width", "height")
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Drawing:
    """An ``<svg>`` element, and the colours that it asks the page for as ``var(--c123456)``."""

    markup: Markup
    width: float
    """In CSS pixels, at its natural size."""
    colours: set[str] = field(default_factory=set)


def for_page(text: str, prefix: str, alt: str) -> Drawing:
    """The drawing with ids that begin with ``prefix``; ValueError where it is no SVG."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise ValueError(f"not well-formed: {error}") from error
    if _local(root.tag) != "svg":
        raise ValueError(f"an SVG begins with <svg>, not <{_local(root.tag)}>")
    return _Transformed(root, prefix).drawing(alt)


class _Transformed:
    """One figure on its way to the page."""

    def __init__(self, root: ET.Element, prefix: str):
        self.root, self.prefix = root, prefix
        self.colours: set[str] = set()
        self._without_what_is_not_drawn(root)
        self.names = {name: f"{prefix}-{i}" for i, name in enumerate(sorted(_referred(root)))}
        self.plates = list(_plates(root))

    def drawing(self, alt: str) -> Drawing:
        root = self.root
        width = _pixels(root.get("width", ""))
        box = root.get("viewBox") or f"0 0 {width:g} {_pixels(root.get('height', '')):g}"
        width = width or float(box.split()[2]) * _PIXELS_PER_POINT
        self._children(root, within_mesh=False)
        root.attrib.clear()
        root.attrib |= {"viewBox": box, "role": "img", "aria-label": alt,
                        "style": _ROOT.format(width)}  # fmt: skip
        return Drawing(Markup(ET.tostring(root, encoding="unicode")), width, self.colours)

    def _without_what_is_not_drawn(self, element: ET.Element) -> None:
        """Names without namespaces; no metadata, no styles for the whole document, no scripts."""
        element.tag = _local(element.tag)
        for child in list(element):
            # a comment's tag is a function
            if not isinstance(child.tag, str) or _local(child.tag) not in _ALLOWED:
                element.remove(child)
            else:
                self._without_what_is_not_drawn(child)
        if element.tag not in ("text", "tspan"):
            element.text = None
        # white space between letters would be drawn
        element.tail = None

    def _children(self, parent: ET.Element, within_mesh: bool) -> None:
        for child in list(parent):
            self._element(child, within_mesh)
            if child.get("id") == "" or _is_empty(child):
                parent.remove(child)
        _flatten(parent)
        _hoist(parent)

    def _element(self, element: ET.Element, within_mesh: bool) -> None:
        name = element.get("id", "")
        within_mesh = within_mesh or name.startswith("QuadMesh")
        if name == "patch_1" and _is_sheet(element):
            # the sheet of paper that the figure is drawn on: the page has its own
            element.clear()
            element.tag = "g"
            return
        style = _parsed(element.get("style", ""))
        on_plate = self._lies_on_a_plate(element)
        attributes = {key: value for key, value in map(self._attribute, *_pairs(element)) if value}
        if tagged := _TAGGED.fullmatch(name):
            attributes["data-method"] = tagged[1]
        if told := self._styled(style, within_mesh, on_plate):
            attributes["style"] = told
        element.attrib.clear()
        element.attrib |= attributes
        if on_plate and element.tag == "text" and "fill" not in style:
            # black, which matplotlib leaves out
            element.set("style", f"{element.get('style', '')};fill:#000000".lstrip(";"))
        self._children(element, within_mesh)

    def _attribute(self, key: str, value: str) -> tuple[str, str]:
        key = _local(key)
        if key == "id":
            return key, self.names.get(value, "")
        if key == "href":
            if value.startswith("#"):
                return key, f"#{self.names[value[1:]]}"
            return key, "".join(value.split()) if value.startswith("data:image/") else ""
        if key == "style" or key.startswith("on") or "script" in value.casefold():
            return key, ""
        if key == "d":
            return key, _path(value)
        if key in (*_BOX, "cx", "cy", "r"):
            return key, _NUMBER.sub(lambda found: _rounded(found[0], 2), value)
        if key == "transform":
            return key, _NUMBER.sub(lambda found: _rounded(found[0], 4), value)
        return key, self._renamed(value)

    def _renamed(self, value: str) -> str:
        return _REFERENCE.sub(lambda found: f"url(#{self.names[found[1]]})", value)

    def _styled(self, style: dict[str, str], within_mesh: bool, on_plate: bool) -> str:
        parts = []
        for key, value in style.items():
            if key == "font-family":
                continue
            verbatim = on_plate or (within_mesh and key == "fill")
            if key in ("fill", "stroke") and not verbatim and _COLOUR.fullmatch(value):
                self.colours.add(value.lower())
                value = f"var(--c{value[1:].lower()})"
            elif key in ("font", "font-size"):
                value = value.split("'")[0].strip()
                if key == "font":
                    # without its families this is no font; its size is what matters
                    key, value = "font-size", next(iter(re.findall(r"[\d.]+px", value)), "")
            parts.append(f"{key}:{self._renamed(value)}")
        return ";".join(parts)

    def _lies_on_a_plate(self, element: ET.Element) -> bool:
        """Whether it is written or drawn on a colour that is the same in the dark."""
        if element.tag == "path":
            box = _box(element)
            return box is not None and any(_lies_within(box, plate) for plate in self.plates)
        found = [float(n) for n in _NUMBER.findall(element.get("transform", ""))]
        if element.tag == "g":
            if not (element.get("transform", "").startswith("translate") and
                    element.find("text") is not None):  # fmt: skip
                return False
            x, y = found[0], found[1] if len(found) > 1 else 0.0
        elif element.tag == "text" and element.get("x") is not None:
            x, y = float(element.get("x", "0")), float(element.get("y", "0"))
        elif element.tag == "text" and "translate" in element.get("transform", "") and found[1:]:
            x, y = found[:2]
        else:
            return False
        return any(a <= x <= c and b <= y - 2 <= d for a, b, c, d in self.plates)


def _local(name: str) -> str:
    return name.rsplit("}", 1)[-1]


def _pairs(element: ET.Element) -> tuple[list[str], list[str]]:
    return list(element.attrib.keys()), list(element.attrib.values())


def _parsed(style: str) -> dict[str, str]:
    pairs = (part.split(":", 1) for part in style.split(";") if ":" in part)
    return {key.strip(): value.strip() for key, value in pairs}


def _referred(root: ET.Element) -> set[str]:
    """Names that something in the figure points to."""
    found = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            if _local(key) == "href" and value.startswith("#"):
                found.add(value[1:])
            found |= set(_REFERENCE.findall(value))
    return found


def _plates(root: ET.Element) -> Iterator[Box]:
    """Boxes of what is filled with a colour that stays in the dark: cells, bars, pictures."""
    skipped = {id(e) for defs in root.iter("defs") for e in defs.iter()}
    meshes = {id(e) for g in root.iter("g") if g.get("id", "").startswith("QuadMesh")
              for e in g.iter()}  # fmt: skip
    for element in root.iter():
        if id(element) in skipped:
            continue
        if element.tag == "image" and element.get("transform", "").startswith("scale(1 -1)"):
            x, y, width, height = (float(element.get(k, "0")) for k in _BOX)
            yield x, -y, x + width, height - y
        elif element.tag == "path":
            style = _parsed(element.get("style", ""))
            fill = style.get("fill", "none")
            faint = min(float(style.get(k, "1")) for k in ("fill-opacity", "opacity")) < 0.5
            if faint or not _COLOUR.fullmatch(fill):
                continue
            if is_grey(fill) and id(element) not in meshes:
                continue
            if box := _box(element):
                yield box


def _box(path: ET.Element) -> Box | None:
    """Around a path of few corners, such as a cell, a bar, or the sheet under a word."""
    numbers = [float(n) for n in _NUMBER.findall(path.get("d", ""))]
    xs, ys = numbers[::2], numbers[1::2]
    return (min(xs), min(ys), max(xs), max(ys)) if 6 <= len(numbers) <= 40 else None


def _lies_within(box: Box, plate: Box) -> bool:
    """Whether a box is a part of a plate, and a small one: not the frame around all of it."""
    left, top, right, bottom = plate
    inside = left <= box[0] and top <= box[1] and box[2] <= right and box[3] <= bottom
    width, height = (box[2] - box[0]) / (right - left or 1), (box[3] - box[1]) / (bottom - top or 1)
    return inside and width * height < 0.8


def _is_sheet(element: ET.Element) -> bool:
    path = element.find("path")
    style = _parsed(path.get("style", "")) if path is not None else {}
    return style.get("fill", "").lower() in ("#ffffff", "none")


def _is_empty(element: ET.Element) -> bool:
    return element.tag in ("g", "defs") and not len(element)


def _flatten(parent: ET.Element) -> None:
    """Groups that say nothing give way to what they hold."""
    for place in reversed(range(len(parent))):
        child = parent[place]
        if child.tag == "g" and not child.attrib:
            parent[place : place + 1] = list(child)


def _hoist(parent: ET.Element) -> None:
    """What all markers of a group have in common is said once, by the group."""
    uses = list(parent)
    styles = {use.get("style", "") for use in uses}
    if parent.tag != "g" or len(uses) < 2 or len(styles) > 1 or {u.tag for u in uses} != {"use"}:
        return
    (style,) = styles
    if style and not parent.get("style") and set(_parsed(style)) <= _INHERITED:
        parent.set("style", style)
        for use in uses:
            del use.attrib["style"]


def _path(d: str) -> str:
    """The same path to a hundredth of a point, without what need not be written."""
    parts: list[str] = []
    last = ""
    for command, number in _STEP.findall(d):
        if command:
            # a line after a line, and after the point where it starts, need not be named
            named = command != last and (last, command) != ("M", "L")
            if named or command in "MmZz":
                parts.append(command)
            elif parts and not parts[-1][-1].isalpha():
                parts.append(" ")
            last = command
        else:
            told = _rounded(number, 2)
            if parts and not (parts[-1][-1].isalpha() or parts[-1] == " " or told[0] == "-"):
                parts.append(" ")
            parts.append(told)
    return "".join(parts).replace("  ", " ").replace(" -", "-")


def _rounded(number: str, digits: int) -> str:
    told = f"{float(number):.{digits}f}"
    told = told.rstrip("0").rstrip(".") if "." in told else told
    if told in ("-0", ""):
        return "0"
    return told.replace("0.", ".", 1) if told.startswith(("0.", "-0.")) else told


def _pixels(length: str) -> float:
    found = _NUMBER.match(length)
    if not found:
        return 0.0
    return float(found[0]) * (_PIXELS_PER_POINT if length.endswith("pt") else 1)
