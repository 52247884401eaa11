"""Independent draws from each claim's reference distribution. Claims that share draws share the model's forward passes."""

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

_OWN = ""  # the name of the claim's own values among those of its contrasts; no contrast has an empty name


@dataclass(frozen=True)
class Drawn:
    """What a claim's property measured on independent draws from its reference distribution.

    Attributes:
        places: where the draws were made, in order.
        numbers: the values, shape (draw, *head). They are float32 if that loses nothing, as for most outputs of a model.
        contrast_numbers: the values of each contrast, by its name.
        changed: the largest change that the property's intervention made; None without an intervention.
        seconds: how long the claim's own measurements took, without the passes that it shares.
    """

    places: Sequence[Sample]
    numbers: NDArray
    contrast_numbers: Mapping[str, NDArray]
    changed: float | None
    seconds: float

    def extended(self, more: Drawn) -> Drawn:
        """These draws followed by further draws for the same claim."""
        changed = [drawn.changed for drawn in (self, more) if drawn.changed is not None]
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
        """The values of every draw in float64, shape (draw, *head)."""
        return self.numbers.astype(np.float64)

    @cached_property
    def contrasts(self) -> dict[str, NDArray[np.float64]]:
        """The values of each contrast in float64, by its name."""
        return {name: numbers.astype(np.float64) for name, numbers in self.contrast_numbers.items()}


Share = Drawn | Exception | None  # what `draw` returns for one claim; None if nothing is drawn for it


def applicable(
    props: Sequence[Property], model: Subject, *, untrained: bool = False
) -> tuple[list[Property], dict[str, Exception]]:
    """The properties whose claims are applicable to a model.

    The second value holds, by the id of the claim, the exception for each claim where the check itself failed.
    """
    asked, failed = [], {}
    for prop in props:
        try:
            if not model.unmet(prop.claim, untrained=untrained):
                asked.append(prop)
        except Exception as error:  # for example, the model's predictions are not finite
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
    """Draw in stages: as `draw`, but each stage draws only for the claims that the draws so far do not decide.

    Args:
        stages: the total number of draws after each stage, in increasing order.
        decided: whether these draws decide a claim.
    """
    shares = draw(props, model, seed=seed, draws=stages[0])
    for before, upto in pairwise(stages):
        still_open = [
            prop
            for prop in props
            if isinstance(drawn := shares[prop.claim.id], Drawn) and not decided(prop.claim, drawn)
        ]
        for name, more in draw(still_open, model, seed=seed, draws=upto, start=before).items():
            so_far = shares[name]
            assert isinstance(so_far, Drawn)
            shares[name] = so_far.extended(more) if isinstance(more, Drawn) else more
    return shares


def draw(
    props: Sequence[Property], model: Subject, *, seed: int, draws: int, start: int = 0, untrained: bool = False
) -> dict[str, Share]:
    """Draws for the estimates of all claims, by the id of the claim.

    Claims with the same reference distribution are measured one after another on each chunk of CHUNK draws. So the model's pass
    over the chunk is made once, and so are interventions that several claims use. A claim that cannot be measured has its
    exception. A claim about weights, or one that is not applicable to the model, has None.

    Args:
        draws: the number of draws, counted from zero.
        start: the number of draws that were made before, a multiple of CHUNK. The further draws do not depend on whether
            drawing was interrupted there.
        untrained: whether the model is an untrained one.
    """
    recurrent = [prop for prop in props if prop.claim.quantifier != "weights"]
    asked, failed = applicable(recurrent, model, untrained=untrained)
    kept: dict[tuple[str, Domain], _Kept] = {}
    places: dict[Domain, list[Sample]] = {}
    seconds: dict[str, float] = defaultdict(float)
    # Two domains may differ in what the search visits, and still have the same reference distribution.
    groups: dict[Place, list[tuple[Property, Domain]]] = defaultdict(list)
    for prop in asked:
        for domain in _domains(prop.claim):
            groups[domain.reference(model.config, batch=1, seed=0)].append((prop, domain))
            kept[prop.claim.id, domain] = _Kept(draws - start)
    for here in groups.values():
        reference = here[0][1]
        shared: list[Sample] = []
        for first in range(start, draws, CHUNK):
            batch = min(CHUNK, draws - first)
            at = reference.reference(model.config, batch=batch, seed=derive_seed(seed, "estimate", first))
            shared.append(at)
            for prop, domain in here:
                name, begun = prop.claim.id, time.monotonic()
                if name not in failed:
                    try:
                        if (
                            len(here) > 1
                        ):  # make the whole pass at once; the first claim alone may read only a part of it
                            model.prepare(at)
                        kept[name, domain].add(prop.measure(model, at), start=first - start, batch=at.size)
                    except Exception as error:
                        failed[name] = error.with_traceback(None)  # a traceback would keep activations in memory
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
    """Values of `draws` draws, in arrays that are filled chunk by chunk.

    A list of small arrays that is concatenated at the end takes far more memory: `benchmarks/cost.py memory` measures it.
    """

    draws: int
    numbers: dict[str, NDArray] = field(default_factory=dict)
    changed: float | None = None

    def add(self, observation: Observation, *, start: int, batch: int) -> None:
        """Put the values of one chunk in their places.

        Raises:
            ValueError: there is not one value for each draw.
        """
        for name, values in {_OWN: observation.values, **observation.contrasts}.items():
            if len(values) != batch:
                raise ValueError(f"{len(values)} values were measured, but should be one for each of {batch}")
            if name not in self.numbers:
                self.numbers[name] = np.zeros((self.draws, *values.shape[1:]), np.float32)
            if self.numbers[name].dtype == np.float32 and not fits_float32(values):
                self.numbers[name] = self.numbers[name].astype(np.float64)
            self.numbers[name][start : start + batch] = values
        if observation.changed is not None:
            self.changed = max(observation.changed, self.changed or 0.0)


def fits_float32(values: NDArray[np.float64]) -> bool:
    """Whether float32 holds these numbers exactly."""
    with np.errstate(over="ignore"):
        return np.array_equal(values.astype(np.float32), values, equal_nan=True)


def _domains(claim: Claim) -> list[Domain]:
    """The domains on which a claim is measured: its own, and those of its contrasts."""
    return list(dict.fromkeys([claim.domain, *(contrast.domain for contrast in claim.contrasts if contrast.domain)]))
