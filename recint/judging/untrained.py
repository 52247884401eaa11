"""How many untrained models pass a claim. A claim that too many of them pass says nothing about training.

The answer depends on the configuration and the claim, and not on the checkpoint. It is kept in a cache. The key of the cache covers
all that the answer depends on, including the code, so that an outdated answer is never read.
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
from recint.judging.subject import Subject, is_own
from recint.system.files import cache_folder, write

# FIRST models are judged, and ALL of them if one of the first passes. So a claim that 14 % of untrained models pass is missed with
# probability 0.05, and a claim that 1 % pass is called vacuous with probability 0.003. `tests/judging/test_untrained.py` computes
# both.
FIRST, ALL = 20, 60
TOLERATED = 0.05
SHIPPED_ANSWERS = Path(__file__).with_name("untrained.json")
DRAWS = 100  # the fewest that any test needs: what counts is how many models pass, and not how clearly a model passes


@dataclass(frozen=True)
class Untrained:
    """How many untrained models pass a claim.

    Attributes:
        passed: how many pass.
        of: how many were judged.
    """

    passed: int
    of: int

    @property
    def vacuous(self) -> bool:
        """Whether more than TOLERATED of them pass."""
        return self.passed > TOLERATED * self.of


def untrained_passes(prop: Property, model: Subject, *, beside: Sequence[Property] = ()) -> Untrained:
    """How many untrained models of this model's shape pass a claim: from the shipped answers, from the cache, or judged now.

    FIRST models are judged, and ALL of them if one of the first passes. Judging stops earlier when so many have passed that the
    others cannot change the answer. A model passes if the claim and its contrasts hold on DRAWS draws and, for a claim that one
    place can refute, the search confirms no counterexample.

    Args:
        model: the model whose shape and device the untrained models have.
        beside: claims that may be needed next. If their answers are not known, they are judged on the same models.
    """
    if (known := _known(prop, model)) is not None:
        return known
    with _alone(_path(prop, model)):  # the first process judges, and the others wait for its answer
        if (known := _known(prop, model)) is not None:
            return known
        unknown = [other for other in beside if other != prop and _known(other, model) is None]
        answers = ask([prop, *unknown], model)
        for other in answers:
            with suppress(OSError):  # a cache that cannot be written does no harm
                write(_path(other, model), json.dumps(asdict(answers[other])) + "\n")
    return answers[prop]


def ask(props: Sequence[Property], model: Subject) -> dict[Property, Untrained]:
    """Judge claims on untrained models of this model's shape. The claims share the forward passes of each model.

    Known answers are not used. If a claim cannot be judged on an untrained model because of an error, the model does not pass it.
    """
    passed, asked = Counter[Property](), Counter[Property]()
    for seed in range(ALL):
        # A claim is left out when further models cannot change its answer.
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
    """The shipped answers, for the shapes of the shipped checkpoints. `benchmarks/untrained.py` writes them."""
    answers: list[dict[str, Any]] = json.loads(SHIPPED_ANSWERS.read_text(encoding="utf-8"))["answers"]
    return answers


def _path(prop: Property, model: Subject) -> Path:
    return cache_folder() / f"{_key(prop, model)}.json"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Inside the block, no other process judges the claim whose answer this file keeps."""
    lock = FileLock(path.with_suffix(".lock"))
    with suppress(OSError, NotImplementedError):  # the disk cannot be written, or has no locks
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
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        RecursionError,
    ):  # the file is missing or damaged: the claim is judged again
        pass
    return None


def _passes(prop: Property, model: Subject, seed: int, drawn: Share) -> bool:
    claim = prop.claim
    if isinstance(drawn, Exception) or model.unmet(claim, untrained=True):
        return False
    if claim.quantifier == "weights":
        try:
            observation = prop.measure(model)
        except (Unmet, ValueError):  # the statistic does not exist
            return False
        contrasts = [contrast.holds(float(observation.contrasts[contrast.name])) for contrast in claim.contrasts]
        return claim.holds(observation.value) and all(contrasts)
    assert isinstance(drawn, Drawn)
    contrasts = [passes(contrast, drawn.contrasts[contrast.name]) for contrast in claim.contrasts]
    if not (passes(claim, drawn.values) and all(contrasts)):
        return False
    try:
        return (
            claim.quantifier == "average"
            or not search(prop, model, seed=seed, family=1, one_is_enough=True).counterexample
        )
    except (Unmet, ValueError):  # the statistic does not exist at some condition
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
    """The hash of every source file that decides what is measured: all of recint, and the modules of these claims.

    In a folder with a subject of its own, any module may change what is measured.
    """
    own = {folder for folder in {prop.folder for prop in props} if is_own(folder)}
    files = sorted({prop.file for prop in props}.union(*(folder.glob("*.py") for folder in own)))
    return sha256("".join([_CODE, *map(_hash, files)]).encode()).hexdigest()


def _hash_of(files: Sequence[Path]) -> str:
    digest = sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _hash(file: Path) -> str:
    """The hash of a module of claims. It is computed once, right after the module is loaded: the file may change later."""
    return _hash_of([file])


# The hash of all of recint, computed when it is loaded: any file may change what is measured.
_CODE = _hash_of(sorted(Path(__file__).parents[1].rglob("*.py")))
