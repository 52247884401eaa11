"""How often is a single bad condition found: by the scan of all conditions, and by a search with Hypothesis alone?

    python benchmarks/search_power.py [--mutants 100] [--effect 4]

The search with Hypothesis alone is what recint did before it had a scan. Each mutant is a stand-in model. At one coefficient and
length its statistic is on the wrong side of the threshold by `--effect` standard errors of a visit; at all others it is on the
right side by as much. Both ways may spend the same level, that of one claim among all shipped claims.
"""

import argparse
from collections.abc import Callable

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from recint.calibration.solver import Solver
from recint.catalogue import properties
from recint.checkpoint import ModelConfig
from recint.claim import Claim, Property
from recint.domain import Condition, Domain
from recint.judging.scan import VISIT, Scan
from recint.judging.search import search
from recint.model.judgeable import Judgeable
from recint.profiles import register_profiles
from recint.strategies import SEEDS, conditions, grid
from recint.system.seeds import derive_seed


class Mutant(Judgeable):
    """A model that fails at one condition."""

    config = ModelConfig(d_vocab=3)
    checkpoint = Solver().checkpoint

    def __init__(self, bad: Condition, effect: float) -> None:
        self.bad, self.by = (bad.c, bad.length), effect / VISIT**0.5

    def values(self, at) -> torch.Tensor:
        rng = np.random.default_rng(derive_seed(0, repr(at)))
        parts = at.places if hasattr(at, "places") else [at]
        signs = [1.0 if (one.c, one.length) == self.bad else -1.0 for one in parts for _ in range(one.batch)]
        return torch.tensor(self.by * np.array(signs) + rng.standard_normal(len(signs)))


def on_the_grid() -> st.SearchStrategy[Condition]:
    """The conditions from which Hypothesis drew before there was a scan."""
    return st.builds(Condition, c=grid(-2.0, 2.0), length=st.integers(5, 14), seed=SEEDS)


def measured(strategy: Callable[[], st.SearchStrategy]) -> Property:
    claim = Claim(
        id="one.bad-condition",
        statement="-",
        quantifier="everywhere",
        statistic="statistic",
        relation="<=",
        threshold=0.0,
        source="-",
    )

    @claim(figure=lambda model, evidence: "")
    @given(at=strategy())
    def test(model, at):
        claim.check(model.values(at), at)

    return test.recint_property


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=100)
    parser.add_argument("--effect", type=float, default=4.0)
    options = parser.parse_args()
    register_profiles()
    family, everywhere = len(properties()), Domain()
    arms = {
        "scan": (measured(lambda: conditions(everywhere)), None),
        "Hypothesis alone": (measured(on_the_grid), Scan(())),
    }
    places = everywhere.conditions(Mutant.config, batch=VISIT, seed=0)
    chosen = np.random.default_rng(0).choice(len(places), options.mutants, replace=False)
    found = dict.fromkeys(arms, 0)
    for seed, index in enumerate(chosen):
        mutant = Mutant(places[index], options.effect)
        for name, (prop, scanned) in arms.items():
            seen = search(prop, mutant, seed=seed, family=family, scanned=scanned)
            at = seen.counterexample.at if seen.counterexample else None
            found[name] += isinstance(at, Condition) and (at.c, at.length) == mutant.bad
    for name, count in found.items():
        print(
            f"{name:<17} {count} of {options.mutants} single bad conditions, {options.effect:g} standard errors beyond the bar"
        )


if __name__ == "__main__":
    main()
