"""The same tensors with another configuration are another checkpoint: in the log, to expectations, as a baseline, in a sweep."""

from dataclasses import asdict, fields, replace

import pytest

from recint import cli
from recint.checkpoint import Checkpoint, ModelConfig, load, save
from recint.judging import entries as record
from recint.judging.entry import Run
from recint.model.untrained import untrained
from recint.record import drift, expected, history, log, log_file
from recint.record.identity import brief, identity
from recint.record.verdict_file import text
from recint.sweep import jobs, table
from recint.sweep.emergence import sweep as put_together

from ..commands import ROOT
from ..conftest import SMALL, TINY
from ..entries import entry
from ..on_record import FILES

USUAL = record.about(untrained(SMALL, seed=0))
OTHER = {"act_fn": "relu", "layer_norm_eps": 1e-4, "order": 2}


def with_config(about, **config):
    return about | {"config": about["config"] | config}


SECOND = with_config(USUAL, order=2)


class TestIdentity:
    @pytest.mark.parametrize("field", [field.name for field in fields(ModelConfig)])
    def test_every_field_of_the_configuration_shows_in_the_shapes_or_in_the_identity(self, field):
        value = OTHER.get(field, getattr(SMALL, field) + 1 if field not in OTHER else None)
        changed = replace(SMALL, **{field: value})
        shows = identity(with_config(USUAL, **asdict(changed))) != identity(USUAL)
        assert shows != (changed.shapes != SMALL.shapes)

    def test_the_name_and_the_file_do_not(self):
        assert identity(USUAL | {"name": "another"}) == identity(USUAL)

    def test_what_is_not_said_is_the_usual(self):
        assert identity({"name": "m", "sha256": USUAL["sha256"], "config": {}}) == identity(USUAL)
        assert identity({"name": "m", "sha256": USUAL["sha256"]}) == identity(USUAL)

    def test_people_are_told_what_is_unusual_alone(self):
        assert brief(USUAL, digits=8) == USUAL["sha256"][:8]
        assert brief(SECOND, digits=8) == f"{USUAL['sha256'][:8]} order=2"


def run(number, about, *, when, registered=("h",), **more):
    return {
        "kind": "run", "run": number, "when": when, "checkpoint": about, "environment": {}, "seed": 0, "draws": 2,
        "profile": "default", "commit": "c", "dirty": False, "registered": list(registered),
    } | more  # fmt: skip


class TestLog:
    def test_a_look_at_the_same_tensors_with_another_configuration_is_none_at_these(self):
        verdicts = tuple(log.Settled(number, entry("a.a", hash="h")) for number in ("r1", "r2"))
        runs = (run("r1", USUAL, when="1", registered=()), run("r2", SECOND, when="2"))
        known = log.Log(runs=runs, verdicts=verdicts)
        assert (known.standing("r1", "h"), known.standing("r2", "h")) == ("exploratory", "confirmatory")
        again = run("r3", SECOND | {"name": "a copy"}, when="3")
        known = log.Log(runs=(*runs, again), verdicts=(*verdicts, log.Settled("r3", entry("a.a", hash="h"))))
        assert known.standing("r3", "h") == "exploratory"

    def test_a_line_from_before_there_were_other_configurations_is_of_the_usual_one(self):
        old = run("r1", USUAL | {"config": {}}, when="1", registered=())
        assert log.Log(runs=(old, run("r2", USUAL, when="2"))).standing("r2", "h") == "exploratory"

    def test_runs_are_found_by_identity_and_by_the_tensors_alone(self):
        known = log.Log(runs=(run("r1", USUAL, when="1"), run("r2", SECOND, when="2")))

        def found(named):
            return [line["run"] for line in known.on(named)]

        assert found(identity(USUAL)) == ["r1"]
        assert found(identity(SECOND)) == ["r2"]
        assert found(USUAL["sha256"]) == found(USUAL["sha256"][:8]) == found(USUAL["name"]) == ["r1", "r2"]

    def test_the_history_keeps_them_apart(self):
        known = log.Log(runs=(run("r1", USUAL, when="1"), run("r2", SECOND, when="2"), run("r3", USUAL, when="3")))
        groups = [[line["run"] for line in runs] for runs in history.select(known).checkpoints]
        assert groups == [["r1", "r3"], ["r2"]]

    def test_a_checkpoint_is_shown_by_its_path_as_the_one_that_it_is(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "160")
        first = untrained(SMALL, seed=0)
        paths = {
            order: save(replace(first, config=replace(SMALL, order=order)), tmp_path / f"order{order}")
            for order in (1, 2, 3)
        }
        lines = [run(f"run{order}", record.about(load(paths[order])), when=f"2026-01-0{order}") for order in (1, 2)]
        log_file.append(tmp_path / "log" / "m.jsonl", lines)
        assert cli.main(["log", str(paths[2]), "--log", str(tmp_path / "log")]) == 0
        out = capsys.readouterr().out
        assert ("run2" in out, "run1" in out, f"{first.sha256[:8]} order=2" in out) == (True, False, True)
        assert cli.main(["log", str(paths[3]), "--log", str(tmp_path / "log")]) == 2
        said = f"recint: checkpoint={str(paths[3])!r} ({first.sha256[:12]} order=3) is none of those that the log has runs on"
        assert capsys.readouterr().err.startswith(said)

    def test_the_pages_tell_them_apart(self, tmp_path, capsys):
        lines = [run("run1", USUAL, when="2026-01-01"), run("run2", SECOND, when="2026-01-02")]
        log_file.append(tmp_path / "log" / "m.jsonl", lines)
        page = tmp_path / "page.html"
        assert cli.main(["log", "--log", str(tmp_path / "log"), "--html", str(page)]) == 0
        assert f"{USUAL['sha256'][:12]} order=2" in page.read_text(encoding="utf-8")


def verdict_file(about, *entries):
    return Run(checkpoint=about, started="2026-01-01T00:00:00+00:00", claims=entries)


class TestExpectations:
    def test_each_configuration_has_its_own(self, tmp_path):
        for about, verdict in ((USUAL, "refuted"), (SECOND, "supported")):
            path = tmp_path / f"order{about['config']['order']}.toml"
            path.write_text(expected.text(verdict_file(about, entry("a.a", verdict)), {}))
        assert expected.find(tmp_path, USUAL)["a.a"].verdict == "refuted"
        assert expected.find(tmp_path, SECOND)["a.a"].verdict == "supported"
        assert expected.find(tmp_path, with_config(USUAL, order=3)) == {}

    def test_a_file_without_a_configuration_speaks_of_its_tensors_with_any(self, tmp_path):
        old = f'sha256 = "{USUAL["sha256"]}"\n[claims]\n"a.a" = {{ verdict = "refuted", reason = "r" }}\n'
        (tmp_path / "a.toml").write_text(old)
        assert expected.find(tmp_path, USUAL) == expected.find(tmp_path, SECOND) != {}
        (tmp_path / "b.toml").write_text(expected.text(verdict_file(SECOND, entry("a.a", "supported")), {}))
        assert expected.find(tmp_path, USUAL)["a.a"].verdict == "refuted"
        assert expected.find(tmp_path, SECOND)["a.a"].verdict == "supported"  # what is said of just this one goes first

    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
    def test_those_on_record_are_found(self, path):
        checkpoints = ROOT / "fixtures" / "checkpoints"
        of = next(found for found in checkpoints.iterdir() if found.stem == path.stem)
        assert expected.find(path.parent, record.about(load(of))) == expected.load(path).claims

    def test_a_run_on_another_configuration_is_not_put_on_record_for_this_one(self, tmp_path, capsys):
        first = untrained(TINY, seed=0)
        path = save(replace(first, config=replace(TINY, order=2)), tmp_path / "m")
        judged = tmp_path / "v.json"
        judged.write_text(text(verdict_file(record.about(first), entry("a.a"))))
        call = ["expect", str(path), "--from", str(judged), "--into", str(tmp_path / "m.toml")]
        assert cli.main(call) == 2
        digits = first.sha256[:12]
        assert (
            f"has the verdicts on another checkpoint than m ({digits}, not {digits} order=2)" in capsys.readouterr().err
        )
        judged.write_text(text(verdict_file(record.about(load(path)), entry("a.a"))))
        assert cli.main(call) == 0
        assert expected.load(tmp_path / "m.toml").config["order"] == 2

    def test_nor_does_it_take_the_place_of_its_record_unasked(self, tmp_path, capsys):
        first = untrained(TINY, seed=0)
        path = save(replace(first, config=replace(TINY, order=2)), tmp_path / "m")
        claims = tmp_path / "claims" / "expected"
        claims.mkdir(parents=True)
        (claims / "m.toml").write_text(expected.text(verdict_file(record.about(first), entry("a.a")), {}))
        assert cli.main(["expect", str(path), "--hypotheses", str(claims.parent)]) == 2
        assert "has the expected verdicts of another checkpoint" in capsys.readouterr().err


def test_a_logged_run_with_another_configuration_is_no_baseline():
    runs = (run("r1", SECOND, when="1"), run("r2", USUAL, when="2"))
    verdicts = tuple(log.Settled(number, entry("a.a")) for number in ("r1", "r2"))
    known = log.Log(runs=runs, verdicts=verdicts)
    assert drift.logged(known, identity(SECOND)).started == "1"
    assert drift.logged(known, identity(with_config(USUAL, order=3))) is None
    assert drift.logged(known, USUAL["sha256"]).started == "2"  # whoever names the tensors means the last of them


class TestSweep:
    HOW = jobs.How(hypotheses=str(ROOT / "hypotheses"), claims=("l0.ov-line",), stages=(2,), controls=False)

    def done(self, folder, about, *, started="2026-01-01T00:00:00+00:00", seed=0, claim="a.a"):
        """As tasks leave it that begin in the same second."""
        name = f"{len(list(folder.iterdir()))}"
        how = {"seed": seed, "draws": 2, "stages": (2,), "profile": "default", "started": started}
        (folder / f"{name}.json").write_text(text(replace(verdict_file(about, entry(claim)), **how)))
        return jobs.Done(path=f"elsewhere/m{name}.pth", file=str(folder / f"{name}.json"))

    def test_runs_that_begin_in_the_same_second_are_all_logged_and_each_once(self, tmp_path):
        (tmp_path / "out").mkdir()
        configs = [{}, {"order": 2}, {"layer_norm_eps": 1e-4}, {"act_fn": "relu"}]
        done = [self.done(tmp_path / "out", with_config(USUAL, **config)) for config in configs]
        done += [self.done(tmp_path / "out", USUAL, seed=1), self.done(tmp_path / "out", USUAL, claim="a.b")]
        for _ in range(2):  # and again, as a sweep that goes on does
            logged = table.keep(tmp_path / "log", self.HOW, [])
            for one in done:
                logged(one)
            assert len(log_file.read(tmp_path / "log").runs) == len(log_file.read(tmp_path / "log").verdicts) == 6
        known = log_file.read(tmp_path / "log")
        rows = table.rows(done, known)
        assert [row.standing for row in rows] == ["exploratory"] * 6
        assert len(known.begun) == 6

    def test_none_of_them_is_left_out_as_the_copy_of_another(self, tmp_path):
        (tmp_path / "out").mkdir()
        done = [self.done(tmp_path / "out", with_config(USUAL, order=order)) for order in (1, 2, 1)]
        found = put_together(table.rows(done, log.Log()))
        assert len(found.networks) == 2
        assert [lost.path for lost in found.left_out] == ["elsewhere/m2.pth"]


def test_a_checkpoint_keeps_its_hash_whatever_its_configuration():
    """Which is of the tensors alone, and as old as the log."""
    first = untrained(SMALL, seed=0)
    assert Checkpoint("x", replace(SMALL, order=2), first.tensors).sha256 == first.sha256
