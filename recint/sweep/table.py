"""What a sweep keeps in addition to its verdict files: lines of the research log, and a table of all verdicts."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recint.judging.entry import Run
from recint.record import log, log_file, registration, standing, verdict_file
from recint.record.identity import undetermined
from recint.record.procedure import registrations
from recint.sweep.jobs import Done, How
from recint.sweep.row import Row, Unjudged
from recint.sweep.snapshots import distinct, name_of, series, training, training_seed
from recint.system.escaping import utf8
from recint.system.files import atomic

if TYPE_CHECKING:
    from recint.judging.claim import Claim

# The columns of the table, and their types.
_TYPES: Mapping[str, str] = {
    "path": "string", "series": "string", "step": "int64", "training_seed": "int64", "name": "string", "sha256": "string",
    "config": "string", "claim": "string", "version": "int64", "claim_hash": "string", "statement": "string", "verdict": "string",
    "standing": "string", "statistic": "string", "value": "double", "low": "double", "high": "double", "n": "int64",
    "relation": "string", "threshold": "double", "quantifier": "string", "per_head": "list<double>", "seconds": "double",
    "message": "string", "error": "string",
}  # fmt: skip
COLUMNS = tuple(_TYPES)


def keep(kept: Path, how: How, claims: Iterable[Claim]) -> Callable[[Done], None]:
    """Register the claims in the research log.

    Args:
        kept: the folder of the log.

    Returns:
        A function that adds the run on one checkpoint and its verdicts to the log, if they are not there yet.

    Raises:
        LogError: a claim has changed since it was registered, or the log cannot be written.
    """
    log_file.require_writable(kept)
    now = log_file.now()
    run = log_file.run_line(kept, log_file.code_of(Path(how.hypotheses)), checkpoint={}, environment={}, when=now)
    registration.register(kept, registrations(claims), when=now)
    known = log_file.read(kept)
    there = set(known.begun)

    def logged(done: Done) -> None:
        if done.file is None:
            return
        judged = verdict_file.read(Path(done.file))
        if (own := _signature(judged)) in there:
            return
        fields = {
            name: getattr(judged, name)
            for name in ("checkpoint", "environment", "seed", "seed_from", "draws", "stages", "profile")
        }
        line = run | fields | {"run": secrets.token_hex(4), "when": judged.started}
        verdicts = log_file.verdict_lines(line["run"], judged.claims, known)
        log_file.append(
            log_file.file_of(kept, series(done.path)[0]), [line, *verdicts]
        )  # one log file for each training
        there.add(own)

    return logged


def warning(kept: Path, how: How, claims: Iterable[Claim]) -> str | None:
    """A warning if the first look at these checkpoints would confirm nothing; see `recint.record.standing.warning`."""
    hypotheses = Path(how.hypotheses)
    hashes = {claim.hash for claim in claims}
    return standing.warning(
        kept, log_file.code_of(hypotheses), hashes, hypotheses=hypotheses, chosen=how.seed is not None
    )


def _signature(judged: Run) -> log.Signature:
    how = (judged.seed, judged.draws, judged.profile)
    return log.signature(judged.checkpoint, judged.started, how, judged.claims)


def rows(done: Sequence[Done], known: log.Log) -> list[Row | Unjudged]:
    """A row for each checkpoint and claim, in the order of the checkpoints; one row for a checkpoint that could not be judged."""
    names = distinct({training(one.path) for one in done})
    return [row for one in done for row in _rows(one, names[training(one.path)], known)]


def _rows(done: Done, training: str, known: log.Log) -> Iterator[Row | Unjudged]:
    path, step, seed = done.path, series(done.path)[1], training_seed(done.path)
    if done.file is None:
        yield Unjudged(path=path, series=training, step=step, training_seed=seed, error=done.error or "")
        return
    run = verdict_file.read(Path(done.file))
    logged = known.begun.get(_signature(run))
    for claim in run.claims:
        low, high = claim.estimate.ci if claim.estimate else (None, None)
        yield Row(
            path=path,
            series=training,
            step=step,
            training_seed=seed,
            name=name_of(path),
            sha256=run.checkpoint["sha256"],
            config=json.dumps(undetermined(run.checkpoint)),
            claim=claim.id,
            version=claim.version,
            claim_hash=claim.hash,
            statement=claim.statement,
            verdict=claim.verdict,
            standing=known.standing(logged, claim.hash) if logged else None,
            statistic=claim.statistic,
            value=claim.value,
            low=low,
            high=high,
            n=claim.estimate.n if claim.estimate else None,
            relation=claim.relation,
            threshold=claim.threshold,
            quantifier=claim.quantifier,
            per_head=_flat(claim.per_head),
            seconds=claim.seconds,
            message=claim.message,
        )


def _flat(per_head: Sequence[Any] | None) -> tuple[float, ...] | None:
    if per_head is None:
        return None
    return tuple(value for part in per_head for value in (part if isinstance(part, tuple) else [part]))


def write_table(table: Sequence[Row | Unjudged], path: Path) -> None:
    """Write the rows as a Parquet file.

    Raises:
        OSError: the file cannot be written.
    """
    import pyarrow
    from pyarrow import parquet

    def kind(name: str) -> Any:
        return pyarrow.list_(pyarrow.float64()) if name == "list<double>" else pyarrow.type_for_alias(name)

    schema = pyarrow.schema([(column, kind(name)) for column, name in _TYPES.items()])
    with atomic(path) as temporary, temporary.open("wb") as file:  # pyarrow itself opens no path that is not in UTF-8
        parquet.write_table(pyarrow.Table.from_pylist(list(map(_written, table)), schema=schema), file)


def _written(row: Row | Unjudged) -> dict[str, Any]:
    """A row as the file has it, whose texts are in UTF-8."""
    return {name: utf8(value) if isinstance(value, str) else value for name, value in asdict(row).items()}
