"""Code that stands in a commit, and all that only looks so: ignored, untracked, hidden from the index, or of another repository."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from recint.record import git, log_file, registration

PACKAGE = Path(git.__file__).parents[1]
NOW = "2026-01-01T00:00:00+00:00"
CLAIM = {
    "claim": "a.b",
    "hash": "h",
    "fields": {"statement": "s"},
    "name": "a.b",
    "version": 1,
    "because": "",
    "corrected": "",
}


def in_git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder):
    in_git(folder, "add", "--all")
    in_git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def installed(tmp_path_factory):
    """A package of recint's that is under nobody's git, so that the state of this working copy plays no part."""
    folder = tmp_path_factory.mktemp("elsewhere") / "recint"
    folder.mkdir()
    (folder / "log.py").touch()
    return folder


@pytest.fixture
def claims(tmp_path):
    """A folder of two modules, committed."""
    folder = tmp_path / "project" / "my_claims"
    folder.mkdir(parents=True)
    for name in ("one.py", "two.py"):
        (folder / name).write_text(f"# {name}\n")
    in_git(folder.parent, "init", "-q")
    commit(folder.parent)
    return folder


def test_code_as_committed(claims, installed):
    own = commit(claims)
    assert git.code(claims, installed) == git.Code(own, False, "")
    assert git.code(Path(os.path.relpath(claims)), installed).dirty is False
    (claims / "log").mkdir()
    (claims / "log" / "m.jsonl").write_text("{}\n")  # a log that grows changes no claim
    assert git.code(claims, installed).dirty is False


def changed(claims):
    (claims / "one.py").write_text("# another\n")


def new(claims):
    (claims / "three.py").touch()


def below(claims):
    (claims / "deep").mkdir()
    (claims / "deep" / "three.py").touch()


def gone(claims):
    (claims / "one.py").unlink()


def ignored(claims):
    (claims.parent / ".gitignore").write_text("three.py\n")
    commit(claims)
    new(claims)


def excluded(claims):
    (claims.parent / ".git" / "info").mkdir(exist_ok=True)
    (claims.parent / ".git" / "info" / "exclude").write_text("*.py\n")
    new(claims)


def staged(claims):
    changed(claims)
    in_git(claims, "add", ".")


def assumed_unchanged(claims):
    in_git(claims, "update-index", "--assume-unchanged", "one.py")
    changed(claims)


def skipped(claims):
    in_git(claims, "update-index", "--skip-worktree", "one.py")
    changed(claims)


def linked(claims):
    """Git keeps where a link leads, not what is there."""
    (claims.parent.parent / "outside.py").write_text("# outside\n")
    (claims / "three.py").symlink_to("../../outside.py")
    commit(claims)


@pytest.mark.parametrize(
    "made", [changed, new, below, gone, ignored, excluded, staged, assumed_unchanged, skipped, linked]
)
def test_a_module_that_is_not_as_in_the_commit_is_dirty_and_named(claims, installed, made):
    made(claims)
    found = git.code(claims, installed)
    assert found.commit is not None
    assert found.dirty is True
    assert found.why.endswith(".py is not as in the commit")
    assert ("one.py" in found.why) or ("three.py" in found.why) or ("outside.py" in found.why)


def test_settings_of_the_user_do_not_hide_anything(claims, installed):
    in_git(claims, "config", "status.showUntrackedFiles", "no")
    new(claims)
    assert git.code(claims, installed).dirty is True


def test_ends_of_lines_that_git_changes_are_no_change(claims, installed):
    (claims.parent / ".gitattributes").write_text("*.py text eol=crlf\n")
    commit(claims)
    (claims / "one.py").write_bytes(b"# one.py\r\n")
    assert git.code(claims, installed).dirty is False


def test_many_modules_are_counted(claims, installed):
    for number in range(5):
        (claims / f"new{number}.py").touch()
    said = "my_claims/new0.py, my_claims/new1.py, my_claims/new2.py and 2 more are not as in the commit"
    assert git.code(claims, installed).why == said


@pytest.mark.parametrize("how", ["ignored", "untracked"])
def test_claims_that_no_commit_has_are_in_none_though_they_lie_in_a_repository(claims, installed, how):
    """As in an environment in the folder of somebody's project."""
    folder = claims.parent / ".venv" / "lib" / "site-packages" / "hypotheses"
    folder.mkdir(parents=True)
    (folder / "layer_0.py").touch()
    if how == "ignored":
        (claims.parent / ".gitignore").write_text(".venv\n")
        commit(claims)
    found = git.code(folder, installed)
    assert (found.commit, found.dirty) == (None, True)
    assert found.why == f"no module of {folder} is in a commit"


def test_what_the_claims_import_from_their_repository_counts_too(claims, installed, monkeypatch):
    helper = claims.parent / "helper.py"
    helper.write_text("share = 1\n")
    monkeypatch.syspath_prepend(claims.parent)
    import helper as loaded

    assert Path(loaded.__file__) == helper
    monkeypatch.setitem(sys.modules, "helper", loaded)
    assert git.code(claims, installed).why == "helper.py is not as in the commit"
    commit(claims)
    assert git.code(claims, installed).dirty is False


def test_an_environment_in_the_repository_does_not(claims, installed, monkeypatch):
    (claims.parent / ".gitignore").write_text("env\n")
    commit(claims)
    folder = claims.parent / "env" / "lib" / "site-packages"
    folder.mkdir(parents=True)
    (folder / "somebodys_helper.py").touch()
    monkeypatch.syspath_prepend(folder)
    import somebodys_helper

    # As PyTorch's, which has no file of that name.
    monkeypatch.setitem(sys.modules, "made_up", SimpleNamespace(__file__="_ops.py"))
    monkeypatch.chdir(claims.parent)
    assert somebodys_helper.__file__.startswith(str(claims.parent))
    assert git.code(claims, installed).dirty is False


def test_recint_counts_where_it_is_under_git_and_not_where_it_is_installed(claims, installed):
    in_git(installed.parent, "init", "-q")
    assert git.code(claims, installed).dirty is False  # in a repository, but tracked by nobody
    commit(installed)
    assert git.code(claims, installed).dirty is False
    (installed / "claim.py").write_text("# changed\n")
    assert git.code(claims, installed).why == "recint/claim.py is not as in the commit"
    in_git(installed, "checkout", "-q", ".")
    (installed.parent / ".gitignore").write_text("extra.py\n")
    commit(installed)
    (installed / "extra.py").touch()
    assert git.code(claims, installed).why == "recint/extra.py is not as in the commit"


class TestWithoutAnAnswer:
    def test_there_is_no_repository(self, tmp_path, installed):
        found = git.code(tmp_path, installed)
        assert (found.commit, found.dirty) == (None, None)
        assert (
            found.why == f"{tmp_path} is in no commit (not a git repository (or any of the parent directories): .git)"
        )

    def test_there_is_no_commit_yet(self, tmp_path, installed):
        in_git(tmp_path, "init", "-q")
        found = git.code(tmp_path, installed)
        assert (found.commit, found.dirty) == (None, None)
        assert "is in no commit (" in found.why

    def test_git_is_not_installed(self, claims, installed, monkeypatch):
        monkeypatch.setenv("PATH", str(claims))
        found = git.code(claims, installed)
        assert (found.commit, found.dirty) == (None, None)
        assert "git cannot be run: No such file or directory" in found.why
        assert git.committed(claims / "one.py") is None

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_git_refuses_a_repository_of_somebody_else(self, claims, installed, monkeypatch):
        for path in (claims.parent, *claims.parent.rglob("*")):
            os.chown(path, 12345, 12345)
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        found = git.code(claims, installed)
        assert (found.commit, found.dirty) == (None, None)
        assert "(detected dubious ownership in repository at " in found.why
        assert "\n" not in found.why


def test_a_hook_of_another_repository_does_not_lead_astray(claims, installed, tmp_path, monkeypatch):
    """Git tells its hooks by the environment which repository they run for."""
    other = tmp_path / "other"
    other.mkdir()
    in_git(other, "init", "-q")
    (other / "claims.jsonl").write_text("theirs")
    commit(other)
    own = commit(claims)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    found = git.code(claims, installed)
    assert (found.commit, found.dirty) == (own, False)
    assert git.committed(claims / "claims.jsonl") is None


class TestRegistrations:
    def test_only_those_in_the_commit_count(self, claims):
        folder = claims / "log"
        assert log_file.committed_hashes(folder) == []
        registration.register(folder, [CLAIM], when=NOW)
        assert log_file.committed_hashes(folder) == []
        commit(claims)
        assert log_file.committed_hashes(folder) == ["h"]
        registration.register(folder, [CLAIM | {"claim": "a.c", "hash": "i"}], when=NOW)
        assert log_file.committed_hashes(folder) == ["h"]

    @pytest.mark.parametrize(
        "sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x1c", "é", "🙂", "\ud800", "\x7f", "\r", "\0"]
    )
    def test_a_statement_may_hold_any_character(self, claims, sign):
        """Some of which end a line for `str.splitlines`, some of which are half a character."""
        registration.register(claims / "log", [CLAIM | {"fields": {"statement": f"a{sign}b"}}], when=NOW)
        (line,) = log_file.read(claims / "log").registered
        assert line["fields"]["statement"] == f"a{sign}b"
        commit(claims)
        assert log_file.committed_hashes(claims / "log") == ["h"]

    def test_a_damaged_byte_in_the_commit_costs_its_line_alone(self, claims):
        folder = claims / "log"
        registration.register(folder, [CLAIM, CLAIM | {"claim": "a.c", "hash": "i"}], when=NOW)
        path = folder / log_file.CLAIMS
        path.write_bytes(path.read_bytes().replace(b'"a.b"', b'"a.\xffb"'))
        commit(claims)
        assert log_file.committed_hashes(folder) == ["i"]
        (sentence,) = log_file.read(folder).damaged
        assert sentence == f"{path}:1: is not a line of JSON, and is left out"

    def test_a_line_that_a_merge_repeated_is_registered_once(self, claims):
        registration.register(claims / "log", [CLAIM], when=NOW)
        path = claims / "log" / log_file.CLAIMS
        path.write_bytes(path.read_bytes() * 2)
        commit(claims)
        assert log_file.committed_hashes(claims / "log") == ["h"]
        assert len(log_file.read(claims / "log").registered) == 1


def test_a_run_is_as_dirty_as_its_code(claims, installed):
    own = commit(claims)
    of = {"checkpoint": {"name": "m", "sha256": "ab", "config": {}}, "environment": {}, "when": NOW}
    line = log_file.run_line(claims / "log", git.code(claims, installed), **of, seed=0, draws=2, profile="default")
    assert (line["commit"], line["dirty"], line["registered_upto"]) == (own, False, None)
    assert json.loads(json.dumps(line)) == line
    assert log_file.code_of(claims) == git.code(claims, PACKAGE)
