"""`recint mechanism` prints the costs and writes the pictures that are asked for."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from recint import cli
from recint.checkpoint import save
from recint.model.untrained import untrained
from recint.replication.account_pictures import NAMES

from ..conftest import TINY


@pytest.fixture(scope="module")
def second_order(tmp_path_factory):
    return save(untrained(replace(TINY, order=2), seed=0), tmp_path_factory.mktemp("order") / "second")


class TestCommand:
    def test_it_prints_the_costs_and_writes_what_is_asked_for(self, tiny, tmp_path, capsys):
        page, folder = tmp_path / "new" / "page.html", tmp_path / "figures"
        arguments = [str(tiny), "--seed", "7", "--html", str(page), "--figures", str(folder)]
        assert cli.main(["mechanism", *arguments]) == 0
        out = capsys.readouterr().out
        assert re.search(r"^patterns and scales +partner with -c +\S+ +\[.+\] +n=100$", out, flags=re.M)
        files = [folder / f"{name}.svg" for name in ("filter", "c-squared", "attention", "interchange", "accounts")]
        assert out.endswith("".join(f"wrote {path}\n" for path in (page, *files)))
        html = page.read_text()
        assert f"recint mechanism {tiny} --seed 7 --draws 100" in html
        assert html.count("<svg ") == len(NAMES)
        for path in files:
            assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
            assert path.read_text() in html

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["gone.pth"], "gone.pth: no such file"),
            (["{tiny}", "--draws", "1"], "draws=1 must be at least 100"),
            (["{tiny}", "--device", "tpu"], "device='tpu' must be one of auto, cpu, cuda"),
            (["{tiny}", "--html", "{folder}"], "is a folder, but a file is to be written there"),
            (["{tiny}", "--html", "{folder}/figures/filter.svg"], "filter.svg: is named for two outputs"),
            (["{second}"], "second: its recurrences are of order=2, but the account is about those of order=1"),
        ],
    )
    def test_bad_input_is_one_sentence_and_status_2(self, tiny, second_order, tmp_path, capsys, arguments, said):
        filled = [each.format(tiny=tiny, folder=tmp_path, second=second_order) for each in arguments]
        assert cli.main(["mechanism", *filled, "--figures", str(tmp_path / "figures")]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("recint: ")
        assert captured.err.count("\n") == 1
        assert said in captured.err
        assert not (tmp_path / "figures").exists()

    def test_a_file_in_the_place_of_the_folder_is_refused_before_the_run(self, tiny, tmp_path, capsys):
        (tmp_path / "figures").write_text("mine")
        assert cli.main(["mechanism", str(tiny), "--figures", str(tmp_path / "figures")]) == 2
        assert "figures is a file, not a folder" in capsys.readouterr().err
        assert (tmp_path / "figures").read_text() == "mine"
