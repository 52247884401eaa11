"""Which subject the claims of a folder are about."""

from pathlib import Path

import pytest

from recint.catalogue import SHIPPED
from recint.model import subject as recurrences
from recint.subjects import REFERENCE_CHECKPOINT, checkpoint_of, folder_of, require_one_subject, subject_of

from .commands import recint, refused
from .made_up import claims

INDUCTION = Path(__file__).parents[1] / "examples" / "induction" / "claims"


def test_a_folder_that_names_no_subject_is_about_recurrences():
    assert subject_of(SHIPPED) is recurrences


def test_a_folder_says_what_it_is_about():
    assert subject_of(INDUCTION).NAME == "token sequences with a repeated block"
    assert subject_of(INDUCTION) is subject_of(str(INDUCTION))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("NAME = 'x'\ndef load(path): ...\n", "subject.py: has no model, but a subject has NAME, load, model"),
        ("import nowhere", "subject.py: cannot be imported"),
        ("def load(:", r"subject.py: cannot be imported \(SyntaxError: "),
        ("1 / 0", r"subject.py: cannot be imported \(ZeroDivisionError: division by zero\)"),
        (
            "raise SystemExit(3)",
            r"subject.py: the code of a claim ended the process \(sys.exit\(3\)\); let it raise an error",
        ),
        (
            "NAME, load, model = 3, print, print",
            "subject.py: NAME=3 must be text that is not empty; see docs/your-own-model.md",
        ),
        ("NAME, load, model = ' ', print, print", "subject.py: NAME=' ' must be text that is not empty"),
        (
            "NAME, load, model = 'x', None, print",
            "subject.py: load=None must be a function; see docs/your-own-model.md",
        ),
        ("NAME, load, model = 'x', print, 'y'", "subject.py: model='y' must be a function"),
    ],
)
def test_a_module_that_is_no_subject_is_refused(tmp_path, text, sentence):
    (tmp_path / "subject.py").write_text(text)
    with pytest.raises(ValueError, match=sentence):
        subject_of(tmp_path)


OWN = """
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

NAME = "numbers"

@dataclass(frozen=True)
class Config:
    size: object = 1

@dataclass(frozen=True)
class Checkpoint:
    name: str = "one"
    subject: str = NAME
    sha256: str = "ab"
    config: object = field(default_factory=Config)
    notes: tuple = ()

def load(path):
    {load}

def model(checkpoint, device):
    {model}
"""


def own(folder, *, load="return Checkpoint()", model="return None"):
    (folder / "subject.py").write_text(OWN.format(load=load, model=model))
    return subject_of(folder)


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        (
            "raise RuntimeError('no such format')",
            r"subject.py: load failed \(RuntimeError: no such format\); mend it, or let it raise",
        ),
        ("raise SystemExit(1)", r"subject.py: load: the code of a claim ended the process \(sys.exit\(1\)\)"),
        ("raise ValueError('x: is no number')", "^x: is no number$"),
        (
            "return None",
            "subject.py: load returned a NoneType without config, name, notes, sha256, subject, but a Checkpoint is",
        ),
        ("return Config()", "subject.py: load returned a Config without config, name, notes"),
        (
            "return replace(Checkpoint(), subject='')",
            "subject.py: load returned a checkpoint of which subject='' must be text",
        ),
        (
            "return replace(Checkpoint(), name=None)",
            "of which name=None must be text that is not empty; see docs/your-own-model.md",
        ),
        ("return replace(Checkpoint(), config={'size': 1})", r"of which config=\{'size': 1\} cannot be kept on record"),
        (
            "return replace(Checkpoint(), config=Config(float('nan')))",
            r"config=Config\(size=nan\) cannot be kept on record",
        ),
        ("return replace(Checkpoint(), config=Config([1, float('inf')]))", "must have plain values and finite numbers"),
        ("return replace(Checkpoint(), config=Config(print))", "must have plain values and finite numbers"),
        ("return SimpleNamespace(**vars(Checkpoint()))", "a checkpoint and its config must be dataclasses"),
    ],
)
def test_what_goes_wrong_in_load_is_one_sentence(tmp_path, load, sentence):
    with pytest.raises(ValueError, match=sentence):
        own(tmp_path, load=load).load("x")


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            "return None",
            "subject.py: model returned a NoneType without config, device, drawing, prepare, snippet, unmet",
        ),
        ("1 / 0", r"subject.py: model failed \(ZeroDivisionError: division by zero\)"),
    ],
)
def test_what_goes_wrong_in_model_is_one_sentence(tmp_path, model, sentence):
    subject = own(tmp_path, model=model)
    assert subject.load("x").name == "one"
    with pytest.raises(ValueError, match=sentence):
        subject.model(subject.load("x"), "cpu")


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_a_model_that_cannot_be_built_is_status_2_and_leaves_nothing(tmp_path, workers):
    """In a process of its own: pytest tells it while it collects what the claims are called with."""
    (tmp_path / "claims").mkdir()
    own(tmp_path / "claims", model="raise RuntimeError('no such layer')")
    claims(tmp_path / "claims", {"id": "a.one"}, {"id": "a.two"})
    status, out, err = recint("verify", "x", "--hypotheses", "claims", "--verdicts", "v.json", *workers, cwd=tmp_path)
    assert status == 2, out
    assert "subject.py: model failed (RuntimeError: no such layer); mend it, or let it raise ValueError" in out + err
    assert "Traceback" not in out + err
    assert not (tmp_path / "v.json").exists()


@pytest.mark.parametrize(
    "command", [["verify", "x", "--no-log"], ["sweep", "x", "--no-log"], ["claims"], ["expect", "x"]]
)
def test_every_command_tells_what_is_wrong_with_a_subject(tmp_path, capsys, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    claims(tmp_path / "claims", {"id": "a.one"})
    (tmp_path / "claims" / "subject.py").write_text("NAME = 'x'\nload = model = None\n")
    before = sorted(tmp_path.rglob("*"))
    refused(
        capsys,
        "subject.py: load=None must be a function; see docs/your-own-model.md",
        *command,
        "--hypotheses",
        "claims",
    )
    assert [path for path in sorted(tmp_path.rglob("*")) if "__pycache__" not in path.parts] == before


def test_a_claim_of_another_class_is_refused_in_one_sentence(tmp_path, capsys, tiny):
    folder = claims(tmp_path / "claims", {"id": "a.one"})
    module = folder / "module.py"
    module.write_text(
        module.read_text()
        .replace("from recint.claim import", "from recint.domain import Domain\nfrom recint.judging.claim import")
        .replace('source="s"', 'source="s", domain=Domain()')
    )
    said = "a.one: is no claim about recurrences; make it with Claim of recint.claim, or say in subject.py what it is about"
    refused(capsys, said, "verify", tiny, "--hypotheses", folder, "--no-log")
    refused(capsys, said, "sweep", tiny, "--hypotheses", folder, "--no-log", "--out", tmp_path / "out")


def test_only_claims_about_recurrences_have_a_reference_checkpoint():
    assert checkpoint_of(None, SHIPPED) == str(REFERENCE_CHECKPOINT)
    assert checkpoint_of("mine", INDUCTION) == "mine"
    with pytest.raises(
        ValueError, match="no checkpoint is named, but one of token sequences with a repeated block is needed"
    ):
        checkpoint_of(None, INDUCTION)


@pytest.mark.parametrize("named", [[INDUCTION], [INDUCTION / "copying.py"], [f"{INDUCTION / 'copying.py'}::test_x"]])
def test_pytest_knows_the_folder_from_its_arguments(named):
    assert folder_of(None, list(map(str, named))) == INDUCTION


def test_any_other_argument_means_recurrences():
    assert folder_of(None, ["tests", "hypotheses"]) == folder_of(str(SHIPPED), [str(INDUCTION)]) == SHIPPED


def test_one_run_has_one_subject():
    require_one_subject({SHIPPED})
    with pytest.raises(ValueError, match="claims about recurrences and about token sequences"):
        require_one_subject({SHIPPED, INDUCTION})
