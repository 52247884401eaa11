"""Whatever goes wrong in a command is one sentence and a status."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recint import cli
from recint.cli.main import COMMANDS
from recint.record import verdict_file

from ..commands import ROOT


def test_a_call_with_unknown_options_is_status_2(capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["verify", "--nonsense"])
    assert left.value.code == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ["verify", "--drawz", "3"],
            "unrecognized arguments: --drawz (did you mean --draws?); `recint verify --help` lists",
        ),
        (["verify", "--zz=3"], "unrecognized arguments: --zz=3; `recint verify --help` lists the options"),
        (["board", "--verison"], "`recint board --help` lists the options"),
    ],
)
def test_an_unknown_option_is_refused_with_the_help_of_its_command(capsys, given, said):
    with pytest.raises(SystemExit):
        cli.main(given)
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


class TestTheLastResort:
    """Whatever goes wrong is one sentence and status 2: status 1 says that a claim was refuted, or drifted."""

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (KeyError("ci"), "this should not have happened, please report it: KeyError: 'ci' (test_main.py, line "),
            (RecursionError("too deep"), "RecursionError: too deep"),
            (RuntimeError("two\nlines"), "RuntimeError: two lines"),
            (ValueError("two\nlines"), "recint: two lines\n"),
            (MemoryError(), "not enough memory"),
            (SystemExit(1), "the code of a claim ended the process (sys.exit(1))"),
            (OSError(28, "No space left on device"), "standard output: No space left on device"),
            (OSError(28, "No space left on device", b"x.json"), "x.json: No space left on device"),
            (AssertionError(), "AssertionError"),
            (
                UnicodeEncodeError("utf-8", "\udce9", 0, 1, "no"),
                "a text is not in UTF-8, as names of files and inputs must",
            ),
        ],
    )
    def test_every_error_is_a_sentence(self, monkeypatch, capsys, error, said):
        def fail(path):
            raise error

        monkeypatch.setattr(verdict_file, "read", fail)
        assert cli.main(["board", "x.json"]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1

    def test_a_module_of_claims_that_ends_the_process(self, capsys, tmp_path):
        (tmp_path / "a.py").write_text("raise SystemExit(1)")
        assert cli.main(["claims", "--hypotheses", str(tmp_path)]) == 2
        assert "the code of a claim ended the process" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("torch", "status", "said"),
        [
            ("import os, signal\nos.kill(os.getpid(), signal.SIGINT)", 130, ""),
            ("raise ImportError('no torch here')", 2, "ImportError: no torch here"),
        ],
    )
    @pytest.mark.parametrize("command", ["verify", "train x", "claims", "replicate"])
    def test_imports_that_are_interrupted_or_fail(self, tmp_path, command, torch, status, said):
        done = self.called(tmp_path, torch, command)
        assert done.returncode == status
        assert said in done.stderr
        assert "Traceback" not in done.stdout + done.stderr

    def called(self, folder, torch, command):
        """The command where importing PyTorch comes to something else."""
        (folder / "torch.py").write_text(torch)
        return subprocess.run(
            [sys.executable, "-c", "import sys; from recint.cli import main; sys.exit(main())", *command.split()],
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])},
            cwd=folder,
            capture_output=True,
            text=True,
        )

    @pytest.mark.parametrize("command", ["log", "--help", "verify --help", "sweep --help"])
    def test_a_look_loads_no_pytorch(self, tmp_path, command):
        done = self.called(tmp_path, "raise ImportError('no torch here')", command)
        assert (done.returncode, done.stderr) == (0, "")

    def test_no_command_is_answered_with_the_help(self, capsys):
        assert cli.main([]) == 2
        shown = capsys.readouterr().out
        assert all(f"\n  {command} " in shown for command in COMMANDS)

    def test_an_interrupted_command_is_status_130(self, tiny):
        command = [sys.executable, "-m", "recint.cli", "calibrate", str(tiny), "--draws", "100000"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            time.sleep(8)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=60)
        assert running.returncode == 130
        assert "Traceback" not in out + err

    def test_a_reader_that_has_enough_is_no_error(self):
        read, write = os.pipe()
        os.close(read)
        command = [sys.executable, "-m", "recint.cli", "claims"]
        done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True)
        os.close(write)
        assert (done.returncode, done.stderr) == (141, "")

    def test_output_that_cannot_be_printed_is_a_sentence(self):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "recint.cli", "claims"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True
            )
        assert done.returncode == 2
        assert done.stderr == "recint: standard output: No space left on device\n"

    @pytest.mark.parametrize(
        ("streams", "status"), [("2> /dev/full", 2), ("2>&-", 2), (">&-", 2)], ids=["full", "closed", "no output"]
    )
    def test_a_sentence_that_nobody_can_read_changes_no_status(self, tmp_path, streams, status):
        call = f"{sys.executable} -m recint.cli log --merge {tmp_path / 'gone' / 'x'} {streams}"
        assert subprocess.run(["bash", "-c", call], cwd=ROOT).returncode == status

    @pytest.mark.parametrize(
        "command", ["init {0}/mine", "verify {0}/tiny --hypotheses {0}/claims --no-log --no-controls"]
    )
    def test_an_output_that_is_closed_is_no_error(self, tiny, folder, tmp_path, command):
        (tmp_path / "tiny").symlink_to(tiny)
        call = f"{sys.executable} -m recint.cli {command.format(tmp_path)} >&-"
        done = subprocess.run(["bash", "-c", call], cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
