"""Which checkpoints a sweep is of, and how their tasks are handed out and collected."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from distributed.comm import CommClosedError

from recint.sweep import jobs
from recint.system.memory import GIB

from ..sweeps import snapshots


def test_paths_globs_and_lists_name_each_checkpoint_once(training, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "all.txt").write_text("runs/*/snapshots/*\n\nruns/seed9\n")
    found = [str(path) for path in snapshots(training)] + [str(training)]
    assert jobs.paths(["all.txt", "runs/seed9"]) == found
    assert jobs.paths([str(training / "snapshots" / "*")]) == found[:3]


def test_a_missing_file_is_left_to_its_task_and_an_idle_glob_is_not(tmp_path):
    assert jobs.paths([str(tmp_path / "gone.pth")]) == [str(tmp_path / "gone.pth")]
    with pytest.raises(ValueError, match=r"checkpoint='.*\*\.pth' matches no file"):
        jobs.paths([str(tmp_path / "*.pth")])
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9.pth\n")
    with pytest.raises(ValueError, match=r"latin\.txt: is no text in UTF-8, but a list of checkpoints is expected"):
        jobs.paths([str(tmp_path / "latin.txt")])
    (tmp_path / "none.txt").touch()
    with pytest.raises(ValueError, match=r"none\.txt: lists no checkpoints"):
        jobs.paths([str(tmp_path / "none.txt")])


def test_a_list_that_leads_to_itself_is_refused(tmp_path):
    own, first, second, twice = (tmp_path / f"{name}.txt" for name in ("own", "first", "second", "twice"))
    own.write_text(f"model.pth\n{own}\n")
    with pytest.raises(ValueError, match=r"own\.txt: lists itself, but checkpoints are expected in it"):
        jobs.paths([str(own)])
    first.write_text(f"{second}\n")
    second.write_text(f"{tmp_path}/../{tmp_path.name}/first.txt\n")
    with pytest.raises(ValueError, match=r"first\.txt: lists itself by way of .*second\.txt, but"):
        jobs.paths([str(first)])
    second.write_text(f"{tmp_path}/model.pth\n")
    twice.write_text(f"{first}\n{first}\n")  # which is no circle
    assert jobs.paths([str(twice)]) == [f"{tmp_path}/model.pth"]


def test_a_list_of_windows_and_a_glob_in_the_home_folder_are_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "model.pth").touch()
    (tmp_path / "all.txt").write_bytes(b"\xef\xbb\xbf~/model.pth\r\n")
    assert jobs.paths(["~/all.txt"]) == jobs.paths(["~/*.pth"]) == [str(tmp_path / "model.pth")]


@pytest.mark.parametrize(("limit", "bearable"), [(None, GIB), (0, GIB), (800 * 2**20, 400 * 2**20), (16 * GIB, GIB)])
def test_a_worker_holds_less_than_dask_pauses_it_for(monkeypatch, limit, bearable):
    worker = SimpleNamespace(memory_manager=SimpleNamespace(memory_limit=limit))
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    assert jobs._bearable() == bearable


def test_a_scheduler_reads_tasks_without_pytorch():
    code = "import sys, recint.sweep; print([name for name in ('torch', 'numpy', 'hypothesis') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("device", "resources", "told"),
    [
        ("cpu", [], "a worker"),
        ("cpu", [{}], None),
        ("cuda", [{}, {"GPU": 0.0}], "a worker with a Dask resource GPU (dask worker --resources GPU=1)"),
        ("cuda", [{}, {"GPU": 1.0}], None),
    ],
)
def test_a_sweep_that_no_worker_can_take_up_says_what_it_waits_for(device, resources, told):
    workers = {f"tcp://{index}": {"resources": own} for index, own in enumerate(resources)}
    client = SimpleNamespace(cluster=None, scheduler_info=lambda n_workers: {"workers": workers})
    assert jobs.waits_for(client, jobs.How(hypotheses="", device=device)) == told


def test_a_verdict_file_that_cannot_be_read_from_here_is_an_error_of_its_checkpoint(tmp_path, monkeypatch):
    (tmp_path / "read.json").touch()
    read = jobs.Done(path="a", file=str(tmp_path / "read.json"), verdicts={"supported": 1})
    elsewhere = jobs.Done(path="b", file="/elsewhere/b.json", verdicts={"supported": 1})
    bad = jobs.Done(path="c", error="c: no such file")

    def future(done):
        return SimpleNamespace(
            key=done.path,
            cancelled=lambda: False,
            exception=lambda: None,
            result=lambda: done,
            release=lambda: None,
        )

    futures = [future(done) for done in (read, elsewhere, bad)]
    client = SimpleNamespace(cluster=None, map=lambda *_, **__: futures)
    monkeypatch.setattr("distributed.as_completed", iter)
    found = list(jobs.sweep(["a", "b", "c"], jobs.How(hypotheses=""), tmp_path, client))
    told = (
        "b: judged, but the worker's /elsewhere/b.json cannot be read from here; "
        "--out must be a folder that workers and this command share"
    )
    assert found == [read, jobs.Done(path="b", error=told), bad]


def test_a_connection_that_breaks_is_the_scheduler_gone(tmp_path, monkeypatch):
    def broken():
        raise CommClosedError("in <TCP (closed)>")

    future = SimpleNamespace(key="a", cancelled=lambda: False, exception=lambda: None, result=broken)
    monkeypatch.setattr("distributed.as_completed", iter)
    client = SimpleNamespace(cluster=None, map=lambda *_, **__: [future])
    with pytest.raises(ValueError, match="the scheduler went away; what was judged is kept"):
        list(jobs.sweep(["a"], jobs.How(hypotheses=""), tmp_path, client))
