"""How much time a sweep adds to its verdicts, and how much two workers save, for many small checkpoints.

    python benchmarks/sweep_scale.py [--checkpoints 1000] [--draws 200]

- Plain verdicts: a loop in a process with one thread over `--plain` checkpoints. It loads and judges each, and writes nothing.
- Two such loops at once show how much faster this machine is with two processes, and so the most that two workers can save.
- The sweep: the whole command, from its start to its report, with a `dask scheduler` and one or two `dask worker` of one thread
  each. The start of scheduler and workers does not count. Memory is that of scheduler and command while the sweep runs.
- The speed of a machine varies. So the sweeps run in the order 1, 2, 2, 1 of their workers, with plain loops before, between and
  after them. The results are means.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import psutil
from tqdm import tqdm

from recint.catalogue import properties
from recint.checkpoint import ModelConfig, load, save
from recint.claim import Property
from recint.globs import selected
from recint.judging.judge import judge
from recint.model import Model
from recint.model.untrained import untrained
from recint.sweep.jobs import AS_FAST_AS_ALONE
from recint.system.threads import limit_threads

SMALL = ModelConfig(n_layers=2, n_heads=4, d_model=32, d_head=8, d_mlp=64, n_ctx=13, d_vocab=40)
# Claims of every quantifier, with and without interventions.
CLAIMS = ("l0.previous-token*", "l0.ov-line", "l0.heads-necessary", "model.predicts-next-term", "l1.low-effective-rank")
DASK = [sys.executable, "-m", "dask"]


def asked() -> list[Property]:
    return [prop for prop in properties() if selected(prop.claim.id, CLAIMS)]


@contextmanager
def running(*command: str, until: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """A process that has printed a text that `until` matches, and the match. The process is stopped at the end."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if found := re.search(until, line):
                break
        else:
            raise RuntimeError(f"{' '.join(command)} ended before it printed {until!r}")
        # Read on: a process that prints to a full pipe would wait.
        subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        yield process, found[0]
    finally:
        process.terminate()
        process.wait()


def plain(paths: list[Path], draws: int) -> float:
    """Seconds per checkpoint of plain verdicts."""
    limit_threads(1)
    props = asked()
    judge(props, Model(load(paths[0])), stages=(draws,))  # computes what is needed once in a process
    begun = time.perf_counter()
    for path in paths:
        judge(props, Model(load(path)), stages=(draws,))
    return (time.perf_counter() - begun) / len(paths)


def at_once(paths: list[Path], draws: int, *, loops: int) -> float:
    """Seconds per checkpoint if several loops run at once, each in its own process: their mean, divided by their number."""
    with ProcessPoolExecutor(loops, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(plain, [paths] * loops, [draws] * loops)) / loops**2


def swept(paths: list[Path], draws: int, *, workers: int, folder: Path) -> tuple[float, dict[str, list[float]]]:
    """Seconds per checkpoint of the whole command, and the memory of scheduler and command in MiB, measured five times a second."""
    listed = folder / "checkpoints.txt"
    listed.write_text("\n".join(map(str, paths)))
    with ExitStack() as stack:
        start = [*DASK, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        scheduler, address = stack.enter_context(running(*start, until=r"tcp://127\.0\.0\.1:\d+"))
        start = [*DASK, "worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
        start += ["--preload", "transformer_lens.model_bridge", "--preload", "recint.sweep.task"]
        for _ in range(workers):
            stack.enter_context(running(*start, until="Registered to"))
        command = [sys.executable, "-m", "recint.cli", "sweep", str(listed), "--scheduler", address, "--device", "cpu"]
        command += ["--draws", str(draws), "--no-controls", "--out", str(folder / "out"), "--log", str(folder / "log")]
        begun = time.perf_counter()
        sweep = subprocess.Popen([*command, "--claims", *CLAIMS])
        processes = {"scheduler": psutil.Process(scheduler.pid), "command": psutil.Process(sweep.pid)}
        held: dict[str, list[float]] = {name: [] for name in processes}
        while sweep.poll() is None:
            for name, process in processes.items():
                held[name].append(process.memory_info().rss / 2**20)
            time.sleep(0.2)
        seconds = time.perf_counter() - begun
        if sweep.returncode:
            raise SystemExit(f"the sweep ended with status {sweep.returncode}")
    return seconds / len(paths), held


def size(path: Path) -> int:
    return (
        sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else path.stat().st_size
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoints", type=int, default=1000)
    parser.add_argument("--plain", type=int, default=100, help="number of checkpoints for plain verdicts")
    parser.add_argument("--draws", type=int, default=200)
    options = parser.parse_args()
    # Settings of the workers: one thread, as for the plain loop, and the settings for speed of docs/sweeps.md.
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ |= {f"DASK_{name.upper().replace('.', '__')}": str(value) for name, value in AS_FAST_AS_ALONE.items()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [
            save(untrained(SMALL, seed=seed), folder / "models" / f"model-{seed:06}")
            for seed in tqdm(range(options.checkpoints), desc="checkpoints", disable=None)
        ]
        loop = partial(at_once, paths[: options.plain], options.draws)
        times: dict[str, list[float]] = {"plain": [loop(loops=1)], "both": [loop(loops=2)], "1": [], "2": []}
        for number, workers in enumerate((1, 2, 2, 1)):
            own = folder / str(number)
            own.mkdir()
            seconds, held = swept(paths, options.draws, workers=workers, folder=own)
            print(f"sweep of {len(paths)}, {workers} worker(s): {seconds:.3f} s for a checkpoint", flush=True)
            for who, mib in held.items():
                parts = ", ".join(f"{mib[len(mib) * tenths // 10]:.0f}" for tenths in (2, 5, 8))
                print(f"  {who}: {parts} MiB after 2, 5 and 8 tenths of it, {max(mib):.0f} at most")
            times[str(workers)].append(seconds)
            times["plain"].append(loop(loops=1))
        times["both"].append(loop(loops=2))
        mean = {what: sum(found) / len(found) for what, found in times.items()}
        summary = {
            what: f"{mean[what]:.3f} s for a checkpoint ({min(found):.3f} to {max(found):.3f})"
            for what, found in times.items()
        }
        print(f"plain verdicts on {min(options.plain, len(paths))}: {summary['plain']}")
        print(f"two such loops at once: {summary['both']}, {mean['plain'] / mean['both']:.2f} times as fast")
        print(f"sweeps with one worker: {summary['1']}, overhead {mean['1'] / mean['plain'] - 1:.1%}")
        print(f"sweeps with two workers: {summary['2']}, {mean['1'] / mean['2']:.2f} times as fast")
        print(f"kept for a checkpoint of {len(asked())} claims, in KiB:")
        for what in ("out/verdicts", "out/table.parquet", "out/report.html", "log"):
            print(f"  {what}: {size(own / what) / len(paths) / 1024:.2f}")
