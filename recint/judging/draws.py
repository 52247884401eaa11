"""Independent draws of each claim's reference distribution, measured on shared passes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from recint.judging.claim import Claim, Property
from recint.judging.observation import Observation
from recint.judging.subject import CHUNK, Domain, Place, Sample, Subject
from recint.system.seeds import derive_seed

_OWN = ""  # the claim's own values beside those of its contrasts, of which none has this name


@dataclass(frozen=True)
class Drawn:
    """Independent draws of a claim's reference distribution, as its property measured them.

    Attributes:
        numbers: what was measured, in 32 bits where that loses nothing, as of most of what a model computes.
        contrast_numbers: of each of its contrasts, by name.
        changed: largest change that the property's intervention made to what it acts on; None without intervention.
        seconds: what the claim's own measuring took, beside the passes that it shares.
    """

    places: Sequence[Sample]
    numbers: NDArray
    contrast_numbers: Mapping[str, NDArray]
    changed: float | None
    seconds: float

    def extended(self, more: Drawn) -> Drawn:
        """With further draws of the same claim."""
        changed = [found.changed for found in (self, more) if found.changed is not None]
        return replace(
            self,
            places=[*self.places, *more.places],
            numbers=np.concatenate([self.numbers, more.numbers]),
            contrast_numbers={
                name: np.concatenate([numbers, more.contrast_numbers[name]])
                for name, numbers in self.contrast_numbers.items()
            },
            changed=max(changed, default=None),
            seconds=self.seconds + more.seconds,
        )

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Of every draw."""
        return self.numbers.astype(np.float64)

    @cached_property
    def contrasts(self) -> dict[str, NDArray[np.float64]]:
        """Of each of its contrasts, by name."""
        return {name: numbers.astype(np.float64) for name, numbers in self.contrast_numbers.items()}


Share = Drawn | Exception | None  # what `draw` has for a claim


def applicable(
    props: Sequence[Property], model: Subject, *, untrained: bool = False
) -> tuple[list[Property], dict[str, Exception]]:
    """Those whose claims can be asked of a model, and by id the exception of those of which that cannot be told."""
    asked, failed = [], {}
    for prop in props:
        try:
            if not model.unmet(prop.claim, untrained=untrained):
                asked.append(prop)
        except Exception as error:  # a model whose predictions are no numbers
            failed[prop.claim.id] = error.with_traceback(None)
    return asked, failed


def draw_until_decided(
    props: Sequence[Property],
    model: Subject,
    *,
    seed: int,
    stages: Sequence[int],
    decided: Callable[[Claim, Drawn], bool],
) -> dict[str, Share]:
    """As `draw`, with more draws at each stage for those claims alone that the last one did not decide."""
    shares = draw(props, model, seed=seed, draws=stages[0])
    for before, upto in pairwise(stages):
        still = [
            prop
            for prop in props
            if isinstance(found := shares[prop.claim.id], Drawn) and not decided(prop.claim, found)
        ]
        more = draw(still, model, seed=seed, draws=upto, start=before)
        for name, found in more.items():
            before_that = shares[name]
            assert isinstance(before_that, Drawn)
            shares[name] = before_that.extended(found) if isinstance(found, Drawn) else found
    return shares


def draw(
    props: Sequence[Property], model: Subject, *, seed: int, draws: int, start: int = 0, untrained: bool = False
) -> dict[str, Share]:
    """The estimates' draws of all claims, on shared passes.

    Claims with the same reference distribution are measured side by side on each chunk of draws, so that the model's
    pass over it, and interventions that several claims read, are made once. A claim that fails to be measured is told by its
    exception; one about weights, or that does not apply to the model, has nothing drawn.

    Args:
        start: those that were drawn before, a multiple of CHUNK: those from there on are what they would be in one go.
    """
    recurrent = [prop for prop in props if prop.claim.quantifier != "weights"]
    asked, failed = applicable(recurrent, model, untrained=untrained)
    kept: dict[tuple[str, Domain], _Kept] = {}
    places: dict[Domain, list[Sample]] = {}
    seconds: dict[str, float] = defaultdict(float)
    # Domains that differ in what is searched may have the same reference distribution.
    groups: dict[Place, list[tuple[Property, Domain]]] = defaultdict(list)
    for prop in asked:
        for domain in _domains(prop.claim):
            groups[domain.reference(batch=1, seed=0)].append((prop, domain))
            kept[prop.claim.id, domain] = _Kept(draws - start)
    for here in groups.values():
        reference = here[0][1]
        shared: list[Sample] = []
        for first in range(start, draws, CHUNK):
            at = reference.reference(batch=min(CHUNK, draws - first), seed=derive_seed(seed, "estimate", first))
            shared.append(at)
            for prop, domain in here:
                name, begun = prop.claim.id, time.monotonic()
                if name not in failed:
                    try:
                        if len(here) > 1:  # the whole pass at once, not up to what the first claim asks
                            model.prepare(at)
                        kept[name, domain].add(prop.measure(model, at), start=first - start, batch=at.size)
                    except Exception as error:
                        failed[name] = error.with_traceback(None)  # which would keep its activations
                seconds[name] += time.monotonic() - begun
        places |= {domain: shared for _, domain in here}

    def gathered(claim: Claim) -> Drawn:
        own = kept[claim.id, claim.domain]
        return Drawn(
            places=places[claim.domain],
            numbers=own.numbers[_OWN],
            contrast_numbers={
                contrast.name: kept[claim.id, contrast.domain].numbers[_OWN]
                if contrast.domain
                else own.numbers[contrast.name]
                for contrast in claim.contrasts
            },
            changed=own.changed,
            seconds=seconds[claim.id],
        )

    shares: dict[str, Share] = dict.fromkeys(prop.claim.id for prop in props)
    return shares | failed | {prop.claim.id: gathered(prop.claim) for prop in asked if prop.claim.id not in failed}


@dataclass
class _Kept:
    """What a claim's property measured of so many draws, in arrays that are filled chunk by chunk.

    Thousands of small arrays instead, put together in the end, take far more memory, as `benchmarks/cost.py memory` tells.
    """

    draws: int
    numbers: dict[str, NDArray] = field(default_factory=dict)
    changed: float | None = None

    def add(self, observation: Observation, *, start: int, batch: int) -> None:
        """Raises ValueError if it is not one value for each draw."""
        for name, values in {_OWN: observation.values, **observation.contrasts}.items():
            if len(values) != batch:
                raise ValueError(f"{len(values)} values were measured, but should be one for each of {batch}")
            if name not in self.numbers:
                self.numbers[name] = np.zeros((self.draws, *values.shape[1:]), np.float32)
            if self.numbers[name].dtype == np.float32 and not _fits(values):
                self.numbers[name] = self.numbers[name].astype(np.float64)
            self.numbers[name][start : start + batch] = values
        if observation.changed is not None:
            self.changed = max(observation.changed, self.changed or 0.0)


def _fits(values: NDArray[np.float64]) -> bool:
    """Whether 32 bits hold these numbers exactly."""
    with np.errstate(over="ignore"):
        return np.array_equal(values.astype(np.float32), values, equal_nan=True)


def _domains(claim: Claim) -> list[Domain]:
    """Where a claim is measured: in its own domain, and in those of contrasts that have one."""
    return list(dict.fromkeys([claim.domain, *(contrast.domain for contrast in claim.contrasts if contrast.domain)]))
