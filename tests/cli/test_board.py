"""`recint board`: verdict files become a table in a document."""

import json

import pytest

from recint import cli
from recint.pages import board

from ..commands import answer


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


def test_a_run_of_the_log_is_a_column_too(verdicts, capsys):
    assert cli.main(["board", "affine3-seed0", "affine3-seed4", "--claims", "filter.of-c"]) == 0
    assert "| claim | should be | affine3-seed0 | affine3-seed4 |" in capsys.readouterr().out
    assert cli.main(["board", str(verdicts), "nobody"]) == 2
    assert "verdicts='nobody' is neither a verdict file nor a checkpoint of the log" in capsys.readouterr().err


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_rest_of_a_document_stays_to_the_byte(verdicts, tmp_path, newline):
    document = tmp_path / "README.md"
    lines = ["h\u00e9llo \u2713", board.BEGIN, "FORMER", board.END, "after", ""]
    document.write_bytes(newline.join(lines).encode())
    assert cli.main(["board", str(verdicts), "--into", str(document)]) == 0
    written = document.read_bytes().decode()
    assert written.startswith(f"h\u00e9llo \u2713{newline}{board.BEGIN}{newline}")
    assert written.endswith(f"{board.END}{newline}after{newline}")
    assert "FORMER" not in written
    assert (newline == "\n") == ("\r" not in written)
    assert written.count("\n") == written.count(newline)


def test_a_verdict_file_has_a_claim_once(verdicts, capsys):
    text = verdicts.read_text()
    begin, end = text.index('"claims": [') + 11, text.rindex("]")
    verdicts.write_text(f"{text[:end]},{text[begin:end]}{text[end:]}")
    assert cli.main(["board", str(verdicts)]) == 2
    assert "is not a verdict file (a.one is in it more than once)" in capsys.readouterr().err
