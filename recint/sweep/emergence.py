"""At which step of a training a claim begins to hold, and in how many trained networks it holds.

All functions are pure. They read the rows of a sweep, which `recint.sweep.table.rows` makes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median, median_low

import numpy as np
from scipy.stats import rankdata

from recint.judging.intervals import exact_interval
from recint.sweep.row import Row, Unjudged


@dataclass(frozen=True)
class JudgedCheckpoint:
    """The verdicts on one checkpoint.

    Attributes:
        step: the training step, None for a finished model without snapshots.
        rows: the row of every claim, by the claim's id.
        config: the part of the configuration that the tensors do not determine, as JSON.
    """

    name: str
    path: str
    step: int | None
    seed: int | None
    sha256: str
    rows: Mapping[str, Row]
    config: str | None = None

    @property
    def model(self) -> tuple[str, str | None]:
        """Identifies the model: two checkpoints with the same tensors and configuration have the same value."""
        return self.sha256, self.config


@dataclass(frozen=True)
class Network:
    """One trained network: the snapshots of its training in order of their steps, or its only checkpoint."""

    name: str
    checkpoints: tuple[JudgedCheckpoint, ...]

    @property
    def final(self) -> JudgedCheckpoint:
        """The last snapshot, or the only checkpoint."""
        return self.checkpoints[-1]

    def of_claim(self, claim: str) -> list[tuple[int, Row]]:
        """The rows of a claim with their steps."""
        return [(at.step, at.rows[claim]) for at in self.checkpoints if at.step is not None and claim in at.rows]


@dataclass(frozen=True)
class LeftOut:
    """A checkpoint whose rows are not used.

    Attributes:
        sentence: names the checkpoint and says why it is left out.
    """

    path: str
    sentence: str


@dataclass(frozen=True)
class Sweep:
    """The rows of a sweep, grouped by claims, networks and checkpoints.

    Attributes:
        claims: one row of every claim, for its statement and threshold, by the claim's id.
        left_out: checkpoints whose rows are not used.
    """

    claims: Mapping[str, Row]
    networks: tuple[Network, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def trainings(self) -> tuple[Network, ...]:
        """The networks with two snapshots or more. Only these can show when a claim begins to hold."""
        return tuple(network for network in self.networks if len(network.checkpoints) > 1)

    def appearances(self, claim: str) -> Appearances:
        """When a claim begins to hold in each training."""
        return Appearances(
            claim,
            tuple(
                appearance([(step, row.verdict) for step, row in training.of_claim(claim)])
                for training in self.trainings
            ),
        )

    def at_the_end(self, claim: str) -> list[Row]:
        """The rows of a claim for the final checkpoint of every network."""
        return [network.final.rows[claim] for network in self.networks if claim in network.final.rows]


def sweep(rows: Sequence[Row | Unjudged]) -> Sweep:
    """Group the rows of a sweep.

    A series is the checkpoints of one training. If they have steps, they are the snapshots of one network. Otherwise each of
    them is a network of its own. No network may count twice, because the share of networks is about independent trainings. So
    two kinds of checkpoints are left out: one without a step among snapshots, and one with the same tensors as another.
    """
    claims: dict[str, Row] = {}
    judged: dict[str, dict[str, list[Row]]] = {}
    left_out = []
    stepped = {row.series for row in rows if isinstance(row, Row) and row.step is not None}
    for row in rows:
        if isinstance(row, Unjudged):
            left_out.append(LeftOut(row.path, row.error))
        elif row.step is None and row.series in stepped:
            why = f"it has no step, unlike the snapshots of {row.series} that it lies among"
            left_out.append(LeftOut(row.path, f"{row.path}: {why}"))
        else:
            claims.setdefault(row.claim, row)
            judged.setdefault(row.series, {}).setdefault(row.path, []).append(row)
    networks: list[Network] = []
    for series, paths in judged.items():
        checkpoints = [_checkpoint(rows) for rows in paths.values()]
        if series in stepped:
            in_order = sorted(checkpoints, key=lambda at: (at.step or 0, at.path))
            networks.append(Network(series, tuple({(at.step, at.model): at for at in in_order}.values())))
        else:
            networks += [Network(at.name, (at,)) for at in checkpoints]
    networks, copies = _once(networks)
    return Sweep(claims, tuple(networks), tuple(dict.fromkeys([*left_out, *copies])))


def _once(networks: Sequence[Network]) -> tuple[list[Network], list[LeftOut]]:
    """The networks without copies, and the copies. A copy is a single checkpoint with the same tensors as another."""
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


def _checkpoint(rows: Sequence[Row]) -> JudgedCheckpoint:
    of = rows[0]
    by_claim = {row.claim: row for row in rows}
    return JudgedCheckpoint(of.name, of.path, of.step, of.training_seed, of.sha256, by_claim, of.config)


@dataclass(frozen=True)
class Appearance:
    """The interval of steps in which a claim begins to hold: after the step `after`, and at `step` at the latest.

    Attributes:
        after: the last snapshot's step at which the claim does not hold; None if it holds from the first snapshot on. Then nobody
            knows where the interval starts.
    """

    step: int
    after: int | None


def appearance(verdicts: Sequence[tuple[int, str]]) -> Appearance | None:
    """The first step at which a claim is supported and stays supported at all later steps; None if there is none.

    Only `supported` counts. A vacuous claim does not hold: untrained models satisfy the relation too, so training did not
    cause it. Inconclusive and not applicable do not count either: after one such verdict late in a training, the claim appears
    later still, because the snapshots do not show more. An error says nothing. It is skipped like a step without a snapshot,
    which makes the interval wider.

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
    def begun(self) -> list[Appearance]:
        """The appearances without the trainings in which the claim never begins to hold for good."""
        return [at for at in self.each if at]

    @property
    def half_by(self) -> int | None:
        """The median step: at this step the claim holds in at least half of the networks. None if it never does.

        A network in which the claim never holds counts as later than all others.
        """
        return half([at.step if at else None for at in self.each])

    @property
    def range(self) -> tuple[int, int]:
        """The smallest and the largest step at which the claim begins to hold.

        Raises:
            ValueError: the claim begins to hold in no training.
        """
        steps = [at.step for at in self.begun]
        return min(steps), max(steps)


def half(steps: Sequence[int | None]) -> int | None:
    """The median of steps, where None means never and is larger than all steps.

    >>> half([300, None, 200, None]), half([300, None, None])
    (300, None)
    """
    middle = median_low([inf if step is None else step for step in steps]) if steps else inf
    return None if middle == inf else int(middle)


def order(swept: Sweep) -> list[Appearances]:
    """The claims that begin to hold in some training, sorted by the median step and then by the first step.

    Claims that never hold in half of the networks come last.
    """
    every = [swept.appearances(claim) for claim in swept.claims]
    return sorted((claim for claim in every if claim.begun), key=_rank)


def _rank(claim: Appearances) -> tuple[float, int]:
    return (inf if claim.half_by is None else claim.half_by, claim.range[0])


@dataclass(frozen=True)
class Agreement:
    """How similar trainings are in the order in which claims begin to hold.

    Attributes:
        correlation: Spearman's rank correlation between the steps of two trainings, mean over all pairs of trainings. 1 means the
            same order, 0 is what chance gives.
        claims: the number of claims.
        trainings: the number of trainings.
    """

    correlation: float
    claims: int
    trainings: int


def agreement(claims: Sequence[Appearances]) -> Agreement | None:
    """The agreement of trainings about some claims; None if fewer than two trainings have an order.

    In a training where a claim never begins to hold, it counts as later than all others. A training has no order if all claims
    begin to hold at the same step, or none ever does. Such a training is left out.

    Args:
        claims: those that begin to hold in some training, from `order`.
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


def roles(swept: Sweep) -> list[tuple[str, int]]:
    """Parts of the model, each with the step at which half of the claims about it hold in half of the trainings.

    The part is the beginning of a claim's id, e.g. "l0". The parts are sorted by step. A part is missing if fewer than half of its
    claims ever hold in half of the trainings.
    """
    groups: dict[str, list[int | None]] = {}
    for claim in swept.claims:
        groups.setdefault(claim.partition(".")[0], []).append(swept.appearances(claim).half_by)
    steps = {role: half(of_claims) for role, of_claims in groups.items()}
    return sorted(((role, step) for role, step in steps.items() if step is not None), key=lambda pair: pair[1])


@dataclass(frozen=True)
class Share:
    """In how many networks a claim is supported, and an exact 95 % interval of the share (Clopper and Pearson 1934)."""

    held: int
    of: int
    low: float
    high: float


def share(held: int, of: int) -> Share:
    """The share `held` of `of` networks.

    >>> share(4, 4)
    Share(held=4, of=4, low=0.397..., high=1.0)
    """
    return Share(held, of, *exact_interval(held, of))


def held(rows: Sequence[Row]) -> Share:
    """The share of networks in which a claim is supported.

    A network to which the claim does not apply counts as one in which it does not hold. Errors do not count.

    Args:
        rows: one row of the claim for each network.
    """
    verdicts = [row.verdict for row in rows if row.verdict != "error"]
    return share(verdicts.count("supported"), len(verdicts))


@dataclass(frozen=True)
class Spread:
    """The median, the smallest and the largest value of a statistic over networks."""

    median: float
    low: float
    high: float


def spread(rows: Sequence[Row]) -> Spread | None:
    """The spread of the statistic over rows of one claim; None if no row has a value."""
    values = [row.value for row in rows if row.value is not None]
    return Spread(median(values), min(values), max(values)) if values else None
