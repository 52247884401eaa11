"""`recint convert`: the same tensors in another format, or a refusal."""

from dataclasses import replace

import pytest
import torch

from recint import cli
from recint.checkpoint import load, save
from recint.model.untrained import untrained

from ..commands import refused
from ..conftest import AFFINE_A, TINY, files_of_at_most


def test_convert_keeps_the_hash_and_overwrites_nothing(tmp_path, capsys):
    target = tmp_path / "folder"
    assert cli.main(["convert", str(AFFINE_A), str(target)]) == 0
    assert load(target).sha256 == load(AFFINE_A).sha256
    assert cli.main(["convert", str(AFFINE_A), str(target)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_what_another_format_cannot_say(capsys, tmp_path):
    source = save(untrained(replace(TINY, order=2, act_fn="relu"), seed=0), tmp_path / "source")
    refused(capsys, "cannot say act_fn='relu', order=2", "convert", source, tmp_path / "o2.pth")
    assert not (tmp_path / "o2.pth").exists()


@pytest.mark.parametrize("name", ["x.safetensor", "x.bin", "model.0.1", "x.pth/"])
def test_a_format_that_is_none(capsys, tiny, tmp_path, name):
    refused(capsys, "but a file ends in .pth, .pt, .safetensors", "convert", tiny, f"{tmp_path}/{name}")
    assert not list(tmp_path.iterdir())


def test_a_place_where_nothing_can_be_written(capsys, tiny, tmp_path):
    for name in ("x.pth", "x.safetensors", "x"):
        refused(capsys, "No such file or directory", "convert", tiny, f"/proc/none/{name}")
        with files_of_at_most(1000):
            refused(capsys, f"{name}", "convert", tiny, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_output_in_the_home_folder_is_there(monkeypatch, tmp_path, tiny):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["convert", str(tiny), "~/a.pt"]) == 0
    assert cli.main(["convert", "~/a.pt", "~/b.1/"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pt", "b.1"]
    assert load(tmp_path / "a.pt").sha256 == load(tmp_path / "b.1").sha256 == load(tiny).sha256


def test_what_was_done_to_read_a_checkpoint_is_told(capsys, tmp_path, tiny):
    torch.save({"model": dict(load(tiny).tensors), "epoch": 1}, tmp_path / "nested.pth")
    assert cli.main(["convert", str(tmp_path / "nested.pth"), str(tmp_path / "a")]) == 0
    assert "recint: " in (told := capsys.readouterr().err)
    assert "the one under 'model' is read" in told
