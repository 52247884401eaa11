"""`recint verify` as a stranger meets it: a run from checkpoint to report, and every bad input as one sentence."""

import json
import subprocess
import sys
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
from recint.judging.seed import seed_of
from recint.model.untrained import untrained
from recint.record import log_file, registration

from ..browser import dom, needs_chromium
from ..commands import CLAIMS, ROOT, answer, recint, refused
from ..conftest import AFFINE_A, TINY
from ..made_up import claims
from ..on_record import ON_RECORD


def test_a_refuted_claim_is_a_line_of_the_table_and_status_1(verified):
    status, out, run, _ = verified
    assert status == 1
    found = {claim["id"]: claim["verdict"] for claim in run["claims"]}
    assert len(found) == CLAIMS
    # About layer 0 and the predictions; the attribution of the only layer's heads is all there is, but may be none at all.
    counts = Counter(found[claim] for claim in ON_RECORD)
    assert counts == {"refuted": 28, "inconclusive": 2, "not_applicable": len(ON_RECORD) - 30}
    assert found["model.predicts-next-term"] == found["model.predicts-every-recurrence"] == "refuted"
    assert found["l0.previous-token"] == found["l0.ov-line"] == "refuted"
    assert found["l2.ov-negative-copying"] == found["composition.no-v"] == "not_applicable"
    assert "✗ refuted              model.predicts-next-term" in out
    assert f"{answer(run)}; no verdicts are expected yet." in out
    assert out.startswith(f"{CLAIMS} claims: measured together on 200 recurrences first, then judged one by one\n")
    assert "Traceback" not in out


def test_the_verdict_file_has_the_schema(verified):
    _, _, run, _ = verified
    assert run["schema"] == 2
    assert set(run) == {
        "schema", "checkpoint", "environment", "seed", "seed_from", "draws", "stages", "profile", "started", "seconds", "values",
        "claims",
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
    assert "The notebook's numbers, measured again" in links.text
    assert shown.count('<details class="claim ') == CLAIMS
    assert shown.count('class="results-table-row ') == CLAIMS  # pytest-html's own table, filled by its script
    assert "http://" not in shown.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )


def test_untrained_models_of_the_full_shape_are_refuted_but_for_absences_and_what_any_model_does(tmp_path):
    path = save(untrained(ModelConfig(), seed=0), tmp_path / "untrained")
    # 100 draws decided the probes in a family of 87; in one of 104 they do not.
    recint("verify", path, "--draws", 200, "--verdicts", tmp_path / "v.json")
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


def changed(checkpoint, **config):
    return replace(checkpoint, config=replace(checkpoint.config, **config))


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

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
    def test_cuda_where_there_is_none(self, capsys, tiny, outputs):
        refused(capsys, "no CUDA device is available", "verify", tiny, "--device", "cuda", *outputs)


class TestPaths:
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


class TestTheRecord:
    """What a run leaves behind, and what a later one is held against."""

    CLAIMS = ("--draws", 100, "--no-controls", "--claims", "l0.previous-token", "l0.ov-line", "l1.necessary")

    def test_every_run_is_logged_and_a_second_finds_nothing_new(self, tiny, tmp_path):
        kept = tmp_path / "log"
        for _ in range(2):
            status, out, _ = recint("verify", tiny, *self.CLAIMS, "--profile", "default", "--log", kept)
            assert status == 1
            assert f"log: {kept / 'tiny.jsonl'}" in out
        found = log_file.read(kept)
        assert not found.damaged
        assert [line["claim"] for line in found.registered] == [
            "l0.previous-token",
            "l0.ov-line",
            "l1.necessary",
            "procedure@7",
        ]
        first, second = found.runs
        assert first["checkpoint"]["sha256"] == second["checkpoint"]["sha256"] == load(tiny).sha256
        assert (first["seed"], first["draws"], first["profile"]) == (seed_of(load(tiny).sha256), 100, "default")
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
        one, two = log_file.read(tmp_path / "one"), log_file.read(tmp_path / "two")
        judged, again = ([replace(line.entry, seconds=0) for line in known.verdicts] for known in (one, two))
        assert judged == again
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
        found = log_file.read(tmp_path)
        assert len(found.runs) == 1
        assert found.verdicts == found.damaged == ()

    def test_bad_input_leaves_no_line(self, tmp_path):
        assert recint("verify", tmp_path / "gone.pth", "--log", tmp_path / "log")[0] == 2
        assert not (tmp_path / "log").exists()

    def test_a_claim_that_moved_fails_the_run_and_pytest_alone_too(self, tiny, tmp_path):
        registration.register(tmp_path, [registration.of_claim(find("l0.previous-token").claim)], when="2026-01-01")
        path = tmp_path / log_file.CLAIMS
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
        near = ("--tolerance", 0.001)  # both models are untrained, and their statistics far from every threshold
        status, out, _ = recint("verify", copy, *many, *kept, "--against", tiny)  # which is judged first
        assert (status, "none drifted from tiny" in out) == (0, True), out
        files = {name: tmp_path / f"drift.{name}" for name in ("html", "json", "xml", "md")}
        outputs = ("--report", files["html"], "--verdicts", files["json"], "--junit", files["xml"])
        status, out, _ = recint(
            "verify", other, *many, *kept, *near, "--against", "tiny", *outputs, "--summary", files["md"]
        )
        assert status == 1
        drifted = [found["claim"] for found in json.loads(files["json"].read_text())["drift"]]
        assert drifted
        assert "l1.necessary" not in drifted
        for name in ("html", "xml", "md"):
            assert all(claim.partition(".")[2] in files[name].read_text() for claim in drifted)
        assert int(ElementTree.parse(files["xml"]).getroot().get("failures")) == len(drifted)
        status, out, _ = recint("verify", other, *many, *kept, *near, "--against", "tiny", "--allow", "l0.*")
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
            (("--log", "README.md"), "README.md: cannot be written; name another folder with --log, or judge with --no-log"),
        ],
    )  # fmt: skip
    def test_a_bad_call_is_one_sentence(self, tiny, arguments, said):
        status, _, err = recint("verify", tiny, *arguments)
        assert status == 2
        assert said in err
        assert err.startswith("recint: ")
        assert err.count("\n") == 1


def test_a_baseline_that_cannot_be_read_is_one_sentence_whatever_else_is_asked_for(tiny, folder, verdicts, capsys):
    capsys.readouterr()
    verdicts.write_text("{}")
    refused(
        capsys,
        "is not a verdict file",
        "verify",
        tiny,
        "--hypotheses",
        folder,
        "--no-log",
        "--against",
        verdicts,
        "--draws",
        100,
    )


def test_the_option_whose_glob_matches_nothing_is_named(tiny, folder, verdicts, capsys):
    command = ["verify", tiny, "--hypotheses", folder, "--no-log", "--against", verdicts, "--allow", "nosuch"]
    assert cli.main([*map(str, command)]) == 2
    assert "allow='nosuch' matches none of a.one" in capsys.readouterr().err


def test_a_report_is_written_where_it_is_said_or_not_at_all(tiny, folder, tmp_path, capsys, monkeypatch):
    """pytest-html puts variables of the environment in place."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIABLE", "value")
    command = ["verify", str(tiny), "--hypotheses", str(folder), "--no-log", "--no-controls", "--report"]
    assert cli.main([*command, "a$VARIABLE.html"]) == 2
    assert "a$VARIABLE.html: names a variable of the environment" in capsys.readouterr().err
    assert cli.main([*command, "a$nothing.html"]) == 0
    assert [path.name for path in tmp_path.glob("*.html")] == ["a$nothing.html"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_baseline_is_compared_recurrence_by_recurrence_by_any_number_of_workers(tiny, tmp_path, workers):
    asked = (
        "verify",
        tiny,
        "--draws",
        100,
        "--no-controls",
        "--no-log",
        "--claims",
        "l0.leads-attribution",
        "--seed",
        3,
    )
    recint(*asked, "--verdicts", tmp_path / "base.json")
    outputs = ("--verdicts", tmp_path / "now.json", "-n", workers)
    status, out, _ = recint(*asked[:-2], "--against", tmp_path / "base.json", *outputs)
    assert (status, "none drifted from tiny" in out) == (0, True), out
    found = json.loads((tmp_path / "now.json").read_text())
    assert found["seed"] == 3
    assert [(pair["n"], pair["difference"], pair["outcome"]) for pair in found["pairs"]] == [(100, 0.0, "same")]


def test_the_values_of_a_baseline_are_not_replaced(tiny, folder, verdicts, capsys):
    """A verdict file may get another name, while its values keep theirs."""
    base, values = verdicts.rename(verdicts.with_name("base.json")), verdicts.with_suffix(".values")
    before = values.read_bytes()
    capsys.readouterr()
    command = ["verify", tiny, "--hypotheses", folder, "--no-log", "--verdicts", verdicts]
    refused(capsys, "verdicts.values: would be replaced, but base.json rests on these values", *command)
    refused(capsys, "but base.json rests on these values; name another file", *command, "--against", base)
    assert values.read_bytes() == before
    assert not verdicts.exists()


def test_the_same_call_may_be_made_again(tiny, folder, verdicts):
    """Two runs on one checkpoint have the same values."""
    other = verdicts.with_name("other.json")
    for path in (other, verdicts, other):
        command = ["verify", tiny, "--hypotheses", folder, "--no-log", "--no-controls", "--verdicts", path]
        assert cli.main([*map(str, command)]) == 0


def test_what_a_checkpoint_was_trained_on_is_not_replaced(tiny, tmp_path, capsys):
    (tmp_path / "task.json").write_text("{}")
    command = ["verify", tiny, "--task", tmp_path / "task.json", "--no-log", "--verdicts", tmp_path / "task.json"]
    refused(capsys, "task.json: is read by this command, and would be replaced", *command)


def test_a_log_with_a_conflict_gets_no_line(tiny, folder, tmp_path, capsys):
    kept = tmp_path / "log"
    assert cli.main(["register", "--hypotheses", str(folder), "--log", str(kept)]) == 0
    capsys.readouterr()
    path = kept / "claims.jsonl"
    path.write_text(f"{path.read_text()}<<<<<<< HEAD\n=======\n>>>>>>> side\n")
    before = {file: file.read_bytes() for file in kept.glob("*.jsonl")}
    line = len(path.read_text().splitlines()) - 2
    said = f"{path}:{line}: is the conflict marker <<<<<<< of git, and no line is added to a log with a conflict; join both"
    refused(capsys, said, "verify", tiny, "--hypotheses", folder, "--log", kept)
    assert {file: file.read_bytes() for file in kept.glob("*.jsonl")} == before


def test_a_baseline_without_a_common_claim_is_one_sentence(tiny, folder, verdicts, tmp_path, capsys):
    other = claims(tmp_path / "other", {"id": "b.other"})
    capsys.readouterr()
    command = ["verify", tiny, "--hypotheses", other, "--no-log", "--against", verdicts]
    refused(capsys, "judged none of these claims, so that nothing can be compared with it", *command)


def test_a_baseline_that_is_not_there_is_told_without_all_that_there_are(tiny, capsys):
    known = len(log_file.read(ROOT / "hypotheses" / "log").names)
    said = f"of the log, which has runs on: the {known} checkpoints (closest: "
    refused(capsys, said, "verify", tiny, "--no-log", "--against", "nosuch.json")
