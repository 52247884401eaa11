"""What the suite costs, as ratios to the forward passes it cannot do without.

    python benchmarks/cost.py passes [--draws 500]     estimate arms of all claims against the bare passes they need
    python benchmarks/cost.py memory [--draws 100000]  peak memory at that many recurrences against 2,000, small model
    python benchmarks/cost.py profile [--checkpoint C] seconds by part, and of the claims that take longest
    python benchmarks/cost.py verify                   `recint verify` with one process and with two, each twice: the second
                                                       time with the verdicts of untrained models kept from the first

The bare passes: an intact one over the recurrences of every reference distribution, as far as it has to go, and for each
intervention the layers from where it acts, in the same batches.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch

from recint.catalogue import find, properties
from recint.checkpoint import ModelConfig, load
from recint.judging.draws import CHUNK, Drawn, draw
from recint.judging.evaluate import draw_together, evaluate
from recint.judging.scan import scan
from recint.model import Model, gain, preconditions
from recint.model.interventions import ABLATIONS
from recint.model.stand_ins import STAND_INS
from recint.model.untrained import untrained
from recint.profiles import register_profiles
from recint.recurrence import REFERENCE
from recint.system.seeds import derive_seed
from recint.verdict import STAGES

CHECKPOINT = Path(__file__).parents[1] / "fixtures" / "checkpoints" / "affine3-seed0"
SMALL = ModelConfig(n_layers=3, n_heads=8, d_model=32, d_head=8, d_mlp=32, d_vocab=40)


def passes_needed(n_heads: int) -> dict[int, int]:
    """How many passes over the reference recurrences begin at each layer, for all claims of the suite together."""
    circuit = sys.modules[find("circuit.sufficient").body.__module__]
    CIRCUIT, DRAWN, WRONG = circuit.CIRCUIT, circuit.DRAWN, circuit.WRONG
    # Every role in one layer alone, random ones among them; a layer's edges cut, and as many others.
    of_each_layer = (len(CIRCUIT) - 1 + 2 * DRAWN) + 2
    return {
        # Intact, and for 3 <= |c| <= 4 with |c| <= 2 beside it; every head of layer 0 with each ablation; the circuit, its wrong
        # deals, random ones, one without each role; two cuts in all layers; OV matrices cut to few directions, with layer 2's.
        0: 3 + n_heads * len(ABLATIONS) + DRAWN + len(WRONG) + DRAWN + len(CIRCUIT) + 2 + of_each_layer + 2,
        # Layer 1 taken out; its OV matrices cut; layer 0 taken out of what its values read.
        1: len(ABLATIONS) + of_each_layer + 1 + 1,
        # Stand-ins for QK, their flips, uniform attention; stand-ins for OV and positive ones; layer 1 taken out of queries and
        # keys, layers 0 and 1 out of values; OV matrices cut.
        2: 2 * STAND_INS + 1 + 2 * STAND_INS + 3 + of_each_layer + 1,
    }


def bare(model: Model, draws: int) -> float:
    """Seconds that the forward passes alone take, in the same batches."""
    needed = passes_needed(model.config.n_heads)
    begun = time.perf_counter()
    for start in range(0, draws, CHUNK):
        inputs = REFERENCE.sample(min(CHUNK, draws - start), seed=derive_seed(0, start)).inputs
        residual = inputs @ model.bridge.W_E + model.bridge.W_pos[: inputs.shape[1]]
        with torch.no_grad():
            for layer, count in needed.items():
                for _ in range(count):
                    model.resume(residual, layer=layer)
            model.resume(residual[:, :4], layer=0)  # sequences of five terms
            for _ in range(2):  # two ranges of coefficients for the checkerboard
                model.activations(inputs, "blocks.2.attn.hook_pattern")
    return time.perf_counter() - begun


def passes(draws: int) -> None:
    model, props = Model(load(CHECKPOINT)), properties()
    draw(props, model, seed=1, draws=CHUNK)  # what is done once for a model: means, scales of stand-ins, probes
    begun = time.perf_counter()
    draw(props, model, seed=0, draws=draws)
    ours = time.perf_counter() - begun
    alone = bare(model, draws)
    print(f"estimates of {len(props)} claims over {draws} recurrences: {ours:.1f} s")
    print(f"the bare forward passes they need at least:      {alone:.1f} s")
    print(f"ratio: {ours / alone:.2f}")


def profile(checkpoint: Path) -> None:
    """Where the time of a run goes, without imports, untrained models and figures; these are told by `verify` itself."""
    register_profiles()
    model, props = Model(load(checkpoint)), properties()
    begun = time.perf_counter()
    drawn = draw_together(props, model, seed=0, stages=STAGES, family=len(props))
    counts = Counter(len(found.values) for found in drawn.values() if isinstance(found, Drawn))
    told = ", ".join(f"{counts[stage]} claims of {stage}" for stage in STAGES)
    print(f"draws, {told}: {time.perf_counter() - begun:.1f} s")
    begun = time.perf_counter()
    scanned = scan(props, model, seed=0)
    print(f"scan of {len(scanned)} claims: {time.perf_counter() - begun:.1f} s")
    seconds = {}
    for prop in props:
        name, begun = prop.claim.id, time.perf_counter()
        evaluate(prop, model, family=len(props), drawn=drawn.get(name), scanned=scanned.get(name))
        seconds[name] = time.perf_counter() - begun
    print(f"tests, retests and hunts: {sum(seconds.values()):.1f} s")
    for name in sorted(seconds, key=lambda name: -seconds[name])[:10]:
        print(f"  {seconds[name]:.1f} s  {name}")


def peak(draws: int) -> float:
    """MiB of a process of its own that makes all estimates of a small model."""
    command = [sys.executable, __file__, "one-peak", "--draws", str(draws)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def one_peak(draws: int) -> None:
    for module in (gain, preconditions):  # so that claims about errors are asked of this small model too
        module.error_and_copying = lambda model: (0.0, 1.0)
    draw(properties(), Model(untrained(SMALL, seed=0, init_range=0.2)), seed=0, draws=draws)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def memory(draws: int) -> None:
    few, many = peak(2_000), peak(draws)
    print(f"peak memory of all estimates: {few:.0f} MiB at 2,000 recurrences, {many:.0f} MiB at {draws:,}")
    print(f"ratio: {many / few:.2f}")


def verify() -> None:
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "recint.cli", "verify", "--no-log", "-n", str(workers)]
            for what in ("first", "again"):
                begun = time.perf_counter()
                done = subprocess.run(
                    [*command, "--report", f"{folder}/report.html"],
                    env=os.environ | {"RECINT_CACHE": folder},
                    check=False,
                    capture_output=True,
                    text=True,
                )
                if done.returncode > 1:
                    raise SystemExit(done.stdout + done.stderr)
                print(f"recint verify -n {workers}, {what}: {time.perf_counter() - begun:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("passes", "profile", "memory", "verify", "one-peak"))
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--draws", type=int, help="500 for passes, 100,000 for memory")
    options = parser.parse_args()
    {
        "passes": lambda: passes(options.draws or 500),
        "profile": lambda: profile(options.checkpoint),
        "memory": lambda: memory(options.draws or 100_000),
        "verify": verify,
        "one-peak": lambda: one_peak(options.draws),
    }[options.what]()


if __name__ == "__main__":
    main()
