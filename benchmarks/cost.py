"""What the suite costs, as ratios to the forward passes it cannot do without.

    python benchmarks/cost.py passes [--draws 500]     estimate arms of all claims against the bare passes they need
    python benchmarks/cost.py memory [--draws 100000]  peak memory at that many recurrences against 2,000, small model
    python benchmarks/cost.py profile [--checkpoint C] seconds by part, and of the claims that take longest
    python benchmarks/cost.py verify                   `recint verify` with one process and with two, without a report and with one
    python benchmarks/cost.py busy                     the same without a report, alone and beside two busy processes
    python benchmarks/cost.py start                    seconds from the call of `recint verify` to its first line

The bare passes: an intact one over the recurrences of every reference distribution, as far as it has to go, and for each
intervention the layers from where it acts, in the same batches.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

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
from recint.replication.table import replicate
from recint.system.seeds import derive_seed
from recint.verdict import STAGES

T = TypeVar("T")
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
    """Where the time of a run goes, by part and by claim; untrained models aside, of which the shipped shapes ask none."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "import recint.plugin, recint.verify, transformer_lens.model_bridge"], check=True
    )
    parts = {"imports": time.perf_counter() - started}

    def timed(part: str, measure: Callable[[], T]) -> T:
        begun = time.perf_counter()
        found = measure()
        parts[part] = parts.get(part, 0.0) + time.perf_counter() - begun
        return found

    register_profiles()
    model, props = timed("checkpoint and claims", lambda: (Model(load(checkpoint)), properties()))
    drawn = timed("draws", lambda: draw_together(props, model, seed=0, stages=STAGES, family=len(props)))
    shares = {name: found for name, found in drawn.items() if isinstance(found, Drawn)}
    scanned = timed("scan", lambda: scan(props, model, seed=0))
    seconds: dict[str, dict[str, float]] = {name: {"draws": found.seconds} for name, found in shares.items()}
    for prop in props:
        name, own = prop.claim.id, seconds.setdefault(prop.claim.id, {})
        begun = time.perf_counter()
        evidence = timed(
            "tests, retests and hunts",
            lambda: evaluate(prop, model, family=len(props), drawn=drawn.get(name), scanned=scanned.get(name)),  # noqa: B023
        )
        own["tests, retests and hunts"] = time.perf_counter() - begun
        begun = time.perf_counter()
        if evidence.value is not None:
            timed("figures", lambda: prop.figure(model, evidence))  # noqa: B023
        own["figures"] = time.perf_counter() - begun
    timed("replication", lambda: replicate(model, draws=500, seed=0))
    counts = Counter(len(found.values) for found in shares.values())
    print(f"{checkpoint.name}: {', '.join(f'{counts[stage]} claims of {stage} draws' for stage in STAGES)}\n")
    print("| part | seconds |\n|---|---|")
    for part, took in parts.items():
        print(f"| {part} | {took:.1f} |")
    print(f"| all | {sum(parts.values()):.1f} |\n")
    columns = ("draws", "tests, retests and hunts", "figures")
    print(f"| claim | {' | '.join(columns)} |\n|{'---|' * (1 + len(columns))}")
    for name in sorted(seconds, key=lambda name: -sum(seconds[name].values()))[:15]:
        print(f"| `{name}` | {' | '.join(f'{seconds[name].get(column, 0.0):.1f}' for column in columns)} |")


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
        for what, more in (("without a report", ()), ("with a report", ("--report",))):
            print(f"recint verify -n {workers}, {what}: {seconds_of_verify(workers, *more):.0f} s", flush=True)


def seconds_of_verify(workers: int, *more: str) -> float:
    """Wall-clock seconds of one run, from the call to its end."""
    with tempfile.TemporaryDirectory() as folder:
        options = [part for name in more for part in (name, f"{folder}/report.html")]
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "recint.cli", "verify", "--no-log", "-n", str(workers), *options],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode > 1:
            raise SystemExit(done.stdout + done.stderr)
        return time.perf_counter() - begun


def busy() -> None:
    for workers in (1, 2):
        alone = seconds_of_verify(workers)
        neighbours = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
        try:
            beside = seconds_of_verify(workers)
        finally:
            for neighbour in neighbours:
                neighbour.kill()
        print(
            f"recint verify -n {workers}: {alone:.0f} s alone, {beside:.0f} s beside two, ratio {beside / alone:.1f}",
            flush=True,
        )


def start() -> None:
    begun = time.perf_counter()
    command = [sys.executable, "-m", "recint.cli", "verify", "--no-log", "--draws", "100"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    first = running.stdout.readline()
    print(f"{time.perf_counter() - begun:.1f} s to the first line: {first.strip()}")
    running.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("passes", "profile", "memory", "verify", "busy", "start", "one-peak"))
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--draws", type=int, help="500 for passes, 100,000 for memory")
    options = parser.parse_args()
    {
        "passes": lambda: passes(options.draws or 500),
        "profile": lambda: profile(options.checkpoint),
        "memory": lambda: memory(options.draws or 100_000),
        "verify": verify,
        "busy": busy,
        "start": start,
        "one-peak": lambda: one_peak(options.draws),
    }[options.what]()


if __name__ == "__main__":
    main()
