"""Writes recint/judging/untrained.json: how many untrained models pass each claim, for the shapes of the shipped checkpoints.

    python benchmarks/untrained.py [--check]

Without this file the first `recint verify` of a shape judges untrained models itself, and keeps the results in its cache. Claims
that have a result in the file are not judged again. With --check all claims are judged and compared with the file, which is not
changed; the status is 1 if a result differs.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict

from recint.catalogue import properties
from recint.checkpoint import load
from recint.judging.untrained import SHIPPED_ANSWERS, ask
from recint.model import Model
from recint.shipped import CHECKPOINTS

NAMES = ("affine3-seed0", "affine3-order2")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    props, answers = properties(), []
    kept = json.loads(SHIPPED_ANSWERS.read_text(encoding="utf-8"))["answers"]
    for name in NAMES:
        model, begun = Model(load(CHECKPOINTS / name)), time.monotonic()
        known = next((entry["claims"] for entry in kept if entry["config"] == asdict(model.config)), {})
        missing = [prop for prop in props if options.check or prop.claim.hash not in known]
        results = ask(missing, model)
        print(f"the shape of {name}: {len(missing)} claims, {time.monotonic() - begun:.0f} s", flush=True)
        for prop, each in results.items():
            print(f"  {each.passed:>2} of {each.of} pass {prop.claim.id}{' (vacuous)' if each.vacuous else ''}")
        claims = {
            prop.claim.hash: [results[prop].passed, results[prop].of] if prop in results else known[prop.claim.hash]
            for prop in props
        }
        answers.append({"config": asdict(model.config), "claims": claims})
    if options.check:
        return int(kept != answers)
    SHIPPED_ANSWERS.write_text(json.dumps({"answers": answers}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
