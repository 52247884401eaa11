"""A figure in fewer bytes is the same figure: every sign of it is there, at its place, in its colour."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from recint.pages.compact import compact
from recint.pages.drawing import drawing

HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'viewBox="0 0 9 9" width="9pt" height="9pt">'
)


def short(body):
    """What is left of the body of an SVG, without the element itself and its styles."""
    return re.sub(r"^<svg[^>]*>(<style>.*?</style>|<style/>)|</svg>$", "", compact(f"{HEAD}{body}</svg>", label="x"))


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ('<metadata><a/></metadata><g id="a"><g id="b"/><text x="1.26">t</text></g>', '<text x="1.3">t</text>'),
        ('<path d="M 1.04 2 \nL 3.96 2 \nL 3.96 5.5 \nL 1 1 \nz\n"/>', '<path d="M1 2H4V5.5L1 1z"/>'),
        ('<path d="M 1 2 L 1.01 2.02 L 5 6"/>', '<path d="M1 2L5 6"/>'),
        ('<text transform="rotate(-0 1.5 2.5)">t</text>', "<text>t</text>"),
        ('<text transform="rotate(-90 1.5 2.12345)">t</text>', '<text transform="rotate(-90 1.5 2.123)">t</text>'),
        ("<g><text> <tspan>a b</tspan> </text></g>", "<text><tspan>a b</tspan></text>"),
        ('<rect fill="#e69f00"/>', '<rect fill="#e69f00"/>'),
    ],
)  # fmt: skip
def test_what_draws_stays(body, left):
    assert short(body) == left


def test_marks_keep_their_shape():
    body = '<defs><path id="m" d="M 0 1.234 L 0.56 0.1"/></defs><use xlink:href="#m" x="1.11" y="2"/>'
    assert re.fullmatch(
        r'<defs><path d="M0 1.23L0.56 0.1" id="(f\w+)"/></defs><use x="1.1" y="2" href="#\1"/>', short(body)
    )


def test_a_style_is_told_once():
    body = '<path d="M 0 0" style="fill: none; opacity: 0.25"/><path d="M 1 1" style="fill: none; opacity: 0.25"/>'
    whole = compact(f"{HEAD}{body}</svg>", label="x")
    assert whole.count("fill:none;opacity:0.25") == 1
    assert re.fullmatch(r'<g class="(s\w{5})"><path d="M0 0"/><path d="M1 1"/></g>', short(body))


def test_a_hatch_keeps_its_colour_and_is_found():
    body = (
        '<defs><pattern id="h"><rect fill="#e69f00"/></pattern></defs><path d="M 0 0" style="fill: url(#h)"/>'
        '<clipPath id="c"><rect/></clipPath><path clip-path="url(#c)"/>'
    )
    whole = compact(f"{HEAD}{body}</svg>", label="x")
    assert 'fill="#e69f00"' in whole
    assert set(re.findall(r"url\(#([^)]+)\)", whole)) == set(re.findall(r'\bid="([^"]+)"', whole))


def test_a_real_figure_keeps_its_words_and_its_pixels():
    import io

    with drawing():
        figure = Figure()
        axes = figure.subplots()
        axes.imshow(np.arange(12).reshape(3, 4), interpolation="none")
        axes.set_title("a title with <signs> & more")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg")
    before = buffer.getvalue()
    after = compact(before[before.index("<svg") :], label='"quoted" <label>')
    assert len(after) < len(before) / 2
    shown = ElementTree.fromstring(after)
    assert shown.get("aria-label") == '"quoted" <label>'

    def texts(svg):
        return [element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]

    assert texts(after) == texts(before[before.index("<svg") :])
    assert after.count("data:image/png;base64,") == before.count("data:image/png;base64,")
