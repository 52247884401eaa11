"""What a task of a sweep does with its checkpoint, in the worker."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import torch
from hypothesis import settings

from recint.catalogue import properties, selected
from recint.checkpoint import Checkpoint, load
from recint.judging import entries
from recint.judging.claim import Property
from recint.judging.entry import Entry
from recint.judging.judge import judge
from recint.judging.untrained import code_of
from recint.model.preconditions import require_verifiable
from recint.model.transformer import Model, resolve_device
from recint.record import log_file, verdict_file
from recint.sweep.jobs import VERDICTS, Done, How
from recint.sweep.snapshots import name_of
from recint.system.files import cache_folder, write
from recint.system.threads import limit_threads


def with_code(how: How) -> How:
    """With the code of this process, which that of a worker has to be."""
    return replace(how, code=code_of(asked(how)))


@cache
def asked(how: How) -> tuple[Property, ...]:
    """The claims that are judged."""
    return tuple(prop for prop in properties(how.hypotheses) if selected(prop.claim.id, how.claims))


def key(checkpoint: Checkpoint, how: How) -> str:
    """Of all that the verdicts on a checkpoint depend on: its tensors, the claims, and how they are judged."""
    depends_on = {
        "tensors": checkpoint.sha256,
        "config": asdict(checkpoint.config),
        "claims": [prop.claim.hash for prop in asked(how)],
        "how": [how.seed, list(how.stages), str(resolve_device(how.device)), how.controls, settings().max_examples],
        "code": code_of(asked(how)),
        "versions": entries.environment(torch.device("cpu")),
    }
    return sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:32]


def judge_one(path: str, how: How, out: Path) -> Done:
    """Judge a checkpoint and leave its verdict file in `out`, unless it is there.

    Raises:
        ValueError, OSError: it cannot be read or judged, the file cannot be written, or the code here is not `how.code`.
    """
    limit_threads(1)  # workers share the cores
    # Hypothesis leaves files that it finds again where the worker was started, which is somebody's working folder.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(cache_folder() / "hypothesis"))
    # Hypothesis sees that Dask's own threads draw random numbers, and takes them for the strategies'.
    warnings.filterwarnings("ignore", "Do not use the `random` module inside strategies")
    begun, started = time.monotonic(), log_file.now()
    if how.code and how.code != code_of(asked(how)):
        raise ValueError(f"{path}: the worker has other code than the sweep was started with; start it again")
    # Snapshots of all trainings have the same names: the training's goes before.
    checkpoint = replace(load(path), name=name_of(path))
    require_verifiable(checkpoint, path)
    file = out / VERDICTS / f"{key(checkpoint, how)}.json"
    notes = list(checkpoint.notes)
    if known := _known(file, how):
        return Done(path=path, file=str(file), known=True, note="; ".join(notes) or None, verdicts=_counts(known))
    notes += [f"{file}: was no whole verdict file; {path} is judged again"] if file.exists() else []
    claims = _judged(checkpoint, how)
    run = entries.run(
        checkpoint,
        claims,
        device=resolve_device(how.device),
        seed=how.seed,
        stages=how.stages,
        profile=settings.get_current_profile_name(),
        started=started,
        seconds=time.monotonic() - begun,
    )
    write(file, verdict_file.text(run, indent=None))
    return Done(path=path, file=str(file), note="; ".join(notes) or None, verdicts=_counts(claims))


def _known(file: Path, how: How) -> tuple[Entry, ...] | None:
    """The verdicts of a file that is there already; None if none is, or if it is not what a sweep leaves under that name.

    A disk that was full, or a copy that was broken off, leaves a part of one.
    """
    try:
        claims = verdict_file.read(file).claims
    except (FileNotFoundError, ValueError):
        return None
    return claims if [claim.hash for claim in claims] == [prop.claim.hash for prop in asked(how)] else None


def _judged(checkpoint: Checkpoint, how: How) -> tuple[Entry, ...]:
    device, props = resolve_device(how.device), asked(how)
    model = Model(checkpoint, device=device)
    return judge(props, model, seed=how.seed, stages=how.stages, controls=how.controls)


def _counts(claims: Sequence[Entry]) -> dict[str, int]:
    return dict(Counter(claim.verdict for claim in claims))
