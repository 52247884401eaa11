"""What a worker does with one checkpoint."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from recint.catalogue import properties
from recint.checkpoint import load, save
from recint.judging.judge import judge
from recint.judging.seed import seed_of
from recint.model import Model
from recint.model.untrained import untrained
from recint.record import verdict_file
from recint.sweep import jobs, task

from ..conftest import TINY
from ..sweeps import ASKED, HOW, snapshots


def test_it_judges_as_one_would_by_hand(training, tmp_path):
    path = str(snapshots(training)[1])
    done = jobs.task(path, HOW, str(tmp_path))
    run = json.loads(Path(done.file).read_text())
    props = [prop for prop in properties() if prop.claim.id in ASKED]
    by_hand = judge(props, Model(load(path)), seed=seed_of(load(path).sha256), stages=(100,))
    times = {"seconds": 0}
    assert [claim | times for claim in run["claims"]] == [claim | times for claim in map(verdict_file.plain, by_hand)]
    assert run["checkpoint"]["name"] == "seed9-step-000050"
    assert (run["seed"], run["seed_from"], run["draws"]) == (seed_of(load(path).sha256), load(path).sha256, 100)
    assert sum(done.verdicts.values()) == 2


def test_what_is_judged_is_not_judged_again_unless_something_changed(training, tmp_path, monkeypatch):
    path = str(snapshots(training)[1])
    first = jobs.task(path, HOW, str(tmp_path))
    asked = []
    monkeypatch.setattr(task, "_judged", lambda checkpoint, how: asked.append(how) or [])
    again = jobs.task(path, HOW, str(tmp_path))
    assert (again.file, again.known, again.verdicts) == (first.file, True, first.verdicts)
    save(load(path), tmp_path / "copy.pth")  # the same tensors in another file
    assert jobs.task(str(tmp_path / "copy.pth"), HOW, str(tmp_path)).known
    assert not asked
    for change in ({"seed": 1}, {"stages": (101,)}, {"claims": ASKED[:1]}, {"controls": True}):
        assert not jobs.task(path, jobs.How(**(vars(HOW) | change)), str(tmp_path)).known
    assert not jobs.task(str(snapshots(training)[0]), HOW, str(tmp_path)).known
    assert len(asked) == 5


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "null", '{"claims": null}', '{"claims": []}', "cut", "statement", "hash"]
)
def test_a_damaged_verdict_file_is_named_and_the_checkpoint_judged_again(training, tmp_path, damage):
    path = str(snapshots(training)[1])
    file = Path(jobs.task(path, HOW, str(tmp_path)).file)
    whole = json.loads(file.read_text())
    if damage == "cut":
        damage = file.read_text()[:500]
    elif damage in ("statement", "hash"):
        damaged = json.loads(file.read_text())
        damaged["claims"][1].pop(damage)
        damage = json.dumps(damaged)
    file.write_text(damage)
    again = jobs.task(path, HOW, str(tmp_path))
    assert (again.file, again.known, again.error) == (str(file), False, None)
    assert again.note == f"{file}: was no whole verdict file; {path} is judged again"
    assert [claim["verdict"] for claim in json.loads(file.read_text())["claims"]] == [
        claim["verdict"] for claim in whole["claims"]
    ]
    once_more = jobs.task(path, HOW, str(tmp_path))
    assert (once_more.known, once_more.note) == (True, None)


@pytest.mark.parametrize("content", [None, b"nonsense"])
def test_a_bad_checkpoint_is_a_sentence(tmp_path, content):
    path = tmp_path / "bad.pth"
    if content:
        path.write_bytes(content)
    done = jobs.task(str(path), HOW, str(tmp_path))
    assert done.file is None
    assert "bad.pth: " in done.error
    assert not (tmp_path / jobs.VERDICTS).exists()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back when it is told to")
def test_memory_that_a_task_has_left_free_goes_back_to_the_system(tmp_path):
    # Three quarters of a GiB in blocks that malloc takes from its heap, with one at the end that it cannot cut off below.
    code = """if True:
        import ctypes, psutil
        from recint.sweep import jobs
        from recint.sweep import task
        malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
        malloc.restype, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        def held(): return psutil.Process().memory_info().rss / 2**20
        before, blocks = held(), [malloc(2**20) for _ in range(768)]
        for block in blocks: ctypes.memset(block, 1, 2**20)
        for block in blocks[:-1]: free(ctypes.c_void_p(block))
        kept = held() - before
        jobs.task("missing.pth", jobs.How(hypotheses="hypotheses"), "out")
        print(kept, held() - before)
        """
    limits = {"MALLOC_TRIM_THRESHOLD_": "1073741824", "MALLOC_MMAP_THRESHOLD_": "1073741824"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | limits,
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    kept, left = map(float, done.stdout.split())
    assert kept > 700
    assert left < 200


def test_a_sweep_tells_what_was_done_to_read_a_checkpoint(tiny, folder, tmp_path):
    path = tmp_path / "wrapped.pth"
    torch.save({"model": dict(load(tiny).tensors), "step": 3}, path)
    how = jobs.How(hypotheses=str(folder), stages=(100,), controls=False)
    for known in (False, True):
        done = task.judge_one(str(path), how, tmp_path / "out")
        assert done.known == known
        assert done.note == f"{path}: holds more than a state dict; the one under 'model' is read"


def test_a_bare_file_is_judged_with_the_task_that_is_told(folder, tmp_path):
    bare = save(untrained(replace(TINY, d_vocab=8), seed=0), tmp_path / "bare.pth")
    (tmp_path / "task.json").write_text('{"length": 6}')
    how = replace(HOW, hypotheses=str(folder), claims=())
    assert "say so in its config.json or with --task" in jobs.task(str(bare), how, str(tmp_path)).error
    done = jobs.task(str(bare), replace(how, task=str(tmp_path / "task.json")), str(tmp_path))
    assert json.loads(Path(done.file).read_text())["checkpoint"]["config"]["task"]["length"] == 6


def test_an_error_names_the_checkpoint_once(tiny, tmp_path, monkeypatch):
    """Also if the letters of its path are in the sentence already."""
    monkeypatch.chdir(tmp_path)
    save(load(tiny), tmp_path / "a")

    def fail(checkpoint, how):
        raise ValueError("a claim has no value")

    monkeypatch.setattr(task, "_judged", fail)
    assert jobs.task("a", HOW, str(tmp_path)).error == "a: a claim has no value"
    assert jobs.task("b", HOW, str(tmp_path)).error.count("b: ") == 1
    other = jobs.task("a", replace(HOW, code="another"), str(tmp_path))
    assert other.error == "a: the worker has other code than the sweep was started with; start it again"


def test_a_name_that_is_no_text_is_a_sentence(training, tmp_path):
    odd = save(load(training), tmp_path / os.fsdecode(b"caf\xe9.pth"))
    assert r"caf\udce9' is no text in UTF-8" in jobs.task(str(odd), HOW, str(tmp_path)).error
    renamed = training.rename(tmp_path / os.fsdecode(b"caf\xe9"))
    done = jobs.task(str(snapshots(renamed)[0]), HOW, str(tmp_path))
    assert r"caf\udce9-step-000000' is no text in UTF-8" in done.error
