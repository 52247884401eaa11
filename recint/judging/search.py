"""A claim is tried where it may break, and what is found is tried again on fresh draws before it counts.

Conditions of the grid are all visited, by `recint.judging.scan`; Hypothesis hunts between them, on a batch for each condition.
Single places are drawn by the thousand and judged in a few passes; Hypothesis then draws them again, up to the first
that failed, and shrinks that one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from hypothesis import target

from recint import shipped
from recint.judging.claim import Claim, Property, Refuted
from recint.judging.observation import Observation, observing
from recint.judging.scan import Scan, scan, suspects
from recint.judging.statistic import p_against, statistic
from recint.judging.subject import Place, Subject
from recint.system.seeds import derive_seed
from recint.verdict import refutation_level

SUSPICIOUS = 0.05  # a batch that fails by chance more often than this is no reason to end a hunt
SCREEN = 256  # fresh draws on which a suspect has to fail as surely before it may be tried
RETEST = 512  # fresh draws for a suspected counterexample
TRIES = 6  # of suspects of the scan, and as many of the hunts; each has the same share of the level
HUNTS = 6  # each of which goes on past the suspects of the last


@dataclass(frozen=True)
class Counterexample:
    """A place where the claim fails, confirmed on fresh draws.

    Attributes:
        at: where, with the batch and seed that reproduce `value`.
    """

    at: Place
    value: float
    text: str
    code: str


@dataclass(frozen=True)
class Search:
    """What the search saw, and a counterexample if one was confirmed.

    Attributes:
        trials: in order; of single draws only the worst of each coefficient is kept.
        examples: how many trials there were, those of shrinking included.
        conditions: how many different places they visited.
        unconfirmed: places that failed in the search but not on fresh draws.
        scanned: what was seen at every condition of the grid, for a claim about every condition.
    """

    trials: tuple[tuple[Place, float], ...]
    examples: int
    conditions: int
    worst: float
    worst_at: Place
    counterexample: Counterexample | None
    unconfirmed: int
    scanned: Scan | None = None

    @property
    def hardest(self) -> tuple[Place, float]:
        """The counterexample, or else the worst place seen, and the value there."""
        found = self.counterexample
        return (found.at, found.value) if found else (self.worst_at, self.worst)


def search(
    prop: Property, model: Subject, *, seed: int, family: int, scanned: Scan | None = None, certain: Place | None = None
) -> Search:
    """Try to break a claim about every condition, or about every draw.

    Args:
        scanned: the claim's share of the scan of all claims, if there was one.
        certain: a single draw that the estimate has seen to fail, for which there is nothing to draw again.

    Raises:
        ValueError: a statistic that is not finite.
    """
    with model.drawing():
        if prop.claim.quantifier == "pointwise":
            return _single_draws(prop, model, certain)
        return _conditions(prop, model, scanned or _own_scan(prop, model, seed), seed=seed, family=family)


# --- Conditions -------------------------------------------------------------------------------------------------------


@dataclass
class _Hunting:
    """The arm that hunts: steers Hypothesis towards the worst and raises where the claim fails.

    Attributes:
        pardoned: conditions that were suspects; the hunt goes on past them.
    """

    claim: Claim
    contrasts: bool = False
    trials: list[tuple[Place, float]] = field(default_factory=list)
    pardoned: set[str] = field(default_factory=set)

    def observe(self, observation: Observation) -> None:
        assert observation.at is not None
        value = _finite(self.claim, observation.value, observation.at)
        self.trials.append((observation.at, value))
        target(self.claim.badness(value))
        if self.claim.holds(value) or observation.at.brief() in self.pardoned:
            return
        surely = p_against(self.claim, observation.values) <= SUSPICIOUS
        if surely:
            raise Refuted(self.claim.failure(value, observation.at.equation()))

    def failures(self) -> list[Place]:
        """Where the statistic fails, however surely, from the best to the worst."""
        failing = [(at, value) for at, value in self.trials if not self.claim.holds(value)]
        ranked = sorted(failing, key=lambda trial: self.claim.badness(trial[1]))
        return [at for at, _ in ranked if at.brief() not in self.pardoned]


def _finite(claim: Claim, value: float, at: Place) -> float:
    if not np.isfinite(value):
        raise ValueError(f"{claim.id}: {claim.statistic} is {value} at {at.brief()}")
    return value


def _own_scan(prop: Property, model: Subject, seed: int) -> Scan:
    found = scan([prop], model, seed=seed, untrained=True)[prop.claim.id]  # whether it applies was asked before
    if isinstance(found, Exception):
        raise found
    return found


def _conditions(prop: Property, model: Subject, scanned: Scan, *, seed: int, family: int) -> Search:
    """The scan first, and where it breaks nothing, Hypothesis between what was scanned."""
    claim, level = prop.claim, refutation_level(family=family, routes=prop.claim.routes) / (2 * TRIES)
    visited = [(at, _finite(claim, value, at)) for at, value in scanned.values(claim)]
    found = suspects(prop, model, scanned, most=TRIES, seed=seed)
    for number, suspect in enumerate(found):
        if confirmed := confirm(prop, model, suspect, seed=derive_seed(seed, "scanned", number), level=level):
            return _summary(claim, visited, confirmed, scanned=scanned, unconfirmed=0)
    trials, confirmed, seen = _hunt(prop, model, seed=seed, level=level)
    return _summary(claim, [*visited, *trials], confirmed, scanned=scanned, unconfirmed=len(found) + seen)


def _hunt(
    prop: Property, model: Subject, *, seed: int, level: float
) -> tuple[list[tuple[Place, float]], Counterexample | None, int]:
    """Trials, a counterexample if one is confirmed, and how many suspects there were.

    A failure that was luck does not end the hunt: its condition is pardoned, and Hypothesis sent on.
    """
    arm = _Hunting(prop.claim)
    confirmed: Counterexample | None = None
    seen = tried = 0

    def confirm_any(suspects: Sequence[Place]) -> Counterexample | None:
        """A suspect is screened first, at no cost: tries are for those that fail there too, and not by a little."""
        nonlocal seen, tried
        for suspect in suspects:
            arm.pardoned.add(suspect.brief())
            seen += 1
            if tried < TRIES and _fails(prop, model, suspect, seed=derive_seed(seed, "screen", seen)):
                tried += 1
                if found := confirm(prop, model, suspect, seed=derive_seed(seed, tried), level=level):
                    return found
        return None

    for _ in range(HUNTS):
        try:
            with observing(arm):
                prop.body(model)
        except Refuted:
            # The last trial is the simplest, after shrinking. It lies at the edge of where the claim fails, and there fresh
            # draws may well pass: the worst of all is a suspect too.
            simplest = arm.trials[-1][0]
            confirmed = confirm_any(list(dict.fromkeys([simplest, *arm.failures()[-1:]])))
            if confirmed or tried == TRIES:
                break
        else:
            confirmed = confirm_any(arm.failures()[-1:])
            break
    return arm.trials, confirmed, seen


def _fails(prop: Property, model: Subject, suspect: Place, *, seed: int) -> bool:
    observation = prop.measure(model, suspect.again(batch=SCREEN, seed=seed), contrasts=False)
    return p_against(prop.claim, observation.values) <= SUSPICIOUS


def confirm(prop: Property, model: Subject, suspect: Place, *, seed: int, level: float) -> Counterexample | None:
    """Try a failure again where chance had no part in finding it; None if it does not fail significantly there."""
    at = suspect.again(batch=RETEST, seed=seed)
    observation = prop.measure(model, at, contrasts=False)
    fails = not prop.claim.holds(observation.value) and p_against(prop.claim, observation.values) <= level
    return _counterexample(prop, model, at, observation.value) if fails else None


def _summary(
    claim: Claim,
    trials: Sequence[tuple[Place, float]],
    found: Counterexample | None,
    *,
    unconfirmed: int,
    scanned: Scan | None = None,
) -> Search:
    worst_at, worst = max(trials, key=lambda trial: claim.badness(trial[1]))
    conditions = len({at.brief() for at, _ in trials})
    kept = _worst_of_each_coefficient(claim, trials) if claim.quantifier == "pointwise" else trials
    return Search(tuple(kept), len(trials), conditions, worst, worst_at, found, 0 if found else unconfirmed, scanned)


# --- Single draws -----------------------------------------------------------------------------------------------------


def _single_draws(prop: Property, model: Subject, certain: Place | None) -> Search:
    """Draw by the thousand, judge in a few passes, shrink the first that fails; one has nothing to draw again."""
    claim = prop.claim
    drawn: list[Place] = []
    _ = _visiting(prop, model, drawn.append)
    known = _together(prop, model, list(dict.fromkeys(drawn)))
    trials = list(known.items())

    def value_at(at: Place) -> float:
        if at not in known:
            known[at] = _finite(claim, prop.measure(model, at, contrasts=False).value, at)
            trials.append((at, known[at]))
        return known[at]

    def break_it(at: Place) -> None:
        holds = claim.holds(value_at(at))  # not below: to Hypothesis, a failure is where it is raised
        if not holds:
            raise Refuted(claim.failure(known[at], at.equation()))

    suspects = [at for at, value in known.items() if not claim.holds(value)][:1]
    if suspects:
        simplest = _visiting(prop, model, break_it)
        suspects = [simplest, *suspects] if simplest else suspects
    if certain:
        suspects.append(certain)
    # Judged once more, by a pass of its own: side by side with others the last digits may be others.
    for at in suspects:
        value = _finite(claim, prop.measure(model, at, contrasts=False).value, at)
        if not claim.holds(value):
            return _summary(claim, trials, _counterexample(prop, model, at, value), unconfirmed=0)
    return _summary(claim, trials, None, unconfirmed=len(suspects))


def _visiting(prop: Property, model: Subject, visit: Callable[[Place], None]) -> Place | None:
    """Let Hypothesis draw the places of the property and hand them to `visit`; the last it was at, where that raised Refuted.

    Its draws are the same each time up to the first place where `visit` raises, for runs that are derandomized.
    """
    last: list[Place] = []

    def instead(model: Subject, at: Place) -> None:
        last[:] = [at]
        visit(at)

    with _body_replaced(prop, instead):
        try:
            prop.body(model)
        except Refuted:
            return last[0]
    return None


@contextmanager
def _body_replaced(prop: Property, body: Callable[..., None]) -> Iterator[None]:
    """The property's strategies with another function that they feed; Hypothesis documents the attribute for that."""
    handle, own = prop.body.hypothesis, prop.inner  # type: ignore[attr-defined]
    handle.inner_test = body
    try:
        yield
    finally:
        handle.inner_test = own


def _together(prop: Property, model: Subject, places: Sequence[Place]) -> dict[Place, float]:
    """The statistic at each of these single draws, measured side by side in passes of those of one shape."""
    groups: dict[Hashable, list[Place]] = defaultdict(list)
    for at in places:
        groups[at.shape].append(at)
    found: dict[Place, float] = {}
    for group in groups.values():
        for start in range(0, len(group), RETEST):
            part = group[start : start + RETEST]
            values = prop.measure(model, part[0].beside(part[1:]), contrasts=False).values
            for at, value in zip(part, values, strict=True):
                found[at] = _finite(prop.claim, statistic(prop.claim, value[None]), at)
    return {at: found[at] for at in places}


def _worst_of_each_coefficient(claim: Claim, trials: Sequence[tuple[Place, float]]) -> list[tuple[Place, float]]:
    worst: dict[float | None, tuple[Place, float]] = {}
    for at, value in trials:
        c = at.coefficient
        if c not in worst or claim.badness(value) > claim.badness(worst[c][1]):
            worst[c] = at, value
    return list(worst.values())


# --- What was found ---------------------------------------------------------------------------------------------------


def _counterexample(prop: Property, model: Subject, at: Place, value: float) -> Counterexample:
    return Counterexample(at, value, prop.claim.failure(value, at.equation()), _code(prop, model, at))


def _code(prop: Property, model: Subject, at: Place) -> str:
    """A snippet that computes the counterexample's value again."""
    where = "" if prop.folder == shipped.CLAIMS else f", {str(prop.folder)!r}"
    rebuilt = model.snippet(at)
    imports = sorted(["from recint.catalogue import find", *rebuilt.imports])
    told = f"print(find({prop.claim.id!r}{where}).measure(model, at).value)"
    return "\n".join([*imports, "", *rebuilt.lines, told, ""])
