"""How far a statistic moved between two models: on the same draws, and by the intervals alone."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from recint.judging.difference import Difference, differences, judged_by, paired, same_draws, unpaired
from recint.judging.entry import Estimate
from recint.judging.intervals import NoEstimate, estimate
from recint.judging.reductions import REDUCTIONS, OfMeans
from recint.judging.statistic import statistic
from recint.judging.values import DrawnValues

from ..entries import entry, run
from ..made_up import WORSE, claim

HEADS = 4
SHAPES = {
    "mean": (),
    "majority of heads": (HEADS,),
    "ratio of means": (2,),
    "explained share": (2,),
    "share of absolute means": (2, HEADS),
    "smallest ratio over heads": (2, HEADS),
    "largest ratio over heads": (2, HEADS),
    "largest over median head": (HEADS,),
    "median over largest head": (HEADS,),
    "all but 1 %": (),
}


@dataclass
class Bar:
    reduction: str
    statistic: str = "it"
    relation: str = ">="
    threshold: float = 0.5


def drawn(name, generator, *, n=300):
    return np.exp(0.5 * generator.normal(size=(n, *SHAPES[name])))


def test_every_reduction_has_a_case():
    assert SHAPES.keys() == REDUCTIONS.keys()


@pytest.mark.parametrize("name", SHAPES)
def test_the_same_values_did_not_move(name):
    values = drawn(name, np.random.default_rng(0))
    found = paired(Bar(name), values, values)
    assert (found.value, found.p) == (0.0, 1.0)
    assert found.low <= 0 <= found.high


@pytest.mark.parametrize("name", SHAPES)
def test_what_moves_in_all_draws_is_found_with_its_size(name):
    generator = np.random.default_rng(1)
    before = drawn(name, generator, n=1000)
    after = before * np.exp(0.02 * generator.normal(size=before.shape))
    row = after[:, 0] if name in ("ratio of means", "explained share") else after
    if len(SHAPES[name]) == 2:
        after[:, 0] *= 3  # the numerators
    elif name in ("largest over median head", "median over largest head"):
        after[:, 0] *= 3
    else:
        row *= 1.5
    found = paired(Bar(name), before, after)
    moved = statistic(Bar(name), after) - statistic(Bar(name), before)
    assert found.p < 1e-3
    assert found.low <= moved <= found.high
    assert found.value == pytest.approx(moved, abs=1e-4)


@pytest.mark.parametrize("name", [name for name, rule in REDUCTIONS.items() if isinstance(rule, OfMeans)])
def test_the_interval_is_that_of_leaving_draws_out_where_heads_differ(name):
    """The slow way: a statistic without each draw in turn (jackknife; Tukey 1958)."""
    generator, n = np.random.default_rng(2), 200
    scale = np.array([1.0, 2.0, 4.0, 8.0]) if SHAPES[name][-1:] == (HEADS,) else 1.0
    scale = np.stack([scale, np.ones(HEADS)]) if len(SHAPES[name]) == 2 else scale
    before, after = (drawn(name, generator, n=n) * scale for _ in range(2))

    def pseudo(values):
        whole = statistic(Bar(name), values)
        return np.array([n * whole - (n - 1) * statistic(Bar(name), np.delete(values, i, 0)) for i in range(n)])

    found, moved = paired(Bar(name), before, after), pseudo(after) - pseudo(before)
    slow = estimate(moved, reduction="mean", relation=">=", threshold=0.0)
    assert found.value == pytest.approx(statistic(Bar(name), after) - statistic(Bar(name), before), abs=1e-5)
    assert found.high - found.low == pytest.approx(slow.high - slow.low, rel=0.05)


@pytest.mark.parametrize("name", SHAPES)
def test_what_does_not_move_is_hardly_ever_said_to_move(name):
    generator, wrong, runs = np.random.default_rng(3), 0, 60
    for _ in range(runs):
        common = drawn(name, generator)
        before, after = (common * np.exp(0.3 * generator.normal(size=common.shape)) for _ in range(2))
        wrong += paired(Bar(name), before, after).p <= 0.05
    assert wrong <= 8  # of 60 at a level of 5 %, more come with a probability of 0.004


def test_pairs_see_what_two_intervals_cannot():
    generator = np.random.default_rng(4)
    common = np.exp(generator.normal(size=300))
    before, after = common, common * 1.02
    own = REDUCTIONS["mean"].interval
    estimates = [
        (float(values.mean()), Estimate(ci=own(values, ">=", threshold=0.0, tail=0.025))) for values in (before, after)
    ]
    assert paired(Bar("mean"), before, after).p < 1e-6
    assert unpaired(*estimates).p > 0.5


def test_a_quantile_that_moved_is_seen_with_few_draws():
    before = np.exp(np.random.default_rng(6).normal(size=200))
    assert paired(Bar("all but 1 %", relation="<=", threshold=20.0), before, before * 10_000).p < 1e-30
    assert paired(Bar("all but 1 %", relation="<=", threshold=20.0), before, before * 1.0001).p == 1.0


def test_values_of_other_draws_are_refused():
    with pytest.raises(ValueError, match="have the same shape"):
        paired(Bar("mean"), np.ones(3), np.ones(4))
    with pytest.raises(NoEstimate, match="not finite"):
        paired(Bar("mean"), np.array([1.0, np.nan, 2.0]), np.ones(3))


class TestUnpaired:
    def test_it_agrees_with_the_difference_of_two_normal_means(self):
        found = unpaired((1.0, Estimate(ci=(0.8, 1.2))), (1.5, Estimate(ci=(1.35, 1.65))))
        assert found.value == 0.5
        assert found.high - found.value == pytest.approx(0.25)
        assert found.low == pytest.approx(0.25)
        assert found.p == pytest.approx(2 * 4.43e-5, rel=0.02)  # z = 0.5 / (0.25 / 1.96)
        assert found.n == 0

    def test_an_open_end_settles_nothing(self):
        found = unpaired((1.0, Estimate(ci=(None, 1.2))), (0.1, Estimate(ci=(None, 0.2))))
        assert found.p == 1.0
        assert found.low == -np.inf

    def test_figures_without_spread_differ_or_do_not(self):
        point = Estimate(ci=(1.0, 1.0))
        assert unpaired((1.0, point), (1.0, point)).p == 1.0
        assert unpaired((1.0, point), (2.0, Estimate(ci=(2.0, 2.0)))).p == 0.0


class TestWhichDraws:
    def test_the_same_seed_generator_and_kind_of_model_draw_the_same(self):
        one = replace(
            run(),
            environment={"recint": "1", "torch": "2"},
            checkpoint={"name": "a", "config": {"d_vocab": 40, "order": 1}},
        )
        assert same_draws(one, replace(one, draws=5000))
        assert not same_draws(one, replace(one, seed=1))
        assert not same_draws(one, replace(one, environment={"recint": "1", "torch": "3"}))
        assert not same_draws(one, replace(one, checkpoint={"config": {"d_vocab": 40, "order": 2}}))
        assert not same_draws(one, replace(one, environment={"recint": "2", "torch": "2"}))
        assert not same_draws(*(replace(one, environment={}),) * 2)  # nobody knows

    def test_runs_of_another_subject_drew_the_same_if_their_models_have_one_configuration(self):
        about = {"name": "a", "subject": "coins", "config": {"sides": 2}}
        one = replace(run(), seed=0, environment={"recint": "1", "torch": "2"}, checkpoint=about)
        assert same_draws(one, replace(one, checkpoint=about | {"name": "b"}))
        assert not same_draws(one, replace(one, checkpoint=about | {"config": {"sides": 3}}))
        assert not same_draws(one, replace(one, checkpoint=about | {"subject": "dice"}))

    def test_the_shorter_run_is_compared_in_whole_chunks(self):
        generator = np.random.default_rng(5)
        long = DrawnValues(generator.normal(size=1000))
        asked = claim()
        for n, compared in ((1000, 1000), (250, 200), (200, 200)):
            found = differences([asked], {asked.id: DrawnValues(long.own[:n])}, {asked.id: long})
            assert found[asked.id, ""].n == compared
            assert found[asked.id, ""].value == 0
        assert differences([asked], {asked.id: DrawnValues(long.own[:50])}, {asked.id: long}) == {}
        assert isinstance(found[asked.id, ""], Difference)


def test_contrasts_have_differences_of_their_own():
    asked = claim(contrasts=(WORSE,))
    generator = np.random.default_rng(0)
    own, cost = generator.normal(size=200), generator.uniform(1, 2, size=(200, 2))
    before = {asked.id: DrawnValues(own, {WORSE.name: cost})}
    found = differences([asked], before, {asked.id: DrawnValues(own + 1, {WORSE.name: cost * [2, 1]})})
    assert found.keys() == {(asked.id, ""), (asked.id, WORSE.name)}
    assert found[asked.id, ""].value == pytest.approx(1)
    assert found[asked.id, WORSE.name].value == pytest.approx(cost[:, 0].sum() / cost[:, 1].sum())
    assert differences([asked], before, {asked.id: DrawnValues(own)}).keys() == {(asked.id, "")}


def test_claims_that_a_run_judged_as_another_version_are_left_out():
    asked = claim()
    judged = run(entry(asked.id, hash=asked.hash))
    assert judged_by([asked], judged) == [asked]
    assert judged_by([replace(asked, threshold=2.0)], judged) == judged_by([asked], run()) == []
    assert differences([asked], {}, {asked.id: DrawnValues(np.ones(200))}) == {}
