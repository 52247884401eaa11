"""The page on a calibration."""

from recint.judging.controls import Grade, never_supported
from recint.judging.controls import Row as Judged
from recint.pages import calibration_page

from ..control_rows import ROWS, row
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


def test_a_claim_that_no_control_supports_is_told_with_the_reason_that_it_gives():
    rows = [row("whole", a_x="supported", a_y="refuted", a_z="inconclusive"), row("broken", a_x="refuted")]
    assert never_supported(rows) == ["a.y", "a.z"]
    reasons = {"a.x": "", "a.y": "its parts exclude each other"}
    told = "a.y (its parts exclude each other); a.z"
    assert dict(calibration_page.answers(rows, reasons))["Claims that no control supports"] == told
    assert told in calibration_page.markdown(rows, command="", reasons=reasons)
    assert told in calibration_page.html(rows, checkpoint="whole", command="", reasons=reasons)
    assert dict(calibration_page.answers(ROWS[:2]))["Claims that no control supports"] == "none"


def test_the_pages_tell_the_same_and_mark_what_is_wrong():
    text = calibration_page.markdown(ROWS, command="recint calibrate")
    assert "    recint calibrate" in text
    assert "1 of 1 (2.5% to 100.0%)" in text
    assert "| whole | ✓ | ✓ | ✗ `wrong` |" in text
    assert "| broken | **✗** | **✓** | ✗ |" in text
    assert "| broken | `a.x` |" in text
    page = calibration_page.html(ROWS, checkpoint="whole", command="recint calibrate")
    assert page.count('class="refuted wrong"') == page.count('class="supported wrong"') == 1
    assert page.count("made-for") >= 2
    assert "http" not in page


def test_graded_models_are_counted_by_strength():
    graded = [
        row("a.x: strong", group="graded", grade=Grade("a.x", "strong"), a_x="supported", truth={"a.x": True}),
        row(
            "a.x: near miss", group="graded", grade=Grade("a.x", "near miss"), a_x="inconclusive", truth={"a.x": False}
        ),
    ]
    told = dict(calibration_page.answers(graded))
    assert told["On strong models"] == "the claim that is graded is 1 supported"
    assert told["On near miss models"] == "the claim that is graded is 1 inconclusive"
