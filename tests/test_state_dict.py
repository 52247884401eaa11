"""Named tensors, whatever saved them."""

import pytest
import safetensors.torch
import torch

from recint.checkpoint import load


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "model."])
def test_the_prefix_of_a_wrapper_and_buffers_are_dropped(small, tmp_path, prefix):
    tensors = {f"{prefix}{name}": tensor for name, tensor in small.tensors.items()}
    tensors[f"{prefix}blocks.0.attn.mask"] = torch.ones(16, 16, dtype=torch.bool)
    tensors[f"{prefix}blocks.0.attn.IGNORE"] = torch.tensor(-torch.inf)
    torch.save(tensors, tmp_path / "wrapped.pth")
    loaded = load(tmp_path / "wrapped.pth")
    assert loaded.sha256 == small.sha256
    said = f"{tmp_path / 'wrapped.pth'}: every name begins with {prefix!r}, which is left out"
    assert loaded.notes == ((said,) if prefix else ())


@pytest.mark.parametrize("key", ["model", "state_dict", "model_state_dict"])
def test_a_state_dict_beside_an_optimiser_is_taken_and_told(small, tmp_path, key):
    prefixed = {f"model.{name}": tensor for name, tensor in small.tensors.items()}
    torch.save({"epoch": 3, "optimizer": {"state": {}}, key: prefixed}, tmp_path / "nested.pth")
    loaded = load(tmp_path / "nested.pth")
    assert loaded.sha256 == small.sha256
    assert f"the one under {key!r} is read" in loaded.notes[0]
    assert "'model.'" in loaded.notes[1]


def test_numbers_of_eight_bits_are_read(small, tmp_path):
    eight = {name: tensor.to(torch.float8_e4m3fn) for name, tensor in small.tensors.items()}
    safetensors.torch.save_file(eight, tmp_path / "eight.safetensors")
    found = load(tmp_path / "eight.safetensors").tensors
    assert all(torch.equal(found[name], tensor.float()) for name, tensor in eight.items())
