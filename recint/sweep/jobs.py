"""Judge many checkpoints, one task each, with Dask's `distributed`: on this machine, or on a cluster that already runs.

Each task writes a verdict file. The name of the file depends on everything that the verdicts depend on. So no verdict is lost
when a worker is killed, the scheduler goes away, or somebody stops the sweep. A sweep that is started again judges the rest.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from recint.sweep.watch import watched
from recint.system.interruption import end_children, kept_from_children
from recint.system.memory import GIB, give_memory_back
from recint.verdict import STAGES

if TYPE_CHECKING:
    from distributed import Client, Future

VERDICTS = "verdicts"  # name of the folder of verdict files, inside the folder of the sweep
# Dask profiles the stack a hundred times a second and checks fifty times a second that it still answers. A worker that runs one
# task at a time needs neither. See docs/sweeps.md for workers that are started by hand.
AS_FAST_AS_ALONE = {"distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "1s"}
# For a cluster that recint starts: no task waits at a busy worker, because its present task may kill the worker; and a task whose
# workers died twice is not tried again.
_OWN = AS_FAST_AS_ALONE | {
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.allowed-failures": 1,
}


@dataclass(frozen=True, kw_only=True)
class How:
    """How every checkpoint of a sweep is judged. Each task gets this and a path.

    Attributes:
        task: the file that says what the checkpoints were trained on that do not say it themselves; None if there is none.
        seed: the seed of the draws; None if it follows from the tensors of each checkpoint.
        code: a hash of the code of recint and of the claims where the sweep was started. A worker with other code refuses the task.
    """

    hypotheses: str
    task: str | None = None
    claims: tuple[str, ...] = ()
    seed: int | None = None
    stages: tuple[int, ...] = STAGES
    device: str = "auto"
    controls: bool = True
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Done:
    """The result of a task.

    Attributes:
        path: the checkpoint.
        file: the verdict file; None if the checkpoint could not be judged. Then `error` says why.
        known: true if the checkpoint had been judged before.
        note: how the file was read, or what went wrong and was repaired.
        verdicts: the number of claims with each verdict.
    """

    path: str
    file: str | None = None
    error: str | None = None
    known: bool = False
    note: str | None = None
    verdicts: Mapping[str, int] = field(default_factory=dict)


def paths(named: Sequence[str], *, within: Sequence[Path] = ()) -> list[str]:
    """The absolute paths of checkpoints, each once, in the order of their names.

    Args:
        named: paths, globs, and text files (.txt) with one path, glob or text file in each line.
        within: the text files that contain these names, the outermost first.

    Raises:
        ValueError: a glob matches nothing, a path or a text file is not UTF-8, or a text file is empty or lists itself.
    """
    checkpoints: list[str] = []
    for name in named:
        # Absolute, because a worker may have another working folder. A shell does not expand the ~ of a glob in quotes.
        path = Path(os.path.expanduser(name)).absolute()
        if path.suffix == ".txt" and path.is_file():
            checkpoints += paths(_listed(path, within), within=(*within, path))
        elif path.exists() or not re.search(r"[*?[]", name):
            checkpoints.append(str(path))  # if it is missing, its row gets the error and the sweep goes on
        else:
            matched = sorted(str(match) for match in Path(path.anchor).glob(str(path.relative_to(path.anchor))))
            if not matched:
                raise ValueError(f"checkpoint={name!r} matches no file")
            checkpoints += matched
    return list(dict.fromkeys(checkpoints))


def _listed(path: Path, within: Sequence[Path]) -> list[str]:
    if any(path.samefile(outer) for outer in within):
        by = f" by way of {within[-1]}" if len(within) > 1 else ""
        raise ValueError(f"{path}: lists itself{by}, but checkpoints are expected in it; take that line out")
    try:
        listed = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise ValueError(f"{path}: is no text in UTF-8, but a list of checkpoints is expected in a .txt") from None
    if not listed:
        raise ValueError(f"{path}: lists no checkpoints, but a path or glob is expected in every line")
    return listed


def task(path: str, how: How, out: str) -> Done:
    """Judge one checkpoint in this process and write its verdict file to the folder `out`. All errors become `Done.error`."""
    try:
        # Imported here, because the scheduler imports this module to read its tasks and does not need PyTorch.
        from recint.sweep.task import judge_one

        return judge_one(path, how, Path(out))
    except (ValueError, OSError) as error:
        return Done(path=path, error=f"{path}: {error}")
    except Exception as error:
        return Done(path=path, error=f"{path}: could not be judged ({type(error).__name__}: {error})")
    finally:
        give_memory_back(beyond=_bearable())


def _bearable() -> float:
    """Bytes of memory that a worker may keep between tasks. Dask pauses a worker while it holds 80 % of its limit."""
    from distributed import get_worker

    try:
        limit = get_worker().memory_manager.memory_limit
    except ValueError:  # this process is not a worker
        limit = None
    return min(GIB, limit / 2) if limit else GIB


@contextmanager
def cluster(*, workers: int, scheduler: str | None) -> Iterator[Client]:
    """A client of a Dask scheduler.

    Args:
        workers: the number of worker processes, each with one thread, if no scheduler is given.
        scheduler: the address of a scheduler that already runs; None starts one on this machine.

    Raises:
        ValueError: the address is wrong, nothing answers there, or no worker can be started here.
    """
    import dask
    from distributed import Client

    if scheduler is None:
        with dask.config.set(_OWN), ExitStack() as begun:  # until the end, because workers that start later read it too
            with kept_from_children():
                try:
                    client = Client(n_workers=workers, threads_per_worker=1, dashboard_address=":0")
                except RuntimeError as error:
                    raise ValueError(f"workers={workers!r}: a worker cannot be started here ({error})") from None
                begun.enter_context(client)
                begun.enter_context(_ended_quietly())
            yield client
        return
    try:
        client = Client(scheduler, timeout="10s")
    except (OSError, TimeoutError) as error:
        raise ValueError(f"scheduler={scheduler!r} does not answer ({error})") from None
    except ValueError as error:
        raise ValueError(f"scheduler={scheduler!r} must be an address like tcp://HOST:8786 ({error})") from None
    with client:
        yield client


@contextmanager
def _ended_quietly() -> Iterator[None]:
    """End the workers without messages of Dask about it. After Ctrl-C they are killed at once."""
    try:
        yield
    except KeyboardInterrupt:
        end_children()
        raise
    finally:
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def sweep(
    checkpoints: Sequence[str], how: How, out: Path, client: Client, *, say: Callable[[str], None] = print
) -> Generator[Done, None, None]:
    """Judge every checkpoint as one task. Yields each result when it is there, so in any order.

    With `device="cuda"` and a scheduler that already ran, a task goes to a worker with the Dask resource GPU; otherwise it goes
    to any worker. If the worker dies, Dask gives the task to another. A task whose workers died several times is only a suspect:
    it may have waited at workers that another task killed. So the suspects are judged again at the end, one at a time. A
    suspect whose workers die again gets an error.

    Args:
        say: receives messages: what the sweep waits for, and which checkpoints are suspects.

    Raises:
        ValueError: the scheduler went away, or no worker is left and none can be started.
    """
    resources = _resources(client, how)
    waiting: dict[str, Future] = {}

    def judged(paths: Sequence[str]) -> Iterator[tuple[str, Done | None]]:
        """Every checkpoint with the result of its task, or with None if its workers died."""
        from distributed import as_completed
        from distributed.comm import CommClosedError
        from distributed.scheduler import KilledWorker

        futures = client.map(task, paths, how=how, out=str(out.absolute()), pure=False, resources=resources)
        path_of = {future.key: path for future, path in zip(futures, paths, strict=True)}
        waiting.update({future.key: future for future in futures})
        for future in as_completed(futures):
            if future.cancelled():
                raise _nobody(client)
            path = path_of[future.key]
            try:
                error = future.exception()
                done = Done(path=path, error=f"{path}: {error}") if error else _readable(future.result())
            except CommClosedError:
                raise _nobody(client) from None
            yield path, None if isinstance(error, KilledWorker) else done
            del waiting[future.key]
            future.release()

    def give_up() -> None:
        client.cancel(list(waiting.values()))

    with watched(client, missing=lambda: waits_for(client, how), say=say, give_up=give_up):
        suspects = []
        for path, done in judged(checkpoints):
            if done is None:
                suspects.append(path)
                say(f"{path}: workers died while they judged it; it is judged again by itself, after all others")
            else:
                yield done
        for suspect in suspects:
            for path, done in judged([suspect]):
                yield done or Done(path=path, error=f"{path}: {_KILLS}")


_KILLS = "every worker that judges it dies, also while no other checkpoint is judged (is there too little memory?)"


def _nobody(client: Client) -> ValueError:
    """The error if no worker is left, or the scheduler went away: only one that recint did not start can go away."""
    why = "the scheduler went away" if client.cluster is None else "no worker is left, and none could be started"
    return ValueError(f"{why}; what was judged is kept, and the same command goes on from there")


def _readable(done: Done) -> Done:
    """The same result, or an error if this process cannot read the verdict file that the worker wrote."""
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
    """Words for the kind of worker that a sweep waits for; None if there is one."""
    needed = _resources(client, how) or {}
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    if any(all(worker["resources"].get(name, 0) >= count for name, count in needed.items()) for worker in workers):
        return None
    return "a worker" + "".join(f" with a Dask resource {name} (dask worker --resources {name}=1)" for name in needed)


def dashboard(client: Client) -> str | None:
    """The address of Dask's dashboard; None if bokeh, which draws it, is not installed."""
    return client.dashboard_link if find_spec("bokeh") else None
