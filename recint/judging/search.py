"""The search for a counterexample. A failure that it finds counts only if it is confirmed on fresh draws.

For a claim about every condition, `recint.judging.scan` visits all conditions of the grid. Then Hypothesis searches between them,
with one batch of draws at each condition.

For a claim about every single draw, Hypothesis draws thousands of places, which are measured in a few passes. Then it draws the
same places again, up to the first one that failed, and shrinks that one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from hypothesis import target

from recint import shipped
from recint.judging.claim import Claim, Property, Refuted
from recint.judging.further_counterexamples import failing_in, further
from recint.judging.observation import Observation, observing
from recint.judging.scan import Scan, scan, suspects
from recint.judging.statistic import p_against, statistic
from recint.judging.subject import Place, Subject
from recint.system.files import from_here
from recint.system.seeds import derive_seed
from recint.verdict import refutation_level

SUSPICIOUS = 0.05  # a condition is a suspect if the p-value of "it holds here" is at most this
SCREEN = 256  # fresh draws on which a suspect must fail at this p-value again, before a try is spent on it
RETEST = 512  # fresh draws of a try, which confirms a suspect or not
TRIES = 6  # the scan may spend so many tries, and the hunts as many; each try has the same share of the level
HUNTS = 6  # how often Hypothesis is started; each hunt ignores the suspects of those before


@dataclass(frozen=True)
class Counterexample:
    """A place where the claim fails, confirmed on fresh draws.

    Attributes:
        at: the place, with the batch and seed that reproduce `value`.
        value: the statistic there.
        text: the sentence that says that the claim fails there.
        code: a snippet that computes the value again.
    """

    at: Place
    value: float
    text: str
    code: str


@dataclass(frozen=True)
class Search:
    """The trials of a search, and a counterexample if one was confirmed.

    Attributes:
        trials: places with the statistic there, in order. For a claim about every single draw, only the worst trial of each
            coordinate is kept.
        examples: the number of trials, including those of shrinking.
        conditions: the number of different places that were visited.
        worst, worst_at: the worst value of all trials, and its place.
        counterexample: None if none was confirmed.
        further: more counterexamples, which differ from the first in one thing; see `recint.judging.further_counterexamples`.
        unconfirmed: the number of places that failed in the search but not on fresh draws; 0 if a counterexample was confirmed.
        scanned: the scan, for a claim about every condition; otherwise None.
    """

    trials: tuple[tuple[Place, float], ...]
    examples: int
    conditions: int
    worst: float
    worst_at: Place
    counterexample: Counterexample | None
    unconfirmed: int
    scanned: Scan | None = None
    further: tuple[Counterexample, ...] = ()

    @property
    def hardest(self) -> tuple[Place, float]:
        """The place and value of the counterexample; without one, those of the worst trial."""
        confirmed = self.counterexample
        return (confirmed.at, confirmed.value) if confirmed else (self.worst_at, self.worst)


def search(
    prop: Property,
    model: Subject,
    *,
    seed: int,
    family: int,
    scanned: Scan | None = None,
    certain: Place | None = None,
    one_is_enough: bool = False,
) -> Search:
    """Search for a counterexample to a claim about every condition, or about every single draw.

    Args:
        seed: the seed of the fresh draws.
        family: the number of claims that are judged together.
        scanned: the scan of the claim; None to scan here.
        certain: a single draw of the estimate that fails. It is measured again, since it has nothing random left to draw.
        one_is_enough: whether no further counterexamples are sought, for a caller that asks only whether there is one.

    Raises:
        ValueError: a statistic is not finite.
    """
    with model.drawing():
        if prop.claim.quantifier == "pointwise":
            return _single_draws(prop, model, certain, tries=0 if one_is_enough else TRIES)
        visits = scanned or _own_scan(prop, model, seed)
        return _conditions(prop, model, visits, seed=seed, family=family, one_is_enough=one_is_enough)


# --- Conditions -------------------------------------------------------------------------------------------------------


@dataclass
class _Hunting:
    """The arm of a hunt: it leads Hypothesis towards the worst value, and raises Refuted at a suspect.

    Attributes:
        contrasts: False, since a hunt does not need contrasts.
        trials: the places of all hunts, with the statistic there.
        ignored: conditions that were suspects of an earlier hunt, in words.
    """

    claim: Claim
    contrasts: bool = False
    trials: list[tuple[Place, float]] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)

    def observe(self, observation: Observation) -> None:
        assert observation.at is not None
        value = _finite(self.claim, observation.value, observation.at)
        self.trials.append((observation.at, value))
        target(self.claim.badness(value))
        if self.claim.holds(value) or observation.at.brief() in self.ignored:
            return
        if p_against(self.claim, observation.values) <= SUSPICIOUS:
            raise Refuted(self.claim.failure(value, observation.at.equation()))

    def failures(self) -> list[Place]:
        """The places where the statistic fails, even by a little, from the best to the worst."""
        failing = [(at, value) for at, value in self.trials if not self.claim.holds(value)]
        ranked = sorted(failing, key=lambda trial: self.claim.badness(trial[1]))
        return [at for at, _ in ranked if at.brief() not in self.ignored]


def _finite(claim: Claim, value: float, at: Place) -> float:
    if not np.isfinite(value):
        raise ValueError(f"{claim.id}: {claim.statistic} is {value} at {at.brief()}")
    return value


def _own_scan(prop: Property, model: Subject, seed: int) -> Scan:
    scanned = scan([prop], model, seed=seed, untrained=True)[
        prop.claim.id
    ]  # the caller knows that the claim is applicable
    if isinstance(scanned, Exception):
        raise scanned
    return scanned


def _conditions(
    prop: Property, model: Subject, scanned: Scan, *, seed: int, family: int, one_is_enough: bool
) -> Search:
    """Try the suspects of the scan. If none is confirmed, let Hypothesis search between the conditions of the scan."""
    claim, level = prop.claim, refutation_level(family=family, routes=prop.claim.routes) / (2 * TRIES)
    visited = [(at, _finite(claim, value, at)) for at, value in scanned.values(claim)]
    suspected = suspects(claim, scanned, most=TRIES)
    for number, suspect in enumerate(suspected):
        if confirmed := confirm(prop, model, suspect, seed=derive_seed(seed, "scanned", number), level=level):
            more: tuple[Counterexample, ...] = ()
            if not one_is_enough:
                left = 2 * TRIES - (number + 1)
                more = _further(prop, model, confirmed.at, scanned, seed=seed, level=level, tries=left)
            return _summary(claim, visited, confirmed, scanned=scanned, unconfirmed=0, more=more)
    trials, confirmed, seen = _hunt(prop, model, seed=seed, level=level)
    return _summary(claim, [*visited, *trials], confirmed, scanned=scanned, unconfirmed=len(suspected) + seen)


def _further(
    prop: Property, model: Subject, first: Place, scanned: Scan, *, seed: int, level: float, tries: int
) -> tuple[Counterexample, ...]:
    """Further conditions of the scan at which the claim fails, confirmed on fresh draws.

    Args:
        level: that of each try.
        tries: those that the search did not spend. The level of the claim is split over all tries, so that none is spent twice.
    """
    numbers = count()

    def confirmed(at: Place) -> Counterexample | None:
        return confirm(prop, model, at, seed=derive_seed(seed, "further", next(numbers)), level=level)

    return further(first, failing_in(scanned, prop.claim, level=SUSPICIOUS), confirmed, tries=tries)


def _hunt(
    prop: Property, model: Subject, *, seed: int, level: float
) -> tuple[list[tuple[Place, float]], Counterexample | None, int]:
    """The trials, the counterexample if one is confirmed, and the number of suspects.

    A suspect that is not confirmed failed by chance. It is ignored from then on, and Hypothesis is started again.
    """
    arm = _Hunting(prop.claim)
    confirmed: Counterexample | None = None
    seen = tried = 0

    def confirm_any(suspects: Sequence[Place]) -> Counterexample | None:
        """The first of the suspects that is confirmed.

        A suspect is screened first, which spends no part of the level. A try is spent only on a suspect that fails there again.
        """
        nonlocal seen, tried
        for suspect in suspects:
            arm.ignored.add(suspect.brief())
            seen += 1
            if tried < TRIES and _fails(prop, model, suspect, seed=derive_seed(seed, "screen", seen)):
                tried += 1
                if counterexample := confirm(prop, model, suspect, seed=derive_seed(seed, tried), level=level):
                    return counterexample
        return None

    for _ in range(HUNTS):
        try:
            with observing(arm):
                prop.body(model)
        except Refuted:
            # After shrinking, the last trial is the simplest failure. It lies at the edge of the region where the claim fails, and
            # fresh draws may pass there. Therefore the worst failure is a suspect too.
            simplest = arm.trials[-1][0]
            confirmed = confirm_any(list(dict.fromkeys([simplest, *arm.failures()[-1:]])))
            if confirmed or tried == TRIES:
                break
        else:
            confirmed = confirm_any(arm.failures()[-1:])
            break
    return arm.trials, confirmed, seen


def _fails(prop: Property, model: Subject, suspect: Place, *, seed: int) -> bool:
    """Whether a suspect fails on the fresh draws of the screening."""
    observation = prop.measure(model, suspect.again(batch=SCREEN, seed=seed), contrasts=False)
    return p_against(prop.claim, observation.values) <= SUSPICIOUS


def confirm(prop: Property, model: Subject, suspect: Place, *, seed: int, level: float) -> Counterexample | None:
    """Try a suspect on fresh draws, which had no part in its selection.

    Returns:
        The counterexample; None if the claim does not fail there with a p-value of `level` or less.
    """
    at = suspect.again(batch=RETEST, seed=seed)
    observation = prop.measure(model, at, contrasts=False)
    fails = not prop.claim.holds(observation.value) and p_against(prop.claim, observation.values) <= level
    return _counterexample(prop, model, at, observation.value) if fails else None


def _summary(
    claim: Claim,
    trials: Sequence[tuple[Place, float]],
    confirmed: Counterexample | None,
    *,
    unconfirmed: int,
    scanned: Scan | None = None,
    more: tuple[Counterexample, ...] = (),
) -> Search:
    worst_at, worst = max(trials, key=lambda trial: claim.badness(trial[1]))
    conditions = len({at.brief() for at, _ in trials})
    kept = _worst_of_each_coordinate(claim, trials) if claim.quantifier == "pointwise" else trials
    unconfirmed = 0 if confirmed else unconfirmed
    return Search(tuple(kept), len(trials), conditions, worst, worst_at, confirmed, unconfirmed, scanned, more)


# --- Single draws -----------------------------------------------------------------------------------------------------


def _single_draws(prop: Property, model: Subject, certain: Place | None, *, tries: int) -> Search:
    """Draw thousands of places, measure them in a few passes, and shrink the first one that fails.

    A single draw has nothing random left, so that it is confirmed by measuring it again. This spends no level.

    Args:
        tries: how many further draws that fail may be measured again.
    """
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
        # Hypothesis tells failures apart by the line that raises. The measurement may raise too, and must be on another line.
        holds = claim.holds(value_at(at))
        if not holds:
            raise Refuted(claim.failure(known[at], at.equation()))

    suspects = [at for at, value in known.items() if not claim.holds(value)][:1]
    if suspects:
        simplest = _visiting(prop, model, break_it)
        suspects = [simplest, *suspects] if simplest else suspects
    if certain:
        suspects.append(certain)

    def confirmed(at: Place) -> Counterexample | None:
        # A suspect is measured once more, in a pass of its own: in a batch with others, the last digits may differ.
        value = _finite(claim, prop.measure(model, at, contrasts=False).value, at)
        return None if claim.holds(value) else _counterexample(prop, model, at, value)

    for at in suspects:
        if first := confirmed(at):
            failing = sorted(
                (at for at, value in trials if not claim.holds(value)), key=lambda at: -claim.badness(known[at])
            )
            return _summary(claim, trials, first, unconfirmed=0, more=further(at, failing, confirmed, tries=tries))
    return _summary(claim, trials, None, unconfirmed=len(suspects))


def _visiting(prop: Property, model: Subject, visit: Callable[[Place], None]) -> Place | None:
    """Let Hypothesis draw the places of the property, and call `visit` with each.

    In derandomized runs the places are the same each time, up to the first one where `visit` raises Refuted.

    Returns:
        The last place, if `visit` raised Refuted; after shrinking, it is the simplest one that fails. Otherwise None.
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
    """Inside the block, the property's strategies call another function. Hypothesis documents `inner_test` for this purpose."""
    handle, own = prop.body.hypothesis, prop.inner  # type: ignore[attr-defined]
    handle.inner_test = body
    try:
        yield
    finally:
        handle.inner_test = own


def _together(prop: Property, model: Subject, places: Sequence[Place]) -> dict[Place, float]:
    """The statistic at each of these single draws. Places of one shape are measured together, RETEST in a pass."""
    groups: dict[Hashable, list[Place]] = defaultdict(list)
    for at in places:
        groups[at.shape].append(at)
    statistics: dict[Place, float] = {}
    for group in groups.values():
        for start in range(0, len(group), RETEST):
            part = group[start : start + RETEST]
            values = prop.measure(model, part[0].beside(part[1:]), contrasts=False).values
            for at, value in zip(part, values, strict=True):
                statistics[at] = _finite(prop.claim, statistic(prop.claim, value[None]), at)
    return {at: statistics[at] for at in places}


def _worst_of_each_coordinate(claim: Claim, trials: Sequence[tuple[Place, float]]) -> list[tuple[Place, float]]:
    worst: dict[float | None, tuple[Place, float]] = {}
    for at, value in trials:
        c = at.coordinate
        if c not in worst or claim.badness(value) > claim.badness(worst[c][1]):
            worst[c] = at, value
    return list(worst.values())


# --- Counterexamples --------------------------------------------------------------------------------------------------


def _counterexample(prop: Property, model: Subject, at: Place, value: float) -> Counterexample:
    return Counterexample(at, value, prop.claim.failure(value, at.equation()), _code(prop, model, at))


def _code(prop: Property, model: Subject, at: Place) -> str:
    """A snippet that computes the counterexample's value again."""
    where = "" if prop.folder == shipped.CLAIMS else f", {from_here(prop.folder)!r}"
    rebuilt = model.snippet(at)
    imports = sorted(["from recint.catalogue import find", *rebuilt.imports])
    measured = f"print(find({prop.claim.id!r}{where}).measure(model, at).value)"
    return "\n".join([*imports, "", *rebuilt.lines, measured, ""])
