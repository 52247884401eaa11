"""Files <-> tensors: the hash survives every format, and bad input is one sentence."""

import json
import os
import pickle
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from recint.checkpoint import Checkpoint, CheckpointError, ModelConfig, load, save

from .conftest import SMALL, files_of_at_most


@pytest.mark.parametrize("name", ["folder", "model.safetensors", "model.pth", "model.pt"])
def test_the_tensor_hash_survives_every_format(small, tmp_path, name):
    loaded = load(save(small, tmp_path / name))
    assert loaded.sha256 == small.sha256
    assert loaded.config == small.config


@pytest.mark.parametrize("name", ["folder", "model.safetensors"])
def test_what_shapes_do_not_tell_survives_too(small, tmp_path, name):
    config = replace(small.config, order=3, act_fn="relu", layer_norm_eps=1e-6)
    assert load(save(replace(small, config=config), tmp_path / name)).config == config


@pytest.mark.parametrize("name", ["model.pth", "model.pt"])
@pytest.mark.parametrize("untold", [{"order": 2}, {"act_fn": "relu"}, {"layer_norm_eps": 1e-6}])
def test_a_state_dict_that_would_be_read_as_another_model_is_not_written(small, tmp_path, name, untold):
    ((field, value),) = untold.items()
    changed = replace(small, config=replace(small.config, **untold))
    with pytest.raises(CheckpointError, match=f"a state dict cannot say {field}={value!r}"):
        save(changed, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["folder", "model.safetensors", "model.pth"])
def test_on_a_full_disk_nothing_is_left(small, tmp_path, name):
    with files_of_at_most(1000), pytest.raises(OSError, match="File too large"):
        save(small, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [b"caf\xe9", b"caf\xe9.safetensors", b"caf\xe9.pth"])
def test_a_path_that_is_no_text_is_written_and_read(small, tmp_path, name):
    path = save(small, tmp_path / os.fsdecode(name))
    assert load(path).sha256 == small.sha256


def test_a_bare_file_without_a_configuration_is_read_as_the_notebook_would(small, tmp_path):
    safetensors.torch.save_file(dict(small.tensors), tmp_path / "bare.safetensors")
    assert load(tmp_path / "bare.safetensors").config == small.config


@pytest.mark.parametrize("config", ["{", "gpt", '{"n_layer": 3}', '{"n_layers": 2, "vocab_size": 9}', "[" * 100_000])
def test_metadata_of_somebody_else_are_left_out_and_told(small, tmp_path, config):
    safetensors.torch.save_file(dict(small.tensors), tmp_path / "a.safetensors", metadata={"config": config})
    loaded = load(tmp_path / "a.safetensors")
    assert loaded.config == small.config
    (note,) = loaded.notes
    assert "not recint's; act_fn='gelu_new', layer_norm_eps=1e-05, order=1 are assumed" in note


@pytest.mark.parametrize("name", ["folder", "file.safetensors", "file.pth"])
def test_a_path_that_is_no_text_is_read(small, tmp_path, name):
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    assert load(save(small, odd / name)).sha256 == small.sha256


def test_a_config_with_a_byte_order_mark_is_read(small, tmp_path):
    path = save(small, tmp_path / "marked") / "config.json"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert load(tmp_path / "marked").config == small.config


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
    case("beyond", tensors | {"ln_final.b": torch.full((16,), 1e300, dtype=torch.float64)}, "16 NaN or infinite values")
    case("sparse", tensors | {"embed.W_E": tensors["embed.W_E"].to_sparse()}, "embed.W_E holds a tensor of layout")
    case("meta", tensors | {"embed.W_E": tensors["embed.W_E"].to("meta")}, "embed.W_E holds no numbers")
    case(
        "view", tensors | {"embed.W_E": torch.zeros(1).expand(10**6, 10**6)}, r"\(1000000, 1000000\), but the file has"
    )
    case("number as name", {1: torch.ones(1)}, "holds Tensor under 1, but expected a state dict of names")
    case("two models", {"model": tensors, "state_dict": tensors}, "state dicts under 'model' and 'state_dict'")
    case("no model", {"model": 3, "optimizer": {}}, "holds int under 'model', but expected a state dict")
    case(
        "many", tensors | {"blocks.99999999.ln1.w": torch.ones(16)}, "holds 39 tensors, too few for n_layers=100000000"
    )
    case("too many", tensors | {f"blocks.{'9' * 5000}.ln1.w": torch.ones(16)}, "not part of the model")
    case("nothing wide", tensors | {"embed.W_E": torch.ones(0, 16)}, "d_vocab=0 must be a whole number")
    norms = ("ln1.w", "ln1.b", "ln2.w", "ln2.b", "ln_final.w", "ln_final.b")
    case(
        "folded", {k: v for k, v in tensors.items() if not k.endswith(norms)}, "10 tensors are missing, .*fold_ln=False"
    )
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
    for suffix, said in (
        ("pth", "not a state dict of torch.save: the file begins with b'<!DOCTYPE html>'"),
        ("safetensors", "not a whole safetensors file .* begins with b'<!DOCTYPE html>'"),
    ):
        (folder / f"page.{suffix}").write_text("<!DOCTYPE html>\n")
        cases[f"page {suffix}"] = (folder / f"page.{suffix}", said.replace(">'", r">\\n'"))
        (folder / f"pointer.{suffix}").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n")
        cases[f"pointer {suffix}"] = (folder / f"pointer.{suffix}", "is a Git LFS pointer, .* `git lfs pull`")
        os.mkfifo(folder / f"pipe.{suffix}")
        cases[f"pipe {suffix}"] = (folder / f"pipe.{suffix}", "is not a regular file")
    for name in ("weights", "config"):
        path = save(small, folder / f"pointer {name}") / ("config.json" if name == "config" else "model.safetensors")
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n")
        cases[f"pointer {name}"] = (path.parent, f"{path.name}: is a Git LFS pointer")
    sharded = save(small, folder / "sharded")
    (sharded / "model.safetensors").rename(sharded / "model-00001-of-00002.safetensors")
    (sharded / "model.safetensors.index.json").write_text("{}")
    cases["sharded"] = (sharded, "the weights are split over several files")
    cases["long name"] = (folder / ("n" * 300 + ".pth"), "cannot be read .File name too long")
    contradicting = json.dumps({"act_fn": "relu", "vocab_size": 9})
    safetensors.torch.save_file(tensors, folder / "other's.safetensors", metadata={"config": contradicting})
    cases["metadata of others"] = (folder / "other's.safetensors", "is not recint's, and says act_fn='relu'")
    for name, config, said in (
        ("json", "{", "not JSON"),
        ("deep", "[" * 100_000, "not JSON"),
        ("digits", '{"n_ctx": ' + "9" * 5000 + "}", "not JSON"),
        ("encoding", "\udcff", "not JSON"),
        (
            "nan",
            json.dumps(asdict(small.config) | {"layer_norm_eps": float("nan")}),
            "holds the number NaN, but expected finite",
        ),
        ("infinite", '{"layer_norm_eps": 1e999}', "holds the number 1e999, but expected finite numbers"),
        ("keys", json.dumps({"n_layer": 3}), r"found \['n_layer'\]"),
        ("many", json.dumps(asdict(small.config) | {"n_layers": 10**8}), "too few for n_layers=100000000"),
        ("range", json.dumps({"n_layers": 0}), "n_layers=0 must be a whole number"),
        ("other", json.dumps(asdict(small.config) | {"d_vocab": 6}), "but config.json implies"),
    ):
        save(small, folder / name)
        (folder / name / "config.json").write_text(config, errors="surrogateescape")
        cases[f"config {name}"] = (folder / name, said)
        if name not in ("many", "range", "other"):
            continue
        bare = folder / f"{name}.safetensors"
        safetensors.torch.save_file(tensors, bare, metadata={"config": config})
        cases[f"metadata {name}"] = (bare, said.replace("config.json", "its metadata"))
    return cases


CASES = [
    "missing", "foreign", "extra", "misshapen", "nan", "infinite", "integers", "a-list", "bomb", "truncated", "empty",
    "old pickle", "cut", "absent", "suffix", "beyond", "sparse", "meta", "view", "number as name", "two models",
    "no model", "many", "too many", "nothing wide", "folded", "page pth", "page safetensors", "pointer pth",
    "pointer safetensors", "pipe pth", "pipe safetensors", "pointer weights", "pointer config", "sharded", "long name",
    "metadata of others", "config json", "config deep", "config digits", "config encoding", "config keys", "config many",
    "config range", "config other", "config nan", "config infinite", "metadata many", "metadata range", "metadata other",
]  # fmt: skip


def test_every_case_is_tried(small, tmp_path):
    assert sorted(CASES) == sorted(bad_files(small, tmp_path))


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


def test_no_path_is_not_the_working_folder():
    with pytest.raises(CheckpointError, match="checkpoint='' is empty"):
        load("")


def test_the_number_of_weights_is_that_of_the_shapes():
    assert SMALL.weights == sum(torch.zeros(shape).numel() for shape in SMALL.shapes.values())
