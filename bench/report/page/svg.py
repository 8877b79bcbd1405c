"""A figure's SVG made fit for the page.

What matplotlib draws is a file of its own, on a white sheet, which it keeps on a dark page. Within
the page its ids must not meet those of another figure, it must state which method a line belongs
to, run nothing, and be small.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from markupsafe import Markup

_ALLOWED = {
    "svg", "g", "defs", "path", "use", "clipPath", "rect", "circle", "ellipse", "line", "polyline",
    "polygon", "text", "tspan", "image", "pattern", "mask", "linearGradient", "radialGradient",
    "stop", "marker", "symbol", "title",
}  # fmt: skip
_TAGGED = re.compile(r"method-(\d+)-\d+")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_STEP = re.compile(r"([A-Za-z])|(-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")
_ROOT = (
    "font-family:'DejaVu Sans',Verdana,sans-serif;stroke-linejoin:round;stroke-linecap:butt;"
    "--wide:{:.0f}px;max-width:calc(var(--wide)*var(--grown,1));"
    "min-width:min(var(--wide),var(--legible,0px))"
)
"""``--legible`` is the page's: the width below which a figure scrolls and shrinks no further; and
``--grown``: how much larger than drawn a figure may be."""
_INHERITED = {
    "fill", "stroke", "stroke-width", "fill-opacity", "stroke-opacity", "stroke-linejoin",
    "stroke-linecap", "stroke-dasharray", "stroke-dashoffset",
}  # fmt: skip
_PIXELS_PER_POINT = 96 / 72

_LENGTHS = ("x", "y", "width", "height", "cx", "cy", "r")


@dataclass(frozen=True)
class Drawing:
    """An ``<svg>`` element, and its natural width in CSS pixels."""

    markup: Markup
    width: float


def for_page(text: str, prefix: str, alt: str) -> Drawing:
    """Return the drawing with ids that begin with ``prefix``; ValueError where it is no SVG."""
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
        self.root = root
        self._without_what_is_not_drawn(root)
        self.names = {name: f"{prefix}-{i}" for i, name in enumerate(sorted(_referred(root)))}

    def drawing(self, alt: str) -> Drawing:
        root = self.root
        width = _pixels(root.get("width", ""))
        box = root.get("viewBox") or f"0 0 {width:g} {_pixels(root.get('height', '')):g}"
        width = width or float(box.split()[2]) * _PIXELS_PER_POINT
        self._children(root)
        root.attrib.clear()
        root.attrib |= {"viewBox": box, "role": "img", "aria-label": alt,
                        "style": _ROOT.format(width)}  # fmt: skip
        return Drawing(Markup(ET.tostring(root, encoding="unicode")), width)

    def _without_what_is_not_drawn(self, element: ET.Element) -> None:
        """Take away namespaces, metadata, styles for the whole document, and scripts."""
        element.tag = _local(element.tag)
        for child in list(element):
            # a comment's tag is a function
            if not isinstance(child.tag, str) or _local(child.tag) not in _ALLOWED:
                element.remove(child)
            else:
                self._without_what_is_not_drawn(child)
        if element.tag not in ("text", "tspan", "title"):
            element.text = None
        # white space between letters would be drawn
        element.tail = None

    def _children(self, parent: ET.Element) -> None:
        for child in list(parent):
            self._element(child)
            if _is_empty(child):
                parent.remove(child)
        _flatten(parent)
        _hoist(parent)

    def _element(self, element: ET.Element) -> None:
        attributes = dict(self._attribute(key, value) for key, value in element.attrib.items())
        if tagged := _TAGGED.fullmatch(element.get("id", "")):
            attributes["data-method"] = tagged[1]
        attributes["style"] = self._styled(_parsed(element.get("style", "")))
        element.attrib.clear()
        element.attrib |= {key: value for key, value in attributes.items() if value}
        self._children(element)

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
        if key in _LENGTHS:
            return key, _NUMBER.sub(lambda found: _rounded(found[0], 2), value)
        if key == "transform":
            return key, _NUMBER.sub(lambda found: _rounded(found[0], 4), value)
        return key, self._renamed(value)

    def _renamed(self, value: str) -> str:
        return _REFERENCE.sub(lambda found: f"url(#{self.names[found[1]]})", value)

    def _styled(self, style: dict[str, str]) -> str:
        style.pop("font-family", None)
        if "font" in style:
            # without its families this is no font; its size is what matters
            style["font-size"] = next(iter(re.findall(r"[\d.]+px", style.pop("font"))), "")
        return ";".join(f"{key}:{self._renamed(value)}" for key, value in style.items())


def _local(name: str) -> str:
    return name.rsplit("}", 1)[-1]


def _parsed(style: str) -> dict[str, str]:
    pairs = (part.split(":", 1) for part in style.split(";") if ":" in part)
    return {key.strip(): value.strip() for key, value in pairs}


def _referred(root: ET.Element) -> set[str]:
    """Return names that something in the figure points to."""
    found = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            if _local(key) == "href" and value.startswith("#"):
                found.add(value[1:])
            found |= set(_REFERENCE.findall(value))
    return found


def _is_empty(element: ET.Element) -> bool:
    return element.tag in ("g", "defs") and not len(element)


def _flatten(parent: ET.Element) -> None:
    """Groups that say nothing give way to what they hold."""
    for place in reversed(range(len(parent))):
        child = parent[place]
        if child.tag == "g" and not child.attrib:
            parent[place : place + 1] = list(child)


def _hoist(parent: ET.Element) -> None:
    """Let a group say once what all its markers have in common."""
    uses = [child for child in parent if child.tag != "title"]
    styles = {use.get("style", "") for use in uses}
    if parent.tag != "g" or len(uses) < 2 or len(styles) > 1 or {u.tag for u in uses} != {"use"}:
        return
    (style,) = styles
    if style and not parent.get("style") and set(_parsed(style)) <= _INHERITED:
        parent.set("style", style)
        for use in uses:
            del use.attrib["style"]


def _path(d: str) -> str:
    """Return the same path to a hundredth of a point, without what need not be written."""
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
