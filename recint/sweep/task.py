"""The task of a sweep: a worker judges one checkpoint."""

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

from recint.catalogue import properties
from recint.globs import selected
from recint.judging import entries
from recint.judging.claim import Property
from recint.judging.entry import Entry
from recint.judging.judge import judge
from recint.judging.seed import Seed, seed_for
from recint.judging.subject import Checkpoint
from recint.judging.untrained import code_of
from recint.model.transformer import resolve_device
from recint.record import log_file, verdict_file
from recint.state_dict import require_text
from recint.subjects import load, require_about, subject_of
from recint.sweep.jobs import VERDICTS, Done, How
from recint.sweep.snapshots import name_of
from recint.system.files import cache_folder, write
from recint.system.threads import limit_threads


def with_code(how: How) -> How:
    """The same settings with the hash of the code in this process. A worker must have the same code."""
    return replace(how, code=code_of(asked(how)))


@cache
def asked(how: How) -> tuple[Property, ...]:
    """The claims that a sweep judges.

    Raises:
        ValueError: they, or what they are about, are not declared as they should be.
    """
    subject_of(how.hypotheses)
    require_about(how.hypotheses, (prop.claim for prop in properties(how.hypotheses)))
    return tuple(prop for prop in properties(how.hypotheses) if selected(prop.claim.id, how.claims))


def key(checkpoint: Checkpoint, how: How) -> str:
    """A hash of everything that the verdicts on a checkpoint depend on: its tensors, the claims, and how they are judged."""
    seed = _seed(checkpoint, how).number
    depends_on = {
        "tensors": checkpoint.sha256,
        "config": asdict(checkpoint.config),
        "claims": [prop.claim.hash for prop in asked(how)],
        "how": [seed, list(how.stages), str(resolve_device(how.device)), how.controls, settings().max_examples],
        "code": code_of(asked(how)),
        "versions": entries.environment(torch.device("cpu")),
    }
    return sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:32]


def judge_one(path: str, how: How, out: Path) -> Done:
    """Judge a checkpoint and write its verdict file to `out`. If a complete file is there, nothing is judged again.

    Raises:
        ValueError, OSError: the checkpoint cannot be judged, the file cannot be written, or this process does not have the code
            `how.code`. The sentence does not name the checkpoint.
    """
    limit_threads(1)  # workers share the cores
    # Hypothesis would otherwise write its files to the folder where the worker was started.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(cache_folder() / "hypothesis"))
    # Dask's own threads draw random numbers. Hypothesis notices this and wrongly blames the strategies.
    warnings.filterwarnings("ignore", "Do not use the `random` module inside strategies")
    begun, started = time.monotonic(), log_file.now()
    if how.code and how.code != code_of(asked(how)):
        raise ValueError("the worker has other code than the sweep was started with; start it again")
    try:
        require_text(name := name_of(path), path)
        # Snapshots of different trainings have the same file names, so the name of the training is put before.
        checkpoint = replace(load(path, how.hypotheses, task=how.task), name=name)
    except ValueError as error:  # its sentence names the checkpoint
        return Done(path=path, error=str(error))
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
        seed=_seed(checkpoint, how),
        stages=how.stages,
        profile=settings.get_current_profile_name(),
        started=started,
        seconds=time.monotonic() - begun,
    )
    write(file, verdict_file.text(run, indent=None))
    return Done(path=path, file=str(file), note="; ".join(notes) or None, verdicts=_counts(claims))


def _known(file: Path, how: How) -> tuple[Entry, ...] | None:
    """The verdicts of an earlier verdict file; None if there is none, or if it is damaged or has other claims.

    A file can be damaged because the disk was full, or because a copy was not finished.
    """
    try:
        claims = verdict_file.read(file).claims
    except (FileNotFoundError, ValueError):
        return None
    return claims if [claim.hash for claim in claims] == [prop.claim.hash for prop in asked(how)] else None


def _judged(checkpoint: Checkpoint, how: How) -> tuple[Entry, ...]:
    device, props = resolve_device(how.device), asked(how)
    model = subject_of(how.hypotheses).model(checkpoint, device)
    return judge(props, model, seed=_seed(checkpoint, how).number, stages=how.stages, controls=how.controls)


def _seed(checkpoint: Checkpoint, how: How) -> Seed:
    return seed_for(checkpoint.sha256, asked=how.seed)


def _counts(claims: Sequence[Entry]) -> dict[str, int]:
    return dict(Counter(claim.verdict for claim in claims))
