"""Options that several commands share: paths, counts, and outputs that are written whatever becomes of the others."""

import pytest

from recint import cli
from recint.checkpoint import load, save
from recint.cli.main import parser
from recint.cli.options import write_all

from ..commands import refused


def test_counts_that_would_take_all_memory_or_time(capsys, tiny, tmp_path, outputs):
    for arguments, said in (
        (["verify", tiny, "--draws", 10**12, *outputs], "draws=1000000000000 must be at most 1000000"),
        (["verify", tiny, "--workers", 10**6, *outputs], "workers=1000000 must be at most 256"),
        (["sweep", tiny, "--draws", 10**12, "--out", tmp_path / "out"], "draws=1000000000000 must be at most"),
        (["calibrate", tiny, "--draws", 10**12], "draws=1000000000000 must be at most"),
        (["replicate", tiny, "--draws", 10_001], "draws=10001 must be at most 10000"),
        (["mechanism", tiny, "--draws", 10_001], "draws=10001 must be at most 10000"),
        (["replicate", tiny, "--draws", 1], "draws=1 must be at least 100"),
        (["mechanism", tiny, "--draws", 1], "draws=1 must be at least 100"),
        (["calibrate", tiny, "-n", 10**6], "workers=1000000 must be at most 256"),
        (["train", tmp_path / "out", "--n-layers", 10**8], "n_layers=100000000 must be at most 1000"),
        (["train", tmp_path / "out", "--batch", 10**12], "batch=1000000000000 must be at most 100000"),
        (["train", tmp_path / "out", "--d-mlp", 10**12], "weights, but must have at most 10,000,000,000"),
    ):
        refused(capsys, said, *arguments)


def test_one_file_for_two_outputs_or_for_an_input(capsys, tiny, tmp_path, outputs):
    whole, same = save(load(tiny), tmp_path / "tiny.pth"), tmp_path / "same"
    before = whole.read_bytes()
    for arguments in (
        ["verify", tiny, "--report", same, "--verdicts", same],
        ["verify", tiny, "--junit", same, "--summary", same],
        ["replicate", tiny, "--markdown", same, "--html", same],
        ["calibrate", tiny, "--markdown", same, "--json", same],
        ["expect", tiny, "--verdicts", same, "--into", same],
    ):
        refused(capsys, "same: is named for two outputs", *arguments)
    for arguments in (
        ["verify", whole, "--verdicts", whole],
        ["replicate", whole, "--html", whole],
        ["mechanism", whole, "--html", whole],
        ["calibrate", whole, "--report", whole],
        ["log", whole, "--html", whole],
        ["board", whole, "--into", whole],
    ):
        refused(capsys, "tiny.pth: is read by this command", *arguments)
    assert not same.exists()
    assert whole.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", ""], ["verify", "--verdicts="], ["verify", "--hypotheses="], ["train", ""], ["convert", "x", ""],
        ["convert", "", "x"], ["sweep", ""], ["sweep", "x", "--out="], ["replicate", ""], ["mechanism", ""], ["calibrate", ""],
        ["board", ""], ["log", ""], ["expect", ""], ["register", "--log="],
    ],
)  # fmt: skip
def test_an_empty_path_is_not_the_working_folder(capsys, arguments):
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert left.value.code == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("recint: ")
    assert captured.err.count("\n") == 1
    assert "is empty, but a path is expected" in captured.err


def test_a_path_after_an_option_of_several_values_is_the_path(capsys, tmp_path, outputs):
    gone = tmp_path / "gone.pth"
    for arguments in (
        ["verify", *outputs, "--claims", "l0.*", gone],
        ["verify", *outputs, "--claims", "l0.*", "--against", "x", "--allow", "l0.*", gone],
        ["expect", "--from", "x", "--allow", "l0.*", "l1.*", gone],
        ["calibrate", "--claims", "l0.*", gone],
    ):
        refused(capsys, f"{gone}: no such file", *arguments)
    refused(capsys, "claims='l9.typo' matches none of", "verify", *outputs, "--claims", "l0.*", "l9.typo")
    refused(capsys, "gone/* matches no file".replace("gone/*", f"{gone}/*'"), "sweep", "--claims", "l0.*", f"{gone}/*")
    refused(capsys, "no checkpoint is named", "sweep", "--claims", "l0.*")
    refused(capsys, "no folder is named", "train", "--snapshots", 10, 20)
    refused(capsys, "snapshots=['ten'] must be whole numbers", "train", tmp_path / "x", "--snapshots", "ten")


def test_every_option_that_takes_a_path_knows_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/somebody")
    (commands,) = [action.choices for action in parser()._actions if isinstance(action.choices, dict)]
    paths = ("FILE", "DIR", "FOLDER", "CHECKPOINT", "TARGET", "BASELINE")
    for name, command in commands.items():
        for action in command._actions:
            if str(action.metavar or action.dest.upper()).startswith(paths):
                assert action.type("~/x") == "/home/of/somebody/x", (name, action.dest)


def test_one_page_that_cannot_be_written_costs_no_other(tmp_path):
    pages = {f"{name}/page": name for name in ("/proc/none", str(tmp_path), "/proc/nor")}
    with pytest.raises(ValueError, match=r"/proc/none/page: cannot be written \(.*\); /proc/nor/page: cannot be"):
        write_all(pages)
    assert (tmp_path / "page").read_text() == str(tmp_path)


def test_a_page_that_cannot_be_made_costs_no_other(tmp_path):
    def fail(path):
        raise ValueError("no such type")

    with pytest.raises(ValueError, match=r"table: cannot be written \(no such type\)"):
        write_all({str(tmp_path / "table"): fail, str(tmp_path / "page"): "text"})
    assert (tmp_path / "page").read_text() == "text"
