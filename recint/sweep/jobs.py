"""Many checkpoints, one task each, on Dask's `distributed`: a cluster of this machine's own, or one that runs already.

What a task finds it writes itself, as a verdict file named by all that the verdicts depend on. So whatever stops a sweep, a
killed worker, a lost scheduler or an impatient person, what was judged is there, and a sweep that is started again judges
the rest.
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

VERDICTS = "verdicts"  # the folder of verdict files, in that of the sweep
# Dask samples deep stacks a hundred times a second, and looks fifty times a second whether it still answers, for which a worker
# of one task at a time has no use. See docs/sweeps.md for workers started by hand.
AS_FAST_AS_ALONE = {"distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "1s"}
# A cluster of this machine's own: no task waits at a worker that is busy with another, which may kill it; two deaths are enough.
_OWN = AS_FAST_AS_ALONE | {
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.allowed-failures": 1,
}


@dataclass(frozen=True, kw_only=True)
class How:
    """How every checkpoint of a sweep is judged: what a task is told beside its path.

    Attributes:
        code: of recint and of the claims where the sweep was started; a worker that has another refuses.
    """

    hypotheses: str
    claims: tuple[str, ...] = ()
    seed: int = 0
    stages: tuple[int, ...] = STAGES
    device: str = "auto"
    controls: bool = True
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a task tells of its checkpoint.

    Attributes:
        file: its verdict file; None if the checkpoint could not be judged, and `error` says why.
        known: whether it was judged before.
        note: what was done to read it, or went wrong and was mended.
        verdicts: how many of each.
    """

    path: str
    file: str | None = None
    error: str | None = None
    known: bool = False
    note: str | None = None
    verdicts: Mapping[str, int] = field(default_factory=dict)


def paths(named: Sequence[str], *, within: Sequence[Path] = ()) -> list[str]:
    """Checkpoints from paths, globs, and text files that list either, one in a line; each once, in the order named.

    Args:
        within: the lists that these names were read in, the outermost first.

    Raises:
        ValueError: a glob that matches nothing, a list of nothing, one that is no text, or one that leads to itself.
    """
    found: list[str] = []
    for name in named:
        # A worker may have been started elsewhere; and no shell expands the ~ of a glob in quotes.
        path = Path(os.path.expanduser(name)).absolute()
        if path.suffix == ".txt" and path.is_file():
            found += paths(_listed(path, within), within=(*within, path))
        elif path.exists() or not re.search(r"[*?[]", name):
            found.append(str(path))  # one that is missing is an error of its own row, not of the sweep
        else:
            matched = sorted(str(match) for match in Path(path.anchor).glob(str(path.relative_to(path.anchor))))
            if not matched:
                raise ValueError(f"checkpoint={name!r} matches no file")
            found += matched
    return list(dict.fromkeys(found))


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
    """Judge one checkpoint where this runs, and leave its verdict file in `out`; whatever goes wrong is told, not raised."""
    try:
        # The scheduler imports this module to read its tasks, and has no use for PyTorch.
        from recint.sweep.task import judge_one

        return judge_one(path, how, Path(out))
    except (ValueError, OSError) as error:
        return Done(path=path, error=str(error) if path in str(error) else f"{path}: {error}")
    except Exception as error:
        return Done(path=path, error=f"{path}: could not be judged ({type(error).__name__}: {error})")
    finally:
        give_memory_back(beyond=_bearable())


def _bearable() -> float:
    """Bytes that a worker may hold between tasks: Dask pauses one that holds 80 % of its limit, for as long as it does."""
    from distributed import get_worker

    try:
        limit = get_worker().memory_manager.memory_limit
    except ValueError:  # this is no worker
        limit = None
    return min(GIB, limit / 2) if limit else GIB


@contextmanager
def cluster(*, workers: int, scheduler: str | None) -> Iterator[Client]:
    """A client of a scheduler that runs already, or of one started here with so many processes of one thread each.

    Raises:
        ValueError: nothing answers at the address, it is none, or no worker can be started here.
    """
    import dask
    from distributed import Client

    if scheduler is None:
        with dask.config.set(_OWN), ExitStack() as begun:  # all the while: workers that come later read it, too
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
    """At the end, Dask tells of workers that do not end by themselves; at an interruption, none is waited for."""
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
    """Judge every checkpoint as one task, and yield each as it is done, in whatever order that is.

    A task goes to any worker; with `device="cuda"` on a cluster that runs already, to one that was started with a Dask resource
    GPU. One whose worker dies is given to another, as Dask does. One that worker after worker died with is a suspect, no
    more: it may only have waited at workers that another one killed. So suspects are judged again when all others are done, one
    at a time, and one that kills its workers then is told as an error.

    Args:
        say: told what the sweep waits for, and which checkpoints are suspects.

    Raises:
        ValueError: the scheduler went away, or no worker is left and none can be started.
    """
    resources = _resources(client, how)
    waiting: dict[str, Future] = {}

    def judged(paths: Sequence[str]) -> Iterator[tuple[str, Done | None]]:
        """Every checkpoint with what its task tells; with nothing, if workers died of it."""
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
                told = Done(path=path, error=f"{path}: {error}") if error else _readable(future.result())
            except CommClosedError:
                raise _nobody(client) from None
            yield path, None if isinstance(error, KilledWorker) else told
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
    """Why nobody judges any more: a cluster of this machine's own has its scheduler in this process."""
    why = "the scheduler went away" if client.cluster is None else "no worker is left, and none could be started"
    return ValueError(f"{why}; what was judged is kept, and the same command goes on from there")


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


def dashboard(client: Client) -> str | None:
    """Where Dask shows what it does, if what draws it is installed."""
    return client.dashboard_link if find_spec("bokeh") else None
