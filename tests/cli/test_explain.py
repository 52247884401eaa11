"""`recint explain`: verdicts are derived from the values again, and what does not follow is status 1."""

import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest

from recint import cli
from recint.record import value_file

from ..commands import refused
from ..made_up import claims


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny):
    """A verdict file on two shipped claims about a tiny model, with its values beside it."""
    folder = tmp_path_factory.mktemp("explained")
    command = ["verify", str(tiny), "--claims", "l0.leads-attribution", "l1.low-effective-rank", "--draws", "100"]
    assert cli.main([*command, "--no-log", "--no-controls", "--verdicts", str(folder / "v.json")]) in (0, 1)
    assert (folder / "v.values").is_file()
    return folder


@pytest.fixture
def verdicts(run, tmp_path):
    for name in ("v.json", "v.values"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    return tmp_path / "v.json"


def test_all_verdicts_follow(verdicts, capsys):
    assert cli.main(["explain", str(verdicts)]) == 0
    assert (
        capsys.readouterr().out == "1 verdict derived again from the values in v.values: nothing that does not follow\n"
    )  # one is about weights


def test_a_claim_is_shown_with_what_it_rests_on(verdicts, capsys):
    assert cli.main(["explain", str(verdicts), "l0.*"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("l0.leads-attribution, version 1: ")
    assert re.search(r"100 recurrences \(seed \d+\), looked at once", out)
    assert "derived again:" in out
    assert 'p of "it does not hold" = ' in out
    assert "values of single recurrences" in out
    assert "l1.low-effective-rank" not in out


def test_a_changed_number_is_named(verdicts, capsys):
    content = json.loads(verdicts.read_text())
    next(claim for claim in content["claims"] if claim["estimate"])["value"] = 0.999
    verdicts.write_text(json.dumps(content))
    assert cli.main(["explain", str(verdicts)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("l0.leads-attribution: value is 0.999, but the values give ")
    assert out.endswith(
        "1 verdict derived again from the values in v.values: 1 claim with something that does not follow\n"
    )


def test_values_of_which_one_was_changed_are_another_file(verdicts, capsys):
    kept = value_file.of_content(verdicts.with_suffix(".values").read_bytes())
    kept["l0.leads-attribution"].own[0] += 1
    verdicts.with_suffix(".values").write_bytes(value_file.content(kept))
    assert cli.main(["explain", str(verdicts)]) == 2
    assert "v.values: is not the file of this run" in capsys.readouterr().err


def test_what_cannot_be_explained_is_one_sentence(verdicts, tmp_path, capsys):
    assert cli.main(["explain", str(verdicts), "l9.*"]) == 2
    assert "claims='l9.*' matches none of" in capsys.readouterr().err
    own = claims(tmp_path / "own", {"id": "a.a"})
    assert cli.main(["explain", str(verdicts), "--hypotheses", str(own)]) == 2
    said = f"{own}: has none of the claims that {verdicts} has values of, so that nothing can be derived again; name"
    assert said in capsys.readouterr().err
    verdicts.with_suffix(".values").unlink()
    assert cli.main(["explain", str(verdicts)]) == 2
    assert "rests on the values in v.values, which is not beside it" in capsys.readouterr().err
    content = json.loads(verdicts.read_text()) | {"values": None}
    verdicts.write_text(json.dumps(content))
    assert cli.main(["explain", str(verdicts)]) == 2
    assert "names no file of values" in capsys.readouterr().err


@pytest.mark.parametrize("shape", [(100, 1, 1, 1), (100, 3, 2), (100,)])
def test_values_that_are_not_those_of_the_claim_are_one_sentence(verdicts, capsys, shape):
    kept = value_file.of_content(verdicts.with_suffix(".values").read_bytes())
    content = value_file.content({"l0.leads-attribution": replace(kept["l0.leads-attribution"], own=np.ones(shape))})
    verdicts.with_suffix(".values").write_bytes(content)
    named = value_file.named(verdicts.with_suffix(".values"), content)
    verdicts.write_text(json.dumps(json.loads(verdicts.read_text()) | {"values": asdict(named)}))
    refused(capsys, "l0.leads-attribution", "explain", verdicts)
