"""Files <-> tensors: the hash survives every format, and bad input is one sentence."""

import json
import pickle
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from recint.checkpoint import Checkpoint, CheckpointError, ModelConfig, load, save


@pytest.mark.parametrize("name", ["folder", "model.safetensors", "model.pth"])
def test_the_tensor_hash_survives_every_format(small, tmp_path, name):
    loaded = load(save(small, tmp_path / name))
    assert loaded.sha256 == small.sha256
    assert loaded.config == small.config


@pytest.mark.parametrize("name", ["folder", "model.safetensors"])
def test_what_shapes_do_not_tell_survives_too(small, tmp_path, name):
    config = replace(small.config, order=3, act_fn="relu", layer_norm_eps=1e-6)
    assert load(save(replace(small, config=config), tmp_path / name)).config == config


def test_a_bare_file_without_a_configuration_is_read_as_the_notebook_would(small, tmp_path):
    safetensors.torch.save_file(dict(small.tensors), tmp_path / "bare.safetensors")
    assert load(tmp_path / "bare.safetensors").config == small.config


def test_dataparallel_prefix_and_buffers_are_dropped(small, tmp_path):
    tensors = {f"module.{name}": tensor for name, tensor in small.tensors.items()}
    tensors["module.blocks.0.attn.mask"] = torch.ones(16, 16, dtype=torch.bool)
    tensors["module.blocks.0.attn.IGNORE"] = torch.tensor(-torch.inf)
    torch.save(tensors, tmp_path / "parallel.pth")
    assert load(tmp_path / "parallel.pth").sha256 == small.sha256


def test_the_hash_sees_a_value_and_not_an_order(small):
    backwards = Checkpoint("other", small.config, dict(reversed(small.tensors.items())))
    assert backwards.sha256 == small.sha256
    moved = dict(small.tensors) | {"embed.W_E": small.tensors["embed.W_E"] + 1e-6}
    assert Checkpoint("x", small.config, moved).sha256 != small.sha256


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def without(small, name):
    return {key: tensor for key, tensor in small.tensors.items() if key != name}


def bad_files(small, folder):
    """name -> (path, what the sentence must say)."""
    tensors = dict(small.tensors)
    cases = {}

    def case(name, contents, said):
        torch.save(contents, folder / f"{name}.pth")
        cases[name] = (folder / f"{name}.pth", said)

    case("missing", without(small, "ln_final.w"), "1 tensors are missing, the first of them ln_final.w")
    case("foreign", {"weight": torch.ones(2)}, "no tensor embed.W_E")
    case(
        "extra",
        tensors | {"blocks.0.attn.W_Z": torch.ones(1)},
        "not part of the model, the first of them blocks.0.attn.W_Z",
    )
    case(
        "misshapen",
        tensors | {"unembed.W_U": torch.ones(16, 6)},
        r"unembed.W_U has shape \(16, 6\), but .* implies \(16, 5\)",
    )
    case("nan", tensors | {"embed.W_E": tensors["embed.W_E"] * torch.nan}, "embed.W_E holds 80 NaN or infinite values")
    case("infinite", tensors | {"ln_final.b": torch.full((16,), torch.inf)}, "ln_final.b holds 16 NaN or infinite")
    case("integers", tensors | {"ln_final.b": torch.ones(16, dtype=torch.long)}, "ln_final.b holds torch.int64")
    case("a-list", [1, 2], "holds list, but expected a state dict")
    case("bomb", {"embed.W_E": Bomb(folder / "exploded")}, "could run code when loaded")
    whole = (folder / "missing.pth").read_bytes()
    (folder / "truncated.pth").write_bytes(whole[: len(whole) // 2])
    cases["truncated"] = (folder / "truncated.pth", "not a whole state dict")
    (folder / "empty.pth").touch()
    cases["empty"] = (folder / "empty.pth", "not a")
    (folder / "old.pth").write_bytes(pickle.dumps({"x": Bomb(folder / "exploded")}))
    cases["old pickle"] = (folder / "old.pth", "not a")
    safetensors.torch.save_file(tensors, folder / "cut.safetensors")
    (folder / "cut.safetensors").write_bytes((folder / "cut.safetensors").read_bytes()[:-40])
    cases["cut"] = (folder / "cut.safetensors", "not a whole safetensors file")
    cases["absent"] = (folder / "absent.pth", "no such file")
    (folder / "notes.txt").write_text("hello")
    cases["suffix"] = (folder / "notes.txt", "the name ends in '.txt'")
    for name, config, said in (
        ("json", "{", "not JSON"),
        ("keys", json.dumps({"n_layer": 3}), r"found \['n_layer'\]"),
        ("range", json.dumps({"n_layers": 0}), "n_layers=0 must be a whole number"),
        ("other", json.dumps(asdict(small.config) | {"d_vocab": 6}), "but config.json implies"),
    ):
        save(small, folder / name)
        (folder / name / "config.json").write_text(config)
        cases[f"config {name}"] = (folder / name, said)
        bare = folder / f"{name}.safetensors"
        safetensors.torch.save_file(tensors, bare, metadata={"config": config})
        cases[f"metadata {name}"] = (bare, said.replace("config.json", "its metadata"))
    return cases


CASES = [
    "missing", "foreign", "extra", "misshapen", "nan", "infinite", "integers", "a-list", "bomb", "truncated", "empty",
    "old pickle", "cut", "absent", "suffix", "config json", "config keys", "config range", "config other",
    "metadata json", "metadata keys", "metadata range", "metadata other",
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_sentence(small, tmp_path, case):
    path, said = bad_files(small, tmp_path)[case]
    with pytest.raises(CheckpointError, match=said) as raised:
        load(path)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "exploded").exists()


def test_shapes_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="act_fn='tanh' must be one of"):
        replace(ModelConfig(), act_fn="tanh")
