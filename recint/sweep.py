"""Many checkpoints, one task each, on Dask's `distributed`: a cluster of this machine's own, or one that runs already.

What a task finds it writes itself, as a verdict file named by all that the verdicts depend on. So whatever stops a sweep, a
killed worker, a lost scheduler or an impatient person, what was judged is there, and a sweep that is started again judges
the rest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from recint.memory import GIB, give_memory_back

if TYPE_CHECKING:
    from distributed import Client

VERDICTS = "verdicts"  # the folder of verdict files, in that of the sweep
# Dask samples deep stacks a hundred times a second, and looks fifty times a second whether it still answers, for which a worker
# of one task at a time has no use. See docs/sweeps.md for workers started by hand.
AS_FAST_AS_ALONE = {"distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "1s"}


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
        ValueError: a glob that matches nothing, or a list of nothing.
    """
    found: list[str] = []
    for name in named:
        path = Path(name).absolute()  # a worker may have been started elsewhere
        if path.suffix == ".txt" and path.is_file():
            listed = [line.strip() for line in path.read_text().splitlines() if line.strip()]
            if not listed:
                raise ValueError(f"{name}: lists no checkpoints")
            found += paths(listed)
        elif path.exists() or not re.search(r"[*?[]", name):
            found.append(str(path))  # one that is missing is an error of its own row, not of the sweep
        else:
            matched = sorted(str(match) for match in Path(path.anchor).glob(str(path.relative_to(path.anchor))))
            if not matched:
                raise ValueError(f"checkpoint={name!r} matches no file")
            found += matched
    return list(dict.fromkeys(found))


def task(path: str, how: How, out: str) -> Done:
    """Judge one checkpoint where this runs, and leave its verdict file in `out`; whatever goes wrong is told, not raised."""
    try:
        # The scheduler imports this module to read its tasks, and has no use for PyTorch.
        from recint.sweep_task import judge_one

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


def cluster(*, workers: int, scheduler: str | None) -> Client:
    """A client of a scheduler that runs already, or of one started here with so many processes of one thread each.

    Raises:
        ValueError: nothing answers at the address, or it is none.
    """
    import dask
    from distributed import Client

    if scheduler is None:
        with dask.config.set(AS_FAST_AS_ALONE):
            return Client(n_workers=workers, threads_per_worker=1, dashboard_address=":0")
    try:
        return Client(scheduler, timeout="10s")
    except (OSError, TimeoutError) as error:
        raise ValueError(f"scheduler={scheduler!r} does not answer ({error})") from None
    except ValueError as error:
        raise ValueError(f"scheduler={scheduler!r} must be an address like tcp://HOST:8786 ({error})") from None


def sweep(checkpoints: Sequence[str], how: How, out: Path, client: Client) -> Iterator[Done]:
    """Judge every checkpoint as one task, and yield each as it is done, in whatever order that is.

    A task goes to any worker; with `device="cuda"` on a cluster that runs already, to one that was started with a Dask resource
    GPU. One whose worker dies is given to another, as Dask does; one that kills worker after worker is told as an error.

    Raises:
        ValueError: the scheduler went away.
    """
    from distributed import as_completed
    from distributed.comm import CommClosedError

    resources = _resources(client, how)
    futures = client.map(task, checkpoints, how=how, out=str(out.absolute()), pure=False, resources=resources)
    path_of = {future.key: path for future, path in zip(futures, checkpoints, strict=True)}
    gone = ValueError("the scheduler went away; what was judged is kept, and the same command goes on from there")
    for future in as_completed(futures):
        if future.cancelled():
            raise gone
        path = path_of[future.key]
        try:
            error = future.exception()
            done = Done(path=path, error=f"{path}: {error}") if error else _readable(future.result())
        except CommClosedError:
            raise gone from None
        yield done
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


def dashboard(client: Client) -> str | None:
    """Where Dask shows what it does, if what draws it is installed."""
    return client.dashboard_link if find_spec("bokeh") else None
