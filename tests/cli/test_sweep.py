"""`recint sweep` from checkpoints to table, report and log, also if it is stopped or killed."""

import os
import shlex
import signal

import pytest
from pyarrow import parquet

from recint.checkpoint import load, save
from recint.cli import main
from recint.cli.main import parser
from recint.cli.sweep import as_given
from recint.model.untrained import untrained
from recint.record import log_file
from recint.sweep import jobs

from ..commands import refused, wait_for
from ..conftest import TINY
from ..sweeps import ASKED, FEW, running, running_elsewhere


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
        found = log_file.read(kept)
        assert len(found.runs) == 4
        assert len(found.verdicts) == 8
        assert len(found.registered) == 3  # two claims, and the procedure
        assert {file.name for file in kept.glob("*.jsonl")} == {"claims.jsonl", f"{training.name}.jsonl"}
        assert "| holds in |" in (out / "summary.md").read_text()
        # And again: nothing is judged, or logged, a second time.
        assert main(["sweep", *named[:2], "--out", str(out), "--log", str(kept), *FEW]) == 0
        assert "4 checkpoints: 4 were judged before, 0 could not be judged" in capsys.readouterr().out
        assert len(log_file.read(kept).runs) == 4

    def test_names_that_are_no_text_cost_no_page(self, tiny, tmp_path, capsys):
        """Of a folder it does no harm. A checkpoint has a row that says to rename it."""
        odd, out = tmp_path / os.fsdecode(b"caf\xe9"), tmp_path / "out"
        named = [save(load(tiny), odd / "whole.pth"), save(load(tiny), odd / os.fsdecode(b"caf\xe9.pth"))]
        assert main(["sweep", *map(str, named), "--out", str(out), "--no-log", *FEW]) == 1
        assert r"caf\udce9' is no text in UTF-8, but the name of a checkpoint must be" in capsys.readouterr().out
        table = parquet.read_table(out / "table.parquet").to_pylist()
        assert [row["error"] is None for row in table] == [True, True, False]
        assert {row["path"] for row in table} == {str(path).replace("\udce9", r"\udce9") for path in named}
        assert r"caf\\udce9" in (out / "summary.md").read_text(encoding="utf-8")
        assert r"caf\udce9" in (out / "report.html").read_text(encoding="utf-8")

    def test_pages_that_no_sweep_wrote_are_not_replaced(self, tiny, tmp_path, capsys):
        (tmp_path / "report.html").write_text("of one run")
        refused(capsys, "holds report.html, which the sweep would replace", "sweep", tiny, "--out", tmp_path, *FEW)
        assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
        assert (tmp_path / "report.html").read_text() == "of one run"

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
            "--task",
            "my task.json",
            "--no-controls",
            "--device",
            "cpu",
            "--out",
            "x",
        ]
        told = as_given(parser().parse_args(given))
        assert told == (
            "recint sweep 'runs/*/snapshots/*' --task 'my task.json' --device cpu --claims 'l0.*' 'l1.*' --no-controls"
        )
        again, first = (vars(parser().parse_args(words)) for words in (shlex.split(told)[1:], given))
        assert again | {"out": "x"} == first

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
