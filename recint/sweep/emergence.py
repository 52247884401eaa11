"""When in a training a claim begins to hold, and in how many trained networks it does. Pure functions of the rows of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median, median_low
from typing import Any

import numpy as np
from scipy.stats import rankdata

from recint.judging.intervals import exact_interval

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """What was judged on one set of tensors.

    Attributes:
        step: of the training, None for a finished model that comes without snapshots.
        found: the row of every claim.
    """

    name: str
    path: str
    step: int | None
    seed: int | None
    sha256: str
    found: Mapping[str, Row]
    config: str | None = None

    @property
    def model(self) -> tuple[str, str | None]:
        """What it has in common with no other model: its tensors, and what these do not tell of its configuration."""
        return self.sha256, self.config


@dataclass(frozen=True)
class Network:
    """One trained network: the snapshots of its training in their order, or the one checkpoint that is there."""

    name: str
    checkpoints: tuple[Checkpoint, ...]

    @property
    def final(self) -> Checkpoint:
        return self.checkpoints[-1]

    def of_claim(self, claim: str) -> list[tuple[int, Row]]:
        """The rows of a claim with their steps."""
        return [(at.step, at.found[claim]) for at in self.checkpoints if at.step is not None and claim in at.found]


@dataclass(frozen=True)
class LeftOut:
    """A checkpoint of which nothing could be used.

    Attributes:
        sentence: says which it is, and why.
    """

    path: str
    sentence: str


@dataclass(frozen=True)
class Sweep:
    """The rows of a sweep by what they are about.

    Attributes:
        claims: a row of every claim, for what all its rows have in common, in the order of the rows.
        left_out: checkpoints of which nothing could be used.
    """

    claims: Mapping[str, Row]
    networks: tuple[Network, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def trainings(self) -> tuple[Network, ...]:
        """The networks that come with two snapshots or more: only in these does anything begin."""
        return tuple(network for network in self.networks if len(network.checkpoints) > 1)

    def appearances(self, claim: str) -> Appearances:
        return Appearances(
            claim,
            tuple(
                appearance([(step, row["verdict"]) for step, row in training.of_claim(claim)])
                for training in self.trainings
            ),
        )

    def at_the_end(self, claim: str) -> list[Row]:
        """The rows of a claim about the final checkpoints."""
        return [network.final.found[claim] for network in self.networks if claim in network.final.found]


def sweep(rows: Sequence[Row]) -> Sweep:
    """The rows put together.

    The checkpoints of a series with steps are the snapshots of one network; in a series without, each is a network of its own.
    Nothing is counted twice, for the share of networks is one of independent trainings: not what has no step among snapshots, and
    not a model with the tensors of another.
    """
    claims: dict[str, Row] = {}
    judged: dict[str, dict[str, list[Row]]] = {}
    left_out = []
    stepped = {row["series"] for row in rows if row["claim"] is not None and row["step"] is not None}
    for row in rows:
        if row["claim"] is None:
            left_out.append(LeftOut(row["path"], row["error"]))
        elif row["step"] is None and row["series"] in stepped:
            why = f"it has no step, unlike the snapshots of {row['series']} that it lies among"
            left_out.append(LeftOut(row["path"], f"{row['path']}: {why}"))
        else:
            claims.setdefault(row["claim"], row)
            judged.setdefault(row["series"], {}).setdefault(row["path"], []).append(row)
    networks: list[Network] = []
    for series, paths in judged.items():
        checkpoints = [_checkpoint(found) for found in paths.values()]
        if series in stepped:
            in_order = sorted(checkpoints, key=lambda at: (at.step or 0, at.path))
            networks.append(Network(series, tuple({(at.step, at.model): at for at in in_order}.values())))
        else:
            networks += [Network(at.name, (at,)) for at in checkpoints]
    networks, copies = _once(networks)
    return Sweep(claims, tuple(networks), tuple(dict.fromkeys([*left_out, *copies])))


def _once(networks: Sequence[Network]) -> tuple[list[Network], list[LeftOut]]:
    """The networks without single checkpoints that another has the tensors of, and these with the sentence that says so."""
    paths = {at.model: at.path for network in networks if len(network.checkpoints) > 1 for at in network.checkpoints}
    kept, copies = [], []
    for network in networks:
        final = network.final
        first = paths.setdefault(final.model, final.path)
        if len(network.checkpoints) == 1 and first != final.path:
            copies.append(LeftOut(final.path, f"{final.path}: its tensors are those of {first}"))
        else:
            kept.append(network)
    return kept, copies


def _checkpoint(rows: Sequence[Row]) -> Checkpoint:
    of = rows[0]
    found = {row["claim"]: row for row in rows}
    return Checkpoint(of["name"], of["path"], of["step"], of["training_seed"], of["sha256"], found, of.get("config"))


@dataclass(frozen=True)
class Appearance:
    """Where in a training a claim begins to hold: later than `after`, and at `step` at the latest.

    Attributes:
        after: the last step at which it does not hold; None if it holds from the first snapshot on, which leaves the interval open.
    """

    step: int
    after: int | None


def appearance(verdicts: Sequence[tuple[int, str]]) -> Appearance | None:
    """The first step from which on a claim is supported for good, that is at all later steps too; None if there is none.

    Vacuous does not count as holding: untrained models satisfy the relation too, so that training brought nothing forth that the
    claim could be about. Neither do inconclusive and not applicable; a single one of them late in a training makes that late what
    held before, for the snapshots do not show more. An error says nothing either way, and is passed over as a step without a
    snapshot is: it widens the interval.

    Args:
        verdicts: pairs of a step and a verdict, in the order of the steps.

    >>> appearance([(0, "refuted"), (100, "supported"), (200, "inconclusive"), (300, "supported"), (400, "supported")])
    Appearance(step=300, after=200)
    """
    first = None
    for step, verdict in reversed(verdicts):
        if verdict == "error":
            continue
        if verdict != "supported":
            return None if first is None else Appearance(first, step)
        first = step
    return None if first is None else Appearance(first, None)


@dataclass(frozen=True)
class Appearances:
    """When a claim begins to hold in each training, in the order of the trainings."""

    claim: str
    each: tuple[Appearance | None, ...]

    @property
    def found(self) -> list[Appearance]:
        return [found for found in self.each if found]

    @property
    def half_by(self) -> int | None:
        """The median step: that by which at least half of the networks show the claim, None if fewer ever do.

        A network that never shows it counts as one that shows it later than all others.
        """
        return half([found.step if found else None for found in self.each])

    @property
    def range(self) -> tuple[int, int]:
        """The first and the last step at which it begins to hold in some network."""
        steps = [found.step for found in self.found]
        return min(steps), max(steps)


def half(steps: Sequence[int | None]) -> int | None:
    """The step by which at least half of them are there, None standing for those that never are.

    >>> half([300, None, 200, None]), half([300, None, None])
    (300, None)
    """
    middle = median_low([inf if step is None else step for step in steps]) if steps else inf
    return None if middle == inf else int(middle)


def order(found: Sweep) -> list[Appearances]:
    """The claims that begin to hold in some training, in the order in which they do: by the median step, then by the first.

    Those that fewer than half of the networks show come last.
    """
    every = [found.appearances(claim) for claim in found.claims]
    return sorted((claim for claim in every if claim.found), key=_rank)


def _rank(claim: Appearances) -> tuple[float, int]:
    return (inf if claim.half_by is None else claim.half_by, claim.range[0])


@dataclass(frozen=True)
class Agreement:
    """How alike trainings are in the order in which claims begin to hold.

    Attributes:
        correlation: Spearman's, of the steps in two trainings, mean over all pairs: 1 is one order, 0 what chance gives.
        claims: over how many; those that begin to hold in some training.
        trainings: of how many.
    """

    correlation: float
    claims: int
    trainings: int


def agreement(claims: Sequence[Appearances]) -> Agreement | None:
    """Of claims that begin to hold in some training, as `order` has them; None with fewer than two trainings that have an order.

    Where a claim never begins to hold, it is later than all that do. A training in which none does, or all do at once, has no
    order, and is left out.
    """
    if not claims:
        return None
    steps = [[inf if at is None else at.step for at in claim.each] for claim in claims]
    ranks = rankdata(steps, axis=0)
    ordered = ranks[:, (ranks != ranks[0]).any(0)]
    trainings = ordered.shape[1]
    if trainings < 2:
        return None
    pairs = np.corrcoef(ordered, rowvar=False)[np.triu_indices(trainings, k=1)]
    return Agreement(float(pairs.mean()), len(claims), trainings)


def roles(found: Sweep) -> list[tuple[str, int]]:
    """Where in the model claims are made, with the step by which half of those there hold in half of the trainings, in that order.

    Where fewer than half ever do, there is none.
    """
    groups: dict[str, list[int | None]] = {}
    for claim in found.claims:
        groups.setdefault(claim.partition(".")[0], []).append(found.appearances(claim).half_by)
    steps = {role: half(of_claims) for role, of_claims in groups.items()}
    return sorted(((role, step) for role, step in steps.items() if step is not None), key=lambda found: found[1])


@dataclass(frozen=True)
class Share:
    """In how many networks a claim is supported, with the exact 95 % interval of the share."""

    held: int
    of: int
    low: float
    high: float


def share(held: int, of: int) -> Share:
    """
    >>> share(4, 4)
    Share(held=4, of=4, low=0.397..., high=1.0)
    """
    return Share(held, of, *exact_interval(held, of))


def held(rows: Sequence[Row]) -> Share:
    """Of the networks that these rows are about, the share in which the claim is supported.

    Networks to which the claim does not apply count as such in which it does not hold; errors do not count.
    """
    verdicts = [row["verdict"] for row in rows if row["verdict"] != "error"]
    return share(verdicts.count("supported"), len(verdicts))


@dataclass(frozen=True)
class Spread:
    """The statistic over networks: its median, and the smallest and the largest."""

    median: float
    low: float
    high: float


def spread(rows: Sequence[Row]) -> Spread | None:
    """None if it was measured in no network."""
    values = [row["value"] for row in rows if row["value"] is not None]
    return Spread(median(values), min(values), max(values)) if values else None
