"""What is shipped is found in a checkout and in a wheel, which brings no names but recint's and keeps no record."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from recint.catalogue import properties
from recint.record import log_file

ROOT = Path(__file__).parents[2]
PACKAGES = ("recint", "hypotheses", "fixtures")
FEW = ("--claims", "l0.previous-token", "--draws", "100", "--no-controls")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that the project's own metadata make, with one of the checkpoints."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        left_out = ignore_patterns("__pycache__", "affine-a.pth", "affine3-order2", "affine3-seed1")
        copytree(ROOT / package, source / package, ignore=left_out)
    for name in ("pyproject.toml", "README.md"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(out)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", str(source), *offline], check=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A function that runs a command of recint as it is in the wheel, in a working folder; and what lies where it is installed."""
    packages = tmp_path_factory.mktemp("packages")
    zipfile.ZipFile(wheel).extractall(packages)
    (packages / "fixtures").mkdir()  # as the distribution of that name has it
    (packages / "fixtures" / "__init__.py").write_text("class TempDir: ...\n")

    def run(work, *arguments):
        environment = os.environ | {"PYTHONPATH": str(packages)}
        done = subprocess.run(
            [sys.executable, "-P", *map(str, arguments)],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return done.returncode, done.stdout + done.stderr

    run.packages = packages
    return run


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts)


def test_a_wheel_has_one_name_at_the_top_and_all_that_is_shipped_below_it(wheel):
    packed = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in packed} == {"recint"}
    for package, folder in (("recint", ""), ("hypotheses", "hypotheses/"), ("fixtures", "fixtures/")):
        modules = (str(path.relative_to(ROOT / package)) for path in (ROOT / package).rglob("*.py"))
        assert {f"recint/{folder}{module}" for module in modules} <= set(packed)
    expected = {f"recint/hypotheses/expected/{path.name}" for path in (ROOT / "hypotheses/expected").iterdir()}
    assert expected <= set(packed)
    reference = ROOT / "fixtures" / "checkpoints" / "affine3-seed0"
    assert {f"recint/fixtures/checkpoints/affine3-seed0/{path.name}" for path in reference.iterdir()} <= set(packed)
    assert not any("/log/" in name for name in packed)


def test_another_distribution_keeps_its_name_and_claims_wait_for_the_profile_in_force(installed, tmp_path):
    code = """if True:
        import sys, fixtures
        from recint.catalogue import find
        from recint.shipped import FIXTURES
        prop = find("l0.previous-token")
        print(fixtures.TempDir.__name__, FIXTURES, prop.file, *(name for name in sys.modules if "recint.hypotheses." in name))
        """
    _, out = installed(tmp_path, "-c", code)
    module = installed.packages / "recint" / "hypotheses" / "layer_0.py"
    assert out.split() == ["TempDir", "recint.fixtures.model", str(module)]


def test_an_installed_recint_finds_what_it_ships_and_keeps_its_record_in_the_working_folder(installed, tmp_path):
    before = files(installed.packages)
    status, out = installed(tmp_path, "-m", "recint.cli", "claims")
    assert (status, out.count("(version ")) == (0, len(properties()))
    status, out = installed(tmp_path, "-m", "recint.cli", "register")
    assert (status, out.splitlines()[-1].split()[:2]) == (0, ["commit", "recint-log/claims.jsonl"])
    status, out = installed(tmp_path, "-m", "recint.cli", "verify", *FEW, "--verdicts", "v.json")
    assert status == 0, out  # by the verdicts that are shipped
    assert "0 of 1 claims about affine3-seed0 are supported, 1 refuted; all as expected." in out
    assert "\nlog: recint-log/affine3-seed0.jsonl\n" in out
    status, out = installed(tmp_path, "-m", "recint.cli", "expect", "--from", "v.json")
    assert (status, out.splitlines()[-1]) == (0, "wrote recint-expected/affine3-seed0.toml")
    status, out = installed(tmp_path, "-m", "recint.cli", "log")
    assert out.startswith("1 run on 1 checkpoint, "), out
    assert len(log_file.read(tmp_path / "recint-log").verdicts) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"recint-log", "recint-expected", "v.json", "v.values"}
    assert files(installed.packages) == before


@pytest.mark.slow
def test_an_installed_recint_judges_as_a_checkout_does_on_two_processes_too(installed, tmp_path):
    status, out = installed(tmp_path, "-m", "recint.cli", "verify", *FEW, "-n", "2", "--no-log", "--verdicts", "v.json")
    assert status == 0, out
    call = [
        sys.executable,
        "-m",
        "recint.cli",
        "verify",
        *FEW,
        "--no-log",
        "--verdicts",
        str(tmp_path / "checkout.json"),
    ]
    subprocess.run(call, cwd=ROOT, check=True, capture_output=True)
    found = (tmp_path / "v.json").read_text().replace(str(installed.packages / "recint"), str(ROOT))
    ours, theirs = (json.loads(text)["claims"] for text in (found, (tmp_path / "checkout.json").read_text()))
    different = {"seconds": 0, "standing": None}
    assert [claim | different for claim in ours] == [claim | different for claim in theirs]


def test_what_was_put_on_record_in_the_working_folder_is_expected_there(installed, tmp_path):
    shipped_record = (ROOT / "hypotheses" / "expected" / "affine3-seed0.toml").read_text()
    (tmp_path / "recint-expected").mkdir()
    own = shipped_record.replace(
        '"l0.previous-token" = { verdict = "refuted"', '"l0.previous-token" = { verdict = "vacuous"'
    )
    assert own != shipped_record
    (tmp_path / "recint-expected" / "affine3-seed0.toml").write_text(own)
    status, out = installed(tmp_path, "-m", "recint.cli", "verify", *FEW, "--no-log")
    assert status == 1, out
    assert "l0.previous-token: expected vacuous, now refuted" in out
    assert not (tmp_path / "recint-log").exists()


def test_a_sweep_of_an_installed_recint_says_where_its_log_is(installed, tmp_path):
    reference = installed.packages / "recint" / "fixtures" / "checkpoints" / "affine3-seed0"
    status, out = installed(tmp_path, "-m", "recint.cli", "sweep", reference, *FEW)
    assert status == 0, out
    assert "log: recint-log\n" in out
    assert {path.name for path in tmp_path.iterdir()} == {"recint-log", "sweep"}
