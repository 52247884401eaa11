"""Numbers that are none give an error or a number, and never a verdict."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recint.checkpoint import Checkpoint
from recint.domain import Condition
from recint.judging.finite import NotFinite, require_finite
from recint.model import Model
from recint.model.attribution import attribution
from recint.model.probes import constant_probe
from recint.statistics.attention import (
    attention_by_parity,
    attention_over_uniform,
    attention_to_similar,
    most_similar_key,
    output_against_input,
    previous_token_attention,
)
from recint.statistics.attribution import attribution_direction, direct_logit_attribution, shares_of_layer
from recint.statistics.errors import prediction_errors
from recint.statistics.lines import line_fit, mix_fit, signed_line_r2
from recint.statistics.residual import outside_embedding

RECURRENCES, POSITIONS, WIDTH, HEADS = 2, 6, 5, 3
# Each statistic, of what shapes it is, and the options that it takes beside.
STATISTICS = {
    previous_token_attention: ({"pattern": (RECURRENCES, HEADS, POSITIONS, POSITIONS)}, {}),
    attention_over_uniform: ({"pattern": (RECURRENCES, HEADS, POSITIONS, POSITIONS)}, {"key": 1, "first": 2}),
    attention_by_parity: ({"pattern": (RECURRENCES, HEADS, POSITIONS, POSITIONS)}, {}),
    attention_to_similar: (
        {"pattern": (RECURRENCES, HEADS, POSITIONS, POSITIONS), "residual": (RECURRENCES, POSITIONS, WIDTH)},
        {"first": 2},
    ),
    most_similar_key: ({"residual": (RECURRENCES, POSITIONS, WIDTH)}, {}),
    output_against_input: (
        {
            "z": (RECURRENCES, POSITIONS, HEADS, 2),
            "pattern": (RECURRENCES, HEADS, POSITIONS, POSITIONS),
            "residual": (RECURRENCES, POSITIONS, WIDTH),
            "W_O": (HEADS, 2, WIDTH),
            "W_U": (WIDTH, 4),
        },
        {"first": 2},
    ),
    direct_logit_attribution: (
        {
            "z": (RECURRENCES, POSITIONS, HEADS, 2),
            "W_O": (HEADS, 2, WIDTH),
            "direction": (RECURRENCES, POSITIONS, WIDTH),
        },
        {},
    ),
    attribution_direction: (
        {"residual": (RECURRENCES, POSITIONS, WIDTH), "W_U": (WIDTH, 4), "target": (RECURRENCES, POSITIONS, 4)},
        {"eps": 1e-5},
    ),
    shares_of_layer: ({"heads": (RECURRENCES, POSITIONS, 2, HEADS)}, {"layer": 1}),
    prediction_errors: (
        {"prediction": (RECURRENCES, POSITIONS, WIDTH), "target": (RECURRENCES, POSITIONS, WIDTH)},
        {"first": 2},
    ),
    line_fit: ({"x": (RECURRENCES, WIDTH), "y": (RECURRENCES, WIDTH)}, {}),
    signed_line_r2: ({"x": (RECURRENCES, WIDTH), "y": (RECURRENCES, WIDTH)}, {}),
    mix_fit: ({"parts": (RECURRENCES, WIDTH, 2), "whole": (RECURRENCES, WIDTH)}, {}),
    outside_embedding: ({"written": (RECURRENCES, POSITIONS, WIDTH), "W_E": (3, WIDTH)}, {}),
}  # fmt: skip
NO_NUMBERS = [math.nan, math.inf, -math.inf]


@st.composite
def inputs(draw, shapes):
    """Tensors of these shapes, with what nobody asked for somewhere in them or all over them."""
    made = {}
    for name, shape in shapes.items():
        generator = torch.Generator().manual_seed(draw(st.integers(0, 5)))
        tensor = (
            torch.rand(shape, generator=generator) if name == "pattern" else torch.randn(shape, generator=generator)
        )
        odd = draw(st.sampled_from([None, 0.0, 3e38, -3e38, 1e-40, *NO_NUMBERS]))
        if odd is not None:
            where = draw(st.sampled_from(["everywhere", "somewhere"]))
            tensor[... if where == "everywhere" else draw(st.tuples(*(st.integers(0, n - 1) for n in shape)))] = odd
        made[name] = tensor
    return made


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda statistic: statistic.__name__)
@given(data=st.data())
def test_a_statistic_is_finite_or_an_error(statistic, data):
    shapes, options = STATISTICS[statistic]
    given_ = data.draw(inputs(shapes))
    try:
        found = statistic(**given_, **options)
    except (ValueError, RuntimeError):
        return
    for part in found if isinstance(found, tuple) else (found,):
        assert torch.isfinite(part).all()
    assert all(torch.isfinite(tensor).all() for tensor in given_.values())


@pytest.mark.parametrize("odd", NO_NUMBERS)
@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda statistic: statistic.__name__)
def test_what_is_no_number_is_named(statistic, odd):
    shapes, options = STATISTICS[statistic]
    for bad in shapes:
        tensors = {name: torch.ones(shape) for name, shape in shapes.items()}
        tensors[bad].view(-1)[0] = odd
        with pytest.raises(NotFinite, match=rf"^1 of the \d+ values of {bad} are NaN or infinite$"):
            statistic(**tensors, **options)


def test_arrays_are_held_to_it_too():
    require_finite(ours=np.zeros(3), theirs="a word", none=None)
    with pytest.raises(NotFinite, match="1 of the 2 values of ours"):
        require_finite(ours=np.array([0.0, np.inf]))


def test_a_variance_beyond_floats_is_no_line_that_explains_nothing():
    x = torch.tensor([[1e25, 0.0, -1e25]])
    with pytest.raises(NotFinite, match="variance"):
        line_fit(x, 1e-10 * x)


@pytest.fixture(scope="module")
def overflowing(affine_a):
    """A model whose weights are finite and whose residual stream is not."""
    bias = torch.full_like(affine_a.checkpoint.tensors["blocks.0.attn.b_O"], 3e38)
    bias[::2] *= -1
    tensors = dict(affine_a.checkpoint.tensors) | {"blocks.0.attn.b_O": bias}
    return Model(Checkpoint("overflowing", affine_a.config, tensors))


def test_a_stream_that_overflows_has_no_attribution_and_no_probe(overflowing):
    intact = overflowing.intact(Condition(c=0.5, batch=4))
    with pytest.raises(NotFinite):
        attribution(overflowing, intact)
    for kind in ("linear", "MLP"):
        with pytest.raises(NotFinite, match=r"values of blocks\.2\.hook_resid_pre"):
            constant_probe(overflowing, layer=2, kind=kind)
    with pytest.raises(NotFinite, match="values of prediction"):
        _ = intact.errors
