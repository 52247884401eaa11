"""The page of a sweep and what it is made of, on rows whose answers are known."""

import re
from collections import Counter
from fractions import Fraction
from hashlib import sha256
from html.parser import HTMLParser
from itertools import combinations, count, pairwise
from math import comb, inf
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from recint.pages import sweep_figures, sweep_page
from recint.sweep import emergence
from recint.sweep.emergence import Appearance, Appearances, LeftOut, appearance, order, share, spread, sweep

LETTERS = {"s": "supported", "r": "refuted", "i": "inconclusive", "v": "vacuous", "n": "not_applicable", "e": "error"}
VOID = {"meta", "br", "path", "line", "rect", "circle", "use", "image", "input"}


def row(claim, verdict, *, series="seed-0", step=None, value=0.5, **more):
    path = more.get("path", f"runs/{series}/{step}.safetensors")
    return {
        "path": path, "series": series, "step": step, "training_seed": 7, "name": f"{series}-{step}",
        "sha256": sha256(path.encode()).hexdigest(),
        "claim": claim, "version": 1, "claim_hash": "cd" * 32, "statement": f"{claim} is <so> & so.", "verdict": verdict,
        "standing": "exploratory", "statistic": "attention", "value": value, "low": value and value - 0.1,
        "high": value and value + 0.1, "n": 100, "relation": ">=", "threshold": 0.4, "quantifier": "average",
        "per_head": None, "seconds": 1.0, "message": "", "error": None,
    } | more  # fmt: skip


def training(series, steps=(0, 100, 200, 300), **claims):
    """Rows of one training from the verdicts of every claim as letters, a space where it was not judged."""
    return [
        row(claim, LETTERS[letter], series=series, step=step)
        for claim, letters in claims.items()
        for step, letter in zip(steps, letters, strict=True)
        if letter != " "
    ]


def unread(path="runs/broken.safetensors", error="runs/broken.safetensors: it ends <early>", series="seed-0", step=50):
    return dict.fromkeys(row("a", "error")) | {"path": path, "series": series, "step": step, "error": error}


class Page(HTMLParser):
    """A page whose elements are closed in order, with its ids, inner links, cells and words."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.cells, self.words = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"][1:]] if tag == "a" and found.get("href", "").startswith("#") else []
        self.cells += [found] if tag == "td" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.ids += [dict(attrs)["id"]] if "id" in dict(attrs) else []

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def page(rows):
    text = sweep_page.html(rows, command="recint sweep <runs>")
    found = Page(text)
    claims = [id for id in found.ids if id.startswith("claim-")]
    assert max(Counter(claims).values(), default=1) == 1
    assert set(found.links) <= set(claims)
    assert not re.search(r"<script|https?://(?!www\.w3\.org|purl\.org|creativecommons)", text)
    assert "NaN" not in text
    return found


@pytest.mark.parametrize(
    ("letters", "found"),
    [
        ("rrss", Appearance(200, 100)),
        ("rsrs", Appearance(300, 200)),
        ("srrr", None),
        ("rrrr", None),
        ("ssss", Appearance(0, None)),
        ("rssi", None),
        ("risv", None),
        ("vvss", Appearance(200, 100)),
        ("nnns", Appearance(300, 200)),
        ("ress", Appearance(200, 0)),
        ("rsse", Appearance(100, 0)),
        ("eess", Appearance(200, None)),
        ("eeee", None),
        ("", None),
    ],
)
def test_a_claim_begins_to_hold_where_it_is_supported_for_good(letters, found):
    assert appearance([(100 * at, LETTERS[letter]) for at, letter in enumerate(letters)]) == found


def test_a_step_without_a_verdict_widens_the_interval():
    found = sweep(training("one", a="r  s", b="rrss"))
    assert found.appearances("a").each == (Appearance(300, 0),)


def test_snapshots_are_put_in_the_order_of_their_steps():
    found = sweep(training("one", a="rrss")[::-1])
    assert [at.step for at in found.trainings[0].checkpoints] == [0, 100, 200, 300]
    assert found.appearances("a").each == (Appearance(200, 100),)


def test_finished_models_are_networks_of_their_own():
    rows = [row("a", "supported", series="models", path=f"{name}.pth", name=name) for name in "xyz"]
    found = sweep(rows)
    assert [network.name for network in found.networks] == ["x", "y", "z"]
    assert found.trainings == ()


def test_a_finished_model_among_snapshots_is_not_counted_twice():
    found = sweep([*training("one", a="rrss"), row("a", "refuted", series="one"), row("b", "refuted", series="one")])
    assert [len(network.checkpoints) for network in found.networks] == [4]
    assert found.left_out == (
        LeftOut(
            "runs/one/None.safetensors",
            "runs/one/None.safetensors: it has no step, unlike the snapshots of one that it lies among",
        ),
    )


def test_a_finished_model_at_the_last_step_is_the_last_snapshot():
    rows = training("one", a="rrss")
    copy = rows[-1] | {"path": "runs/one"}
    assert [len(network.checkpoints) for network in sweep([copy, *rows]).networks] == [4]


def test_a_model_with_the_tensors_of_another_is_not_counted_twice():
    rows = training("one", a="rrss")
    copy = rows[-1] | {"path": "a.pth", "series": "a", "step": None}
    alone = row("a", "supported", path="b.pth", series="b")
    found = sweep([copy, alone, alone | {"path": "c.pth", "series": "c"}, *rows])
    assert [network.final.path for network in found.networks] == ["b.pth", "runs/one/300.safetensors"]
    assert found.left_out == (
        LeftOut("a.pth", "a.pth: its tensors are those of runs/one/300.safetensors"),
        LeftOut("c.pth", "c.pth: its tensors are those of b.pth"),
    )


def test_trainings_may_begin_with_the_same_tensors():
    rows = [*training("one", a="rrss"), *training("two", a="rrss")]
    found = sweep([entry | ({"sha256": "0"} if entry["step"] == 0 else {}) for entry in rows])
    assert [len(network.checkpoints) for network in found.networks] == [4, 4]


def test_the_median_counts_networks_that_never_show_the_claim_as_the_latest():
    def half_by(*steps):
        return Appearances("a", tuple(step and Appearance(step, step - 1) for step in steps)).half_by

    assert half_by(300, 100, 200) == 200
    assert half_by(300, None, 200) == 300
    assert half_by(100, None) == 100
    assert half_by(100, None, None) is None
    assert half_by() is None


def test_claims_are_ordered_by_the_median_step_then_by_the_first():
    rows = [
        *training("one", never="rrrr", rare="ssss", late="rrrs", even="rrss", early="rsss"),
        *training("two", never="rrrr", rare="rrrr", late="rrrs", even="rrss", early="rrss"),
        *training("three", never="rrrr", rare="rrrr", late="rrss", even="rrss", early="rrss"),
    ]
    assert [claim.claim for claim in order(sweep(rows))] == ["early", "even", "late", "rare"]


def test_a_role_appears_when_half_of_its_claims_hold_in_half_of_the_trainings():
    claims = {
        "l0.a": "rrrs",
        "l0.b": "rsss",
        "l0.c": "rrss",
        "l1.a": "rsss",
        "l2.a": "rrrr",
        "l2.b": "rrrr",
        "l2.c": "ssss",
    }
    found = sweep([*training("one", **claims), *training("two", **claims | {"l1.a": "rrrr"})])
    assert emergence.roles(found) == [("l1", 100), ("l0", 200)]


LETTERS_OF = {0: "ssss", 100: "rsss", 200: "rrss", 300: "rrrs", inf: "rrrr"}


@given(st.lists(st.lists(st.sampled_from(sorted(LETTERS_OF)), min_size=4, max_size=4), min_size=1, max_size=5))
def test_agreement_is_the_mean_over_pairs_of_the_correlation_of_ranks(trainings):
    rows = [
        line
        for number, steps in enumerate(trainings)
        for line in training(
            f"t{number}", **{f"l0.{name}": LETTERS_OF[step] for name, step in zip("abcd", steps, strict=True)}
        )
    ]
    somewhere = [index for index in range(4) if any(steps[index] < inf for steps in trainings)]
    seen = [[steps[index] for index in somewhere] for steps in trainings]
    ordered = [steps for steps in seen if len(set(steps)) > 1]
    found = emergence.agreement(order(sweep(rows)))
    if len(ordered) < 2:
        assert found is None
    else:
        pairs = [spearmanr(one, other).statistic for one, other in combinations(ordered, 2)]
        assert found.correlation == pytest.approx(sum(pairs) / len(pairs), abs=1e-9)
        assert (found.claims, found.trainings) == (len(somewhere), len(ordered))


ONE, REVERSE = {"a": "ssss", "b": "rsss", "c": "rrss"}, {"c": "ssss", "b": "rsss", "a": "rrss"}


@pytest.mark.parametrize(("other", "correlation"), [(ONE, 1), (REVERSE, -1)])
def test_agreement_is_one_for_one_order_and_minus_one_for_its_reverse(other, correlation):
    found = emergence.agreement(order(sweep([*training("x", **ONE), *training("y", **other)])))
    assert found == emergence.Agreement(pytest.approx(correlation), 3, 2)


def test_page_and_summary_say_how_far_trainings_agree_on_the_order_where_there_are_several():
    two = [*training("x", **ONE), *training("y", **REVERSE)]
    three = [*two, *training("z", **ONE)]
    told = "How far trainings agree on the order: rank correlation "
    for rows, figure in (
        (two, "-1.00 over 3 claims, between two trainings (1: one order, 0: chance)."),
        (three, "-0.33 over 3 claims, mean over pairs of 3 trainings (1: one order, 0: chance)."),
    ):
        assert told + figure in sweep_page.html(rows, command="")
        assert told + figure in sweep_page.markdown(rows, command="")
    one = training("x", **ONE)
    assert told not in sweep_page.html(one, command="") + sweep_page.markdown(one, command="")


def binomial_tail(held, of, p):
    """The chance of so many or more, exactly."""
    return sum(comb(of, k) * p**k * (1 - p) ** (of - k) for k in range(held, of + 1))


@pytest.mark.parametrize("of", [1, 4, 9])
def test_the_interval_of_a_share_leaves_a_chance_of_one_in_forty_at_each_end(of):
    for held in range(of + 1):
        found = share(held, of)
        low, high = Fraction(found.low), Fraction(found.high)
        assert held == 0 or float(binomial_tail(held, of, low)) == pytest.approx(0.025, abs=1e-9)
        assert held == of or float(1 - binomial_tail(held + 1, of, high)) == pytest.approx(0.025, abs=1e-9)
    assert (share(0, of).low, share(of, of).high) == (0, 1)
    assert share(0, 0) == emergence.Share(0, 0, 0.0, 1.0)


def test_errors_are_no_networks_and_not_applicable_is_one_where_it_does_not_hold():
    rows = [row("a", LETTERS[letter]) for letter in "ssrne"]
    assert (emergence.held(rows).held, emergence.held(rows).of) == (2, 4)


def test_the_spread_is_that_of_what_was_measured():
    rows = [row("a", "supported", value=value) for value in (0.9, 0.1, None, 0.3, 0.2)]
    assert spread(rows) == emergence.Spread(0.25, 0.1, 0.9)
    assert spread(rows[2:3]) is None


def test_thinning_is_even_and_keeps_both_ends():
    assert sweep_page.thinned(range(5), 5) == [0, 1, 2, 3, 4]
    found = sweep_page.thinned(range(1000), 50)
    assert (found[0], found[-1], len(set(found))) == (0, 999, 50)
    gaps = {after - before for before, after in pairwise(found)}
    assert gaps <= {20, 21}


def test_the_first_screen_says_what_holds_and_when_it_began():
    rows = [
        *training("one", a="rsss", b="ssss", c="rrrs", d="rrrr"),
        *training("two", a="rrss", b="ssss", c="rrrr", d="rrrr"),
    ]
    found = page(rows)
    assert "2 of 4 claims hold in both trained networks" in found.text
    assert "1 appears between step 0 and 200; 1 holds from the first snapshot on; 1 more holds in some." in found.text
    assert "First to appear is a (step 100), last c (step 300)." in found.text
    assert "Half of the claims hold: about b by step 0, about a by step 100, about c by step 300." in found.text
    assert "in 1 of 2" in found.text
    assert "In both trainings, begins to hold by steps 100 to 200." in found.text
    assert "one: (0, 100]" in found.text
    assert "one: from 0 on" in found.text


def test_cells_say_their_verdict_by_symbol_and_their_statistic():
    text = sweep_page.html(training("one", a="rsiv"), command="")
    cells = re.findall(r'<td class="(\w+)" title="([^"]+)">(.)</td>', text)
    assert cells == [
        ("refuted", "0: 0.5 [0.4, 0.6]", "✗"),
        ("supported", "100: 0.5 [0.4, 0.6]", "✓"),
        ("inconclusive", "200: 0.5 [0.4, 0.6]", "?"),
        ("vacuous", "300: 0.5 [0.4, 0.6]", "∅"),
    ]


def test_the_summary_has_the_answer_the_order_of_the_roles_and_a_line_for_each_claim():
    rows = [*training("one", **{"l0.a": "rsss", "l2.b": "rrss"}), *training("two", **{"l0.a": "rsss", "l2.b": "rrsr"})]
    text = sweep_page.markdown([*rows, unread()], command="recint sweep <runs>")
    lines = text.splitlines()
    assert lines[0] == "# 1 of 2 claims holds in both trained networks"
    assert "    recint sweep <runs>" in lines
    assert "- left out: runs/broken.safetensors: it ends &lt;early>" in lines
    assert "Half of the claims about a role hold, in half of the trainings, by step: l0 100, l2 200." in lines
    assert "| claim | holds in | 95 % interval | one | two |" in lines
    assert "| `l0.a`<br>l0.a is &lt;so> & so. | 2 of 2 | 16% to 100% | ✓ (0, 100] | ✓ (0, 100] |" in lines
    assert "| `l2.b`<br>l2.b is &lt;so> & so. | 1 of 2 | 1% to 99% | ✓ (100, 200] | ✗ |" in lines
    assert lines[-1].startswith("At the last snapshot: ✓ supported, ✗ refuted")


def test_the_summary_of_nothing_says_so():
    assert sweep_page.markdown([unread()], command="").splitlines()[0] == "# No checkpoint could be judged"


def test_what_a_frame_around_a_cell_means_is_told_where_there_is_one():
    rows = training("seed-0", a="rrss")
    assert "framed" not in page(rows).text
    rows[-1]["standing"] = "confirmatory"
    framed = page(rows)
    assert "framed confirmatory: the claim was registered before the first run on this checkpoint" in framed.text
    assert sum("confirmatory" in cell.get("class", "") for cell in framed.cells) == 1


def test_the_table_across_networks_has_share_interval_median_and_range():
    rows = [row("a", "supported", series=f"s{at}", step=9, value=value) for at, value in enumerate((0.5, 0.6, 0.9))]
    found = page([*rows, row("a", "refuted", series="s3", step=9, value=0.2)])
    assert "3 of 4 19.4% to 99.4% 3 ✓ 1 ✗ 0.55 [0.2, 0.9] should be ≥ 0.4" in found.text.replace("\u00a0", " ")


def test_without_snapshots_there_is_no_timeline_and_the_page_says_so():
    rows = [row("a", "supported", series="models", path=f"{name}.pth", name=name) for name in ("x", "y")]
    found = page(rows)
    assert "1 of 1 claim holds in both trained networks" in found.text
    assert (
        "None more hold in some; none came with snapshots, so when a claim begins to hold is not known." in found.text
    )
    assert "Order of appearance" not in found.text
    assert "against the step" not in found.text
    assert "claim-a" in found.ids


def test_trainings_and_finished_models_can_be_in_one_sweep():
    found = page([*training("one", a="rsss"), row("a", "refuted", series="other", name="finished")])
    assert "0 of 1 claim hold in both trained networks" in found.text
    assert "Networks without a series of snapshots" in found.text


def test_one_checkpoint():
    assert "1 of 1 claim holds in the one trained network" in page([row("a", "supported", step=100)]).text


def test_a_claim_that_applies_nowhere():
    rows = [entry | {"value": None, "low": None, "high": None} for entry in training("one", a="nnnn")]
    found = page(rows)
    assert "No claim begins to hold in any training." in found.text
    assert "not measured" in found.text


def test_what_holds_from_the_first_snapshot_on_does_not_begin():
    found = page(training("one", a="ssss"))
    assert "1 holds from the first snapshot on." in found.text
    assert "Holds from the first snapshot on." in found.text


def test_only_checkpoints_that_cannot_be_judged():
    found = page([unread(), unread("runs/other.safetensors", "runs/other.safetensors: no such file")])
    assert "No checkpoint could be judged" in found.text
    assert "runs/broken.safetensors: it ends <early>" in found.text
    assert "runs/other.safetensors: no such file" in found.text


def test_a_checkpoint_that_cannot_be_judged_is_told_and_counts_for_nothing():
    rows = training("one", a="rrss")
    assert sweep([*rows, unread(series="one")]).networks == sweep(rows).networks
    assert "Left out" in page([*rows, unread(series="one")]).text


@pytest.mark.parametrize("claims", [{"a": "eeee"}, {"a": "eeee", "b": "rsss"}])
def test_errors_alone_are_neither_support_nor_refutation(claims):
    found = page(training("one", **claims))
    assert "0 of 0" in found.text
    assert "4 !" not in found.text


def test_infinite_ends_of_an_interval_are_called_unbounded():
    rows = [entry | {"high": None} for entry in training("one", a="rsss")]
    assert "0.5 [0.4, unbounded]" in sweep_page.html(rows, command="")
    page(rows)


def test_the_axis_of_steps_has_few_round_ticks_and_0_only_if_there_is_one():
    assert sweep_figures.steps(range(0, 20_001, 1000)).ticks() == [0, 1000, 2000, 5000, 10_000, 20_000]
    assert sweep_figures.steps([1, 10, 100_000]).ticks() == [1, 10, 100, 1000, 10_000, 100_000]
    assert sweep_figures.steps([0]).ticks() == [0, 1]


def test_the_same_rows_give_the_same_page():
    rows = [*training("one", a="rsss", b="rrrs"), *training("two", a="rrss", b="rrrs"), unread()]
    assert sweep_page.html(rows, command="x") == sweep_page.html(rows, command="x")


@pytest.mark.parametrize("series", [1, 20])
def test_a_thousand_checkpoints_make_a_page_of_a_few_megabytes_in_seconds(series):
    steps = range(0, 100 * 1000 // series, 100)
    numbers = count()
    rows = [
        row(f"l0.claim-{claim}", LETTERS["rs"[step > 1000 * claim]], series=f"seed-{at}", step=step, value=next(numbers) % 7)
        for at in range(series)
        for step in steps
        for claim in range(10)
    ]  # fmt: skip
    start = perf_counter()
    text = sweep_page.html(rows, command="")
    assert perf_counter() - start < 30
    assert len(text) < 1.5e6  # of 10 claims
    shown = min(len(steps), 56, 560 // series)
    assert f"{shown} of {len(steps):,} snapshots shown, evenly" in text
    Page(text)
