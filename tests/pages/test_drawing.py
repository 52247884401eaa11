"""What all figures share."""

import re

import matplotlib
import pytest

from recint.pages.drawing import STYLE, axes_of, drawing, legend_below, log_axis, svg, threshold_line


def test_inside_the_block_matplotlib_is_as_we_have_it_and_afterwards_as_it_was():
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9}):
        with drawing(**{"lines.linewidth": 2}):
            assert matplotlib.rcParams["font.size"] == STYLE["font.size"]
            assert matplotlib.rcParams["lines.linewidth"] == 2
        assert (matplotlib.rcParams["font.size"], matplotlib.rcParams["lines.linewidth"]) == (30, 9)


def test_a_figure_has_its_title_for_screen_readers_and_its_threshold_in_words():
    figure, (left, right) = axes_of("It <holds>", columns=2)
    left.plot([0, 1], [0, 1])
    threshold_line(right, 0.5, "<=")
    legend_below(figure, left, right)
    text = svg(figure, "It <holds>")
    assert text.startswith('<svg role="img" aria-label="It &lt;holds&gt;"')
    assert "threshold: should be &lt;= 0.5" in text


def test_a_name_that_is_no_text_is_drawn_in_escapes():
    """No font has half a character."""
    title = "caf\udce9: it holds"
    text = svg(axes_of(title)[0], title)
    assert text.startswith(r'<svg role="img" aria-label="caf\udce9: it holds"')
    assert r">caf\udce9: it holds<" in text


@pytest.mark.parametrize(("limits", "shown"), [((1, 60), ["1", "2", "5", "10", "20", "50"]), ((1, 1e6), None)])
def test_a_log_axis_that_spans_little_has_plain_numbers(limits, shown):
    figure, (axes,) = axes_of("Log")
    axes.set_ylim(*limits)
    log_axis(axes, "y")
    assert axes.get_yscale() == "log"
    numbers = [label for label in re.findall(r"<text[^>]*>([^<]*)<", svg(figure, "Log")) if label != "Log"]
    plain = [number for number in numbers if re.fullmatch(r"[125]0*", number)]
    assert plain[-len(shown) :] == shown if shown else len(plain) < 6
