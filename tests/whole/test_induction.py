"""The second subject, examples/induction: its claims are judged, its controls kill them, and all commands know what it is about."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import find, settings

from recint import cli
from recint.bridged import save
from recint.catalogue import find as find_claim
from recint.catalogue import module, properties
from recint.judging.judge import judge
from recint.pages.board import BEGIN, END
from recint.record import verdict_file
from recint.sweep import task
from recint.sweep.jobs import How

from ..commands import found, refused
from ..conftest import AFFINE_A

EXAMPLE = Path(__file__).parents[2] / "examples" / "induction"
CLAIMS, MODEL = EXAMPLE / "claims", EXAMPLE / "model"
FEW = ("--hypotheses", CLAIMS, "--no-log", "--no-controls", "--draws", 200)
WEIGHTS = ("l1.ov-copies", "l1.k-composes")
subject, sequences, circuit = (module(CLAIMS / f"{name}.py") for name in ("subject", "sequences", "circuit"))
PROPS = {prop.claim.id: prop for prop in properties(CLAIMS)}


@pytest.fixture(scope="module")
def model():
    return subject.model(subject.load(MODEL), "cpu")


def call(*arguments):
    return cli.main([str(argument) for argument in arguments])


# --- The sequences ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [sequences.Condition(batch=64), sequences.Condition(batch=64, distinct=False)])
def test_what_is_repeated_is_what_came_one_period_before(at):
    drawn = at.sample(None)
    for tokens, start, period, repeated in zip(drawn.inputs, drawn.start, drawn.period, drawn.repeated, strict=True):
        for position in repeated.nonzero().flatten().tolist():
            assert tokens[position + 1] == tokens[position + 1 - period]
        assert repeated.nonzero().min() == start + period


def test_one_sequence_is_its_block_twice_and_tokens_before_it():
    drawn = sequences.Sequence(block=(7, 1, 4, 2), before=(9,)).sample(None)
    assert drawn.inputs[0, :9].tolist() == [9, 7, 1, 4, 2, 7, 1, 4, 2]
    assert drawn.repeated[0].nonzero().flatten().tolist() == [5, 6, 7]
    assert drawn.after_last[0, 5:8].tolist() == [2, 3, 4]
    assert drawn.fresh[0].nonzero().flatten().tolist() == [0, 1, 2, 3]


def test_sequences_shrink_to_what_a_person_reads():
    shrunk = find(sequences.sequences(unique=True), lambda at: True, settings=settings(database=None, derandomize=True))
    assert shrunk.brief() == "0 1 2 3 | 0 1 2 3"


def test_attention_after_the_last_occurrence_is_that_of_a_loop(model):
    intact = model.intact(sequences.Condition(batch=4))
    pattern, drawn = intact["blocks.1.attn.hook_pattern"], intact.draws
    for number in range(4):
        last = [
            pattern[number, 2, query, query - drawn.period[number] + 1].item()
            for query in drawn.repeated[number].nonzero().flatten().tolist()
        ]
        expected = sum(last) / len(last)
        assert circuit.attention_after_last(pattern, drawn)[number, 2].item() == pytest.approx(expected, abs=1e-6)


# --- Controls: each claim that the model satisfies is refuted by a model that is broken there -------------------------


def _copying_negated(tensors, model):
    tensors["blocks.1.attn.o.weight"] *= -1


def _layer_0_avoids_what_it_sought(tensors, model):
    tensors["blocks.0.attn.k.weight"] *= -1


def _keys_of_layer_1_turned(tensors, model):
    size = model.config.d_model
    turn = torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(0))).Q
    tensors["blocks.1.attn.k.weight"] @= turn


def _others_do_the_work(tensors, model):
    """The strongest head attends and writes next to nothing. The others write, and attend so little that they do not count."""
    heads, strongest = model.config.n_heads, circuit.induction_heads(model)[0]
    of_head = tensors["blocks.1.attn.o.weight"].unflatten(1, (heads, -1))  # the sizes of views change the tensors
    others = [head for head in range(heads) if head != strongest]
    of_head[:, strongest] *= 1e-3
    of_head[:, others] *= 4
    for name in ("weight", "bias"):
        tensors[f"blocks.1.attn.q.{name}"].unflatten(0, (heads, -1))[others] *= 0.15


MUTANTS = {
    _copying_negated: ("copying.everywhere", "copying.every-sequence", "l1.ov-copies"),
    _layer_0_avoids_what_it_sought: ("l0.previous-token", "l1.induction", "l1.induction-any", "copying.everywhere"),
    _keys_of_layer_1_turned: ("l1.induction-any", "l1.k-composes"),
    _others_do_the_work: ("l1.writes-next-token", "l1.necessary"),
}


@pytest.mark.parametrize("break_it", MUTANTS, ids=lambda break_it: break_it.__name__)
def test_a_broken_model_refutes_the_claims_that_it_breaks(model, break_it):
    tensors = {name: tensor.clone() for name, tensor in model.checkpoint.tensors.items()}
    break_it(tensors, model)
    mutant = subject.model(replace(model.checkpoint, tensors=tensors), "cpu")
    asked = [PROPS[claim] for claim in MUTANTS[break_it]]
    verdicts = {entry.id: entry.verdict for entry in judge(asked, mutant, stages=(200,), thorough=False)}
    assert verdicts == dict.fromkeys(MUTANTS[break_it], "refuted")


def test_every_claim_is_refuted_by_a_control_or_by_the_model_itself():
    expected = (CLAIMS / "expected" / "model.toml").read_text()
    refuted = set(re.findall(r'"(\S+)" = { verdict = "refuted"', expected))
    assert refuted.union(*MUTANTS.values()) == set(PROPS)


# --- Commands ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def verified(tmp_path_factory):
    """A run with few draws; the verdict file, and the report."""
    folder = tmp_path_factory.mktemp("induction")
    verdicts, report = folder / "v.json", folder / "r.html"
    claims = (*WEIGHTS, "l1.needs-previous-token")
    assert call("verify", MODEL, *FEW, "--claims", *claims, "--verdicts", verdicts, "--report", report) == 0
    return verdicts, report


def test_the_verdicts_are_those_on_record(verified):
    assert found(verified[0]) == dict.fromkeys(WEIGHTS, "supported") | {"l1.needs-previous-token": "refuted"}
    about = json.loads(verified[0].read_text())["checkpoint"]
    assert about["subject"] == "token sequences with a repeated block"
    assert about["sha256"] == subject.load(MODEL).sha256


def test_the_report_speaks_of_sequences_and_of_no_recurrences(verified):
    html = verified[1].read_text()
    page = html[html.index('<main class="recint report">') : html.index("The run, test by test")]
    assert "token sequences with a repeated block · n_layers 2, n_heads 4" in page
    assert "over 200 sequences" in page
    assert "recurrence" not in page


def test_the_verdicts_follow_from_their_values(verified, capsys):
    assert call("explain", verified[0], "l1.needs-previous-token", "--hypotheses", CLAIMS) == 0
    out = capsys.readouterr().out
    seed = json.loads(verified[0].read_text())["seed"]
    assert f"200 sequences (seed {seed})" in out
    assert "recurrence" not in out


def test_nothing_drifts_from_the_same_model(verified, capsys):
    asked = ("--claims", "l1.needs-previous-token", "--against", verified[0])
    assert call("verify", MODEL, *FEW, *asked) == 0


def test_a_counterexample_is_code_that_runs(model, capsys):
    at = sequences.Sequence(block=(0, 0, 0, 1))
    snippet = replace_model(model.snippet(at))
    exec("\n".join([*snippet.imports, *snippet.lines]), held := {})
    prop = find_claim("copying.tokens-twice", CLAIMS)
    assert prop.measure(held["model"], held["at"]).value == prop.measure(model, at).value < 0.5


def replace_model(snippet):
    assert f"checkpoint = subject.load({str(MODEL)!r})" in snippet.lines
    return snippet


def test_a_sweep_judges_snapshots(model, tmp_path):
    folder = save(model.untrained(0).checkpoint, tmp_path / "one" / "snapshots" / "step-000050")
    how = How(hypotheses=str(CLAIMS), claims=WEIGHTS, seed=0, stages=(200,), device="cpu", controls=False)
    run = verdict_file.read(Path(task.judge_one(str(folder), how, tmp_path).file))
    assert run.checkpoint["name"] == "one-step-000050"
    assert {entry.verdict for entry in run.claims} == {"refuted"}


def test_the_claims_say_what_they_are_about(capsys):
    assert call("claims", "--hypotheses", CLAIMS) == 0
    assert capsys.readouterr().out.endswith("11 claims about token sequences with a repeated block\n")


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ("no such folder, but one with config.json", ("verify", AFFINE_A, *FEW)),
        (
            "but a model for claims about token sequences with a repeated block has",
            ("verify", AFFINE_A.with_name("affine3-seed0"), *FEW),
        ),
        ("no checkpoint is named, but one of token sequences with a repeated block is needed", ("verify", *FEW)),
        ("tensors are missing, the first of them embed.W_E", ("verify", MODEL, "--no-log")),
        ("is no claim about recurrences", ("calibrate", "--hypotheses", CLAIMS)),
    ],
)
def test_what_belongs_to_another_subject_is_refused_in_one_sentence(capsys, said, arguments):
    refused(capsys, said, *arguments)


def test_a_domain_of_some_blocks_is_estimated_on_these_alone():
    some = sequences.Domain(period=(5, 7)).reference(None, batch=200, seed=0)
    assert set(some.sample(None).period.tolist()) == {5, 6, 7}
    assert (some.coordinate, some.brief()) == (None, "blocks of 5 to 7 tokens after 0 to 8 others")
    every = sequences.Domain().reference(None, batch=200, seed=0)
    assert every == sequences.Condition(batch=200, seed=0)
    assert set(every.sample(None).period.tolist()) == set(range(4, 13))


def test_a_model_of_another_vocabulary_is_refused(capsys, tmp_path):
    config = subject.Config(d_vocab=16)
    checkpoint = replace(subject.load(MODEL), config=config, tensors=subject.build(config).state_dict())
    save(checkpoint, tmp_path / "small")
    refused(capsys, "d_vocab=16", "verify", tmp_path / "small", *FEW)


def test_the_readme_tells_what_is_on_record(capsys):
    page = (EXAMPLE / "README.md").read_text()
    assert call("board", "model", "--hypotheses", CLAIMS) == 0
    assert page.partition(BEGIN)[2].partition(END)[0].strip() == capsys.readouterr().out.strip()
    history = json.loads((MODEL / "history.json").read_text())["loss"]
    loss = {step: f"{repeated:.1f}" for step, _, repeated in history}
    told = re.findall(r"([\d.]+)(?: nats)? at\s+step\s+(\d+)", page)
    assert {int(step): value for value, step in told} == {step: loss[step] for step in (50, 150, 175, 200, 250)}


def test_the_training_can_be_repeated(tmp_path, monkeypatch):
    shutil.copytree(EXAMPLE, tmp_path / "induction", ignore=shutil.ignore_patterns("log", "model"))
    monkeypatch.syspath_prepend(str(tmp_path / "induction"))
    train = module(tmp_path / "induction" / "train.py")
    for name in ("a", "b"):
        monkeypatch.setattr("sys.argv", ["train.py", str(tmp_path / name), "--steps", "2", "--snapshots", "1"])
        train.main()
    first, again = (subject.load(tmp_path / name) for name in ("a", "b"))
    assert first.sha256 == again.sha256
    assert subject.load(tmp_path / "a" / "snapshots" / "step-000001").sha256 != first.sha256
    assert json.loads((tmp_path / "a" / "history.json").read_text())["recipe"]["steps"] == 2
