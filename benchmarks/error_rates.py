"""How often a whole run has a wrong verdict: the family-wise rates of false support and of false refutation.

    python benchmarks/error_rates.py [--seeds 200] [--draws N] [--workers 2] [--kinds "at the threshold" planted]

Every seed is one run with as many claims as the package has. The claims are judged together at the levels that `recint verify`
uses. A run is wrong if any verdict is wrong. There are two kinds of runs:

- at the threshold: a stand-in for every shipped claim about recurrences, with the same quantifier, reduction, relation and number
  of contrasts. Its data have a true value within 0.1 % of the threshold, where a wrong verdict is most likely. Errors are lognormal
  with skewness 8, like those of trained models at single coefficients; all heads have the same distribution. Half of the claims are
  true.
- planted: a small transformer in which every role is 5 % above or below its threshold, chosen at random with each seed, and a
  solver whose MSE is 5 % above or below its threshold. The claims are those whose truth follows from this.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import torch
from hypothesis import given
from scipy import stats
from tqdm import tqdm

from recint.calibration.ladder import ladder
from recint.calibration.planted import plant
from recint.calibration.roles import ROLES, SMALL, Roles
from recint.calibration.solver import Solver
from recint.calibration.truth import truth
from recint.catalogue import properties
from recint.checkpoint import ModelConfig
from recint.claim import Claim, Contrast, Property
from recint.judging import entries as record
from recint.judging.controls import rate
from recint.judging.draws import Share
from recint.judging.entry import Entry, Estimate
from recint.judging.evaluate import draw_together, evaluate
from recint.model import Model
from recint.model.judgeable import Judgeable
from recint.strategies import conditions
from recint.system.seeds import derive_seed
from recint.system.threads import limit_threads
from recint.verdict import stages_of

PLANTED_MARGIN, STAND_IN_MARGIN = 0.05, 0.001
NOT_GRADED = (
    "model.predicts-every-recurrence",  # single recurrences of a solver with noise differ too much
    "l1.low-effective-rank",  # ranks are whole numbers, and none lies within 5 % of the threshold
)
CONFIG = replace(SMALL, d_vocab=9)  # with an odd number of directions R^2 is exact, see recint/calibration/rotations.py


class StandIn(Judgeable):
    """A model without weights. A property of a stand-in claim uses only its shape."""

    config = ModelConfig(d_vocab=3)
    checkpoint = Solver().checkpoint

    def prepare(self, at):
        pass


def lognormal(rng, *shape, sigma=1.1):
    """Lognormal values with mean 1. With this sigma their skewness is 8, the largest of the errors of shipped models."""
    return np.exp(sigma * rng.standard_normal(shape) - sigma**2 / 2)


def values(reduction: str, rng: np.random.Generator, n: int, truth: float):
    """Values of n recurrences whose statistic is `truth`, at a threshold of 1 (or 0.5 for shares)."""
    pair = lognormal(rng, n, 1) * np.stack(
        [truth * lognormal(rng, n, sigma=0.5), lognormal(rng, n, sigma=0.5)], axis=-1
    )
    heads = lognormal(rng, n, 8)
    match reduction:
        case "mean":
            return truth * lognormal(rng, n)
        case "ratio of means":
            return pair
        case "explained share":  # 1 - ratio
            return np.stack([(1 - truth / 2) * pair[:, 0] / truth, pair[:, 1]], axis=-1)
        case "majority of heads":
            return truth * 2 * rng.random((n, 8))
        case "smallest ratio over heads" | "largest ratio over heads":
            return np.stack([truth * heads, lognormal(rng, n, 8)], axis=1)
        case "largest over median head":  # the largest head is three times the others
            return heads * np.array([3 * truth, *[1.0] * 7])
        case "median over largest head":
            return heads * np.array([3 / truth, *[1.0] * 7])
        case "share of absolute means":
            # Two heads of each half have mean 0: their values are noise.
            means, own = np.array([1.0, -1.0, 0.0, 0.0] * 2), np.arange(8) < 4
            scale = truth / (2 - truth)  # scale of the layer's own heads, so that their share is truth / 2
            heads = np.where(own, scale, 1.0) * (means + rng.standard_normal((n, 8)) * lognormal(rng, n, 1))
            return np.stack([heads * own, heads], axis=1)
        case "all but 1 %":
            return truth * lognormal(rng, n) / np.exp(1.1 * stats.norm.ppf(0.99) - 1.1**2 / 2)
    raise AssertionError(reduction)


# The thresholds of reductions; all others have 1.
THRESHOLDS = {
    "explained share": 0.5,
    "largest over median head": 3.0,
    "median over largest head": 1 / 3,
    "share of absolute means": 0.5,
}


def stand_in(number: int, shipped: Claim, holds: bool) -> tuple[Property, bool]:
    """A claim of the same kind whose statistic lies on its threshold, and that of each contrast too if the claim holds.

    One that does not hold is likeliest to be supported where nothing but its own statistic says so: its contrasts hold clearly.
    """

    def bar(of):
        return {"relation": of.relation, "threshold": THRESHOLDS.get(of.reduction, 1.0), "reduction": of.reduction}

    def truth(of):
        if of is not claim and not holds:
            return 1.5 if of.relation == ">=" else 1 / 1.5
        return 1 + (1 if holds == (of.relation == ">=") else -1) * STAND_IN_MARGIN

    contrasts = tuple(Contrast(name=str(i), statistic="-", **bar(of)) for i, of in enumerate(shipped.contrasts))
    claim = Claim(
        id=f"stand-in.{number}", statement="-", quantifier=shipped.quantifier, statistic="statistic",
        contrasts=contrasts, source="-", **bar(shipped),
    )  # fmt: skip

    @claim(figure=lambda model, evidence: "")
    @given(at=conditions(claim.domain))
    def test(model, at):
        rng = np.random.default_rng(derive_seed(0, repr(at), number))
        claim.check(
            values(claim.reduction, rng, at.batch, truth(claim)),
            at,
            contrasts={
                each.name: lambda each=each: torch.tensor(values(each.reduction, rng, at.batch, truth(each)))
                for each in contrasts
            },
        )

    return test.recint_property, holds


SHIPPED = [prop.claim for prop in properties()]
# Not claims about every single recurrence: one failing recurrence refutes such a claim, so its truth does not depend on an average.
STAND_INS = [
    stand_in(number, claim, holds=number % 2 == 0)
    for number, claim in enumerate(SHIPPED)
    if claim.quantifier in ("average", "everywhere")
]


def judged(cases: list[tuple[Property, object, bool]], *, seed: int, stages: tuple[int, ...]) -> tuple[bool, bool]:
    """Whether the run supports anything false, and whether it refutes anything true."""
    how = {"seed": seed, "stages": stages, "family": len(SHIPPED)}
    drawn: dict[str, Share] = {}
    for model in dict.fromkeys(model for _, model, _ in cases):
        drawn |= draw_together([prop for prop, of, _ in cases if of == model], model, **how)
    entries = [
        record.entry(evaluate(prop, model, **how, thorough=False, drawn=drawn.get(prop.claim.id)), family=len(SHIPPED))
        for prop, model, _ in cases
    ]
    # The shipped claims that are not judged here still take their share of the levels. None of them is supported before the others.
    entries += [blank_like(number) for number in range(len(SHIPPED) - len(cases))]
    verdicts = [entry.verdict for entry in record.settle(entries, {})]
    pairs = list(zip(verdicts, [truth for _, _, truth in cases], strict=False))
    return ("supported", False) in pairs, ("refuted", True) in pairs


def blank_like(number: int) -> Entry:
    claim = Claim(
        id=f"blank.{number}",
        statement="-",
        quantifier="average",
        statistic="-",
        relation=">=",
        threshold=0.0,
        source="-",
    )
    return replace(record.blank(claim), value=0.0, estimate=Estimate(ci=(0.0, 1.0), n=100))


def planted_run(seed: int, stages: tuple[int, ...]) -> tuple[bool, bool]:
    rng = np.random.default_rng(seed)
    props = [prop for prop in properties() if prop.claim.name not in NOT_GRADED]
    claims = [prop.claim for prop in props]
    graded: dict[str, Roles | float] = {}
    roles = Roles()
    for claim in claims:
        rungs = [rung for rung in ladder([claim], margin=PLANTED_MARGIN) if rung.strength != "strong"]
        if not rungs:
            continue
        rung = rungs[rng.integers(2)]
        if rung.roles is None:
            graded[claim.id] = rung.mse or 0.0
        else:
            changed = {name: getattr(rung.roles, name) for name in ROLES}
            usual = Roles()
            roles = replace(roles, **{name: value for name, value in changed.items() if value != getattr(usual, name)})
    model = Model(plant(roles, seed=seed, config=CONFIG, heads=("share", "split")[seed % 2], folded=seed % 3 > 0))
    known = truth(roles, claims, config=CONFIG)
    cases: list[tuple[Property, object, bool]] = []
    for prop in props:
        name = prop.claim.id
        if name in graded:
            solver = Solver(config=CONFIG, mse=float(graded[name]), seed=seed)
            cases.append((prop, solver, prop.claim.holds(solver.mse)))
        elif name in known:
            cases.append((prop, model, known[name]))
    return judged(cases, seed=seed, stages=stages)


def stand_in_run(seed: int, stages: tuple[int, ...]) -> tuple[bool, bool]:
    model = StandIn()
    return judged([(prop, model, holds) for prop, holds in STAND_INS], seed=seed, stages=stages)


RUNS = {"at the threshold": stand_in_run, "planted": planted_run}


def task(job: tuple[str, int, tuple[int, ...]]) -> tuple[bool, bool]:
    kind, seed, stages = job
    return RUNS[kind](seed, stages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--draws", type=int, help="default: in stages, until they decide")
    parser.add_argument("--kinds", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    print(
        f"{options.seeds} runs each of {len(SHIPPED)} claims, draws per estimate {stages_of(options.draws)}; exact 95 % intervals",
        flush=True,
    )
    pool = ProcessPoolExecutor(
        options.workers, mp_context=get_context("spawn"), initializer=limit_threads, initargs=(1,)
    )
    with pool:
        for kind in options.kinds:
            jobs = [(kind, seed, stages_of(options.draws)) for seed in range(options.seeds)]
            found = list(tqdm(pool.map(task, jobs), total=len(jobs), unit="run", disable=None))
            for index, name in enumerate(("false support", "false refutation")):
                wrong = sum(outcome[index] for outcome in found)
                print(f"{kind:<18} {name:<17} {rate(wrong, len(found))}", flush=True)


if __name__ == "__main__":
    main()
