"""How often a whole run says something wrong: the family-wise rates of false support and of false refutation.

    python benchmarks/error_rates.py [--seeds 200] [--draws 500] [--workers 2]

Every seed is one run over many claims, judged together as `recint verify` does; a run is wrong if any one claim is.

- planted: a small transformer with every role just beyond or just short of its threshold, by 5 %, the two shuffled anew
  with each seed, and a solver that is off by the MSE that is allowed, give or take 5 %; all claims that these settle.
- at the threshold: eight claims about errors and ratios as skewed as those of trained models and about heads that are
  all alike, whose truth lies on the threshold to 0.1 %, where a wrong verdict is likeliest. Half of them hold.
"""

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import torch
from hypothesis import given
from tqdm import tqdm

from recint import record
from recint.calibrate import rate
from recint.catalogue import properties
from recint.checkpoint import ModelConfig
from recint.claim import Claim, Property
from recint.controls import planted
from recint.draws import Drawn, draw
from recint.evaluate import evaluate
from recint.model import Model
from recint.strategies import conditions
from recint.threads import limit_threads

PLANTED_MARGIN, STAND_IN_MARGIN = 0.05, 0.001
NOT_GRADED = (
    "model.predicts-every-recurrence",  # the noise of a solver spreads too widely over single recurrences
    "l1.low-effective-rank",  # ranks are whole numbers, and none lies within 5 % of the threshold
)
CONFIG = replace(
    planted.SMALL, d_vocab=9
)  # of an odd number of directions R^2 is exact, see recint/controls/planted.py


class StandIn:
    """A model that a stand-in property needs nothing of but its shape; its passes have nothing to tell."""

    config = ModelConfig(d_vocab=3)
    checkpoint = planted.Solver().checkpoint

    def intact(self, at):
        return self

    prediction = None


def noise(at) -> torch.Tensor:
    """Independent numbers ~ U(0, 1), shape (recurrence, 9), that depend on the recurrences and on nothing else."""
    terms = at.sample(StandIn.config).terms.double()
    digits = (
        (terms[:, :3].flatten(1) * 1e4).abs().frac()
    )  # terms are sums of uniform numbers: their last digits are uniform
    return digits.clamp(1e-6, 1 - 1e-6)


def lognormal(uniform: torch.Tensor, sigma: float = 0.9) -> torch.Tensor:
    """Mean 1; the logarithm spreads as that of the errors of the shipped models."""
    return (sigma * torch.special.ndtri(uniform)).exp() / np.exp(sigma**2 / 2)


KINDS: dict[str, tuple[str, Callable[[torch.Tensor, float], torch.Tensor]]] = {
    "mean": ("mean", lambda u, truth: truth * lognormal(u[:, 0])),
    "ratio of means": (
        "ratio of means",
        lambda u, truth: torch.stack([truth * lognormal(u[:, 0]) * lognormal(u[:, 1], 0.5), lognormal(u[:, 0])], -1),
    ),
    "majority of heads": ("majority of heads", lambda u, truth: truth * 2 * u[:, 1:9]),
    "smallest ratio": (
        "smallest ratio over heads",
        lambda u, truth: torch.stack([truth * u[:, 1:9], u[:, [2, 3, 4, 5, 6, 7, 8, 1]]], 1),
    ),
}


def stand_in(kind: str, number: int, relation: str, holds: bool) -> tuple[Property, bool]:
    reduction, values = KINDS[kind]
    side = 1 if holds == (relation == ">=") else -1
    claim = Claim(
        id=f"{kind}-{number}", statement="", quantifier="everywhere", statistic="statistic",
        relation=relation, threshold=1.0, reduction=reduction, source="",
    )  # fmt: skip

    @claim(figure=lambda model, evidence: "")
    @given(at=conditions(claim.domain))
    def test(model, at):
        shifted = noise(at).roll(
            number, dims=1
        )  # each claim looks at other digits, as claims look at other activations
        claim.check(values(shifted, 1 + side * STAND_IN_MARGIN), at)

    return test.recint_property, holds


STAND_INS = [
    stand_in(kind, number, relation=relation, holds=(number + index) % 2 == 0)
    for index, kind in enumerate(KINDS)
    for number, relation in enumerate((">=", "<="))
]


def judged(told: list[tuple[Property, object, bool]], *, seed: int, draws: int) -> tuple[bool, bool]:
    """Whether the run supports anything false, and whether it refutes anything true."""
    family = len(told)
    drawn: dict[str, Drawn | Exception] = {}
    for model in dict.fromkeys(model for _, model, _ in told):
        drawn |= draw([prop for prop, asked, _ in told if asked == model], model, seed=seed, draws=draws)
    entries = [
        record.entry(
            evaluate(
                prop, model, seed=seed, draws=draws, family=family, thorough=False, drawn=drawn.get(prop.claim.id)
            ),
            family=family,
        )
        for prop, model, _ in told
    ]
    verdicts = [entry["verdict"] for entry in record.settle(entries, {})]
    truths = [truth for _, _, truth in told]
    pairs = list(zip(verdicts, truths, strict=True))
    return ("supported", False) in pairs, ("refuted", True) in pairs


def planted_run(seed: int, draws: int) -> tuple[bool, bool]:
    rng = np.random.default_rng(seed)
    props = [prop for prop in properties() if prop.claim.name not in NOT_GRADED]
    claims = [prop.claim for prop in props]
    graded: dict[str, planted.Roles | float] = {}
    roles = planted.Roles()
    for claim in claims:
        rungs = [rung for rung in planted.ladder([claim], margin=PLANTED_MARGIN) if rung.strength != "strong"]
        if not rungs:
            continue
        rung = rungs[rng.integers(2)]
        if rung.roles is None:
            graded[claim.id] = rung.mse or 0.0
        else:
            changed = {name: getattr(rung.roles, name) for name in planted.ROLES}
            usual = planted.Roles()
            roles = replace(roles, **{name: value for name, value in changed.items() if value != getattr(usual, name)})
    model = Model(
        planted.plant(roles, seed=seed, config=CONFIG, heads=("share", "split")[seed % 2], folded=seed % 3 > 0)
    )
    truth = planted.truth(roles, claims, config=CONFIG)
    told: list[tuple[Property, object, bool]] = []
    for prop in props:
        name = prop.claim.id
        if name in graded:
            solver = planted.Solver(config=CONFIG, mse=float(graded[name]), seed=seed)
            told.append((prop, solver, prop.claim.holds(solver.mse)))
        elif name in truth:
            told.append((prop, model, truth[name]))
    return judged(told, seed=seed, draws=draws)


def stand_in_run(seed: int, draws: int) -> tuple[bool, bool]:
    model = StandIn()
    return judged([(prop, model, holds) for prop, holds in STAND_INS], seed=seed, draws=draws)


RUNS = {"planted": planted_run, "at the threshold": stand_in_run}


def task(job: tuple[str, int, int]) -> tuple[bool, bool]:
    kind, seed, draws = job
    return RUNS[kind](seed, draws)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    print(f"{options.seeds} runs each, {options.draws} draws per estimate; exact 95 % intervals")
    pool = ProcessPoolExecutor(
        options.workers, mp_context=get_context("spawn"), initializer=limit_threads, initargs=(1,)
    )
    with pool:
        for kind in RUNS:
            jobs = [(kind, seed, options.draws) for seed in range(options.seeds)]
            found = list(tqdm(pool.map(task, jobs), total=len(jobs), unit="run", disable=None))
            for index, name in enumerate(("false support", "false refutation")):
                wrong = sum(outcome[index] for outcome in found)
                print(f"{kind:<18} {name:<17} {rate(wrong, len(found))}", flush=True)


if __name__ == "__main__":
    main()
