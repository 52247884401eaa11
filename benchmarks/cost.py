"""The cost of the suite: time, as a ratio to the forward passes that it needs at least, and memory.

    python benchmarks/cost.py passes [--draws 500]     time for the estimates of all claims, against the bare passes that they need
    python benchmarks/cost.py memory [--draws 100000]  peak memory with so many recurrences, against 2,000, with a small model
    python benchmarks/cost.py profile [--checkpoint C] seconds of each part, and of the claims that take longest
    python benchmarks/cost.py verify                   time and memory of `recint verify`: one or two processes, report or none
    python benchmarks/cost.py busy                     the same without a report, alone and while two other processes are busy
    python benchmarks/cost.py start                    seconds from the start of `recint verify` to its first line

The bare passes are one intact pass over the recurrences of every reference distribution, up to the last layer that is needed, and
for each intervention the layers from the one that it changes. They have the same batches as the suite.
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
from recint.model.linear_filter import LATE
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
    """How many passes over the reference recurrences start at each layer, for all claims of the suite together."""
    circuit = sys.modules[find("circuit.sufficient").body.__module__]
    CIRCUIT, DRAWN, WRONG = circuit.CIRCUIT, circuit.DRAWN, circuit.WRONG
    # Every role in this layer alone, and random ones; the edges of the layer cut, and as many others cut.
    of_each_layer = (len(CIRCUIT) - 1 + 2 * DRAWN) + 2
    # The intact model, also for 3 <= |c| <= 4 and |c| <= 2; every head of layer 0 with each ablation; the circuit, the wrong
    # orders of its roles, random circuits, one without each role; two cuts in all layers; OV matrices of low rank, also in layer 2.
    of_circuit = 3 + n_heads * len(ABLATIONS) + DRAWN + len(WRONG) + DRAWN + len(CIRCUIT) + 2 + of_each_layer + 2
    # The filter of each recurrence, and of partners with c and with -c; the weights of the terms before, where |c| >= 1.
    of_filters = 3 * 2 * (REFERENCE.length - 1) + 1 + 2 * len(LATE)
    # Three kinds of partners; their attention and scales, and gates of two kinds; attention of c and scale, of c, and of its sign.
    of_partners = 3 + 3 + 2 + 3
    # Each late term, and the one before it, of another recurrence; the embedding hidden; noisy, turned and shifted terms; patterns
    # on other directions, and on turned ones; jitter.
    of_inputs = 2 * len(LATE) + 2 + 3 + 2 + 1
    return {
        0: of_circuit + of_filters + of_partners + of_inputs,
        # Layer 1 ablated; its OV matrices of low rank; the path from layer 0 to its values removed; patterns on other
        # directions, and of another recurrence; c swapped.
        1: len(ABLATIONS) + of_each_layer + 1 + 1 + 2 + 1,
        # Stand-ins for QK, their opposites, uniform attention; stand-ins for OV, and positive ones; the paths from layer 1 to
        # queries and keys removed, and those from layers 0 and 1 to values; OV matrices of low rank.
        2: 2 * STAND_INS + 1 + 2 * STAND_INS + 3 + of_each_layer + 1,
    }


def bare(model: Model, draws: int) -> float:
    """Seconds of the bare forward passes, in the same batches."""
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
            averaged = 2 * sys.modules[find("circuit.attention-of-c-and-scale").body.__module__].AVERAGED
            for _ in range(2 + averaged):  # two ranges of coefficients for the checkerboard; patterns of partners
                model.activations(inputs, "blocks.2.attn.hook_pattern")
    return time.perf_counter() - begun


def passes(draws: int) -> None:
    model, props = Model(load(CHECKPOINT)), properties()
    draw(
        props, model, seed=1, draws=CHUNK
    )  # computes what is needed once for a model: means, scales of stand-ins, probes
    begun = time.perf_counter()
    draw(props, model, seed=0, draws=draws)
    ours = time.perf_counter() - begun
    alone = bare(model, draws)
    needed = passes_needed(model.config.n_heads)
    begun = time.perf_counter()
    model(REFERENCE.sample(CHUNK, seed=0).inputs)
    print(f"one pass over {CHUNK} recurrences: {(time.perf_counter() - begun) * 1000:.0f} ms")
    print(
        f"for each {CHUNK}: {needed[0]} whole passes, {needed[1]} from layer 1 on, {needed[2]} from layer 2 on, and partial ones"
    )
    print(f"estimates of {len(props)} claims over {draws} recurrences: {ours:.1f} s")
    print(f"the bare forward passes they need at least:      {alone:.1f} s")
    print(f"ratio: {ours / alone:.2f}")


def profile(checkpoint: Path) -> None:
    """The seconds of a run by part and by claim. Untrained models are not in it: the package has their results for this shape."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "import recint.plugin, recint.verify, transformer_lens.model_bridge"], check=True
    )
    parts = {"imports": time.perf_counter() - started}

    def timed(part: str, measure: Callable[[], T]) -> T:
        begun = time.perf_counter()
        result = measure()
        parts[part] = parts.get(part, 0.0) + time.perf_counter() - begun
        return result

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
    """Peak memory in MiB of a separate process that makes all estimates of a small model."""
    command = [sys.executable, __file__, "one-peak", "--draws", str(draws)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def one_peak(draws: int) -> None:
    for module in (gain, preconditions):  # so that claims about errors apply to this untrained model too
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
            seconds = seconds_of_verify(workers, *more)
            print(f"recint verify -n {workers}, {what}: {seconds:.0f} s, {largest_process()}", flush=True)


def largest_process() -> str:
    """The peak memory of the largest process that has ended so far."""
    return f"largest process {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB"


def seconds_of_verify(workers: int, *more: str) -> float:
    """Wall-clock seconds of one run, from its start to its end."""
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
            f"recint verify -n {workers}: {alone:.0f} s alone, {beside:.0f} s beside two, ratio {beside / alone:.1f}, "
            f"{largest_process()}",
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
