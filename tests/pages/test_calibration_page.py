"""The page on a calibration."""

from recint.judging.controls import Row as Judged
from recint.pages import calibration_page

from ..odd import ODD, cells, markup, tables


def test_a_calibration_keeps_its_shape():
    claims = [f"q.{text}" for text in ODD]
    row = Judged(
        index=0, group="mutants", name="m|\n<b>", base="x", truth=dict.fromkeys(claims, False), seconds=1.0,
        verdicts=dict.fromkeys(claims, "refuted"), made_for=claims, values={}, messages={},
    )  # fmt: skip
    text = calibration_page.markdown([row], command="recint calibrate 'a\nb'")
    for table in tables(text):
        assert len({len(cells(line)) for line in table}) == 1
        assert len(table) == 3
    assert not markup(text)
