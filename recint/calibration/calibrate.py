"""How often the suite itself is wrong: every claim on models whose truth is known, and on models broken on purpose.

Every control is judged as `verify` would judge it, all claims that it is asked together, but for vacuity: what untrained
models get is one of the things shown here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from recint.calibration.activation_mutants import ACCOUNT, ACTIVATION_MUTANTS
from recint.calibration.filters import FILTERS
from recint.calibration.ladder import Rung, ladder
from recint.calibration.mutants import MUTANTS, mutate
from recint.calibration.planted import plant
from recint.calibration.positives import POSITIVES
from recint.calibration.roles import Roles, combinations
from recint.calibration.scrambled import scrambled
from recint.calibration.truth import truth
from recint.catalogue import properties
from recint.checkpoint import Checkpoint, load
from recint.claim import Claim
from recint.globs import selected
from recint.judging.claim import Property
from recint.judging.controls import GROUPS, Grade, Row
from recint.judging.judge import judge
from recint.model import Model
from recint.model.untrained import untrained
from recint.system.interruption import end_children, end_with_parent, kept_from_children
from recint.system.seeds import derive_seed
from recint.system.threads import limit_threads

SEEDS = (0, 1, 2)
Task = tuple[str, str, Path, tuple[str, ...], int, int]  # name, checkpoint, folder, globs, seed, draws


@dataclass(frozen=True, kw_only=True)
class Control:
    """A model to judge the claims by.

    Attributes:
        make: builds it; a `Model`, or a stand-in for one.
        truth: for the claims that its construction settles, whether they hold.
        made_for: claims that it was made to refute.
        claims: globs of the claims it is asked; all if empty.
        base: the control it was made from, against whose verdicts its own are read.
        change: what was done to the base; empty without one.
        grade: for a model at or around a threshold, which claim it grades.
    """

    name: str
    group: str
    make: Callable[[], Any]
    truth: Mapping[str, bool] = field(default_factory=dict)
    made_for: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    base: str | None = None
    change: str = ""
    grade: Grade | None = None


def controls(checkpoint: Checkpoint, props: Sequence[Property]) -> tuple[Control, ...]:
    """All of them, in the order of `GROUPS`; the checkpoint itself is the first of its mutants.

    Raises:
        ValueError: a claim is not about recurrences, for which all controls are made.
    """
    config, claims = checkpoint.config, [claim for prop in props if isinstance(claim := prop.claim, Claim)]
    if others := [prop.claim.id for prop in props if not isinstance(prop.claim, Claim)]:
        raise ValueError(f"{others[0]}: is no claim about recurrences, and all controls of `calibrate` predict these")
    found = [
        Control(name=f"untrained {seed}", group="untrained", make=_model(untrained, config, seed=seed))
        for seed in SEEDS
    ]
    found += [
        Control(name=f"scrambled {seed}", group="scrambled", make=_model(scrambled, checkpoint, seed=seed))
        for seed in SEEDS
    ]
    found.append(Control(name=checkpoint.name, group="mutant", make=_model(lambda: checkpoint)))
    for name, roles in combinations():
        found.append(
            Control(
                name=name,
                group="planted",
                make=_model(plant, roles, **_variant(name)),
                truth=truth(roles, claims),
            )
        )
    whole = next(control for control in found if control.name == "all present")
    for rung in ladder(claims):
        solver = rung.roles is None
        known = {rung.claim: rung.holds} if solver else truth(rung.roles or Roles(), claims)
        name = f"{rung.claim}: {rung.strength}"
        found.append(
            Control(
                name=name,
                group="graded",
                make=_rung(rung, {"seed": 1} if solver else _variant(name)),
                truth=known,
                claims=("model.predicts-*",) if solver else (),
                grade=Grade(rung.claim, rung.strength),
            )
        )
    for positive in (*POSITIVES, *FILTERS):
        if settled := positive.truth(
            claims
        ):  # of the other claims none is asked: a layer that says nothing has no figures
            found.append(
                Control(name=positive.name, group="positive", make=positive.model, truth=settled, claims=tuple(settled))
            )
    bases: tuple[tuple[str, str, Callable[[], Checkpoint]], ...] = (
        ("mutant", checkpoint.name, lambda: checkpoint),
        ("planted mutant", whole.name, lambda: whole.make().checkpoint),
    )
    for group, base, make in bases[checkpoint.config.n_layers < 3 :]:  # mutants need three layers
        for mutant in MUTANTS:
            found.append(
                Control(
                    name=f"{base}: {mutant.name}",
                    group=group,
                    make=_model(lambda make=make, mutant=mutant: mutate(make(), mutant)),
                    made_for=mutant.killed_by if group == "mutant" or not mutant.trained_only else (),
                    base=base,
                    change=mutant.name,
                )
            )
    for broken in ACTIVATION_MUTANTS:
        found.append(
            Control(
                name=f"{checkpoint.name}: {broken.name}",
                group="mutant",
                make=partial(broken.model, checkpoint),
                made_for=broken.killed_by,
                claims=ACCOUNT,
                base=checkpoint.name,
                change=broken.name,
            )
        )
    return tuple(sorted(found, key=lambda control: list(GROUPS).index(control.group)))


def _model(make: Callable[..., Checkpoint], *arguments: Any, **keywords: Any) -> Callable[[], Model]:
    return lambda: Model(make(*arguments, **keywords))


def _rung(rung: Rung, variant: Mapping[str, Any]) -> Callable[[], Any]:
    return lambda: rung.model(**variant)


def _variant(name: str) -> dict[str, Any]:
    """A construction of its own for every planted model: orientation, division of labour, LayerNorm folded in or not."""
    number = sum(name.encode())
    return {"seed": number, "heads": ("share", "split")[number % 2], "folded": number % 3 > 0}


def calibrate(
    checkpoint: str, *, folder: Path, draws: int, globs: Sequence[str] = (), seed: int = 0, workers: int = 1
) -> tuple[int, Iterator[Row]]:
    """How many controls there are, and a row for each as it is judged.

    Raises:
        ValueError: a process died while it judged one.
    """
    props, every = _controls(checkpoint, folder, tuple(globs))
    names = [control.name for control in every if any(selected(prop.claim.id, control.claims) for prop in props)]
    tasks = [(name, checkpoint, folder, tuple(globs), seed, draws) for name in names]
    return len(tasks), _rows(tasks, workers)


def _rows(tasks: Sequence[Task], workers: int) -> Iterator[Row]:
    if workers == 1:
        yield from (_row(task) for task in tasks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin) as pool:
        try:
            with kept_from_children():
                rows = [pool.submit(_row, task) for task in tasks]
            for done in as_completed(rows):
                yield done.result()
        except BrokenProcessPool:
            raise ValueError(
                f"workers={workers!r}: a process died while it judged a control (is there too little memory?); try fewer"
            ) from None
        except BaseException:
            end_children()
            pool.shutdown(cancel_futures=True)
            raise


def _begin() -> None:
    """Prepare a process that judges controls."""
    end_with_parent()
    limit_threads(1)


@cache
def _controls(checkpoint: str, folder: Path, globs: tuple[str, ...]) -> tuple[list[Property], tuple[Control, ...]]:
    props = [prop for prop in properties(folder) if selected(prop.claim.id, globs)]
    return props, controls(load(checkpoint), props)


def _row(task: Task) -> Row:
    name, checkpoint, folder, globs, seed, draws = task
    begun = time.monotonic()
    props, every = _controls(checkpoint, folder, globs)
    control = next(control for control in every if control.name == name)
    asked = [prop for prop in props if selected(prop.claim.id, control.claims)]
    # Draws of its own for every control, so that errors are independent; a mutant shares those of what it was made from.
    own = derive_seed(seed, control.base or name)
    entries = judge(asked, control.make(), seed=own, stages=(draws,), thorough=False)
    return Row(
        index=every.index(control),
        name=name,
        group=control.group,
        base=control.base,
        change=control.change,
        grade=control.grade,
        made_for=[claim for claim in control.made_for if claim in {prop.claim.id for prop in props}],
        truth=dict(control.truth),
        verdicts={entry.id: entry.verdict for entry in entries},
        values={entry.id: entry.value for entry in entries},
        messages={entry.id: entry.message for entry in entries},
        seconds=round(time.monotonic() - begun, 1),
    )
