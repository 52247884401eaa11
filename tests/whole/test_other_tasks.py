"""Models of other tasks than the notebook's: every claim is judged on them, or says in one sentence why it is not applicable."""

import json
import os

import pytest

from recint import cli
from recint.catalogue import properties
from recint.checkpoint import ModelConfig, load, save, with_task
from recint.families import FAMILIES, family_of
from recint.judging.judge import judge
from recint.model import Model
from recint.model.preconditions import require_verifiable
from recint.model.untrained import untrained
from recint.record import log_file
from recint.task import Task

from ..commands import found, recint, refused

SHAPE = {"n_layers": 3, "n_heads": 8, "d_model": 32, "d_head": 8, "d_mlp": 32}
FEW = (
    "l0.previous-token*",
    "model.*",
    "filter.*",
    "rival.c-can-be-swapped",
    "circuit.attention-of-c-and-scale",
    "l2.check*",
)


def task(name="affine", **changes):
    family = family_of(name)
    ranges = {each: family.ranges[each] for each in ("c", "d", "start")}
    others = tuple((each, family.ranges[each]) for each in family.others)
    return Task(family=name, **{**ranges, "others": others, **changes})


def checkpoint(of, *, dim=8, order=1):
    config = ModelConfig(**SHAPE, n_ctx=of.length - 1, d_vocab=dim, order=order)
    return untrained(with_task(config, of), seed=0)


def judged(of, **shape):
    model = Model(checkpoint(of, **shape))
    require_verifiable(model.checkpoint, "model")
    return judge(properties(), model, seed=0, stages=(100,), controls=False)


def require_answers(entries):
    assert [entry for entry in entries if entry.verdict == "error"] == []
    silent = [entry.id for entry in entries if entry.verdict == "not_applicable" and not entry.message]
    assert silent == []


def test_verify_runs_through_on_short_sequences_in_few_dimensions(tmp_path):
    path = save(checkpoint(task(length=6, c=(-1.0, 1.5))), tmp_path / "short")
    options = ("--draws", 100, "--no-controls", "--verdicts", tmp_path / "verdicts.json", "--claims", *FEW)
    status, _, err = recint("verify", path, *options)
    assert status == 1, err
    verdicts = found(tmp_path / "verdicts.json")
    assert "error" not in verdicts.values()
    assert verdicts["l2.checkerboard"] != "not_applicable"
    assert verdicts["filter.last-hardly-used"] == "not_applicable"
    claims = {claim["id"]: claim for claim in json.loads((tmp_path / "verdicts.json").read_text())["claims"]}
    assert "reads position 12, but the sequences of the task have" in claims["filter.last-hardly-used"]["message"]
    assert "6 terms" in json.dumps(claims["model.predicts-next-term@2"]["search"])


def test_a_bare_file_is_verified_with_its_task(tmp_path):
    bare = save(untrained(ModelConfig(**SHAPE, n_ctx=5, d_vocab=8), seed=0), tmp_path / "bare.pth")
    told = tmp_path / "task.json"
    told.write_text(json.dumps({"length": 6, "c": [-1, 1]}))
    options = ("--draws", 100, "--no-controls", "--claims", "model.predicts-next-term@2")
    status, _, err = recint("verify", bare, "--task", told, *options, "--verdicts", tmp_path / "verdicts.json")
    assert status == 1, err
    (claim,) = json.loads((tmp_path / "verdicts.json").read_text())["claims"]
    code = claim["search"]["counterexample"]["code"]
    assert f"load({str(bare)!r}, task={str(told)!r})" in code


@pytest.fixture
def told(tmp_path):
    """A bare file of a model in 8 dimensions, and the options that say its task."""
    bare = save(untrained(ModelConfig(**SHAPE, n_ctx=5, d_vocab=8), seed=0), tmp_path / "bare.pth")
    (tmp_path / "task.json").write_text(json.dumps({"length": 6, "c": [-1, 1]}))
    return bare, "--task", tmp_path / "task.json"


def test_every_command_that_loads_a_checkpoint_is_told_its_task(told, folder, tmp_path):
    """Also of a baseline, and of a run that is judged again: both are judged in a process of their own."""
    bare, *options = told
    kept, quiet = log_file.folder_of(folder, None), ("--no-controls", "--no-log")

    def done(*arguments):
        status, out, err = recint(*arguments, *options, "--hypotheses", folder)
        assert status == 0, err
        return out

    done("verify", bare, "--no-controls", "--log", kept)
    done("verify", bare, "--against", bare, *quiet)
    done("expect", bare, "--into", tmp_path / "e.toml", *quiet)
    (run,) = log_file.read(kept).runs
    assert run["run"] in done("log", bare)
    assert "1 verdict on bare judged again: all as in the log" in done("log", "--rerun", run["run"], bare)


def test_a_task_that_is_told_in_vain_is_refused(told, folder, tmp_path, capsys):
    bare, *options = told
    for asked in ((), ("bare",), ("--merge", tmp_path / "log.jsonl")):
        refused(
            capsys, "--task says what a CHECKPOINT was trained on that is given by its path", "log", *asked, *options
        )
    (tmp_path / "task.json").write_text('{"lenght": 6}')
    out = tmp_path / "out"
    refused(capsys, "task.json: task: found ['lenght'], but expected", "sweep", bare, *options, "--out", out)
    assert not out.exists()
    (folder / "subject.py").write_text("NAME = 'coins'\ndef load(path): ...\ndef model(checkpoint, device): ...\n")
    said = "is of recurrences, but these claims are about another subject"
    for command in ("verify", "expect", "log", "sweep"):
        refused(capsys, said, command, bare, *options, "--hypotheses", folder)


def test_a_task_from_a_pipe_is_refused_since_it_is_read_again(told, folder, tmp_path, capsys):
    bare, pipe = told[0], tmp_path / "pipe"
    os.mkfifo(pipe)
    said = "pipe: is not a regular file, but a file of JSON is expected; save what comes from a pipe to a file first"
    for command in ("verify", "convert", "sweep"):
        refused(capsys, said, command, bare, *(["x"] if command == "convert" else []), "--task", pipe)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (ModelConfig(d_vocab=8), "the recurrences of the claims have dimension 40; if it was trained on another task"),
        (ModelConfig(n_ctx=6), "length=14 need 13 positions; if it was trained on another task"),
        (ModelConfig(order=7), "order=7, but the claims' sequences have length=14"),
        (with_task(ModelConfig(n_ctx=6, d_vocab=8), Task(length=8)), "n_ctx=6, but sequences of length=8 need 7 positions"),
        (with_task(ModelConfig(), Task(length=3)), "length=3, but claims are judged on sequences of 4 to 256 terms"),
        (with_task(ModelConfig(d_vocab=600), Task()), "claims are judged on recurrences in at most 512 dimensions"),
        (with_task(ModelConfig(d_vocab=8, order=3), Task(length=7)), "leaves nothing to predict from position 6 on"),
        (with_task(ModelConfig(d_vocab=8), Task(family="cubic")), "family='cubic' must be one of affine"),
        (with_task(ModelConfig(d_vocab=16), task("matrix")), "leaves nothing to predict from position 17 on"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_refused_in_one_sentence(config, said):
    with pytest.raises(ValueError, match=said) as refusal:
        require_verifiable(untrained(config.__class__(**{**vars(config), **SHAPE}), seed=0), "model")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("command", ["calibrate", "replicate", "mechanism"])
def test_what_compares_with_the_notebook_refuses_other_tasks(command, tmp_path, capsys):
    path = save(checkpoint(task(length=6)), tmp_path / "short")
    refused(capsys, "was trained on recurrences of its own", command, path)


def test_a_shape_that_another_task_would_explain_is_no_advice_where_none_can_be_told(told, capsys):
    assert cli.main(["mechanism", str(told[0])]) == 2
    assert capsys.readouterr().err.endswith("d_vocab=8, but the recurrences of the claims have dimension 40\n")


def test_convert_keeps_a_task_that_is_told(tmp_path, capsys):
    bare = save(untrained(ModelConfig(**SHAPE, n_ctx=5, d_vocab=8), seed=0), tmp_path / "bare.pth")
    (tmp_path / "task.json").write_text('{"length": 6}')
    assert cli.main(["convert", str(bare), str(tmp_path / "folder"), "--task", str(tmp_path / "task.json")]) == 0
    capsys.readouterr()
    assert load(tmp_path / "folder").config == with_task(ModelConfig(**SHAPE, n_ctx=5, d_vocab=8), Task(length=6))
    refused(capsys, "a state dict cannot say its task", "convert", tmp_path / "folder", tmp_path / "again.pth")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dim", "length", "order"), [(8, 6, 1), (8, 7, 2), (8, 64, 1), (256, 6, 1), (8, 24, 2), (1, 4, 1), (2, 14, 1)]
)
def test_every_claim_has_an_answer(dim, length, order):
    require_answers(judged(task(length=length), dim=dim, order=order))


@pytest.mark.slow
def test_every_claim_has_an_answer_in_many_dimensions_and_long_sequences():
    require_answers(judged(task(length=64, c=(-1.0, 1.0)), dim=256, order=2))


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.05])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_claim_has_an_answer_in_every_family(name, noise):
    entries = judged(task(name, length=16, noise=noise))
    require_answers(entries)
    answers = {entry.id: entry for entry in entries}
    predicts = answers["model.predicts-next-term@2"]
    assert predicts.verdict == ("not_applicable" if noise else "refuted")
    if noise:
        assert predicts.message.endswith("has an absolute threshold, but terms are read with noise of 0.05")
    assert answers["composition.k-l1-l2"].verdict != "not_applicable"
    if name != "affine":
        assert answers["l2.checkerboard"].message == (
            f"l2.checkerboard: speaks of affine recurrences, but the model was trained on {name} ones"
        )
