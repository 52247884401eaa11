"""`recint register` puts claims into the log, once, and judges nothing."""

from recint import cli
from recint.record import log_file


def test_claims_are_registered_once(folder, tmp_path, capsys):
    kept = tmp_path / "log"
    command = ["register", "--hypotheses", str(folder), "--log", str(kept)]
    assert cli.main(command) == 0
    assert (
        f"commit {kept / log_file.CLAIMS} and the modules of the claims before a checkpoint is judged"
        in capsys.readouterr().out
    )
    first = log_file.read(kept)
    assert "a.one" in [line["claim"] for line in first.registered]
    assert first.runs == ()
    assert cli.main(command) == 0
    assert capsys.readouterr().out.startswith("nothing new\n")
    assert log_file.read(kept) == first


def test_a_claim_that_moved_is_refused(folder, tmp_path, capsys):
    kept = tmp_path / "log"
    assert cli.main(["register", "--hypotheses", str(folder), "--log", str(kept)]) == 0
    other = tmp_path / "moved"
    other.mkdir()
    (other / "module.py").write_text((folder / "module.py").read_text().replace("threshold=0.5", "threshold=0.4"))
    assert cli.main(["register", "--hypotheses", str(other), "--log", str(kept)]) == 2
    assert "a.one: threshold moved from 0.5 to 0.4" in capsys.readouterr().err
