"""Whether verdicts confirm is told: before a first look is spent in vain, and at the end with the reasons."""

import json
from dataclasses import replace

import pytest

from recint import cli
from recint.checkpoint import load, save
from recint.judging.entries import blank
from recint.model.untrained import untrained
from recint.record import log, log_file, registration, standing
from recint.record.git import Code
from recint.record.log import Log

from ..commands import recint
from ..conftest import TINY
from .made_up import CLAIM, NOW, registrations, run
from .test_git import commit, in_git

COMMITTED = Code("c", False)
TINY_RUN = {"name": "m", "sha256": "1", "config": {}}

MODULE = """
from recint.claim import Claim

{name} = Claim(id="embed.{name}", statement="It is there.", quantifier="weights", statistic="n", relation=">=",
               threshold=0.1, source="made up")


@{name}(figure=lambda model, evidence: "<svg/>")
def test_{name}(model):
    {name}.check(1.0)
"""


class TestWarning:
    @pytest.fixture
    def kept(self, tmp_path):
        """A log with a claim, in a commit."""
        in_git(tmp_path, "init", "-q")
        registration.register(tmp_path / "log", registrations(CLAIM), when=NOW)
        commit(tmp_path)
        return tmp_path / "log"

    def test_nothing_is_said_where_verdicts_will_confirm(self, kept):
        assert standing.warning(kept, COMMITTED, [CLAIM.hash], checkpoint=TINY_RUN) is None
        assert standing.warning(kept, COMMITTED, [CLAIM.hash]) is None

    def test_nothing_is_said_once_the_first_look_is_spent(self, kept):
        log_file.append(kept / "m.jsonl", [run("a", "1", when=NOW)])
        dirty = Code("c", True, "a.py is not as in the commit")
        assert standing.warning(kept, dirty, [CLAIM.hash], checkpoint=TINY_RUN) is None
        other = TINY_RUN | {"config": {"order": 2}}
        assert standing.warning(kept, dirty, [CLAIM.hash], checkpoint=other) is not None

    @pytest.mark.parametrize(
        ("code", "claims", "said"),
        [
            (
                Code(None, None, "it is in no commit"),
                [CLAIM.hash],
                "no verdict about m will be confirmatory, now or in a later run",
            ),
            (
                Code("c", True, "a.py is not as in the commit"),
                [CLAIM.hash],
                "the first look at it, and a.py is not as in the commit;",
            ),
            (COMMITTED, ["other"], "no verdict about m will be confirmatory"),
            (COMMITTED, [CLAIM.hash, "other"], "1 of 2 verdicts about m will not be confirmatory"),
            (COMMITTED, ["other"], "no commit has the claims registered (`recint register --log "),
        ],
    )
    def test_else_the_reason_is(self, kept, code, claims, said):
        warned = standing.warning(kept, code, claims, checkpoint=TINY_RUN)
        assert warned.startswith("warning: ")
        assert said in warned

    def test_lines_that_are_lost_are_a_reason(self, kept):
        (kept / "m.jsonl").write_text("half a li\n")
        assert log.LOST in standing.warning(kept, COMMITTED, [CLAIM.hash], checkpoint=TINY_RUN)


class TestTelling:
    FIRST = run("a", "1", when="1", registered=["h", "i"])

    def verdicts(self, *hashes):
        return [replace(blank(CLAIM), hash=claim) for claim in hashes]

    def test_all_confirm(self):
        known = Log(runs=(self.FIRST,))
        assert list(standing.sentences(known, "a", self.verdicts("h", "i"), COMMITTED)) == [
            "standing: 2 of 2 verdicts are confirmatory"
        ]

    def test_each_reason_is_counted(self):
        known = Log(runs=(self.FIRST,))
        assert list(standing.sentences(known, "a", self.verdicts("h", "j", "k"), COMMITTED)) == [
            "standing: 1 of 3 verdicts is confirmatory",
            "  2 exploratory: the claim stood registered in no commit before this run",
        ]

    def test_what_git_said_is_told(self):
        known = Log(runs=(run("a", "1", when="1", dirty=None),))
        code = Code(None, None, "g is in no commit (detected dubious ownership in repository at '/g')")
        assert list(standing.sentences(known, "a", self.verdicts("h"), code)) == [
            "standing: none of 1 verdict is confirmatory",
            f"  1 exploratory: {log.UNCOMMITTED} ({code.why})",
        ]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save(untrained(TINY, seed=0), tmp_path_factory.mktemp("tiny") / "tiny.pth")


@pytest.fixture
def claims(tmp_path):
    folder = tmp_path / "my_claims"
    folder.mkdir()
    (folder / "size.py").write_text(MODULE.format(name="large"))
    return folder


QUICK = ("--no-controls", "--draws", "100")


class TestVerify:
    def test_a_claim_that_stands_in_no_commit_is_warned_of_and_explores(self, tiny, claims):
        status, out, _ = recint("verify", tiny, "--hypotheses", claims, "--log", claims / "log", *QUICK)
        assert status == 0
        warned, told = (
            out.index("warning: no verdict about tiny will be confirmatory"),
            out.index("standing: none of 1 verdict"),
        )
        assert warned < out.index("✓ supported") < told
        assert "exploratory: this run was made by code that stands in no commit" in out
        _, again, _ = recint("verify", tiny, "--hypotheses", claims, "--log", claims / "log", *QUICK)
        assert "warning: " not in again  # it is spent
        assert "exploratory: the first run on this checkpoint (" in again

    @pytest.mark.parametrize("workers", [(), ("-n", "2")])
    def test_one_that_does_confirms_and_nothing_warns(self, tiny, claims, workers):
        in_git(claims.parent, "init", "-q")
        assert cli.main(["register", "--hypotheses", str(claims)]) == 0
        commit(claims)
        if git_is_dirty():
            pytest.skip("recint itself is not as in its commit")
        _, out, _ = recint("verify", tiny, "--hypotheses", claims, "--log", claims / "log", *QUICK, *workers)
        assert "warning: " not in out
        assert "standing: 1 of 1 verdict is confirmatory" in out
        _, again, _ = recint("verify", tiny, "--hypotheses", claims, "--log", claims / "log", *QUICK, *workers)
        assert "judged the claim on this checkpoint before" in again

    def test_workers_warn_too(self, tiny, claims):
        _, out, _ = recint("verify", tiny, "--hypotheses", claims, "--log", claims / "log", *QUICK, "-n", "2")
        assert out.count("warning: no verdict about tiny will be confirmatory") == 1
        assert "standing: none of 1 verdict" in out

    def test_without_a_log_nothing_is_said_of_it(self, tiny, claims):
        _, out, _ = recint("verify", tiny, "--hypotheses", claims, "--no-log", *QUICK)
        assert "warning" not in out
        assert "standing" not in out

    def test_code_that_is_ignored_explores_though_the_log_is_committed(self, tiny, claims):
        """As claims in an environment in the folder of somebody's project are."""
        in_git(claims.parent, "init", "-q")
        (claims.parent / ".gitignore").write_text("my_claims/*.py\n")
        assert cli.main(["register", "--hypotheses", str(claims)]) == 0
        commit(claims)
        _, out, _ = recint("verify", tiny, "--hypotheses", claims, "--log", claims / "log", *QUICK)
        assert f"this is the first look at it, and no module of {claims} is in a commit" in out
        (line,) = log_file.read(claims / "log").runs
        assert (line["commit"], line["dirty"]) == (None, True)
        (verdict,) = log_file.read(claims / "log").verdicts
        assert verdict.entry.standing == "exploratory"

    def test_a_committed_log_with_a_damaged_byte_is_no_crash(self, tiny, claims):
        in_git(claims.parent, "init", "-q")
        assert cli.main(["register", "--hypotheses", str(claims)]) == 0
        path = claims / "log" / log_file.CLAIMS
        path.write_bytes(path.read_bytes().replace(b"It is there", b"It is \xff"))
        commit(claims)
        status, out, err = recint("verify", tiny, "--hypotheses", claims, "--log", claims / "log", *QUICK)
        assert status == 0, out + err
        assert "Traceback" not in out + err
        assert log.LOST in out


class TestSweep:
    def test_a_sweep_warns_and_tells_too(self, tiny, claims, tmp_path, capsys):
        call = ["sweep", str(tiny), "--hypotheses", str(claims), "--out", str(tmp_path / "out"), *QUICK]
        assert cli.main(call) == 0
        out = capsys.readouterr().out
        assert "warning: no verdict about a checkpoint that is new will be confirmatory" in out
        assert "standing: none of 1 verdict is confirmatory" in out
        assert cli.main([*call, "--no-log"]) == 0
        out = capsys.readouterr().out
        assert ("warning" in out, "standing" in out) == (False, False)


def git_is_dirty():
    from recint.record.git import code

    from .test_git import PACKAGE

    return code(PACKAGE, PACKAGE).dirty


def test_the_line_of_a_run_is_of_the_whole_checkpoint(tiny, claims):
    recint("verify", tiny, "--hypotheses", claims, "--log", claims / "log", *QUICK)
    (line,) = log_file.read(claims / "log").runs
    assert json.loads(json.dumps(line["checkpoint"]["config"]))["order"] == load(tiny).config.order
