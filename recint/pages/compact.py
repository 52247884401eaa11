"""Makes the SVG of matplotlib smaller, to about a third, so that a page can hold more than a hundred figures.

Coordinates are rounded to a tenth of a point. Elements with the same style share a CSS class. Names without a reference are
removed, and so are groups that have nothing but a name. Images get a palette.
"""

from __future__ import annotations

import io
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import groupby
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from PIL import Image

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_REFERENCE = re.compile(r"(?<=url\(#)[^)]+")
_PNG = "data:image/png;base64,"


def compact(svg: str, *, label: str) -> str:
    """One `<svg>` element that looks like the input. Screen readers read `label`.

    Ids and classes are hashes of the content, so that many figures can be on one page.
    """
    root = ElementTree.fromstring(svg)
    _rename(root, "f" + sha256(svg.encode()).hexdigest()[:8])
    styles: dict[str, str] = {}
    _shorten(root, styles)
    root.insert(0, sheet := Element("style"))
    sheet.text = "".join(f".{name}{{{style}}}" for style, name in styles.items())
    size = {name: root.attrib[name] for name in ("viewBox", "width", "height")}
    root.attrib = {"role": "img", "aria-label": label, "xmlns": "http://www.w3.org/2000/svg", **size}
    root.attrib |= {
        "font-family": "'DejaVu Sans', sans-serif",
        "stroke-linejoin": "round",
    }  # all elements inside inherit these
    return ElementTree.tostring(root, encoding="unicode").replace(" />", "/>")


def _rename(root: Element, prefix: str) -> None:
    """Give every element that has a reference a short id that starts with `prefix`. Remove all other ids."""
    values = [value for element in root.iter() for value in element.attrib.values()]
    links = [link[1:] for element in root.iter() if (link := element.get(_XLINK, "")).startswith("#")]
    used = dict.fromkeys([*(reference for value in values for reference in _REFERENCE.findall(value)), *links])
    names = {reference: f"{prefix}{index}" for index, reference in enumerate(used)}
    for element in root.iter():
        if (own := element.attrib.pop("id", None)) in names:
            element.set("id", names[own])
        for name, value in element.items():
            is_link = name == _XLINK and value.startswith("#")
            element.set(
                name, f"#{names[value[1:]]}" if is_link else _REFERENCE.sub(lambda match: names[match[0]], value)
            )


def _shorten(element: Element, styles: dict[str, str], *, digits: int = 1) -> None:
    """Shorten an element and everything in it. `styles` collects the names of the classes, by style."""
    element.tag = element.tag.removeprefix(_SVG)
    element.tail = None
    if len(element):
        element.text = None
    pairs = [part.split(":") for part in element.attrib.pop("style", "").split(";") if part.strip()]
    if style := ";".join(f"{name.strip()}:{value.strip()}" for name, value in pairs if name.strip() != "font-family"):
        element.set("class", styles.setdefault(style, "s" + sha256(style.encode()).hexdigest()[:5]))
    if link := element.attrib.pop(_XLINK, None):
        element.set("href", _with_palette(link) if link.startswith(_PNG) else link)
    for name, value in element.items():
        if name == "d":
            element.set(name, _path(value, digits))
        elif name not in ("href", "class", "id", "clip-path"):
            element.set(
                name, _rounded(value, 3 if name == "transform" else 1)
            )  # a transform may contain a scale, which needs more digits
    if re.fullmatch(r"rotate\(-?0 [^)]*\)", element.get("transform", "")):
        del element.attrib["transform"]
    for child in element:
        # Shapes in <defs> are markers, which are small: they need more digits.
        _shorten(child, styles, digits=2 if element.tag == "defs" else digits)
    element[:] = _grouped(_drawn(element))


def _drawn(element: Element) -> Iterator[Element]:
    """The children that draw something. A group without attributes is replaced by its children."""
    for child in element:
        if child.tag in ("metadata", "style") or (child.tag in ("defs", "g") and not len(child)):
            continue
        if child.tag == "g" and not child.attrib:
            yield from child
        else:
            yield child


def _grouped(children: Iterable[Element]) -> Iterator[Element]:
    """The children. Neighbours that share a class or a clip path are put into a group that has it."""

    def look(child: Element) -> tuple[tuple[str, str], ...]:
        moved = child.tag in ("g", "tspan") or "transform" in child.attrib or "id" in child.attrib
        return (
            ()
            if moved
            else tuple((name, child.attrib[name]) for name in ("class", "clip-path") if name in child.attrib)
        )

    for shared, alike in groupby(children, look):
        several = list(alike)
        if not shared or len(several) == 1:
            yield from several
            continue
        group = Element("g", dict(shared))
        for child in several:
            for name, _ in shared:
                del child.attrib[name]
            group.append(child)
        yield group


def _rounded(text: str, digits: int) -> str:
    return _NUMBER.sub(lambda number: f"{round(float(number[0]), digits) + 0.0:g}", text)


def _path(d: str, digits: int) -> str:
    """A path with rounded coordinates. Horizontal and vertical lines need only one coordinate."""
    shown: list[str] = []
    at = ["", ""]
    for command, arguments in re.findall(r"([A-Za-z])([^A-Za-z]*)", d):
        numbers = _rounded(arguments, digits).split()
        end = numbers[-2:] or at
        if command != "L":
            shown.append(command + " ".join(numbers))
        elif end[1] == at[1]:
            shown.append(f"H{end[0]}" if end != at else "")
        else:
            shown.append(f"V{end[1]}" if end[0] == at[0] else f"L{end[0]} {end[1]}")
        at = end
    return "".join(shown)


def _with_palette(source: str) -> str:
    """An image as PNG with a palette, on white. It stays as it is if it has more than 256 colours."""
    image = Image.open(io.BytesIO(b64decode(source.removeprefix(_PNG)))).convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if (colours := flat.getcolors(256)) is None:
        return source
    png = io.BytesIO()
    flat.quantize(len(colours), dither=Image.Dither.NONE).save(png, "PNG", optimize=True)
    return _PNG + b64encode(png.getvalue()).decode()
