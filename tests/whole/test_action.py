"""The GitHub Action: its files follow GitHub's schemas, and what it runs in a shell is run here as a runner would."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
import torch
import yaml

from recint.calibration.mutants import MUTANTS, mutate
from recint.checkpoint import load, save
from recint.cli.main import parser
from recint.model.untrained import untrained
from recint.options import OPTIONS
from recint.record import attestation

from ..conftest import TINY

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = ACTION["runs"]["steps"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DOCUMENT = (ROOT / "docs" / "ci.md").read_text()
DOCUMENTED = [block for block in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL) if block.startswith("name:")]
EXAMPLES = [
    *((path.name, path.read_text()) for path in WORKFLOWS),
    *((f"docs/ci.md {number}", text) for number, text in enumerate(DOCUMENTED, start=1)),
]
EXPRESSION = re.compile(r"\$\{\{ *inputs\.([\w-]+) *\}\}")


def jobs(text):
    return yaml.safe_load(text)["jobs"].values()


def steps(text):
    return [step for job in jobs(text) for step in job.get("steps", ())]


class TestFiles:
    def validated(self, schema, path):
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout

    def test_the_action_has_the_schema(self):
        self.validated("github-actions", ROOT / "action.yml")

    @pytest.mark.parametrize("text", [text for _, text in EXAMPLES], ids=[name for name, _ in EXAMPLES])
    def test_a_workflow_has_the_schema(self, text, tmp_path):
        (tmp_path / "workflow.yml").write_text(text)
        self.validated("github-workflows", tmp_path / "workflow.yml")

    @pytest.mark.parametrize("text", [text for _, text in EXAMPLES], ids=[name for name, _ in EXAMPLES])
    def test_a_workflow_gives_inputs_that_there_are(self, text):
        called = yaml.safe_load((ROOT / ".github" / "workflows" / "verify-checkpoint.yml").read_text())[True]  # "on"
        for user in [*jobs(text), *steps(text)]:
            if re.search(r"verify-checkpoint\.yml", user.get("uses", "")):
                assert user["with"].keys() <= called["workflow_call"]["inputs"].keys()
            elif re.match(r"\./|OWNER/recint@", user.get("uses", "")):
                assert user["with"].keys() <= ACTION["inputs"].keys()
                assert "checkpoint" in user["with"]

    def test_every_input_is_used_and_none_is_pasted_into_a_script(self):
        assert set(EXPRESSION.findall(json.dumps(STEPS))) == ACTION["inputs"].keys()
        for step in [*STEPS, *(step for _, text in EXAMPLES for step in steps(text))]:
            assert "${{" not in step.get("run", "")

    def test_an_input_is_an_option_of_the_command_and_says_the_same(self):
        options = {option.name: option for option in OPTIONS}
        assert ACTION["inputs"].keys() - options.keys() == {"python-version", "artifact", "attest"}
        script = next(step["run"] for step in STEPS if step.get("id") == "verify")
        for name in ACTION["inputs"].keys() & options.keys():
            given, option = ACTION["inputs"][name], options[name]
            assert given["description"].casefold().startswith(f"{option.help.casefold()}"), name
            assert name == "checkpoint" or f"--{name}" in script
            # Without the input, the command is called without the option.
            assert given.get("default", "") == ("ci" if name == "profile" else ""), name
            assert not given.get("default") or given["default"] in option.choices

    def test_the_workflow_has_the_inputs_of_the_action_in_the_same_words(self):
        """But for those that need permissions of the caller, or speak of the machine."""
        workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "verify-checkpoint.yml").read_text())
        called, by_hand = (workflow[True][event]["inputs"] for event in ("workflow_call", "workflow_dispatch"))
        assert called.keys() == ACTION["inputs"].keys() - {"log", "attest", "python-version", "artifact"}
        for name, given in [*called.items(), *by_hand.items()]:
            assert given["description"] == ACTION["inputs"][name]["description"]
        (used,) = (step["with"] for step in workflow["jobs"]["verify"]["steps"] if step.get("uses") == "./.recint")
        assert used.keys() == called.keys()

    @pytest.mark.parametrize("name", ACTION["inputs"])
    def test_every_input_is_documented(self, name):
        assert re.search(rf"`{name}[`:]|^ +{name}: ", DOCUMENT, re.MULTILINE)

    def test_the_documented_commands_are_commands(self):
        commands = re.findall(r"^    recint (.+)$", DOCUMENT, re.MULTILINE)
        assert commands
        for command in commands:
            parser().parse_args(command.partition("  #")[0].split())


@dataclass(frozen=True)
class Done:
    """What a step left behind."""

    status: int
    out: str
    outputs: dict[str, str]
    summary: str


@pytest.fixture
def runner(tmp_path):
    """Run a step of the action in a workspace, with inputs, as GitHub's documentation says that a runner does."""

    def run(name, workspace, **inputs):
        step = next(step for step in STEPS if step.get("id") == name)
        given = {key: str(value["default"]) for key, value in ACTION["inputs"].items() if "default" in value} | inputs
        files = {key: tmp_path / key for key in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.write_text("")
        environment = {
            **os.environ,
            **{key: EXPRESSION.sub(lambda found: given[found[1]], value) for key, value in step.get("env", {}).items()},
            **{key: str(path) for key, path in files.items()},
            "GITHUB_ACTION_PATH": str(ROOT),
            "RUNNER_TEMP": str(tmp_path),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        (tmp_path / "script.sh").write_text(step["run"])
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(tmp_path / "script.sh")]
        done = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True)
        outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
        return Done(done.returncode, done.stdout + done.stderr, outputs, files["GITHUB_STEP_SUMMARY"].read_text())

    return run


CHEAP = {"claims": "l0.*-token model.predicts-next-term", "draws": "100"}
HOSTILE = "models/my $(touch run) `touch run` model"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A user's repository: a model, an identical and a mutated copy, a file whose name a glob of claims would match, and a
    package with a name that recint has one of, too."""
    folder = tmp_path_factory.mktemp("workspace")
    model = untrained(TINY, seed=0)
    save(model, folder / "models" / "mine")
    save(model, folder / f"{HOSTILE}.safetensors")
    changed = {"blocks.0.attn.W_Q": 10_000, "unembed.W_U": 100}
    tensors = dict(model.tensors) | {name: factor * model.tensors[name] for name, factor in changed.items()}
    save(replace(model, tensors=tensors), folder / "models" / "mutant.pth")
    (folder / "l0.decoy-token").touch()
    (folder / "fixtures").mkdir()
    (folder / "fixtures" / "__init__.py").write_text("raise RuntimeError('not ours')\n")
    return folder


@pytest.fixture
def baseline(workspace, runner):
    """The verdict file of the model, in the user's repository."""
    path = workspace / "verdicts" / "mine.json"
    if not path.exists():
        done = runner("verify", workspace, checkpoint="models/mine", **CHEAP)
        assert done.status == 1, done.out  # an untrained model: what is claimed of it is refuted
        path.parent.mkdir()
        for name in ("verdicts", "values"):
            given = Path(done.outputs[name])
            given.rename(path.with_suffix(given.suffix))  # "mine.json" and "mine.values"
    return "verdicts/mine.json"


def test_an_identical_copy_of_another_format_and_any_name_does_not_drift(runner, workspace):
    done = runner("verify", workspace, checkpoint=f"{HOSTILE}.safetensors", against="models/mine", **CHEAP)
    assert done.status == 0, done.out
    assert done.outputs["status"] == "0"
    assert "none drifted from mine." in done.summary
    assert "not compared" not in done.summary  # the baseline was asked the same
    for name in ("report", "verdicts", "junit"):
        assert Path(done.outputs[name]).stat().st_size > 0
    assert not (workspace / "run").exists()


def test_a_mutated_copy_drifts_but_for_what_may(runner, workspace, baseline):
    may = "l0.*-token l2.*"
    done = runner(
        "verify", workspace, checkpoint="models/mutant.pth", against=baseline, tolerance="0.001", allow=may, **CHEAP
    )
    assert done.status == 1, done.out
    assert done.outputs["status"] == "1"
    assert "; 1 drifted from mine (1 more may)." in done.summary
    assert "- **model.predicts-next-term: moved, refuted as in mine" in done.summary
    assert "- allowed: l0.previous-token: moved, refuted as in mine" in done.summary
    assert "on the same 100 draws" in done.summary


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A user's repository: the reference checkpoint, a copy in another format, and one with noise in its weights."""
    folder = tmp_path_factory.mktemp("trained")
    reference = load(ROOT / "fixtures" / "checkpoints" / "affine3-seed0")
    save(reference, folder / "reference")
    save(reference, folder / "copy.pth")
    rng = torch.Generator().manual_seed(0)
    noisy = {name: w * (1 + 0.01 * torch.randn(w.shape, generator=rng)) for name, w in reference.tensors.items()}
    save(replace(reference, tensors=noisy), folder / "noisy.safetensors")
    return folder


class TestATrainedModel:
    """The gate of the action on a trained model."""

    ASKED: ClassVar = {
        "claims": "l0.previous-token@2 l0.ov-line l2.checkerboard@2 model.predicts-next-term@2",
        "draws": "200",
    }

    @pytest.fixture
    def verdicts(self, repository, runner):
        if not (repository / "baseline.json").exists():
            done = runner("verify", repository, checkpoint="reference", **self.ASKED)
            for name in ("verdicts", "values"):
                given = Path(done.outputs[name])
                given.rename(repository / f"baseline{given.suffix}")
        return "baseline.json"

    @pytest.mark.parametrize("threads", ["1", "2"])
    def test_a_copy_in_another_format_does_not_drift(self, repository, verdicts, runner, monkeypatch, threads):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        done = runner("verify", repository, checkpoint="copy.pth", against=verdicts, strict="true", **self.ASKED)
        assert done.status == 0, done.out
        assert "none drifted from reference." in done.summary

    def test_noise_of_a_hundredth_in_the_weights_drifts_by_name(self, repository, verdicts, runner):
        done = runner("verify", repository, checkpoint="noisy.safetensors", against=verdicts, **self.ASKED)
        assert done.status == 1, done.out
        assert "- **model.predicts-next-term@2: " in done.summary
        assert "on the same 200 draws" in done.summary


def test_what_is_to_be_signed_is_written_only_if_there_are_verdicts(runner, workspace, baseline):
    asked = {"checkpoint": "models/mutant.pth", "attest": "true"} | CHEAP
    done = runner("verify", workspace, against=baseline, tolerance="0.001", **asked)
    assert done.status == 1, done.out
    assert json.loads(Path(done.outputs["predicate"]).read_text())["result"] == "FAILED"
    assert "predicate" not in runner("verify", workspace, **asked | {"claims": "no.such"}).outputs
    (sign,) = (step for step in STEPS if step.get("uses", "").startswith("actions/attest@"))
    assert "steps.verify.outputs.predicate" in sign["if"]
    assert sign["with"]["predicate-type"] == attestation.TYPE


@pytest.mark.parametrize(
    ("checkpoint", "said"),
    [("", "::error::recint: checkpoint is empty"), ("--gone", "recint: --gone: no such file")],
)
def test_no_checkpoint_is_status_2_and_one_sentence(runner, workspace, checkpoint, said):
    done = runner("verify", workspace, checkpoint=checkpoint)
    assert done.status == 2
    assert said in done.out
    assert "Traceback" not in done.out
    assert done.summary == ""


def test_the_cache_is_named_by_what_is_installed(runner, workspace):
    assert re.fullmatch("[0-9a-f]{40}", runner("source", workspace).outputs["hash"])


@pytest.mark.slow
def test_the_reference_checkpoint_in_full(runner, tmp_path):
    reference = load(ROOT / "fixtures" / "checkpoints" / "affine3-seed0")
    save(reference, tmp_path / "reference")
    save(reference, tmp_path / "identical.pth")
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "l2-ov-negated")
    save(mutate(reference, mutant), tmp_path / "mutant.safetensors")
    done = runner("verify", tmp_path, checkpoint="reference")
    assert done.status == 0, done.out  # as on record
    against = done.outputs["verdicts"]
    done = runner("verify", tmp_path, checkpoint="mutant.safetensors", against=against)
    assert done.status == 1, done.out
    assert "- **l2.ov-negative-copying: supported in reference, now refuted" in done.summary
    for claim in mutant.killed_by:
        assert f"- **{claim}: " in done.summary
    done = runner("verify", tmp_path, checkpoint="identical.pth", against=against)
    assert done.status == 0, done.out
    assert "none drifted from reference." in done.summary
