"""Lines that are only ever added, whatever happens to the process."""

import json
import os
import random
import re
import signal
import time
from dataclasses import replace

import pytest

from recint import shipped
from recint.judging.entries import blank
from recint.record import git, log, log_file, registration, verdict_file
from recint.record.chain import Chain

from .made_up import CLAIM, NOW, VERDICT, registrations, run, settled


class TestAppending:
    def test_lines_come_back_in_order_and_earlier_bytes_stay(self, tmp_path):
        path = tmp_path / "log" / "m.jsonl"
        log_file.append(path, [run("a", "1", when="2026-01-02")])
        before = path.read_bytes()
        log_file.append(path, [run("b", "1", when="2026-01-01")])
        assert path.read_bytes().startswith(before)
        assert [line["run"] for line in log_file.read(path.parent).runs] == ["b", "a"]  # by time

    def test_a_last_line_that_an_editor_left_open_is_closed_first(self, tmp_path):
        path = tmp_path / "m.jsonl"
        path.write_text(json.dumps(run("a", "1", when="2026-01-01")))
        log_file.append(path, [run("b", "1", when="2026-01-02")])
        assert [line["run"] for line in log_file.read(tmp_path).runs] == ["a", "b"]

    def test_many_writers_lose_nothing(self, tmp_path):
        children = []
        for writer in range(4):
            if (child := os.fork()) == 0:
                for number in range(25):
                    log_file.append(tmp_path / "m.jsonl", [run(f"{writer}.{number}", "1", when=NOW)])
                os._exit(0)
            children.append(child)
        assert all(os.waitpid(child, 0)[1] == 0 for child in children)
        found = log_file.read(tmp_path)
        assert not found.damaged
        assert not list(Chain((tmp_path / "m.jsonl").read_bytes()).flaws())
        assert sorted(line["run"] for line in found.runs) == sorted(f"{w}.{n}" for w in range(4) for n in range(25))

    @pytest.mark.parametrize("marker", ["<<<<<<< HEAD", "||||||| 123", "=======", ">>>>>>> side"])
    def test_nothing_is_added_to_a_file_with_a_conflict(self, tmp_path, marker):
        path = tmp_path / "m.jsonl"
        log_file.append(path, [run("a", "1", when=NOW)])
        path.write_text(f"{path.read_text()}{marker}\n")
        before = path.read_bytes()
        said = rf"m\.jsonl:2: is the conflict marker {re.escape(marker[:7])} of git, .*; join both sides with `recint log --merge"
        with pytest.raises(log.LogError, match=said):
            log_file.append(path, [run("b", "1", when=NOW)])
        with pytest.raises(log.LogError, match=said):
            log_file.require_writable(tmp_path)
        assert path.read_bytes() == before
        (damaged,) = log_file.read(tmp_path).damaged
        assert damaged.endswith("joins both sides), and is left out")
        log_file.append(tmp_path / "other.jsonl", [run("b", "1", when=NOW)])

    @pytest.mark.parametrize("kills", [60, pytest.param(1000, marks=pytest.mark.slow)])
    def test_a_writer_killed_at_any_moment_leaves_whole_lines_and_all_earlier_ones(self, tmp_path, kills):
        """The lines are long, so that a write takes more than one page."""
        path, moment = tmp_path / "m.jsonl", random.Random(0)
        written, cut_short = 0, 0
        for _ in range(kills):
            ready, tell = os.pipe()
            child = os.fork()
            if child == 0:
                os.write(tell, b"x")
                number = written
                while True:
                    lines = [run(f"{number}{half}", "1" * 20_000, when=NOW) | {"of": number} for half in "ab"]
                    log_file.append(path, lines)
                    number += 1
            os.read(ready, 1)
            time.sleep(moment.uniform(0, 0.01))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(ready), os.close(tell)
            cut_short += any(tmp_path.glob(".*.partial"))
            found = log_file.read(tmp_path)
            assert not found.damaged
            numbers = [line["of"] for line in found.runs]
            assert numbers == [number for pair in range(len(numbers) // 2) for number in (pair, pair)]
            assert len(numbers) >= 2 * written
            chain = Chain(path.read_bytes() if path.exists() else b"")
            assert (list(chain.flaws()), list(chain.forks()), chain.start) == ([], [], 0)
            written = len(numbers) // 2
            if written > 60:  # long files take long to write, and make the test slow without making it sharper
                path.unlink()
                written = 0
        assert cut_short >= kills // 30, "hardly any kill fell into a write: the test tells nothing"

    def test_what_a_kill_left_is_cleared_away(self, tmp_path):
        (tmp_path / ".m.jsonl.123.partial").write_text("half a li")
        log_file.append(tmp_path / "m.jsonl", [run("a", "1", when=NOW)])
        assert sorted(path.name for path in tmp_path.iterdir()) == [".gitignore", ".lock", "m.jsonl"]

    def test_a_folder_that_cannot_be_written_is_one_sentence(self, tmp_path):
        (tmp_path / "file").touch()
        said = "cannot be written.*; name another folder with --log, or judge with --no-log"
        with pytest.raises(log.LogError, match=said):
            log_file.append(tmp_path / "file" / "m.jsonl", [])
        with pytest.raises(log.LogError, match=said):
            log_file.require_writable(tmp_path / "file" / "log")
        log_file.require_writable(tmp_path / "new" / "log")
        assert not (tmp_path / "new").exists()

    def test_a_checkpoint_has_a_file_whatever_its_name(self, tmp_path):
        assert log_file.file_of(tmp_path, "../odd name/é") == tmp_path / "..-odd-name-.jsonl"


class TestDamage:
    def test_each_damaged_line_is_told_by_file_and_number_and_the_rest_is_used(self, tmp_path):
        path = tmp_path / "m.jsonl"
        good = [json.dumps(run(name, "1", when=f"2026-01-0{day}")) for day, name in enumerate("ab", start=1)]
        bad = ['{"kind": "run", "wh', '{"kind": "rumour"}', '{"kind": "verdict", "run": "a"}', "[]", "\udcff"]
        bad += ['{"kind": []}', '{"kind": {}}', '{"kind": null}', "[" * 100_000]
        lines = [good[0], *bad, good[1]]
        path.write_bytes("\n".join(lines).encode(errors="surrogateescape") + b"\n")
        found = log_file.read(tmp_path)
        assert [line["run"] for line in found.runs] == ["a", "b"]
        assert [sentence.partition(": ")[0] for sentence in found.damaged] == [f"{path}:{n}" for n in range(2, 11)]
        assert "is not a line of JSON" in found.damaged[0]
        assert "has none of the kinds registered, amended, corrected, run, verdict" in found.damaged[1]
        assert "is a verdict line without estimate, hash, id, relation, threshold, value, verdict" in found.damaged[2]

    @pytest.mark.parametrize(
        "change",
        [
            {"checkpoint": None},
            {"checkpoint": {"name": "m"}},
            {"registered": "h"},
            {"when": 3},
            {"seed": []},
            {"commit": 1},
            {"checkpoint": {"name": "m", "sha256": "1", "config": 3}},
        ],
    )
    def test_a_line_whose_values_are_of_the_wrong_kind_is_damaged_too(self, tmp_path, change):
        (tmp_path / "m.jsonl").write_text(json.dumps(run("a", "1", when=NOW) | change) + "\n")
        assert ["is a run line with a value of the wrong kind" in one for one in log_file.read(tmp_path).damaged] == [
            True
        ]

    @pytest.mark.parametrize(
        "change",
        [
            {"verdict": "suported"},
            {"value": "1"},
            {"estimate": {}},
            {"estimate": {"ci": [1]}},
            {"verdict": []},
            {"verdict": None},
            {"value": True},
            {"threshold": 10**400},
            {"relation": ">"},
            {"estimate": {"ci": ["a", 1]}},
            {"version": "1"},
            {"statement": 1},
            {"search": {}},
            {"search": {"counterexample": {"value": None, "where": "c"}}},
            {"contrast": {"beside": {}}},
            {"contrast": []},
            {"seconds": "long"},
        ],
    )
    def test_so_is_a_verdict_that_is_none(self, tmp_path, change):
        whole = {
            "kind": "verdict", "run": "a", "id": "l0.made-up", "hash": "h", "version": 1, "verdict": "supported", "value": 1.0,
            "estimate": {"ci": [None, 1.0]}, "relation": ">=", "threshold": 1.0, "statistic": "it",
        }  # fmt: skip
        path = tmp_path / "m.jsonl"
        path.write_text(json.dumps(whole) + "\n")
        assert len(log_file.read(tmp_path).verdicts) == 1
        path.write_text(json.dumps(whole | change) + "\n")
        assert len(log_file.read(tmp_path).damaged) == 1

    def test_a_sentence_says_what_was_found_and_expected(self, tmp_path):
        (tmp_path / "m.jsonl").write_text(json.dumps(run("a", "1", when=NOW) | {"checkpoint": {"name": "m"}}) + "\n")
        (sentence,) = log_file.read(tmp_path).damaged
        assert sentence.endswith(
            "1: is a run line with a value of the wrong kind (checkpoint.sha256 is missing), and is left out"
        )

    def test_a_file_that_cannot_be_read_is_a_sentence(self, tmp_path):
        (tmp_path / "m.jsonl").mkdir()
        with pytest.raises(log.LogError, match=r"m\.jsonl: cannot be read \(Is a directory\)"):
            log_file.read(tmp_path)

    def test_so_is_one_that_is_gone(self, tmp_path):
        (tmp_path / "m.jsonl").symlink_to(tmp_path / "gone")
        with pytest.raises(log.LogError, match=r"m\.jsonl: cannot be read \(No such file or directory\)"):
            log_file.read(tmp_path)

    def test_it_is_read_again_only_if_a_file_changed(self, tmp_path):
        log_file.append(tmp_path / "m.jsonl", [run("a", "1", when=NOW)])
        once = log_file.read(tmp_path)
        assert log_file.read(tmp_path) is once
        log_file.append(tmp_path / "m.jsonl", [run("b", "1", when=NOW)])
        assert len(log_file.read(tmp_path).runs) == 2

    def test_where_lines_are_lost_nothing_confirms(self):
        """The first look may have been among them."""
        first = run("a", "1", when="1", registered=["h"])
        assert log.Log(runs=(first,)).standing("a", "h") == "confirmatory"
        assert log.Log(runs=(first,), damaged=("m.jsonl:1: ...",)).standing("a", "h") == "exploratory"
        assert log.Log(runs=(first,), verdicts=(settled("gone"),)).standing("a", "h") == "exploratory"

    def test_a_damaged_log_is_still_added_to(self, tmp_path):
        (tmp_path / log_file.CLAIMS).write_text("half a li")
        assert registration.register(tmp_path, registrations(CLAIM), when=NOW) == ["l0.made-up"]
        found = log_file.read(tmp_path)
        assert len(found.damaged) == len(found.registered) == 1


class TestMerging:
    """Git's driver `union`, its remedy for files that are only added to, keeps the lines of both sides, shared ones twice."""

    def test_what_stands_there_twice_counts_once(self, tmp_path):
        registration.register(tmp_path, registrations(CLAIM, CLAIM.amended(because="x", threshold=0.5)), when=NOW)
        log_file.append(tmp_path / "m.jsonl", [run("a", "1", when=NOW, registered=["h"]), VERDICT])
        once = log_file.read(tmp_path)
        for path in tmp_path.glob("*.jsonl"):
            path.write_bytes(path.read_bytes() * 2)
        assert log_file.read(tmp_path) == once
        assert once.standing("a", "h") == "confirmatory"

    def test_so_it_does_in_two_files(self, tmp_path):
        for name in ("m", "another"):
            log_file.append(tmp_path / f"{name}.jsonl", [run("a", "1", when=NOW), VERDICT])
        assert (len(log_file.read(tmp_path).runs), len(log_file.read(tmp_path).verdicts)) == (1, 1)

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            (VERDICT | {"verdict": "refuted"}, "is another verdict on l0.made-up in run a than the first"),
            (run("a", "2", when=NOW), "is another line of run a than the first"),
        ],
    )
    def test_what_is_not_the_same_twice_is_damage(self, tmp_path, line, said):
        log_file.append(tmp_path / "m.jsonl", [run("a", "1", when=NOW), VERDICT, line])
        found = log_file.read(tmp_path)
        assert found.damaged == (f"{tmp_path / 'm.jsonl'}:3: {said}, and is left out",)
        assert (len(found.runs), len(found.verdicts), found.lost) == (1, 1, True)

    def test_verdicts_on_two_claims_and_in_two_runs_are_kept(self, tmp_path):
        lines = [VERDICT, VERDICT | {"id": "l0.other"}, VERDICT | {"run": "b"}]
        log_file.append(tmp_path / "m.jsonl", [run("a", "1", when=NOW), run("b", "1", when=NOW), *lines])
        assert len(log_file.read(tmp_path).verdicts) == 3

    def test_real_branches_merge(self, tmp_path):
        from .test_git import commit, in_git

        path = tmp_path / "log" / "m.jsonl"
        in_git(tmp_path, "init", "-q")
        (tmp_path / ".gitattributes").write_text("*.jsonl merge=union\n")
        log_file.append(path, [run("a", "1", when="1"), VERDICT])
        commit(tmp_path)
        in_git(tmp_path, "checkout", "-q", "-b", "side")
        shared = [run("b", "1", when="2"), VERDICT | {"run": "b"}]
        log_file.append(path, [*shared, run("c", "1", when="3")])
        commit(tmp_path)
        in_git(tmp_path, "checkout", "-q", "main")
        log_file.append(path, [run("d", "1", when="4"), *shared])
        commit(tmp_path)
        in_git(tmp_path, "merge", "-q", "side")
        found = log_file.read(path.parent)
        assert not found.damaged
        assert [line["run"] for line in found.runs] == ["a", "b", "c", "d"]
        assert len(found.verdicts) == 2


def test_a_name_that_is_no_text_is_kept(tmp_path):
    """Names of files are bytes; what of them is no text comes as halves of characters."""
    line = run("a", "1", when=NOW) | {"checkpoint": {"name": "m\udcff", "sha256": "1", "config": {}}}
    log_file.append(log_file.file_of(tmp_path, "m\udcff"), [line])
    assert log_file.read(tmp_path).runs == (line,)


def begin(folder, **how):
    of = {"checkpoint": {"name": "m", "sha256": "1", "config": {}}, "environment": {}, "when": NOW}
    return log_file.run_line(folder, git.Code("c", False), **of, seed=0, draws=2, profile="default", **how)


class TestShort:
    """Lines leave out what the log holds already, and reading puts it in place again."""

    def test_a_run_names_the_last_line_of_each_file(self, tmp_path):
        assert (begin(tmp_path)["heads"], begin(tmp_path)["registered_upto"]) == ({}, None)
        registration.register(tmp_path, registrations(CLAIM), when=NOW)
        log_file.append(tmp_path / "m.jsonl", [run("a", "1", when=NOW), VERDICT])
        last = {path.name: Chain(path.read_bytes()).hashes[-1] for path in tmp_path.glob("*.jsonl")}
        assert begin(tmp_path)["heads"] == last

    def test_which_claims_were_registered_follows_from_the_last_line_that_the_run_saw(self, tmp_path):
        from .test_git import commit, in_git

        in_git(tmp_path, "init", "-q")
        registration.register(tmp_path, registrations(CLAIM), when=NOW)
        commit(tmp_path)
        second = CLAIM.amended(because="x", threshold=0.5)
        registration.register(tmp_path, registrations(CLAIM, second), when=NOW)
        line = begin(tmp_path)
        assert "registered" not in line
        log_file.append(tmp_path / "m.jsonl", [line])
        known = log_file.read(tmp_path)
        assert known.runs[0]["registered"] == [CLAIM.hash]
        assert known.standing(line["run"], CLAIM.hash) == "confirmatory"
        assert known.standing(line["run"], second.hash) == "exploratory"

    def test_another_branch_registers_nothing_for_a_run(self, tmp_path):
        """After a merge, the lines of the other branch may stand above the last line that the run saw."""
        path = tmp_path / log_file.CLAIMS
        registration.register(tmp_path, registrations(CLAIM), when=NOW)
        base = path.read_bytes()
        theirs, ours = CLAIM.amended(because="x", threshold=0.5), CLAIM.amended(because="y", threshold=0.6)
        registration.register(tmp_path, registrations(CLAIM, ours), when=NOW)
        own, upto = path.read_bytes(), Chain(path.read_bytes()).ends
        path.write_bytes(base)
        registration.register(tmp_path, registrations(CLAIM, theirs), when=NOW)
        path.write_bytes(path.read_bytes() + own[len(base) :])
        log_file.append(tmp_path / "m.jsonl", [begin(tmp_path) | {"registered_upto": upto[0]}])
        (line,) = log_file.read(tmp_path).runs
        assert line["registered"] == [CLAIM.hash, ours.hash]

    def test_where_that_line_is_gone_nothing_confirms(self, tmp_path):
        registration.register(tmp_path, registrations(CLAIM), when=NOW)
        log_file.append(tmp_path / "m.jsonl", [begin(tmp_path) | {"registered_upto": "0" * 64}])
        known = log_file.read(tmp_path)
        said = "saw a line of claims.jsonl that is gone, so that none of its claims counts as registered"
        assert [sentence.partition(" saw ")[0] for sentence in known.damaged] == [
            f"{tmp_path / 'm.jsonl'}:1: run {known.runs[0]['run']}"
        ]
        assert known.damaged[0].endswith(said)
        assert (known.runs[0]["registered"], known.lost) == ([], True)

    def test_a_run_that_says_neither_is_damaged(self, tmp_path):
        line = run("a", "1", when=NOW)
        del line["registered"]
        log_file.append(tmp_path / "m.jsonl", [line])
        (sentence,) = log_file.read(tmp_path).damaged
        assert sentence.endswith(":1: is a run line without registered_upto, and is left out")

    def test_a_verdict_leaves_out_what_its_registration_holds(self, tmp_path):
        registration.register(tmp_path, registrations(CLAIM), when=NOW)
        lines = log_file.verdict_lines("a", [blank(CLAIM)], log_file.read(tmp_path))
        assert lines == [
            {
                "kind": "verdict", "run": "a", "of": 1, "id": "l0.made-up", "hash": CLAIM.hash, "verdict": "error",
                "source": "nowhere", "value": None, "relation": ">=", "threshold": 1.0, "estimate": None,
            }
        ]  # fmt: skip
        log_file.append(tmp_path / "m.jsonl", [run("a", "1", when=NOW), *lines])
        (found,) = log_file.read(tmp_path).verdicts
        assert found.entry == blank(CLAIM)

    def test_if_the_registration_is_lost_the_rest_is_read(self, tmp_path):
        registration.register(tmp_path, registrations(CLAIM), when=NOW)
        lines = log_file.verdict_lines("a", [blank(CLAIM)], log_file.read(tmp_path))
        log_file.append(tmp_path / "m.jsonl", [run("a", "1", when=NOW), *lines])
        (tmp_path / log_file.CLAIMS).unlink()
        known = log_file.read(tmp_path)
        (found,) = known.verdicts
        assert (found.entry.statement, found.entry.threshold, found.entry.hash) == ("", 1.0, CLAIM.hash)
        registration.require_unmoved(known, registrations(CLAIM))
        with pytest.raises(log.LogError, match=r"threshold moved from 1\.0 to 0\.5"):
            registration.require_unmoved(known, registrations(replace(CLAIM, threshold=0.5)))

    def test_every_shipped_verdict_comes_back_from_its_short_form(self):
        known = log_file.read(shipped.record(shipped.CLAIMS, "log"))
        for one in known.verdicts[::7]:  # every seventh, which is of all kinds
            fields = known.fields[one.entry.hash]
            short = json.loads(json.dumps(verdict_file.short(one.entry, fields)))
            assert verdict_file.entry(short, fields) == one.entry
