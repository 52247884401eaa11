"""How many untrained models pass a claim: one that they pass too often says nothing about training.

What untrained models do depends on the configuration and the claim alone, not on the checkpoint; it is kept in a cache,
under a key that covers everything it depends on, the code included, so that nothing stale is ever read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock
from hypothesis import settings

from recint.judging import entries
from recint.judging.claim import Property, Unmet
from recint.judging.draws import Drawn, Share, draw
from recint.judging.search import search
from recint.judging.statistic import passes
from recint.judging.subject import Subject
from recint.system.files import cache_folder, write

# Where none of the first passes, a claim that 14 % of untrained models pass is missed with probability 0.05, and one that 1 %
# pass is called vacuous with probability 0.003; `tests/judging/test_untrained.py` has the sums.
FIRST, ALL = 20, 60
TOLERATED = 0.05
SHIPPED_ANSWERS = Path(__file__).with_name("untrained.json")
DRAWS = 100  # at least as many as any test needs; what counts is how many models pass, not how surely one does


@dataclass(frozen=True)
class Untrained:
    """So many of the untrained models that were asked pass the claim."""

    passed: int
    of: int

    @property
    def vacuous(self) -> bool:
        return self.passed > TOLERATED * self.of


def untrained_passes(prop: Property, model: Subject, *, beside: Sequence[Property] = ()) -> Untrained:
    """How many untrained models of the shape of this one pass; as shipped, or from the cache, if it is there.

    FIRST of them are asked, and ALL where one of these passes, up to where so many have passed that the rest cannot matter.
    A model passes if the figure and its contrasts hold and, for a claim that one place can refute, the search breaks nothing.

    Args:
        beside: claims that may be asked for next: whoever is not known yet is asked on the same models.
    """
    if (known := _known(prop, model)) is not None:
        return known
    with _alone(_path(prop, model)):  # who comes first asks, and other processes wait for the answer
        if (known := _known(prop, model)) is not None:
            return known
        unknown = [other for other in beside if other != prop and _known(other, model) is None]
        found = ask([prop, *unknown], model)
        for other in found:
            with suppress(OSError):  # a cache that cannot be written saves nothing, and harms nothing
                write(_path(other, model), json.dumps(asdict(found[other])) + "\n")
    return found[prop]


def ask(props: Sequence[Property], model: Subject) -> dict[Property, Untrained]:
    """Ask untrained models of the shape of this one about all of these claims, which share the passes of each.

    Known answers are not read.

    A claim that cannot be asked of them, for an error, is passed by none.
    """
    passed, asked = Counter[Property](), Counter[Property]()
    for seed in range(ALL):
        # Of the rest, none can matter any more.
        still = [prop for prop in props if seed < (ALL if passed[prop] else FIRST) and passed[prop] <= TOLERATED * ALL]
        if not still:
            break
        untrained = model.untrained(seed)
        drawn = draw(still, untrained, seed=seed, draws=DRAWS, untrained=True)
        for prop in still:
            asked[prop] += 1
            passed[prop] += _passes(prop, untrained, seed, drawn[prop.claim.id])
    return {prop: Untrained(passed[prop], asked[prop]) for prop in props}


def _known(prop: Property, model: Subject) -> Untrained | None:
    return _shipped(prop.claim.hash, model.config) or _cached(_path(prop, model))


def _shipped(claim: str, config: Any) -> Untrained | None:
    for kept in _answers():
        if kept["config"] == asdict(config) and claim in kept["claims"]:
            return Untrained(*kept["claims"][claim])
    return None


@cache
def _answers() -> list[dict[str, Any]]:
    """For the shapes of the shipped checkpoints; `benchmarks/untrained.py` writes them."""
    found: list[dict[str, Any]] = json.loads(SHIPPED_ANSWERS.read_text(encoding="utf-8"))["answers"]
    return found


def _path(prop: Property, model: Subject) -> Path:
    return cache_folder() / f"{_key(prop, model)}.json"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    lock = FileLock(path.with_suffix(".lock"))
    with suppress(OSError, NotImplementedError):  # a disk that cannot be written, or without locks
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _cached(path: Path) -> Untrained | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        passed, of = kept["passed"], kept["of"]
        if isinstance(passed, int) and isinstance(of, int) and 0 <= passed <= of and 0 < of <= ALL:
            return Untrained(passed, of)
    except (OSError, ValueError, TypeError, KeyError):  # not there yet, or damaged: asked again either way
        pass
    return None


def _passes(prop: Property, model: Subject, seed: int, drawn: Share) -> bool:
    claim = prop.claim
    if isinstance(drawn, Exception) or model.unmet(claim, untrained=True):
        return False
    if claim.quantifier == "weights":
        try:
            observation = prop.measure(model)
        except (Unmet, ValueError):  # there is no such figure
            return False
        beside = [contrast.holds(float(observation.contrasts[contrast.name])) for contrast in claim.contrasts]
        return claim.holds(observation.value) and all(beside)
    assert isinstance(drawn, Drawn)
    beside = [passes(contrast, drawn.contrasts[contrast.name]) for contrast in claim.contrasts]
    if not (passes(claim, drawn.values) and all(beside)):
        return False
    try:
        return claim.quantifier == "average" or not search(prop, model, seed=seed, family=1).counterexample
    except (Unmet, ValueError):  # at some condition there is no such figure
        return False


def _key(prop: Property, model: Subject) -> str:
    depends_on = {
        "config": asdict(model.config),
        "claim": prop.claim.hash,
        "code": code_of([prop]),
        "how": [FIRST, ALL, TOLERATED, DRAWS, settings().max_examples, model.device.type],
        "versions": [
            entries.version(package) for package in ("torch", "transformer_lens", "hypothesis", "numpy", "scipy")
        ],
    }
    return sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:32]


def code_of(props: Sequence[Property]) -> str:
    """Hash of every source file that decides what is measured: recint's, and the modules of the claims, as they were loaded."""
    files = sorted({prop.file for prop in props})
    return sha256("".join([_CODE, *map(_hash, files)]).encode()).hexdigest()


def _hash_of(files: Sequence[Path]) -> str:
    digest = sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _hash(file: Path) -> str:
    """Of a module of claims, when it is first asked for, right after it was loaded: the file may change while a worker lives."""
    return _hash_of([file])


# Of recint as it is loaded, all of it: any file may change what is measured.
_CODE = _hash_of(sorted(Path(__file__).parents[1].rglob("*.py")))
