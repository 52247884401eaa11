"""What untrained models say of a claim: one that they satisfy too says nothing about training.

Verdicts of untrained models depend on the configuration and the claim alone, not on the checkpoint; they are kept in a
cache, under a key that covers everything they depend on, the code included, so that no stale one is ever read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path

import torch
from hypothesis import settings

from recint import record
from recint.checkpoint import ModelConfig
from recint.claim import Property
from recint.evaluate import Share, draw, evaluate
from recint.files import cache_folder, write
from recint.model import Model
from recint.training import untrained
from recint.verdict import Verdict

SEEDS = (0, 1, 2)
DRAWS = 500
FAMILY = len(SEEDS)  # models that are asked the same


def untrained_verdict(
    prop: Property, config: ModelConfig, *, device: torch.device, beside: Sequence[Property] = ()
) -> Verdict:
    """What most of three untrained models of this configuration get; from the cache if it is there.

    The third is asked where the first two differ.

    Args:
        beside: claims that will be asked for too, which are then measured on the same passes.
    """
    path = _path(prop, config, device)
    if (known := _cached(path)) is not None:
        return known
    verdicts: list[Verdict] = []
    while (found := _majority(verdicts)) is None:
        seed = SEEDS[len(verdicts)]
        # The last is asked about few claims: passes for all of them would be in vain.
        verdicts.append(_verdict(prop, config, seed, device, beside if seed != SEEDS[-1] else ()))
    with suppress(OSError):  # a cache that cannot be written saves nothing, and harms nothing
        write(path, json.dumps(verdicts) + "\n")
    return found


def _path(prop: Property, config: ModelConfig, device: torch.device) -> Path:
    return cache_folder() / f"{_key(prop, config, device)}.json"


def _cached(path: Path) -> Verdict | None:
    try:
        return _majority(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):  # not there yet, or damaged: asked again either way
        return None


def _majority(verdicts: Sequence[Verdict]) -> Verdict | None:
    """What more than half of the three say, or inconclusive if all differ; None as long as that is open.

    Raises:
        ValueError: more than one verdict for each seed.
    """
    if len(verdicts) > len(SEEDS):
        raise ValueError(f"verdicts={verdicts!r} must be at most {len(SEEDS)}")
    for verdict, count in Counter(verdicts).items():
        if 2 * count > len(SEEDS):
            return verdict
    return "inconclusive" if len(verdicts) == len(SEEDS) else None


def _verdict(
    prop: Property, config: ModelConfig, seed: int, device: torch.device, beside: Sequence[Property]
) -> Verdict:
    model, drawn = _untrained(config, seed, device)
    if prop.claim.id not in drawn:
        missing = [
            prop,
            *(other for other in beside if _cached(_path(other, config, device)) is None and other != prop),
        ]
        drawn |= draw(missing, model, seed=seed, draws=DRAWS)
    evidence = evaluate(
        prop, model, seed=seed, draws=DRAWS, family=FAMILY, thorough=False, drawn=drawn.pop(prop.claim.id, None)
    )
    verdict: Verdict = record.settle([record.entry(evidence, family=FAMILY)], {}, family=FAMILY)[0]["verdict"]
    return verdict


@cache
def _untrained(config: ModelConfig, seed: int, device: torch.device) -> tuple[Model, dict[str, Share]]:
    """An untrained model, and the draws of claims that have not been asked for yet."""
    return Model(untrained(config, seed=seed), device=device), {}


def _key(prop: Property, config: ModelConfig, device: torch.device) -> str:
    depends_on = {
        "config": asdict(config),
        "claim": prop.claim.hash,
        "code": code_of([prop]),
        "how": [SEEDS, DRAWS, settings().max_examples, device.type],
        "versions": [
            record.version(package) for package in ("torch", "transformer_lens", "hypothesis", "numpy", "scipy")
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
_CODE = _hash_of(sorted(Path(__file__).parent.rglob("*.py")))
