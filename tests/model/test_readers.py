"""What is hidden from a reader is missing there and nowhere else, as in a pass in plain torch in which it reads something else."""

from dataclasses import replace
from itertools import chain, combinations

import pytest
import torch

from recint.model.interventions import edited
from recint.model.readers import UNEMBEDDING, hidden, readers_after_layer_0_attention
from recint.recurrence import Distribution

from ..conftest import SMALL
from ..passes import BATCH, D_MODEL, LAYERS, POSITIONS, biased, plain

TEN = ("0.mlp", "1.q", "1.k", "1.v", "1.mlp", "2.q", "2.k", "2.v", "2.mlp", UNEMBEDDING)
PART = torch.randn(BATCH, POSITIONS, D_MODEL, generator=torch.Generator().manual_seed(0))
FIRST = "blocks.0.hook_resid_pre"


@pytest.fixture(scope="module")
def model():
    return biased(replace(SMALL, n_layers=LAYERS))


@pytest.fixture(scope="module")
def inputs():
    return Distribution(dim=5, length=POSITIONS + 1).sample(BATCH, seed=0).inputs


def read_without_the_part(readers):
    """The edits of the plain pass that do the same."""
    names = {reader: f"reads_{reader.partition('.')[2]}{reader.partition('.')[0]}" for reader in readers}
    return {
        "reads_unembedding" if reader == UNEMBEDDING else name: lambda stream: stream - PART
        for reader, name in names.items()
    }


def test_three_layers_have_ten_readers_after_the_first_attention(model):
    assert readers_after_layer_0_attention(model.config) == TEN
    assert readers_after_layer_0_attention(replace(SMALL, n_layers=1)) == ("0.mlp", UNEMBEDDING)


@pytest.mark.parametrize(
    "readers",
    [*((one,) for one in ("0.q", "0.k", "0.v", *TEN)), ("0.mlp", "1.k"), ("1.q", "1.v", "2.mlp"), TEN],
    ids="+".join,
)
def test_a_reader_reads_the_stream_without_the_part(model, inputs, readers):
    before, residual = model(inputs), model.activations(inputs, FIRST)[FIRST]
    with hidden(model, removed=PART, readers=readers) as change:
        whole, resumed = model(inputs), model.resume(residual, layer=0)
        assert change.largest > 1e-2
    expected, _ = plain(model, inputs, **read_without_the_part(readers))
    assert torch.allclose(whole.double(), expected, atol=5e-5)
    assert torch.allclose(resumed, whole, atol=1e-5)
    assert (whole - before).abs().max() > 1e-3
    assert torch.equal(model(inputs), before)


def test_hidden_from_all_ten_it_is_taken_out_of_the_stream_after_the_first_attention(model, inputs):
    with hidden(model, removed=PART, readers=TEN):
        found = model(inputs)
    with edited(model, "blocks.0.hook_attn_out", lambda written: written - PART):
        expected = model(inputs)
    assert torch.allclose(found, expected, atol=2e-5)
    assert (found - model(inputs)).abs().max() > 0.1


def test_every_single_reader_counts(model, inputs):
    with hidden(model, removed=PART, readers=TEN):
        found = model(inputs)
    for left_out in TEN:
        with hidden(model, removed=PART, readers=[reader for reader in TEN if reader != left_out]):
            assert (model(inputs) - found).abs().max() > 1e-3, left_out


def test_the_stream_and_the_other_readers_keep_the_part(model, inputs):
    kept = [f"blocks.1.attn.hook_{letter}" for letter in "qkv"]
    kept += ["blocks.1.hook_resid_pre", "blocks.0.hook_resid_mid", "blocks.1.ln1.hook_normalized"]
    before = model.activations(inputs, *kept)
    for letters in chain.from_iterable(combinations("qkv", size) for size in (1, 2)):
        with hidden(model, removed=PART, readers=[f"1.{letter}" for letter in letters]):
            after = model.activations(inputs, *kept)
        for name in kept:
            assert torch.equal(after[name], before[name]) == (name not in [kept["qkv".index(x)] for x in letters])
    post, written = "blocks.1.hook_resid_post", "blocks.1.hook_mlp_out"
    with hidden(model, removed=PART, readers=["1.mlp"]):
        found = model.activations(inputs, post, written, *kept)
    own = model.activations(inputs, post, written)
    assert all(torch.equal(found[name], before[name]) for name in kept)
    assert (found[written] - own[written]).abs().max() > 1e-3
    assert torch.allclose(found[post] - found[written], own[post] - own[written], atol=1e-5)


def test_to_hide_nothing_changes_nothing(model, inputs):
    before = model(inputs)
    with hidden(model, removed=torch.zeros_like(PART), readers=TEN) as change:
        assert torch.equal(model(inputs), before)
    assert change.largest == 0


def test_the_change_is_that_of_the_reader_that_changes_least(model, inputs):
    large, small = "0.mlp", "2.mlp"
    ln2 = {reader: f"blocks.{reader[0]}.ln2.hook_in" for reader in (large, small)}
    before = model.activations(inputs, *ln2.values())
    with hidden(model, removed=PART, readers=[large]):
        moved = model.activations(inputs, ln2[small])[ln2[small]] - before[ln2[small]]
    assert moved.abs().max() > 0  # the small one reads what the large one writes
    with hidden(model, removed=0.1 * PART, readers=[small]) as alone:
        model(inputs)
    with hidden(model, removed=PART, readers=["1.q", "1.k"]) as letters:
        model(inputs)
    each = {}
    for letter in "qk":
        with hidden(model, removed=PART, readers=[f"1.{letter}"]) as each[letter]:
            model(inputs)
    assert alone.largest == pytest.approx(0.1 * PART.abs().max().item(), rel=1e-4)
    assert letters.largest == max(change.largest for change in each.values())


@pytest.mark.parametrize("wrong", ["1.o", "embedding", "mlp", "1.qk"])
def test_a_reader_that_there_is_not_is_refused(model, wrong):
    with pytest.raises(
        ValueError, match=f"reader='{wrong}' must be 'unembedding', or a layer and one of q, k, v and mlp"
    ):
        hidden(model, removed=PART, readers=[wrong])
