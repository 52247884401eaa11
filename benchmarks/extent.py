"""At how many coefficients of the grid a claim fails. The verdict "refuted" does not say this.

    python benchmarks/extent.py [CHECKPOINT ...] --claims l2.checkerboard [--length 14] [--draws 512]

Every coefficient of the claim's domain, in steps of 0.1, gets its own independent recurrences. The claim fails at a coefficient if
the statistic is on the wrong side there. The output also says at how many coefficients it fails significantly (at 5 % each).
"""

import argparse

import torch
from tqdm import tqdm

from recint.catalogue import SHIPPED, find
from recint.checkpoint import load
from recint.domain import Condition
from recint.judging.statistic import p_against
from recint.model import Model
from recint.system.seeds import derive_seed

FIXTURES = SHIPPED.parent / "fixtures" / "checkpoints"
NAMES = ("affine3-seed0", "affine-a.pth", "affine3-seed1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="*", default=[str(FIXTURES / name) for name in NAMES])
    parser.add_argument("--claims", nargs="+", required=True)
    parser.add_argument("--length", type=int, default=14)
    parser.add_argument("--draws", type=int, default=512)
    options = parser.parse_args()
    for path in options.checkpoints:
        model = Model(load(path))
        for name in options.claims:
            prop = find(name)
            low, high = (round(10 * bound) for bound in prop.claim.domain.c)
            failing = surely = 0
            for tick in tqdm(range(low, high + 1), desc=name, leave=False, disable=None):
                at = Condition(c=tick / 10, length=options.length, batch=options.draws, seed=derive_seed(1, name, tick))
                observation = prop.measure(model, at, contrasts=False)
                failing += not prop.claim.holds(observation.value)
                surely += p_against(prop.claim, observation.values) <= 0.05
            print(
                f"{model.checkpoint.name}: {name} fails at {failing} of {high - low + 1} coefficients at {options.length} terms "
                f"({surely} of them significantly), {options.draws} recurrences each",
                flush=True,
            )


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
