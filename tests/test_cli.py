"""The command line as a stranger meets it: a run from checkpoint to report, and every bad input as one sentence."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

from recint import cli
from recint.catalogue import find, properties
from recint.checkpoint import ModelConfig, load, save
from recint.cli.main import COMMANDS, parser
from recint.model.untrained import untrained
from recint.pages import board
from recint.record import log
from recint.verdict import SYMBOLS, words

from .browser import dom, needs_chromium
from .conftest import AFFINE_A, files_of_at_most
from .on_record import ON_RECORD

ROOT = Path(__file__).parents[1]
# Cheap to run: one layer of weights that see recurrences in R^40, so that claims about layers 1 and 2 do not apply.
TINY = ModelConfig(n_layers=1, n_heads=2, d_model=16, d_head=8, d_mlp=16, n_ctx=13, d_vocab=40)
CLAIMS = len(properties())


def answer(run):
    """The answer of a verdict file about tiny, up to what was expected."""
    counts = Counter(claim["verdict"] for claim in run["claims"])
    others = [
        f"{counts[verdict]} {words(verdict)}" for verdict in SYMBOLS if verdict != "supported" and counts[verdict]
    ]
    return ", ".join([f"{counts['supported']} of {CLAIMS} claims about tiny are supported", *others])


def recint(*arguments, cwd=ROOT):
    """Run the command in a process of its own; (status, standard output, standard error)."""
    quiet = ["--no-log"] if arguments[:1] == ("verify",) and "--log" not in arguments else []
    command = [sys.executable, "-m", "recint.cli", *map(str, arguments), *quiet]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=1800)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save(untrained(TINY, seed=0), tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture(scope="module")
def verified(tiny, tmp_path_factory):
    """Status, output, verdicts and report of a run on an untrained model."""
    folder = tmp_path_factory.mktemp("verified")
    report, verdicts = folder / "report.html", folder / "verdicts.json"
    status, out, _ = recint("verify", tiny, "--draws", 200, "--report", report, "--verdicts", verdicts)
    return status, out, json.loads(verdicts.read_text()), report


def test_a_refuted_claim_is_a_line_of_the_table_and_status_1(verified):
    status, out, run, _ = verified
    assert status == 1
    found = {claim["id"]: claim["verdict"] for claim in run["claims"]}
    assert len(found) == CLAIMS
    # About layer 0 and the predictions; the attribution of the only layer's heads is all there is, but may be none at all.
    counts = Counter(found[claim] for claim in ON_RECORD)
    assert counts == {"refuted": 13, "inconclusive": 1, "not_applicable": len(ON_RECORD) - 14}
    assert found["model.predicts-next-term"] == found["model.predicts-every-recurrence"] == "refuted"
    assert found["l0.previous-token"] == found["l0.ov-line"] == "refuted"
    assert found["l2.ov-negative-copying"] == found["composition.no-v"] == "not_applicable"
    assert "✗ refuted              model.predicts-next-term" in out
    assert f"{answer(run)}; no verdicts are on record." in out
    assert out.startswith(f"{CLAIMS} claims: measured together first, on 200 recurrences; then judged one by one\n")
    assert "Traceback" not in out


def test_the_verdict_file_has_the_schema(verified):
    _, _, run, _ = verified
    assert run["schema"] == 1
    assert set(run) == {
        "schema", "checkpoint", "environment", "seed", "draws", "stages", "profile", "started", "seconds", "claims",
    }  # fmt: skip
    assert set(run["checkpoint"]) == {"name", "sha256", "config"}
    needed = {
        "id", "version", "hash", "verdict", "expected", "standing", "statistic", "value", "relation", "threshold", "quantifier",
        "estimate", "search", "contrast", "controls", "per_head", "seconds", "message",
    }  # fmt: skip
    for claim in run["claims"]:
        assert needed <= set(claim)
    by_id = {claim["id"]: claim for claim in run["claims"]}
    assert len(by_id["l0.previous-token"]["per_head"]) == 2
    assert by_id["l0.previous-token"]["estimate"]["n"] == 200


def test_a_counterexample_is_code_that_reproduces_its_value(verified):
    _, _, run, _ = verified
    for claim in run["claims"]:
        if claim["search"] and claim["search"]["counterexample"]:
            found = claim["search"]["counterexample"]
            done = subprocess.run([sys.executable, "-c", found["code"]], cwd=ROOT, capture_output=True, text=True)
            assert float(done.stdout) == pytest.approx(found["value"], abs=1e-6), claim["id"]


def test_two_workers_and_junit_agree_with_one(tiny, verified, tmp_path):
    command = [
        "pytest",
        "hypotheses",
        "-q",
        "-n",
        "2",
        "--recint-no-log",
        "--recint-draws=200",
        f"--recint-checkpoint={tiny}",
    ]
    command += [f"--recint-verdicts={tmp_path / 'v.json'}", f"--junit-xml={tmp_path / 'j.xml'}"]
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout
    found = json.loads((tmp_path / "v.json").read_text())

    def timeless(run):
        claims = [{key: value for key, value in claim.items() if key != "seconds"} for claim in run["claims"]]
        return {key: value for key, value in run.items() if key not in ("started", "seconds")} | {"claims": claims}

    for ours, theirs in zip(timeless(found)["claims"], timeless(verified[2])["claims"], strict=True):
        assert ours == theirs
    assert timeless(found) == timeless(verified[2])
    cases = ElementTree.parse(tmp_path / "j.xml").getroot().iter("testcase")
    assert len(list(cases)) == CLAIMS


def test_a_run_that_ends_early_gives_no_verdicts(tiny, tmp_path):
    """Verdicts are settled over all claims of a run; over those that happen to be done they would be too lenient."""
    command = [
        "pytest",
        "hypotheses",
        "-q",
        "-x",
        "--recint-no-log",
        "--recint-draws=200",
        f"--recint-checkpoint={tiny}",
    ]
    command += ["--recint-no-controls", f"--recint-verdicts={tmp_path / 'v.json'}"]
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"of {CLAIMS} claims were judged before the run ended" in done.stdout
    assert not (tmp_path / "v.json").exists()


def test_expected_verdicts_decide_the_status(tiny, verified, tmp_path):
    _, _, run, _ = verified
    chosen = {claim["id"]: claim["verdict"] for claim in run["claims"] if claim["id"].startswith("l0.")}

    def status(expected, *more):
        lines = [f'"{name}" = {{ verdict = "{verdict}", reason = "tried" }}' for name, verdict in expected.items()]
        path = tmp_path / "expected.toml"
        path.write_text("\n".join([f'sha256 = "{run["checkpoint"]["sha256"]}"', "[claims]", *lines]))
        return recint("verify", tiny, "--draws", 200, "--claims", "l0.*", "--expected", path, *more)

    code, out, _ = status(chosen)
    assert (code, "all as expected" in out) == (0, True)
    code, out, _ = status(chosen | {"l0.ov-line": "supported"})
    assert (code, "l0.ov-line: expected supported, now refuted" in out) == (1, True)
    code, _, err = status(chosen | {"l0.nonsense": "supported"})
    assert (code, "l0.nonsense, which no claim matches" in err) == (2, True)


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.targets, self.ids, self.inside, self.text = [], set(), 0, ""

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids.add(found.get("id"))
        if tag == "a" and (found.get("href") or "").startswith("#claim-"):
            self.targets.append(found["href"][1:])

    def handle_data(self, data):
        self.text += data


@needs_chromium
def test_the_report_opens_in_a_browser_with_the_board_first(verified, tmp_path):
    report = verified[3]
    assert report.stat().st_size < 2_500_000
    shown = dom(f"file://{report}#claim-l0.ov-line", tmp_path)
    links = Links()
    links.feed(shown)
    partners = sum(bool(prop.claim.partner) for prop in properties())
    assert len(links.targets) == CLAIMS + partners  # at a glance, and from weights to behaviour
    assert set(links.targets) <= links.ids
    assert answer(verified[2]) in links.text
    assert "The notebook's figures, measured again" in links.text
    assert shown.count('<details class="claim ') == CLAIMS
    assert shown.count('class="results-table-row ') == CLAIMS  # pytest-html's own table, filled by its script
    assert "http://" not in shown.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )


def test_untrained_models_of_the_full_shape_are_refuted_but_for_absences_and_what_any_model_does(tmp_path):
    path = save(untrained(ModelConfig(), seed=0), tmp_path / "untrained")
    recint("verify", path, "--draws", 100, "--verdicts", tmp_path / "v.json")
    found = {claim["id"]: claim["verdict"] for claim in json.loads((tmp_path / "v.json").read_text())["claims"]}
    ratios = [prop.claim.id for prop in properties() if prop.claim.mse_ratio or prop.claim.loss_share]
    assert {name: verdict for name, verdict in found.items() if verdict != "refuted" and name in ON_RECORD} == {
        **dict.fromkeys(
            ratios, "not_applicable"
        ),  # of MSEs of a model that predicts nothing, and of what it does not gain
        "composition.no-v": "vacuous",  # absences, which untrained models have too
        "l2.ov-not-a-line": "vacuous",
        "probe.constant-term": "vacuous",  # there is enough in any stream to find d in it
        "probe.constant-term.linear": "vacuous",
        "probe.constant-term@2": "vacuous",
        "probe.constant-term.linear@2": "vacuous",
        "l0.leads-attribution": "inconclusive",  # attributions that are next to nothing, and of no sign
        "l1.small-attribution": "inconclusive",
        "l2.corrects-layer-0": "inconclusive",
        "l2.corrects-layer-0@2": "inconclusive",
    }


def test_convert_keeps_the_hash_and_overwrites_nothing(tmp_path, capsys):
    target = tmp_path / "folder"
    assert cli.main(["convert", str(AFFINE_A), str(target)]) == 0
    assert load(target).sha256 == load(AFFINE_A).sha256
    assert cli.main(["convert", str(AFFINE_A), str(target)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_verdict_files_become_a_table_in_a_document(verified, tmp_path, capsys):
    (tmp_path / "v.json").write_text(json.dumps(verified[2]))
    document = tmp_path / "README.md"
    document.write_text(f"before\n{board.BEGIN}\nFORMER\n{board.END}\nafter\n")
    for _ in range(2):
        assert cli.main(["board", str(tmp_path / "v.json"), "--into", str(document)]) == 0
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "FORMER" not in text
    assert text.count("| `l0.ov-line`<br>") == 1
    assert "✗ refuted" in text
    assert f"- {answer(verified[2])}.\n" in text
    assert cli.main(["board", str(tmp_path / "v.json"), "--claims", "l0.ov-*", "--into", str(document)]) == 0
    chosen = document.read_text()
    assert chosen.count("| `") == 1
    assert f"- {answer(verified[2])}.\n" in chosen  # which is about all claims
    document.write_text("no marks")
    capsys.readouterr()
    assert cli.main(["board", str(tmp_path / "v.json"), "--into", str(document)]) == 2
    assert "no place for the table" in capsys.readouterr().err
    assert cli.main(["board", str(tmp_path / "v.json"), "--claims", "l9.*"]) == 2
    assert "claims='l9.*' matches none of" in capsys.readouterr().err
    assert cli.main(["board", str(document)]) == 2
    assert "is not a verdict file" in capsys.readouterr().err


def test_claims_lists_and_selects(capsys):
    assert cli.main(["claims", "l2.*"]) == 0
    out = capsys.readouterr().out
    assert "l2.ov-negative-copying (version 1, weights)" in out
    assert "model." not in out
    assert cli.main(["claims", "l9.*"]) == 2
    assert "claims='l9.*' matches none of circuit.minimal," in capsys.readouterr().err


def changed(checkpoint, **config):
    return replace(checkpoint, config=replace(checkpoint.config, **config))


def refused(capsys, said, *arguments):
    assert cli.main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("recint: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err


@pytest.fixture
def outputs(tmp_path):
    paths = [tmp_path / "out" / name for name in ("report.html", "verdicts.json")]
    yield ["--report", paths[0], "--verdicts", paths[1]]
    assert not (tmp_path / "out").exists()


class TestBadInput:
    """One sentence on standard error, status 2, nothing left behind."""

    def test_a_missing_checkpoint(self, capsys, tmp_path, outputs):
        refused(capsys, "gone.pth: no such file", "verify", tmp_path / "gone.pth", *outputs)

    def test_a_truncated_checkpoint(self, capsys, tmp_path, outputs):
        (tmp_path / "cut.pth").write_bytes(AFFINE_A.read_bytes()[:100_000])
        refused(capsys, "cut.pth: not a whole state dict", "verify", tmp_path / "cut.pth", *outputs)

    def test_a_pickle_that_would_run_code(self, capsys, tmp_path, outputs):
        class Bomb:
            def __reduce__(self):
                return Path.touch, (tmp_path / "exploded",)

        torch.save({"embed.W_E": Bomb()}, tmp_path / "bomb.pth")
        refused(capsys, "could run code when loaded", "verify", tmp_path / "bomb.pth", *outputs)
        assert not (tmp_path / "exploded").exists()

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"d_vocab": 39}, "d_vocab=39, but the recurrences of the claims have dimension 40"),
            ({"n_ctx": 12}, "n_ctx=12, but sequences of length=14 need 13 positions"),
            ({"order": 7}, "order=7, but the claims' sequences have length=14"),
        ],
    )
    def test_a_model_that_recurrences_do_not_fit(self, capsys, tmp_path, outputs, change, said):
        save(untrained(replace(TINY, **change), seed=0), tmp_path / "odd")
        refused(capsys, said, "verify", tmp_path / "odd", *outputs)

    def test_broken_tensors(self, capsys, tmp_path, tiny, outputs):
        for name, tensor, said in (
            ("embed.W_E", torch.full((40, 16), torch.nan), "embed.W_E holds 640 NaN or infinite values"),
            ("ln_final.w", torch.ones(17), "ln_final.w has shape (17,)"),
            ("more", torch.ones(1), "the first of them more"),
        ):
            torch.save(dict(load(tiny).tensors) | {name: tensor}, tmp_path / "broken.pth")
            refused(capsys, said, "verify", tmp_path / "broken.pth", *outputs)
        torch.save({k: v for k, v in load(tiny).tensors.items() if k != "ln_final.w"}, tmp_path / "broken.pth")
        refused(capsys, "missing, the first of them ln_final.w", "verify", tmp_path / "broken.pth", *outputs)

    def test_unknown_claims_devices_and_counts(self, capsys, tiny, outputs):
        refused(capsys, "claims='l7.*' matches none of", "verify", tiny, "--claims", "l7.*", *outputs)
        refused(capsys, "device='tpu' must be one of auto, cpu, cuda", "verify", tiny, "--device", "tpu", *outputs)
        refused(capsys, "draws=1 must be at least 100", "verify", tiny, "--draws", 1, *outputs)

    def test_counts_that_would_take_all_memory_or_time(self, capsys, tiny, tmp_path, outputs):
        for arguments, said in (
            (["verify", tiny, "--draws", 10**12, *outputs], "draws=1000000000000 must be at most 1000000"),
            (["verify", tiny, "--workers", 10**6, *outputs], "workers=1000000 must be at most 256"),
            (["sweep", tiny, "--draws", 10**12, "--out", tmp_path / "out"], "draws=1000000000000 must be at most"),
            (["replicate", tiny, "--draws", 10**12], "draws=1000000000000 must be at most"),
            (["replicate", tiny, "--draws", 1], "draws=1 must be at least 100"),
            (["calibrate", tiny, "-n", 10**6], "workers=1000000 must be at most 256"),
            (["train", tmp_path / "out", "--n-layers", 10**8], "n_layers=100000000 must be at most 1000"),
            (["train", tmp_path / "out", "--batch", 10**12], "batch=1000000000000 must be at most 100000"),
            (["train", tmp_path / "out", "--d-mlp", 10**12], "weights is beyond the 10,000,000,000 that are trained"),
        ):
            refused(capsys, said, *arguments)

    def test_one_file_for_two_outputs_or_for_an_input(self, capsys, tiny, tmp_path, outputs):
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
            ["convert", "", "x"], ["sweep", ""], ["sweep", "x", "--out="], ["replicate", ""], ["calibrate", ""],
            ["board", ""], ["log", ""], ["expect", ""], ["register", "--log="],
        ],
    )  # fmt: skip
    def test_an_empty_path_is_not_the_working_folder(self, capsys, arguments):
        with pytest.raises(SystemExit) as left:
            cli.main(arguments)
        assert left.value.code == 2
        captured = capsys.readouterr()
        assert captured.err.startswith("recint: ")
        assert captured.err.count("\n") == 1
        assert "is empty, but a path is expected" in captured.err

    def test_a_path_after_an_option_of_several_values_is_the_path(self, capsys, tmp_path, outputs):
        gone = tmp_path / "gone.pth"
        for arguments in (
            ["verify", *outputs, "--claims", "l0.*", gone],
            ["verify", *outputs, "--claims", "l0.*", "--against", "x", "--allow", "l0.*", gone],
            ["expect", "--from", "x", "--allow", "l0.*", "l1.*", gone],
            ["calibrate", "--claims", "l0.*", gone],
        ):
            refused(capsys, f"{gone}: no such file", *arguments)
        refused(capsys, "claims='l9.typo' matches none of", "verify", *outputs, "--claims", "l0.*", "l9.typo")
        refused(
            capsys, "gone/* matches no file".replace("gone/*", f"{gone}/*'"), "sweep", "--claims", "l0.*", f"{gone}/*"
        )
        refused(capsys, "no checkpoint is named", "sweep", "--claims", "l0.*")
        refused(capsys, "no folder is named", "train", "--snapshots", 10, 20)
        refused(capsys, "snapshots=['ten'] must be whole numbers", "train", tmp_path / "x", "--snapshots", "ten")

    def test_a_folder_of_training_is_no_file_and_holds_nothing_yet(self, capsys, tiny, tmp_path):
        kept = save(load(tiny), tmp_path / "keep.pth")
        before = kept.read_bytes()
        refused(capsys, "keep.pth: is a file, but a folder is to be written", "train", kept)
        refused(capsys, "new.pth: is the name of a file", "train", tmp_path / "new.pth")
        assert kept.read_bytes() == before
        (mine := tmp_path / "mine").mkdir()
        (mine / "README.md").write_text("two years of notes")
        refused(capsys, "mine: holds README.md, which training would replace", "train", mine)

    def test_what_another_format_cannot_say(self, capsys, tmp_path):
        source = save(untrained(replace(TINY, order=2, act_fn="relu"), seed=0), tmp_path / "source")
        refused(capsys, "cannot say act_fn='relu', order=2", "convert", source, tmp_path / "o2.pth")
        assert not (tmp_path / "o2.pth").exists()

    @pytest.mark.parametrize("name", ["x.safetensor", "x.bin", "model.0.1", "x.pth/"])
    def test_a_format_that_is_none(self, capsys, tiny, tmp_path, name):
        refused(capsys, "but a file ends in .pth, .pt, .safetensors", "convert", tiny, f"{tmp_path}/{name}")
        assert not list(tmp_path.iterdir())

    def test_a_place_where_nothing_can_be_written(self, capsys, tiny, tmp_path):
        for name in ("x.pth", "x.safetensors", "x"):
            refused(capsys, "No such file or directory", "convert", tiny, f"/proc/none/{name}")
            with files_of_at_most(1000):
                refused(capsys, f"{name}", "convert", tiny, tmp_path / name)
        assert not list(tmp_path.iterdir())

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
    def test_cuda_where_there_is_none(self, capsys, tiny, outputs):
        refused(capsys, "no CUDA device is available", "verify", tiny, "--device", "cuda", *outputs)

    def test_recipes_that_make_no_sense(self, capsys, tmp_path):
        for arguments, said in (
            (["--c", "1", "-1"], "c=(1.0, -1.0) is empty"),
            (["--order", "14"], "order=14 must be below length=14"),
            (["--length", "40"], "length=40 needs 39 positions, but n_ctx=32"),
            (["--steps", "0"], "steps=0 must be at least 1"),
        ):
            refused(capsys, said, "train", tmp_path / "new", *arguments)
            assert not (tmp_path / "new").exists()

    def test_a_call_with_unknown_options_is_status_2(self, capsys):
        with pytest.raises(SystemExit) as left:
            cli.main(["verify", "--nonsense"])
        assert left.value.code == 2

    def test_pytest_itself_refuses_too(self, tmp_path):
        command = [sys.executable, "-m", "pytest", "hypotheses", f"--recint-checkpoint={tmp_path / 'gone.pth'}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2
        assert "gone.pth: no such file" in done.stdout + done.stderr


class TestTheLastResort:
    """Whatever goes wrong is one sentence and status 2: status 1 says that a claim was refuted, or drifted."""

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (KeyError("ci"), "this should not have happened, please report it: KeyError: 'ci' (test_cli.py, line "),
            (RecursionError("too deep"), "RecursionError: too deep"),
            (RuntimeError("two\nlines"), "RuntimeError: two lines"),
            (ValueError("two\nlines"), "recint: two lines\n"),
            (MemoryError(), "not enough memory"),
            (SystemExit(1), "the code of a claim ended the process (sys.exit(1))"),
            (OSError(28, "No space left on device"), "standard output: No space left on device"),
            (OSError(28, "No space left on device", b"x.json"), "x.json: No space left on device"),
            (AssertionError(), "AssertionError"),
        ],
    )
    def test_every_error_is_a_sentence(self, monkeypatch, capsys, error, said):
        def fail(path):
            raise error

        monkeypatch.setattr(board, "read", fail)
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
        command = [sys.executable, "-m", "recint.cli", "replicate", str(tiny), "--draws", "100000"]
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


class TestPaths:
    def test_every_option_that_takes_a_path_knows_the_home_folder(self, monkeypatch):
        monkeypatch.setenv("HOME", "/home/of/somebody")
        (commands,) = [action.choices for action in parser()._actions if isinstance(action.choices, dict)]
        paths = ("FILE", "DIR", "FOLDER", "CHECKPOINT", "TARGET", "BASELINE")
        for name, command in commands.items():
            for action in command._actions:
                if str(action.metavar or action.dest.upper()).startswith(paths):
                    assert action.type("~/x") == "/home/of/somebody/x", (name, action.dest)

    def test_an_output_in_the_home_folder_is_there(self, monkeypatch, tmp_path, tiny):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        assert cli.main(["convert", str(tiny), "~/a.pt"]) == 0
        assert cli.main(["convert", "~/a.pt", "~/b.1/"]) == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pt", "b.1"]
        assert load(tmp_path / "a.pt").sha256 == load(tmp_path / "b.1").sha256 == load(tiny).sha256

    def test_what_was_done_to_read_a_checkpoint_is_told(self, capsys, tmp_path, tiny):
        torch.save({"model": dict(load(tiny).tensors), "epoch": 1}, tmp_path / "nested.pth")
        assert cli.main(["convert", str(tmp_path / "nested.pth"), str(tmp_path / "a")]) == 0
        assert "recint: " in (told := capsys.readouterr().err)
        assert "the one under 'model' is read" in told

    def test_paths_after_claims_are_judged(self, monkeypatch, tiny, tmp_path):
        seen = []
        monkeypatch.setattr("recint.verify.verify", lambda options: seen.append(options) or 0)
        monkeypatch.chdir(tmp_path)
        (tmp_path / "composition.no-v").mkdir()
        save(load(tiny), tmp_path / "tiny.pth")
        assert cli.main(["verify", "--claims", "l0.*", "l1.*", "tiny.pth"]) == 0
        assert cli.main(["verify", "tiny.pth", "--claims", "l0.*", "composition.no-v"]) == 0
        assert cli.main(["verify", "--claims", "l0.*", "composition.no-v"]) == 0
        assert [(options.checkpoint, options.claims) for options in seen] == [
            ("tiny.pth", ["l0.*", "l1.*"]),
            ("tiny.pth", ["l0.*", "composition.no-v"]),
            (None, ["l0.*", "composition.no-v"]),
        ]


def test_train_from_the_command_line(tmp_path):
    sizes = "--n-layers 1 --n-heads 2 --d-model 16 --d-head 8 --d-mlp 16 --n-ctx 16 --d-vocab 5"
    options = f"{sizes} --steps 20 --batch 4 --warmup 5 --log-every 5 --validate-every 10 --validation 8 --snapshots 10"
    folder = tmp_path / "trained"
    status, out, _ = recint("train", folder, *options.split())
    assert status == 0, out
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "config.json", "history.json", "loss.svg", "model.safetensors", "snapshots",
    ]  # fmt: skip
    assert recint("train", folder, *options.split())[0] == 2
    assert recint("train", *options.split(), folder.with_name("again"))[0] == 0  # the folder after --snapshots
    assert load(folder.with_name("again")).sha256 == load(folder).sha256


class TestTheRecord:
    """What a run leaves behind, and what a later one is held against."""

    CLAIMS = ("--draws", 100, "--no-controls", "--claims", "l0.previous-token", "l0.ov-line", "l1.necessary")

    def test_every_run_is_logged_and_a_second_finds_nothing_new(self, tiny, tmp_path):
        kept = tmp_path / "log"
        for _ in range(2):
            status, out, _ = recint("verify", tiny, *self.CLAIMS, "--profile", "default", "--log", kept)
            assert status == 1
            assert f"log: {kept / 'tiny.jsonl'}" in out
        found = log.read(kept)
        assert not found.damaged
        assert [line["claim"] for line in found.registered] == [
            "l0.previous-token",
            "l0.ov-line",
            "l1.necessary",
            "procedure@6",
        ]
        first, second = found.runs
        assert first["checkpoint"]["sha256"] == second["checkpoint"]["sha256"] == load(tiny).sha256
        assert (first["seed"], first["draws"], first["profile"]) == (0, 100, "default")
        told = [(entry.id, entry.verdict, entry.standing) for entry in found.verdicts_of(first["run"])]
        assert told == [
            ("l0.previous-token", "refuted", "exploratory"),
            ("l0.ov-line", "refuted", "exploratory"),
            ("l1.necessary", "not_applicable", "exploratory"),
        ]
        assert len(found.verdicts_of(second["run"])) == 3

    def test_two_processes_log_as_one(self, tiny, tmp_path):
        recint("verify", tiny, *self.CLAIMS, "--log", tmp_path / "one")
        recint("verify", tiny, *self.CLAIMS, "--log", tmp_path / "two", "-n", 2)
        one, two = log.read(tmp_path / "one"), log.read(tmp_path / "two")
        times = {"run": "", "when": "", "seconds": 0}
        assert [line | times for line in one.verdicts] == [line | times for line in two.verdicts]
        assert [line["hash"] for line in one.registered] == [line["hash"] for line in two.registered]
        assert len(two.runs) == 1

    def test_a_run_that_is_stopped_is_on_record_without_verdicts(self, tiny, tmp_path):
        command = [sys.executable, "-m", "recint.cli", "verify", str(tiny), "--draws", "100", "--no-controls"]
        with subprocess.Popen(
            [*command, "--log", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as running:
            for line in running.stdout:
                if "l0.previous-token" in line:
                    running.kill()
                    break
        found = log.read(tmp_path)
        assert len(found.runs) == 1
        assert found.verdicts == found.damaged == ()

    def test_bad_input_leaves_no_line(self, tmp_path):
        assert recint("verify", tmp_path / "gone.pth", "--log", tmp_path / "log")[0] == 2
        assert not (tmp_path / "log").exists()

    def test_a_claim_that_moved_fails_the_run_and_pytest_alone_too(self, tiny, tmp_path):
        log.register(tmp_path, [log.registration(find("l0.previous-token").claim)], when="2026-01-01")
        path = tmp_path / log.CLAIMS
        moved = path.read_text().replace('"threshold": 0.5', '"threshold": 0.6').replace('"hash": "', '"hash": "f')
        path.write_text(moved)
        status, _, err = recint("verify", tiny, "--log", tmp_path)
        assert status == 2
        assert err.startswith("recint: l0.previous-token: threshold moved from 0.6 to 0.5, since it was registered")
        command = ["pytest", "hypotheses/layer_0.py", f"--recint-checkpoint={tiny}", f"--recint-log={tmp_path}"]
        done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2
        assert "l0.previous-token: threshold moved from 0.6 to 0.5" in done.stdout + done.stderr
        assert path.read_text() == moved
        assert not (tmp_path / "tiny.jsonl").exists()

    def test_a_copy_in_another_format_has_not_drifted_and_another_model_has(self, tiny, tmp_path):
        copy = save(load(tiny), tmp_path / "copy.pth")
        other = save(untrained(replace(TINY, n_heads=4), seed=1, init_range=0.5), tmp_path / "other")
        kept = ("--log", tmp_path / "log")
        many = ("--draws", 1000, *self.CLAIMS[2:])  # so that cautious intervals of two models come apart
        status, out, _ = recint("verify", copy, *many, *kept, "--against", tiny)  # which is judged first
        assert (status, "none drifted from tiny" in out) == (0, True), out
        files = {name: tmp_path / f"drift.{name}" for name in ("html", "json", "xml", "md")}
        outputs = ("--report", files["html"], "--verdicts", files["json"], "--junit", files["xml"])
        status, out, _ = recint("verify", other, *many, *kept, "--against", "tiny", *outputs, "--summary", files["md"])
        assert status == 1
        drifted = [found["claim"] for found in json.loads(files["json"].read_text())["drift"]]
        assert drifted
        assert "l1.necessary" not in drifted
        for name in ("html", "xml", "md"):
            assert all(claim.partition(".")[2] in files[name].read_text() for claim in drifted)
        assert int(ElementTree.parse(files["xml"]).getroot().get("failures")) == len(drifted)
        status, out, _ = recint("verify", other, *many, *kept, "--against", "tiny", "--allow", "l0.*")
        assert (status, out.count("allowed: ")) == (0, len(drifted)), out

    def test_expected_verdicts_are_written_from_a_run_and_hold_for_the_next(self, tiny, tmp_path):
        target, judged = tmp_path / "tiny.toml", tmp_path / "v.json"
        recint("verify", tiny, *self.CLAIMS, "--verdicts", judged)
        assert cli.main(["expect", str(tiny), "--from", str(judged), "--into", str(target)]) == 0
        status, out, _ = recint("verify", tiny, *self.CLAIMS, "--expected", target)
        assert (status, "all as expected" in out) == (0, True), out
        target.write_text(target.read_text().replace('"refuted"', '"supported"', 1))
        status, out, _ = recint("verify", tiny, *self.CLAIMS, "--expected", target)
        assert (status, "l0.previous-token: expected supported, now refuted" in out) == (1, True), out

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--against", "nothing"), "against='nothing' is neither a verdict file nor a checkpoint of the log"),
            (("--allow", "l0.*"), "names claims that may drift, but no baseline is given"),
            (("--hypotheses", "nowhere"), "nowhere: no such folder, but one with modules of claims is asked for"),
            (("--hypotheses", "docs"), "docs: holds no claims, but modules that declare some are expected in it"),
            (("--log", "README.md"), "README.md: cannot be written; name another folder with --log, or give --no-log"),
        ],
    )  # fmt: skip
    def test_a_bad_call_is_one_sentence(self, tiny, arguments, said):
        status, _, err = recint("verify", tiny, *arguments)
        assert status == 2
        assert said in err
        assert err.startswith("recint: ")
        assert err.count("\n") == 1
