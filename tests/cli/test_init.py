"""`recint init` writes claims that run."""

import json
import os
import subprocess

import pytest

from recint import cli
from recint.bridged import Checkpoint, save
from recint.catalogue import module, properties

from ..commands import found, refused
from ..conftest import files_of_at_most


def init(folder, *more):
    return cli.main(["init", str(folder), *more])


def test_the_claim_about_recurrences_is_judged(tiny, tmp_path, capsys):
    assert init(tmp_path / "mine") == 0
    assert "judge them with: recint verify --hypotheses" in capsys.readouterr().out
    verdicts = tmp_path / "v.json"
    call = ["verify", str(tiny), "--hypotheses", str(tmp_path / "mine"), "--no-log", "--no-controls", "--draws", "200"]
    assert cli.main([*call, "--verdicts", str(verdicts)]) == 1
    assert found(verdicts) == {"l0.looks-back": "refuted"}


def test_the_claim_about_tokens_is_judged_on_a_gpt_2(tmp_path, capsys):
    folder = tmp_path / "mine"
    assert init(folder, "--subject", "tokens") == 0
    subject = module(folder / "subject.py")
    config = subject.Config()
    save(Checkpoint(subject.NAME, "made", config, subject.build(config).state_dict()), tmp_path / "model")
    verdicts = tmp_path / "v.json"
    call = ["verify", str(tmp_path / "model"), "--hypotheses", str(folder), "--no-log", "--draws", "200"]
    assert cli.main([*call, "--verdicts", str(verdicts)]) == 1
    assert found(verdicts) == {"l0.looks-back": "refuted"}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (
            "n_layer",
            10**9,
            "n_layer=1000000000, n_head=2, n_embd=32, n_positions=16, vocab_size=50 make a model of more numbers",
        ),
        ("n_positions", 10**6, "n_positions=1000000, vocab_size=50 make a model of more numbers than the"),
        ("vocab_size", 10**6, "vocab_size=1000000 make a model of more numbers than the"),
        ("n_embd", -32, "n_embd=-32 must be a whole number of at least 1"),
        ("n_head", 0, "n_head=0 must be a whole number of at least 1"),
        ("n_head", 3, "n_embd=32 must be a multiple of n_head=3"),
        ("n_embd", "32", "n_embd='32' must be a whole number"),
        ("vocab_size", float("nan"), "holds the number NaN, but expected finite numbers"),
    ],
)
def test_a_wrong_size_of_a_gpt_2_is_one_sentence(tmp_path, capsys, field, value, said):
    folder = tmp_path / "mine"
    init(folder, "--subject", "tokens")
    subject = module(folder / "subject.py")
    made = save(
        Checkpoint(subject.NAME, "made", subject.Config(), subject.build(subject.Config()).state_dict()), tmp_path / "m"
    )
    config = json.loads((made / "config.json").read_text())
    (made / "config.json").write_text(json.dumps(config | {field: value}))
    capsys.readouterr()
    refused(capsys, said, "verify", made, "--hypotheses", folder, "--no-log")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path, capsys):
    (tmp_path / "claims.py").write_text("mine")
    assert init(tmp_path) == 2
    assert "exists already, and may hold claims; name a new folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["claims.py"]


def test_on_a_full_disk_nothing_is_left(tmp_path, capsys):
    folder = tmp_path / "new" / "mine"
    with files_of_at_most(2000):  # the first of its files has less
        assert init(folder, "--subject", "tokens") == 2
    assert capsys.readouterr().err == f"recint: {folder / 'subject.py'}: File too large\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["-dash", "1 x", "class", "a.b", os.fsdecode(b"caf\xe9")])
def test_a_folder_may_have_any_name_and_the_call_that_is_told_works(tmp_path, capsys, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init", "--", name]) == 0
    told = capsys.readouterr().out.splitlines()[-1].partition("recint verify ")[2]
    words = subprocess.run(["bash", "-c", f"printf '%s\\0' {told}"], capture_output=True, check=True).stdout
    assert cli.main(["claims", *map(os.fsdecode, words.split(b"\0")[:-1])]) == 0
    assert "1 claim about recurrences" in capsys.readouterr().out


@pytest.mark.parametrize("subject", ["recurrences", "tokens"])
def test_what_is_written_declares_one_claim(tmp_path, subject):
    init(tmp_path / subject, "--subject", subject)
    assert [prop.claim.id for prop in properties(tmp_path / subject)] == ["l0.looks-back"]
