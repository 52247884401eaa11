"""Many checkpoints, one task each, on Dask's `distributed`: a cluster of this machine's own, or one that runs already.

What a task finds it writes itself, as a verdict file named by all that the verdicts depend on. So whatever stops a sweep, a
killed worker, a lost scheduler or an impatient person, what was judged is there, and a sweep that is started again judges
the rest.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from filelock import FileLock
from hypothesis import settings

from recint import log, record
from recint.catalogue import properties, selected
from recint.checkpoint import Checkpoint, ModelConfig, load
from recint.claim import Property
from recint.evaluate import require_verifiable
from recint.files import atomic, cache_folder, write
from recint.judge import judge
from recint.memory import give_memory_back
from recint.model import Model, resolve_device
from recint.threads import limit_threads
from recint.vacuity import code_of, untrained_verdict

if TYPE_CHECKING:  # loaded where a sweep begins: all of recint's modules are for every run
    from distributed import Client

VERDICTS = "verdicts"
# Dask samples deep stacks a hundred times a second, for which a worker of one task at a time has no use. See docs/sweeps.md for
# workers started by hand.
_AS_FAST_AS_ALONE = {"distributed.worker.profile.enabled": False}
_SNAPSHOT = re.compile(r"step-(\d+)")


@dataclass(frozen=True, kw_only=True)
class How:
    """How every checkpoint of a sweep is judged: what a task is told beside its path.

    Attributes:
        code: of recint and of the claims where the sweep was started; a worker that has another refuses.
    """

    hypotheses: str
    claims: tuple[str, ...] = ()
    seed: int = 0
    draws: int = 1000
    device: str = "auto"
    controls: bool = True
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a task tells of its checkpoint.

    Attributes:
        file: its verdict file; None if the checkpoint could not be judged, and `error` says why.
        known: whether it was judged before.
        verdicts: how many of each.
    """

    path: str
    file: str | None = None
    error: str | None = None
    known: bool = False
    verdicts: Mapping[str, int] = field(default_factory=dict)


def paths(named: Sequence[str]) -> list[str]:
    """Checkpoints from paths, globs, and text files that list either, one in a line; each once, in the order named.

    Raises:
        ValueError: a glob that matches nothing, or nothing named at all.
    """
    found: list[str] = []
    for name in named:
        path = Path(name).absolute()  # a worker may have been started elsewhere
        if path.suffix == ".txt" and path.is_file():
            found += paths([line.strip() for line in path.read_text().splitlines() if line.strip()])
        elif path.exists() or not re.search(r"[*?[]", name):
            found.append(str(path))  # one that is missing is an error of its own row, not of the sweep
        else:
            matched = sorted(str(match) for match in Path(path.anchor).glob(str(path.relative_to(path.anchor))))
            if not matched:
                raise ValueError(f"checkpoint={name!r} matches no file")
            found += matched
    if not found:
        raise ValueError(f"{', '.join(named)}: lists no checkpoints")
    return list(dict.fromkeys(found))


def series(path: str) -> tuple[str, int | None]:
    """Which training a checkpoint belongs to, and its step: a snapshot says so by where it is, a finished model by its history.

    >>> series("runs/seed1/snapshots/step-000500.safetensors")
    ('seed1', 500)
    """
    file, training = Path(path), _training(path)
    step = _SNAPSHOT.fullmatch(file.stem) if _is_snapshot(file) else None
    return _bare(training), int(step[1]) if step else _recipe(file).get("steps")


def training_seed(path: str) -> int | None:
    """The seed that its weights and batches were drawn with, as the history of the training tells."""
    seed: int | None = _recipe(_training(path)).get("seed")
    return seed


def _recipe(folder: Path) -> dict[str, Any]:
    try:
        recipe: dict[str, Any] = json.loads((folder / "history.json").read_text())["recipe"]
        return recipe
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def with_code(how: How) -> How:
    """With the code of this process, which that of a worker has to be."""
    return replace(how, code=code_of(_asked(how)))


@cache
def _asked(how: How) -> tuple[Property, ...]:
    return tuple(prop for prop in properties(how.hypotheses) if selected(prop.claim.id, how.claims))


def key(checkpoint: Checkpoint, how: How) -> str:
    """Of all that the verdicts on a checkpoint depend on: its tensors, the claims, and how they are judged."""
    depends_on = {
        "tensors": checkpoint.sha256,
        "config": asdict(checkpoint.config),
        "claims": [prop.claim.hash for prop in _asked(how)],
        "how": [how.seed, how.draws, str(resolve_device(how.device)), how.controls, settings().max_examples],
        "code": code_of(_asked(how)),
        "versions": record.environment(torch.device("cpu")),
    }
    return sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:32]


def task(path: str, how: How, out: str) -> Done:
    """Judge one checkpoint where this runs, and leave its verdict file in `out`; whatever goes wrong is told, not raised."""
    limit_threads(1)  # workers share the cores
    # Hypothesis sees that Dask's own threads draw random numbers, and takes them for the strategies'.
    warnings.filterwarnings("ignore", "Do not use the `random` module inside strategies")
    try:
        return _done(path, how, Path(out))
    except (ValueError, OSError) as error:
        return Done(path=path, error=str(error) if path in str(error) else f"{path}: {error}")
    except Exception as error:
        return Done(path=path, error=f"{path}: could not be judged ({type(error).__name__}: {error})")
    finally:
        give_memory_back()


def _done(path: str, how: How, out: Path) -> Done:
    begun, started = time.monotonic(), log.now()
    if how.code and how.code != code_of(_asked(how)):
        raise ValueError(f"{path}: the worker has other code than the sweep was started with; start it again")
    # Snapshots of all trainings have the same names: the training's goes before.
    checkpoint = replace(load(path), name=name_of(path))
    require_verifiable(checkpoint, path)
    file = out / VERDICTS / f"{key(checkpoint, how)}.json"
    if file.exists():
        return Done(path=path, file=str(file), known=True, verdicts=_counts(json.loads(file.read_text())["claims"]))
    claims = _judged(checkpoint, how)
    run = record.run(
        checkpoint,
        claims,
        device=resolve_device(how.device),
        seed=how.seed,
        draws=how.draws,
        profile=settings.get_current_profile_name(),
        started=started,
        seconds=time.monotonic() - begun,
    )
    write(file, json.dumps(run) + "\n")
    return Done(path=path, file=str(file), verdicts=_counts(claims))


def name_of(path: str) -> str:
    """What a checkpoint is called in the log and the table."""
    file = Path(path)
    return f"{_training(path).name}-{file.stem}" if _is_snapshot(file) else _bare(file)


def _bare(path: Path) -> str:
    """The name of a folder, or of a file without its format."""
    return path.name if path.is_dir() else path.stem


def _judged(checkpoint: Checkpoint, how: How) -> list[dict[str, Any]]:
    device, asked = resolve_device(how.device), _asked(how)
    if how.controls:
        _ask_untrained(checkpoint.config, asked, device)
    model = Model(checkpoint, device=device)
    return judge(asked, model, seed=how.seed, draws=how.draws, controls=device if how.controls else None)


def _ask_untrained(config: ModelConfig, asked: Sequence[Property], device: torch.device) -> None:
    """Untrained models are asked once for every shape: who comes first asks them for all claims, and others wait.

    What goes wrong here goes wrong again where the claim is judged, and is told there."""
    shape = sha256(json.dumps(asdict(config)).encode()).hexdigest()[:16]
    with suppress(OSError, NotImplementedError):  # a disk without locks is one of them
        cache_folder().mkdir(parents=True, exist_ok=True)
        with FileLock(cache_folder() / f"{shape}.lock"):
            for prop in asked:
                with suppress(Exception):
                    untrained_verdict(prop, config, device=device, beside=asked)


def _counts(claims: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return dict(Counter(claim["verdict"] for claim in claims))


def cluster(*, workers: int, scheduler: str | None) -> Client:
    """A client of a scheduler that runs already, or of one started here with so many processes of one thread each.

    Raises:
        ValueError: nothing answers at the address.
    """
    import dask
    from distributed import Client

    if scheduler is None:
        with dask.config.set(_AS_FAST_AS_ALONE):
            return Client(n_workers=workers, threads_per_worker=1, dashboard_address=":0")
    try:
        return Client(scheduler, timeout="10s")
    except (OSError, TimeoutError) as error:
        raise ValueError(f"scheduler={scheduler!r} does not answer ({error})") from None


def sweep(checkpoints: Sequence[str], how: How, out: Path, client: Client) -> Iterator[Done]:
    """Judge every checkpoint as one task, and yield each as it is done, in whatever order that is.

    A task goes to any worker; with `device="cuda"` on a cluster that runs already, to one that was started with a Dask resource
    GPU. One whose worker dies is given to another, as Dask does; one that kills worker after worker is told as an error.

    Raises:
        ValueError: the scheduler went away.
    """
    from distributed import as_completed

    resources = _resources(client, how)
    futures = client.map(task, checkpoints, how=how, out=str(out.absolute()), pure=False, resources=resources)
    path_of = {future.key: path for future, path in zip(futures, checkpoints, strict=True)}
    for future in as_completed(futures):
        if future.cancelled():
            raise ValueError(
                "the scheduler went away; what was judged is kept, and the same command goes on from there"
            )
        error = future.exception()
        yield (
            _readable(future.result())
            if error is None
            else Done(path=path_of[future.key], error=f"{path_of[future.key]}: {error}")
        )
        future.release()


def _readable(done: Done) -> Done:
    """An error instead, if the worker left its verdict file where this process cannot read it."""
    if done.file is None or os.access(done.file, os.R_OK):
        return done
    return Done(
        path=done.path,
        error=f"{done.path}: judged, but the worker's {done.file} cannot be read from here; "
        "--out must be a folder that workers and this command share",
    )


def _resources(client: Client, how: How) -> dict[str, int] | None:
    return {"GPU": 1} if how.device == "cuda" and client.cluster is None else None


def waits_for(client: Client, how: How) -> str | None:
    """What a sweep waits for as things stand, if there is no worker that its tasks could go to."""
    needed = _resources(client, how) or {}
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    if any(all(worker["resources"].get(name, 0) >= count for name, count in needed.items()) for worker in workers):
        return None
    return "a worker" + "".join(f" with a Dask resource {name} (dask worker --resources {name}=1)" for name in needed)


def keep(kept: Path, how: How) -> Callable[[Done], None]:
    """Register the claims, and return what logs the run on a checkpoint and its verdicts, unless they are in the log already.

    Raises:
        LogError: a claim moved, or the log cannot be written.
    """
    log.require_writable(kept)
    now = log.now()
    run = log.run_line(kept, Path(how.hypotheses), checkpoint={}, environment={}, when=now)
    log.register(kept, [log.registration(prop.claim) for prop in _asked(how)], when=now)
    there = set(log.read(kept).begun)

    def logged(done: Done) -> None:
        if done.file is None:
            return
        judged = json.loads(Path(done.file).read_text())
        if (judged["checkpoint"]["sha256"], judged["started"]) in there:
            return
        own = {name: judged[name] for name in ("checkpoint", "environment", "seed", "draws", "profile")}
        line = run | own | {"run": secrets.token_hex(4), "when": judged["started"]}
        verdicts = log.verdict_lines(line["run"], judged["claims"])
        log.append(log.file_of(kept, series(done.path)[0]), [line, *verdicts])  # a file for each training
        there.add((judged["checkpoint"]["sha256"], judged["started"]))

    return logged


def rows(done: Sequence[Done], known: log.Log) -> list[dict[str, Any]]:
    """A row for each checkpoint and claim, in the order of the checkpoints; one that could not be judged has a single row."""
    names = _distinct({_training(one.path) for one in done})
    return [row for one in done for row in _rows(one, names[_training(one.path)], known)]


def _training(path: str) -> Path:
    """The folder, or bare file, that a checkpoint is of."""
    file = Path(path)
    return file.parent.parent if _is_snapshot(file) else file


def _is_snapshot(file: Path) -> bool:
    return file.parent.name == "snapshots" and bool(_SNAPSHOT.fullmatch(file.stem))


def _distinct(trainings: set[Path]) -> dict[Path, str]:
    """Names as short as they can be without two trainings sharing one: the last part of the path, or as many as it takes."""
    for parts in range(1, max((len(path.parts) for path in trainings), default=0) + 1):
        names = {path: "/".join((*path.parts[-parts:-1], _bare(path))) for path in trainings}
        if len(set(names.values())) == len(names):
            return names
    return {path: str(path) for path in trainings}


def _rows(done: Done, training: str, known: log.Log) -> Iterator[dict[str, Any]]:
    row = {
        "path": done.path,
        "series": training,
        "step": series(done.path)[1],
        "training_seed": training_seed(done.path),
    }
    if done.file is None:
        yield row | dict.fromkeys(COLUMNS[len(row) :]) | {"error": done.error}
        return
    run = json.loads(Path(done.file).read_text())
    tensors: str = run["checkpoint"]["sha256"]
    row |= {"name": name_of(done.path), "sha256": tensors}
    logged = known.begun.get((tensors, run["started"]))
    for claim in run["claims"]:
        estimate = claim["estimate"] or {"ci": [None, None], "n": None}
        yield row | {
            "claim": claim["id"],
            "version": claim["version"],
            "claim_hash": claim["hash"],
            "statement": claim["statement"],
            "verdict": claim["verdict"],
            "standing": known.standing(logged, claim["hash"]) if logged else None,
            "statistic": claim["statistic"],
            "value": claim["value"],
            "low": estimate["ci"][0],
            "high": estimate["ci"][1],
            "n": estimate["n"],
            "relation": claim["relation"],
            "threshold": claim["threshold"],
            "quantifier": claim["quantifier"],
            "per_head": _flat(claim["per_head"]),
            "seconds": claim["seconds"],
            "message": claim["message"],
            "error": None,
        }


def _flat(per_head: Sequence[Any] | None) -> list[float] | None:
    if per_head is None:
        return None
    return [value for part in per_head for value in (part if isinstance(part, list) else [part])]


# The columns of the table, and what they hold.
_TYPES: Mapping[str, str] = {
    "path": "string", "series": "string", "step": "int64", "training_seed": "int64", "name": "string", "sha256": "string",
    "claim": "string", "version": "int64", "claim_hash": "string", "statement": "string", "verdict": "string",
    "standing": "string", "statistic": "string", "value": "double", "low": "double", "high": "double", "n": "int64",
    "relation": "string", "threshold": "double", "quantifier": "string", "per_head": "list<double>", "seconds": "double",
    "message": "string", "error": "string",
}  # fmt: skip
COLUMNS = tuple(_TYPES)


def write_table(table: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The rows as Parquet."""
    import pyarrow
    from pyarrow import parquet

    def kind(name: str) -> Any:
        return pyarrow.list_(pyarrow.float64()) if name == "list<double>" else pyarrow.type_for_alias(name)

    schema = pyarrow.schema([(column, kind(name)) for column, name in _TYPES.items()])
    with atomic(path) as temporary:
        parquet.write_table(pyarrow.Table.from_pylist(list(table), schema=schema), temporary)


def dashboard(client: Client) -> str | None:
    """Where Dask shows what it does, if what draws it is installed."""
    return client.dashboard_link if find_spec("bokeh") else None
