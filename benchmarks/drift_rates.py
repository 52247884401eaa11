"""How often does the gate of `verify --against` fail: when nothing changed (A/A), and when the model changed (A/B)?

    python benchmarks/drift_rates.py FOLDER [--runs 200] [--same 40] [--changed 20] [--as-is] [--figure FILE.svg]

Every run judges the cheap claims (CHEAP) on 200 recurrences, as `verify --draws 200` does. There is no search, and no untrained
model is judged, so that a verdict follows from the claim's own statistic and its contrasts. A run fails if any claim drifts.

- A/A: the reference checkpoint is the baseline. The same tensors are judged again as a `.pth`: with another seed, where at most 5 %
  of runs may fail, and with the same seed and two threads instead of one, where none may fail. (Two threads change the last digits,
  which other recurrences would hide.) If there is a GPU, the same tensors are judged on it too.
- A/B: the reference with relative noise in all weights, with one head pruned, and after 200 further steps of training. Five runs
  share a changed model, and the next five have another one: to build it takes longer than to judge it.

Three rules decide about the same values:

- paired: the rule as it is, where the baseline has values of the same recurrences;
- unpaired: the rule as it is, where the baseline drew other recurrences;
- former: two 95 % intervals do not overlap, or the verdict differs. Here too the baseline drew other recurrences.

The values of each run are kept in FOLDER. If the benchmark is stopped, it goes on where it was. `--as-is` draws nothing, and
reports about the values that are there.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill
from typing import Any

import torch
from tqdm import tqdm

from recint import shipped
from recint.catalogue import properties
from recint.checkpoint import Checkpoint, load, save
from recint.judging import entries
from recint.judging.controls import rate
from recint.judging.difference import differences
from recint.judging.draws import Drawn, draw
from recint.judging.entry import Entry, Estimate, Run
from recint.judging.values import DrawnValues, derived
from recint.model import Model
from recint.model.transformer import property_tensors, raw_bridge
from recint.pages.drawing import BLUE, GREY, ORANGE, axes_of, drawing, grid, legend_below, log_axis, svg
from recint.pages.markdown import table
from recint.record import drift, value_file
from recint.system.files import write
from recint.system.seeds import derive_seed
from recint.system.threads import limit_threads
from recint.training.recipe import Recipe
from recint.training.train import prediction_loss

REFERENCE = shipped.CHECKPOINTS / "affine3-seed0"
DRAWS = 200
# All claims that one run measures in about a second together, because they need no passes beside the intact one, or few. They have
# seven of the ten reductions; those that are missing compare heads that are ablated one by one, which takes a second for each.
CHEAP = (
    "model.predicts-next-term", "model.predicts-next-term@2", "model.predicts-every-recurrence",
    "model.predicts-every-recurrence@2", "model.predicts-short-sequences", "l0.previous-token", "l0.previous-token@2",
    "l0.ov-line", "l0.writes-outside-embedding", "l0.residual-formula", "l0.residual-formula@2", "l0.residual-formula@3",
    "l0.leads-attribution", "l1.second-position", "l1.small-attribution", "l1.writes-outside-embedding",
    "l2.attends-to-similar", "l2.ov-not-a-line", "l2.subtracts-what-it-attends-to", "l2.subtracts-what-it-attends-to@2",
    "l2.checkerboard", "l2.checkerboard@2", "l2.corrects-layer-0", "l2.corrects-layer-0@2", "probe.constant-term@2",
    "probe.constant-term.linear@2",
)  # fmt: skip
NOISES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
STEPS, RATE = 200, 1e-5  # of further training: its steps, and their learning rate
SHARED = 5  # runs that share a changed model
# Of each rule, the colour in the picture and the line: paired and unpaired often lie on each other.
LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "paired": (BLUE, {"marker": "o", "markersize": 9, "markerfacecolor": "none", "linewidth": 3}),
    "unpaired": (ORANGE, {"marker": "o", "markersize": 4, "linestyle": "--"}),
    "former": (GREY, {"marker": "s", "markersize": 5}),
}
Values = Mapping[str, DrawnValues]


# --- The models -------------------------------------------------------------------------------------------------------


@cache
def reference() -> Checkpoint:
    return load(REFERENCE)


@cache
def as_pth() -> Checkpoint:
    with TemporaryDirectory() as folder:
        return load(save(reference(), Path(folder, "reference.pth")))


def noisy(size: float, group: int) -> Checkpoint:
    """The reference with each weight w replaced by w (1 + size z), z from the standard normal distribution."""
    rng = torch.Generator().manual_seed(derive_seed(group, "noise", size))
    return changed(
        {name: one * (1 + size * torch.randn(one.shape, generator=rng)) for name, one in reference().tensors.items()}
    )


def pruned(group: int) -> Checkpoint:
    """The reference without one head, another one for each group of runs."""
    config = reference().config
    layer, head = divmod(7 * group % (config.n_layers * config.n_heads), config.n_heads)
    name = f"blocks.{layer}.attn.W_O"
    W_O = reference().tensors[name].clone()
    W_O[head] = 0
    return changed({**reference().tensors, name: W_O})


def trained(group: int) -> Checkpoint:
    """The reference after further steps of training, on batches that are its own."""
    recipe = Recipe(model=reference().config)
    bridge = raw_bridge(recipe.model, reference().tensors).requires_grad_(True).train()
    optimizer = torch.optim.AdamW(bridge.parameters(), lr=RATE, weight_decay=recipe.weight_decay)
    for step in range(STEPS):
        batch = recipe.data.sample(recipe.batch, seed=derive_seed(group, "further", step), device="cpu")
        optimizer.zero_grad(set_to_none=True)
        prediction_loss(bridge, batch).backward()
        torch.nn.utils.clip_grad_norm_(bridge.parameters(), recipe.clip)
        optimizer.step()
    return changed(property_tensors(bridge, recipe.model))


def changed(tensors: Mapping[str, torch.Tensor]) -> Checkpoint:
    return replace(reference(), name="changed", tensors=tensors)


CHANGES: dict[str, Callable[[int], Checkpoint]] = {
    **{f"noise {size:g}": lambda group, size=size: noisy(size, group) for size in NOISES},
    "a head pruned": pruned,
    f"{STEPS} further steps": trained,
}


@lru_cache(maxsize=1)
def altered_model(change: str, group: int) -> Model:
    return Model(CHANGES[change](group))


# --- The runs: one file of values for each ----------------------------------------------------------------------------


def seeds(run: int) -> tuple[int, int]:
    """The seed of the baseline, and another one. No two runs share a seed."""
    return 2 * run, 2 * run + 1


@cache
def unchanged(as_file: str, device: str = "cpu") -> Model:
    """The model of the reference, as it was read from a folder or from a `.pth`. It takes seconds to build."""
    return Model(as_pth() if as_file == "pth" else reference(), device=device)


def drawn(model: Model, seed: int, *, threads: int = 1) -> bytes:
    """The content of the file with the values of the cheap claims on a model."""
    limit_threads(threads)
    shares = draw(PROPS, model, seed=seed, draws=DRAWS)
    for claim, share in shares.items():
        if isinstance(share, Exception):
            raise share
        assert share is not None, f"{claim} is not applicable"
    return value_file.content(
        {
            claim: DrawnValues(share.values, share.contrasts)
            for claim, share in shares.items()
            if isinstance(share, Drawn)
        }
    )


def jobs(runs: int, same: int, altered: int) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
    """The name of each arm, the run, and what draws its values: first A/A, then A/B, one changed model after another."""
    for run in range(runs):
        own, other = seeds(run)
        yield "baseline", run, lambda own=own: drawn(unchanged("folder"), own)
        yield "other seed", run, lambda other=other: drawn(unchanged("pth"), other)
        if run < same:
            yield "same seed", run, lambda own=own: drawn(unchanged("pth"), own, threads=2)
            if torch.cuda.is_available():
                yield "GPU", run, lambda own=own: drawn(unchanged("folder", "cuda"), own)
    for group in range(-(-altered // SHARED)):
        for name in CHANGES:
            for run in range(group * SHARED, min((group + 1) * SHARED, altered)):
                yield (
                    name,
                    run,
                    lambda name=name, group=group, run=run: drawn(altered_model(name, group), seeds(run)[0]),
                )


def file_of(folder: Path, arm: str, run: int) -> Path:
    return folder / f"{arm.replace(' ', '-')}-{run:03d}.values"


# --- The rules --------------------------------------------------------------------------------------------------------


def judged(kept: Values, seed: int) -> Run:
    """The run that these values are of: verdicts follow from them alone."""
    about = {"name": "reference", "sha256": reference().sha256}
    blank = tuple(entries.blank(prop.claim) for prop in PROPS)
    bare = Run(checkpoint=about, started="", seed=seed, draws=DRAWS, stages=(DRAWS,), claims=blank)
    return replace(bare, claims=derived(bare, kept, CLAIMS))


def fails(baseline: Run, run: Run, before: Values, after: Values, *, rule: str, strict: bool = False) -> bool:
    """Whether any claim drifted."""
    if rule == "former":
        return any(map(_formerly, baseline.claims, run.claims))
    paired = differences(CLAIMS.values(), before, after) if rule == "paired" else None
    return bool(drift.drift(drift.pairs(baseline, run.claims, differences=paired), strict=strict))


def _formerly(was: Entry, now: Entry) -> bool:
    assert was.estimate
    assert now.estimate
    (low, high), (low_after, high_after) = _ends(was.estimate), _ends(now.estimate)
    return high < low_after or high_after < low or was.verdict != now.verdict


def _ends(of: Estimate) -> tuple[float, float]:
    low, high = of.ci  # None is an open end
    return (-inf if low is None else low), (inf if high is None else high)


class Gate:
    """What each rule says about the runs whose values are there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read = cache(self._read_)
        self.failed = cache(self._failed)  # the tables and the picture ask for the same

    def _read_(self, arm: str, run: int) -> tuple[Values, Run] | None:
        path = file_of(self.folder, arm, run)
        if not path.is_file():
            return None
        kept, (own, other) = value_file.of_content(path.read_bytes()), seeds(run)
        return kept, judged(kept, other if arm == "other seed" else own)

    def _failed(self, arm: str, *, rule: str, strict: bool = False) -> list[bool]:
        """Whether each run of an arm fails, by a rule. Without pairs, a changed model is held against the other seed."""
        found, run = [], 0
        against = "baseline" if rule == "paired" or arm == "other seed" else "other seed"
        while (was := self._read(against, run)) and (now := self._read(arm, run)):
            found.append(fails(was[1], now[1], was[0], now[0], rule=rule, strict=strict))
            run += 1
        return found


def share(failed: Sequence[bool]) -> str:
    return str(rate(sum(failed), len(failed))) if failed else "-"


def tables(gate: Gate) -> str:
    """Both tables, as Markdown."""
    unchanged = [
        ("other seed, other format", "unpaired, as it is", gate.failed("other seed", rule="unpaired")),
        ("the same", "unpaired, strict", gate.failed("other seed", rule="unpaired", strict=True)),
        ("the same", "former", gate.failed("other seed", rule="former")),
        (
            "same seed, other format, two threads",
            "paired, strict",
            gate.failed("same seed", rule="paired", strict=True),
        ),
        ("same seed, on a GPU", "paired, strict", gate.failed("GPU", rule="paired", strict=True)),
    ]
    rows = [[arm, rule, share(failed)] for arm, rule, failed in unchanged if failed]
    altered = [[arm, *(share(gate.failed(arm, rule=rule)) for rule in LOOKS)] for arm in CHANGES]
    return (
        table(["nothing changed", "rule", "runs that fail (95 % interval)"], rows)
        + "\n\n"
        + table(["the model changed", *LOOKS], altered)
    )


def picture(gate: Gate) -> str:
    """The power of the three rules against the size of the noise, and against the two other changes."""
    figure, (left, right) = axes_of("How many runs notice that the model changed", columns=2, width_ratios=(2, 1))
    others = [name for name in CHANGES if not name.startswith("noise")]
    with drawing():
        for number, (rule, (colour, look)) in enumerate(LOOKS.items()):
            noise = [gate.failed(f"noise {size:g}", rule=rule) for size in NOISES]
            known = [(size, sum(failed) / len(failed)) for size, failed in zip(NOISES, noise, strict=True) if failed]
            left.plot(*zip(*known, strict=True), color=colour, label=rule, **look)
            for place, name in enumerate(others):
                if failed := gate.failed(name, rule=rule):
                    right.bar(place + (number - 1) * 0.27, sum(failed) / len(failed), width=0.25, color=colour)
        if failed := gate.failed("other seed", rule="former"):
            left.axhline(sum(failed) / len(failed), color=GREY, linestyle=":", label="former, if nothing changed")
        log_axis(left, "x")
        left.set_xlabel("relative noise in all weights")
        left.set_ylabel("share of runs that fail")
        right.set_xticks(range(len(others)), [fill(name, 12) for name in others])
        for axes in (left, right):
            axes.set_ylim(-0.03, 1.03)
            grid(axes, axis="y")
        legend_below(figure, left)
    return svg(figure, "Share of runs that fail, by rule and by change of the model") + "\n"


PROPS = [prop for prop in properties() if prop.claim.id in CHEAP]
CLAIMS = {prop.claim.id: prop.claim for prop in PROPS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--runs", type=int, default=200, help="runs with another seed")
    parser.add_argument("--same", type=int, default=40, help="how many of them are judged with the same seed too")
    parser.add_argument("--changed", type=int, default=20, help="how many of them are compared with each changed model")
    parser.add_argument("--as-is", action="store_true", help="draw nothing")
    parser.add_argument("--figure", type=Path, metavar="FILE.svg")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if not options.as_is:
        for arm, run, values in tqdm(list(jobs(options.runs, options.same, options.changed)), unit="run", disable=None):
            if not (path := file_of(options.folder, arm, run)).is_file():
                write(path, values())
    gate = Gate(options.folder)
    if options.figure:
        write(options.figure, picture(gate))
    print(tables(gate))


if __name__ == "__main__":
    main()
