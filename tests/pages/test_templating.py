"""What every template escapes, and what every page has."""

import re
from importlib.resources import files

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from recint.pages import calibration_page, log_page, sweep_page
from recint.pages.templating import plainly, render
from recint.record.history import History
from recint.replication import page as replication_page

from ..odd import ODD
from ..replication.test_page import SHOWN
from ..sweep_rows import training

TEMPLATES = [entry for entry in files("recint.pages").joinpath("templates").iterdir() if entry.name.endswith(".html")]
PAGES = {
    "calibration": calibration_page.html([], checkpoint="<b>", command="<b>"),
    "log": log_page.html(History(), folder="<b>"),
    "replication": replication_page.html(SHOWN, [("<b>", Markup("<svg></svg>"))], checkpoint="<b>", command="<b>"),
    "sweep": sweep_page.html(training("<b>", a="rrss"), command="<b>"),
}  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_what_is_put_into_a_page_stays_text(text):
    shown = calibration_page.html([], checkpoint=text, command=text)
    assert not re.search(r"<img|<b>|onerror=y>", shown)


def test_a_name_that_a_template_lacks_is_an_error():
    with pytest.raises(UndefinedError, match="is undefined"):
        render("calibration.html")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda entry: entry.name)
def test_no_template_takes_text_for_markup(template):
    assert not re.search(r"\|\s*safe\b|autoescape", template.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_page_stands_by_itself_fits_a_narrow_screen_and_can_be_printed(page):
    assert page.startswith('<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport"')
    assert re.search(r"<title>recint: \w[\w ]+</title>", page)
    assert page.count("</html>") == page.count("<h1>") == 1
    assert "@media (max-width: 600px)" in page
    assert "@media print" in page
    assert not re.search(r"<script|<link|src=|url\(", page.replace("url(#", ""))
    assert "<b>" not in re.sub("<b>[^<]+</b>", "", page)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1e-05, "1e-05"),
        (128, "128"),
        ("gelu_new", "gelu_new"),
        ([-2.0, 2.0], "-2 to 2"),
        ([1, 2, 3], "1, 2, 3"),
        ({"noise": 0.0, "others": []}, "(noise 0)"),
        ([["angle", [-3.1, 3.1]]], "(angle -3.1 to 3.1)"),
    ],
)
def test_a_configuration_is_told_plainly(value, said):
    assert plainly(value) == said
