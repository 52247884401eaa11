"""Checkpoints of any TransformerBridge: what is written is read again, and all else is refused in one sentence."""

import json
import resource
from dataclasses import dataclass

import pytest
import safetensors.torch
import torch

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
        ('{"n_layers": 1, "d_vocab": 7, "n_ctx": 6}', "has ['d_vocab', 'n_layers']; they differ in n_ctx"),
        ('{"n_layers": "1", "d_vocab": 7}', "config.json: n_layers='1' must be a whole number"),
        ('{"n_layers": null, "d_vocab": 7}', "config.json: n_layers=None must be a whole number"),
        ('{"n_layers": 1.0, "d_vocab": 7}', "config.json: n_layers=1.0 must be a whole number"),
        ('{"n_layers": true, "d_vocab": 7}', "config.json: n_layers=True must be a whole number"),
        ('{"n_layers": NaN, "d_vocab": 7}', "config.json: holds the number NaN, but expected finite numbers"),
        ('{"n_layers": -Infinity, "d_vocab": 7}', "config.json: holds the number -Infinity, but expected finite"),
        ('{"n_layers": 1, "d_vocab": 1e999}', "config.json: holds the number 1e999, but expected finite numbers"),
        (
            '{"n_layers": 1000000000, "d_vocab": 7}',
            "config.json: n_layers=1000000000, d_vocab=7 make a model of more numbers than the",
        ),
        ('{"n_layers": 1, "d_vocab": 10000000}', "d_vocab=10000000 make a model of more numbers than the"),
        (f'{{"n_layers": 1, "d_vocab": {10**30}}}', "no model can be built of n_layers=1, d_vocab=1000"),
        ('{"n_layers": 2, "d_vocab": 7}', "10 tensors are missing, the first of them blocks.1.attn.k.bias"),
    ],
)
def test_another_configuration_is_refused_in_one_sentence(folder, config, sentence):
    (folder / "config.json").write_text(config)
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        load(folder)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_size_takes_no_memory_before_it_is_checked(folder):
    """Nor does it leave a limit behind for models that are built later."""
    (folder / "config.json").write_text('{"n_layers": 1, "d_vocab": 40000000}')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="make a model of more numbers"):
        load(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 100_000  # KB; the embedding alone has 1.3 GB
    assert torch.nn.Linear(1000, 1000).weight.numel() == 10**6


def test_fields_of_other_kinds_are_left_to_the_configuration(tmp_path):
    @dataclass(frozen=True)
    class Config:
        rate: float
        kind: "str"
        tied: bool
        n_layers: int | None = None
        sizes: tuple = ()

    def built(config):
        return tiny.build(tiny.Config())

    tensors = built(None).state_dict()
    folder = bridged.save(bridged.Checkpoint("x", "x", Config(1, "a", True), tensors), tmp_path / "x")
    assert bridged.load(folder, Config, built, subject="x").config == Config(1, "a", True, None, [])
    plain = json.loads((folder / "config.json").read_text())
    for wrong, said in (
        ({"rate": "1"}, "a number"),
        ({"rate": False}, "a number"),
        ({"kind": 1}, "text"),
        ({"tied": 1}, "true or false"),
    ):
        (folder / "config.json").write_text(json.dumps(plain | wrong))
        with pytest.raises(ValueError, match=f"must be {said}$"):
            bridged.load(folder, Config, built, subject="x")


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
