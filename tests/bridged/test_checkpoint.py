"""Checkpoints of any TransformerBridge: what is written is read again, and all else is refused in one sentence."""

import json

import pytest
import safetensors.torch

from recint import bridged
from recint.judging import entries
from recint.record.identity import brief, identity

from . import tiny


@pytest.fixture
def folder(tmp_path):
    return bridged.save(tiny.checkpoint(), tmp_path / "one")


def load(path):
    return bridged.load(path, tiny.Config, tiny.build, subject=tiny.NAME)


def with_tensors(folder, change):
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    change(tensors)
    safetensors.torch.save_file(tensors, folder / "model.safetensors")


def test_what_is_saved_is_read_again(folder):
    read, made = load(folder), tiny.checkpoint()
    assert (read.name, read.config, read.subject) == ("one", tiny.Config(), "random tokens")
    assert read.sha256 == made.sha256


def test_its_subject_and_its_whole_configuration_say_which_model_it_is(folder):
    about = entries.about(load(folder))
    assert about["subject"] == "random tokens"
    assert identity(about) == f"{about['sha256']} n_layers=1 d_vocab=7"
    assert brief(about, digits=8) == about["sha256"][:8]


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("{", "config.json: not JSON"),
        ("[1]", "found list, but a model for claims about random tokens has ['d_vocab', 'n_layers']"),
        (
            '{"n_layers": 1}',
            "found ['n_layers'], but a model for claims about random tokens has ['d_vocab', 'n_layers']",
        ),
        ('{"n_layers": 1, "d_vocab": 1}', "config.json: d_vocab=1 must be at least 2"),
        ('{"n_layers": 1, "d_vocab": 9}', "has shape (7, 8), but config.json implies (9, 8)"),
        ('{"n_layers": 2, "d_vocab": 7}', "10 tensors are missing, the first of them blocks.1.attn.k.bias"),
    ],
)
def test_another_configuration_is_refused_in_one_sentence(folder, config, sentence):
    (folder / "config.json").write_text(config)
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        load(folder)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_tensor_too_many_is_refused(folder):
    with_tensors(folder, lambda tensors: tensors.update(extra=tensors["ln_final.weight"].clone()))
    with pytest.raises(ValueError, match="1 tensors are not part of the model, the first of them extra"):
        load(folder)


def test_a_weight_that_is_no_number_is_refused(folder):
    with_tensors(folder, lambda tensors: tensors["ln_final.weight"].fill_(float("nan")))
    with pytest.raises(ValueError, match="weight holds 8 NaN"):
        load(folder)


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no such folder, but one with config.json and model.safetensors"):
        load(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"config.json: no such file"):
        load(tmp_path / "empty")


def test_the_configuration_is_written_as_plain_values(folder):
    assert json.loads((folder / "config.json").read_text()) == {"n_layers": 1, "d_vocab": 7}
