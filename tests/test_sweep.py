"""Many checkpoints at once: each judged as by itself, whatever is killed on the way, and nothing twice."""

import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from distributed.comm import CommClosedError
from pyarrow import parquet

from recint.catalogue import properties
from recint.checkpoint import load, save
from recint.cli import main
from recint.cli.main import parser
from recint.cli.sweep import as_given
from recint.judging.judge import judge
from recint.model import Model
from recint.model.untrained import untrained
from recint.record import log, verdict_file
from recint.record.log import Log, Settled
from recint.sweep import jobs, task
from recint.sweep import table as sweep_record
from recint.sweep.snapshots import series, training_seed
from recint.system.memory import GIB

from .test_cli import ROOT, TINY

ASKED = ("l0.previous-token", "l0.ov-line")
FEW = ("--claims", *ASKED, "--draws", "100", "--no-controls")
HOW = jobs.How(hypotheses=str(ROOT / "hypotheses"), claims=ASKED, stages=(100,), device="cpu", controls=False)


@pytest.fixture
def training(tmp_path):
    """A training with snapshots and its history, as `recint train` leaves it."""
    folder = save(untrained(TINY, seed=9), tmp_path / "runs" / "seed9")
    (folder / "history.json").write_text(json.dumps({"recipe": {"seed": 9, "steps": 200}}))
    for step in (0, 50, 100):
        save(untrained(TINY, seed=step), folder / "snapshots" / f"step-{step:06d}.safetensors")
    return folder


def snapshots(training):
    return sorted((training / "snapshots").iterdir())


class TestPaths:
    def test_paths_globs_and_lists_name_each_checkpoint_once(self, training, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "all.txt").write_text("runs/*/snapshots/*\n\nruns/seed9\n")
        found = [str(path) for path in snapshots(training)] + [str(training)]
        assert jobs.paths(["all.txt", "runs/seed9"]) == found
        assert jobs.paths([str(training / "snapshots" / "*")]) == found[:3]

    def test_a_missing_file_is_left_to_its_task_and_an_idle_glob_is_not(self, tmp_path):
        assert jobs.paths([str(tmp_path / "gone.pth")]) == [str(tmp_path / "gone.pth")]
        with pytest.raises(ValueError, match=r"checkpoint='.*\*\.pth' matches no file"):
            jobs.paths([str(tmp_path / "*.pth")])
        (tmp_path / "latin.txt").write_bytes(b"caf\xe9.pth\n")
        with pytest.raises(ValueError, match=r"latin\.txt: is no text in UTF-8, but a list of checkpoints is expected"):
            jobs.paths([str(tmp_path / "latin.txt")])
        (tmp_path / "none.txt").touch()
        with pytest.raises(ValueError, match=r"none\.txt: lists no checkpoints"):
            jobs.paths([str(tmp_path / "none.txt")])

    def test_a_list_that_leads_to_itself_is_refused(self, tmp_path):
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

    def test_a_list_of_windows_and_a_glob_in_the_home_folder_are_understood(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "model.pth").touch()
        (tmp_path / "all.txt").write_bytes(b"\xef\xbb\xbf~/model.pth\r\n")
        assert jobs.paths(["~/all.txt"]) == jobs.paths(["~/*.pth"]) == [str(tmp_path / "model.pth")]

    def test_a_snapshot_tells_its_training_its_step_and_its_seed(self, training):
        first, *_ = map(str, snapshots(training))
        assert (series(first), training_seed(first)) == (("seed9", 0), 9)
        assert (series(str(training)), training_seed(str(training))) == (("seed9", 200), 9)
        assert (series("elsewhere/model.pth"), training_seed("elsewhere/model.pth")) == (
            ("model", None),
            None,
        )

    @pytest.mark.parametrize(
        "history",
        [
            "",
            "[]",
            "[" * 100_000,
            '{"recipe": []}',
            '{"recipe": {"steps": "200", "seed": 1e3}}',
            '{"recipe": {"seed": 1e99}}',
        ],
    )
    def test_a_history_that_tells_no_numbers_tells_nothing(self, training, history):
        (training / "history.json").write_text(history)
        assert (series(str(training)), training_seed(str(training))) == (("seed9", None), None)

    def test_a_number_that_is_no_step_is_a_name(self, tmp_path):
        path = str(tmp_path / "seed9" / "snapshots" / f"step-{'9' * 30}.safetensors")
        assert series(path)[1] is None


class TestTask:
    def test_it_judges_as_one_would_by_hand(self, training, tmp_path):
        path = str(snapshots(training)[1])
        done = jobs.task(path, HOW, str(tmp_path))
        run = json.loads(Path(done.file).read_text())
        props = [prop for prop in properties() if prop.claim.id in ASKED]
        by_hand = judge(props, Model(load(path)), stages=(100,))
        times = {"seconds": 0}
        assert [claim | times for claim in run["claims"]] == [
            claim | times for claim in json.loads(json.dumps(by_hand))
        ]
        assert run["checkpoint"]["name"] == "seed9-step-000050"
        assert (run["seed"], run["draws"]) == (0, 100)
        assert sum(done.verdicts.values()) == 2

    def test_what_is_judged_is_not_judged_again_unless_something_changed(self, training, tmp_path, monkeypatch):
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
    def test_a_damaged_verdict_file_is_named_and_the_checkpoint_judged_again(self, training, tmp_path, damage):
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
    def test_a_bad_checkpoint_is_a_sentence(self, tmp_path, content):
        path = tmp_path / "bad.pth"
        if content:
            path.write_bytes(content)
        done = jobs.task(str(path), HOW, str(tmp_path))
        assert done.file is None
        assert "bad.pth: " in done.error
        assert not (tmp_path / jobs.VERDICTS).exists()

    @pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back when it is told to")
    def test_memory_that_a_task_has_left_free_goes_back_to_the_system(self, tmp_path):
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


@pytest.mark.parametrize(("limit", "bearable"), [(None, GIB), (0, GIB), (800 * 2**20, 400 * 2**20), (16 * GIB, GIB)])
def test_a_worker_holds_less_than_dask_pauses_it_for(monkeypatch, limit, bearable):
    worker = SimpleNamespace(memory_manager=SimpleNamespace(memory_limit=limit))
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    assert jobs._bearable() == bearable


def test_a_scheduler_reads_tasks_without_pytorch():
    code = "import sys, recint.sweep; print([name for name in ('torch', 'numpy', 'hypothesis') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


class TestTable:
    def test_a_verdict_stands_as_its_own_run_does_not_as_an_earlier_one_on_the_same_tensors(self, training, tmp_path):
        done = jobs.task(str(snapshots(training)[2]), HOW, str(tmp_path))
        run = verdict_file.read(Path(done.file))
        code = {"commit": "c", "dirty": False, "registered": [claim.hash for claim in run.claims]}
        code |= {name: getattr(run, name) for name in ("seed", "draws", "profile")}
        earlier, own = (
            {"run": name, "when": when, "checkpoint": run.checkpoint, **code}
            for name, when in (("earlier", "2020-01-01T00:00:00+00:00"), ("own", run.started))
        )
        verdicts = {name: tuple(Settled(name, claim) for claim in run.claims) for name in ("earlier", "own")}
        for runs, standing in (([own], "confirmatory"), ([earlier, own], "exploratory"), ([earlier], None)):
            known = Log(runs=tuple(runs), verdicts=sum((verdicts[line["run"]] for line in runs), ()))
            assert {row["standing"] for row in sweep_record.rows([done], known)} == {standing}

    def test_a_row_for_each_checkpoint_and_claim(self, training, tmp_path):
        how, path = HOW, str(snapshots(training)[2])
        done = [jobs.task(path, how, str(tmp_path)), jobs.Done(path="gone.pth", error="gone.pth: no such file")]
        table = sweep_record.rows(done, Log())
        sweep_record.write_table(table, tmp_path / "table.parquet")
        read = parquet.read_table(tmp_path / "table.parquet")
        assert tuple(read.column_names) == sweep_record.COLUMNS
        first, second, lost = read.to_pylist()
        assert (first["claim"], first["series"], first["step"], first["training_seed"]) == (ASKED[0], "seed9", 100, 9)
        run = json.loads(Path(done[0].file).read_text())
        assert first["value"] == run["claims"][0]["value"]
        assert [first["low"], first["high"]] == run["claims"][0]["estimate"]["ci"]
        assert first["per_head"] == run["claims"][0]["per_head"]
        assert second["claim"] == ASKED[1]
        assert (lost["path"], lost["error"], lost["claim"]) == ("gone.pth", "gone.pth: no such file", None)


@contextmanager
def running(*arguments):
    command = [sys.executable, "-m", "recint.cli", "sweep", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(found, seconds=120):
    until = time.monotonic() + seconds
    while not (known := found()):
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.1)
    return known


@contextmanager
def running_elsewhere(training, folder, *, workers):
    """A sweep on a `dask scheduler` and `dask worker`s, as a user of a cluster has them, as soon as one checkpoint is judged.

    Yields its process, the scheduler's and the workers'.
    """
    dask, file, out = Path(sys.executable).with_name("dask"), folder / "scheduler.json", folder / "out"
    quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = []
    try:
        options = ["--port", "0", "--scheduler-file", file, "--no-dashboard"]
        started.append(subprocess.Popen([dask, "scheduler", *options], **quiet))
        address = json.loads(wait_for(lambda: file.exists() and file.read_text()))["address"]
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard"]
        options += ["--preload", "transformer_lens.model_bridge", "--preload", "recint.sweep.task"]
        for number in range(workers):
            started.append(subprocess.Popen([dask, "worker", address, *options, "--name", str(number)], **quiet))
        call = (training, training / "snapshots" / "*", "--out", out, "--no-log", "--scheduler", address, *FEW)
        with running(*call) as process:
            wait_for(lambda: list(out.glob(f"{jobs.VERDICTS}/*.json")))
            yield process, started[0], started[1:]
    finally:
        for one in started:
            one.kill()
            one.wait()


class TestSweep:
    def test_one_command_from_checkpoints_to_table_report_and_log(self, training, tmp_path, capsys):
        bad = tmp_path / "bad.pth"
        bad.write_bytes(b"nonsense")
        out, kept = tmp_path / "out", tmp_path / "log"
        named = [str(training), str(training / "snapshots" / "*"), str(bad)]
        assert main(["sweep", *named, "--out", str(out), "--log", str(kept), *FEW]) == 1
        said = capsys.readouterr().out
        assert "bad.pth: " in said
        table = parquet.read_table(out / "table.parquet").to_pylist()
        assert [row["step"] for row in table if row["claim"] == ASKED[0]] == [200, 0, 50, 100]
        assert [row["error"] is None for row in table] == [True] * 8 + [False]
        assert {row["standing"] for row in table[:8]} == {"exploratory"}
        assert len(list((out / jobs.VERDICTS).iterdir())) == 4
        found = log.read(kept)
        assert len(found.runs) == 4
        assert len(found.verdicts) == 8
        assert len(found.registered) == 3  # two claims, and the procedure
        assert {file.name for file in kept.glob("*.jsonl")} == {"claims.jsonl", f"{training.name}.jsonl"}
        assert "| holds in |" in (out / "summary.md").read_text()
        # And again: nothing is judged, or logged, a second time.
        assert main(["sweep", *named[:2], "--out", str(out), "--log", str(kept), *FEW]) == 0
        assert "4 checkpoints: 4 were judged before, 0 could not be judged" in capsys.readouterr().out
        assert len(log.read(kept).runs) == 4

    def test_a_sweep_killed_on_the_way_goes_on_where_it_was(self, training, tmp_path):
        out = tmp_path / "out"
        call = (training / "snapshots" / "*", "--out", out, "--no-log", "--workers", 1, *FEW)
        with running(*call) as process:
            wait_for(lambda: list(out.glob(f"{jobs.VERDICTS}/*.json")))
            process.kill()
        kept = {path: path.stat().st_mtime_ns for path in out.glob(f"{jobs.VERDICTS}/*.json")}
        assert 1 <= len(kept) < 3
        with running(*call) as process:
            said, _ = process.communicate()
        assert process.returncode == 0, said
        assert {path: path.stat().st_mtime_ns for path in kept} == kept
        assert len(list(out.glob(f"{jobs.VERDICTS}/*.json"))) == 3

    def test_a_sweep_that_is_stopped_leaves_a_table_of_what_was_judged_and_status_130(self, tmp_path):
        for seed in range(40):
            save(untrained(TINY, seed=seed), tmp_path / "models" / f"{seed}.pth")
        out = tmp_path / "out"
        with running(tmp_path / "models" / "*", "--out", out, "--no-log", *FEW) as process:
            wait_for(lambda: len(list(out.glob(f"{jobs.VERDICTS}/*.json"))) > 1)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does for Ctrl-C
            said, _ = process.communicate()
        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert "distributed" not in said
        assert 1 <= len({row["path"] for row in parquet.read_table(out / "table.parquet").to_pylist()}) < 40

    def test_a_bad_call_is_one_sentence(self, training, tmp_path, capsys):
        out = tmp_path / "out"
        for arguments, said in (
            (["--claims", "l9.*"], "claims='l9.*' matches none of"),
            (["--workers", "0"], "workers=0 must be at least 1"),
            (["--draws", "1"], "draws=1 must be at least 100"),
            (["--scheduler", "tcp://127.0.0.1:9"], "scheduler='tcp://127.0.0.1:9' does not answer"),
            (["--scheduler", "nonsense"], "scheduler='nonsense' must be an address like tcp://HOST:8786"),
            (
                ["--out", str(training / "config.json")],
                "config.json: cannot be written; name another folder with --out",
            ),
        ):
            assert main(["sweep", str(training), "--no-log", "--out", str(out), *arguments]) == 2
            err = capsys.readouterr().err
            assert said in err
            assert err.startswith("recint: ")
            assert not out.exists()

    def test_the_report_names_the_call_that_makes_it_again(self):
        given = [
            "sweep",
            "runs/*/snapshots/*",
            "--claims",
            "l0.*",
            "l1.*",
            "--no-controls",
            "--device",
            "cpu",
            "--out",
            "x",
        ]
        told = as_given(parser().parse_args(given))
        assert told == ("recint sweep 'runs/*/snapshots/*' --device cpu --claims 'l0.*' 'l1.*' --no-controls --seed 0")
        again, first = (vars(parser().parse_args(words)) for words in (shlex.split(told)[1:], given))
        assert again | {"out": "x"} == first

    @pytest.mark.parametrize(
        ("device", "resources", "told"),
        [
            ("cpu", [], "a worker"),
            ("cpu", [{}], None),
            ("cuda", [{}, {"GPU": 0.0}], "a worker with a Dask resource GPU (dask worker --resources GPU=1)"),
            ("cuda", [{}, {"GPU": 1.0}], None),
        ],
    )
    def test_a_sweep_that_no_worker_can_take_up_says_what_it_waits_for(self, device, resources, told):
        workers = {f"tcp://{index}": {"resources": own} for index, own in enumerate(resources)}
        client = SimpleNamespace(cluster=None, scheduler_info=lambda n_workers: {"workers": workers})
        assert jobs.waits_for(client, jobs.How(hypotheses="", device=device)) == told

    def test_a_verdict_file_that_cannot_be_read_from_here_is_an_error_of_its_checkpoint(self, tmp_path, monkeypatch):
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

    def test_a_connection_that_breaks_is_the_scheduler_gone(self, tmp_path, monkeypatch):
        def broken():
            raise CommClosedError("in <TCP (closed)>")

        future = SimpleNamespace(key="a", cancelled=lambda: False, exception=lambda: None, result=broken)
        monkeypatch.setattr("distributed.as_completed", iter)
        client = SimpleNamespace(cluster=None, map=lambda *_, **__: [future])
        with pytest.raises(ValueError, match="the scheduler went away; what was judged is kept"):
            list(jobs.sweep(["a"], jobs.How(hypotheses=""), tmp_path, client))

    @pytest.mark.slow
    def test_a_scheduler_that_goes_away_is_one_sentence_and_what_was_judged_is_kept(self, training, tmp_path):
        with running_elsewhere(training, tmp_path, workers=1) as (process, scheduler, _):
            scheduler.kill()
            said, _ = process.communicate()
        assert process.returncode == 2, said
        assert said.splitlines()[-1].startswith("recint: the scheduler went away; what was judged is kept")

    @pytest.mark.slow
    def test_a_scheduler_elsewhere_loses_nothing_when_a_worker_is_killed(self, training, tmp_path):
        with running_elsewhere(training, tmp_path, workers=2) as (process, _, workers):
            workers[0].send_signal(signal.SIGKILL)
            said, _ = process.communicate()
        assert process.returncode == 0, said
        assert len(list(tmp_path.glob(f"out/{jobs.VERDICTS}/*.json"))) == 4
