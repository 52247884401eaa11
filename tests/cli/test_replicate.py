"""`recint replicate` prints the table and writes what is asked for."""

import pytest

from recint import cli
from recint.checkpoint import ModelConfig, save
from recint.model.untrained import untrained
from recint.replication.table import NUMBERS


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    config = ModelConfig(n_layers=1, n_heads=2, d_model=8, d_head=4, d_mlp=16, n_ctx=13, d_vocab=4)
    return save(untrained(config, seed=0, init_range=0.3), tmp_path_factory.mktemp("tiny") / "tiny.safetensors")


class TestCommand:
    def test_it_prints_the_table_and_writes_what_is_asked_for(self, tiny, tmp_path, capsys):
        page, table = tmp_path / "new" / "page.html", tmp_path / "table.md"
        arguments = [str(tiny), "--draws", "100", "--seed", "7", "--html", str(page), "--markdown", str(table)]
        assert cli.main(["replicate", *arguments]) == 0
        out = capsys.readouterr().out
        assert "Not applicable: it speaks of layer 1, but the model has 1 of them." in out
        assert out.endswith(f"wrote {table}\nwrote {page}\n")
        assert f"recint replicate {tiny} --seed 7 --draws 100" in table.read_text()
        html = page.read_text()
        assert html.count('<th scope="row">') == len(NUMBERS)
        assert "<details open><summary>Loss against c</summary><svg" in html
        assert "composition</summary>" not in html  # one layer has none to compose with
        assert "src=" not in html

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["gone.pth"], "gone.pth: no such file"),
            (["{tiny}", "--draws", "1"], "draws=1 must be at least 100"),
            (["{tiny}", "--device", "tpu"], "device='tpu' must be one of auto, cpu, cuda"),
            (["{tiny}", "--html", "{folder}"], "is a folder, but a file is to be written there"),
        ],
    )
    def test_bad_input_is_one_sentence_and_status_2(self, tiny, tmp_path, capsys, arguments, said):
        filled = [argument.format(tiny=tiny, folder=tmp_path) for argument in arguments]
        assert cli.main(["replicate", *filled, "--markdown", str(tmp_path / "table.md")]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("recint: ")
        assert captured.err.count("\n") == 1
        assert said in captured.err
        assert not (tmp_path / "table.md").exists()
