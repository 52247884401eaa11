"""Interventions, and the same done in plain torch: see `plain` in tests/passes.py."""

import torch

from recint.model.interventions import (
    ablated,
    all_of,
    attention_cut,
    attention_replaced,
    ov_replaced,
    path_removed,
    previous_token_pattern,
    qk_replaced,
    uniform_pattern,
)
from recint.system.seeds import derive_seed

from .passes import BATCH, D_HEAD, D_MODEL, HEADS, POSITIONS


def put(new, heads=range(HEADS), dim=2):
    """An edit of some heads: `new` of the old activation takes their place."""

    def edit(old):
        changed, replacement = old.clone(), new(old)
        for head in heads:
            changed.select(dim, head)[:] = replacement.select(dim, head)
        return changed

    return edit


RANDOM = torch.Generator().manual_seed(0)
CUT = torch.randint(POSITIONS, (BATCH, POSITIONS), generator=RANDOM) % torch.arange(1, POSITIONS + 1)
CUT_KEYS = torch.nn.functional.one_hot(CUT, POSITIONS).bool()
PART = torch.randn(BATCH, POSITIONS, D_MODEL, generator=RANDOM)
W_Q, W_K, W_V = torch.randn(3, HEADS, D_MODEL, D_HEAD, generator=RANDOM)
W_O = torch.randn(HEADS, D_HEAD, D_MODEL, generator=RANDOM)


def without_a_key(pattern):
    """Every query of every head loses its key of CUT; what is left adds up to 1 again."""
    left = pattern.clone()
    for recurrence in range(BATCH):
        for head in range(HEADS):
            for query in range(1, POSITIONS):
                row = left[recurrence, head, query]
                row[CUT[recurrence, query]] = 0
                row /= row.sum()
    return left


def mean_of(model, layer):
    """Of z over reference recurrences, to be put in its place."""
    return lambda z: model.reference_activation(f"blocks.{layer}.attn.hook_z").mean(0)[:POSITIONS].double().expand_as(z)


def others_of(model, layer):
    """z of the reference recurrences that seed 0 picks, to be put in its place."""
    picked = torch.randint(1000, (BATCH,), generator=torch.Generator().manual_seed(derive_seed(0, "resample")))
    return lambda z: model.reference_activation(f"blocks.{layer}.attn.hook_z")[picked, :POSITIONS].double()


def only_head_1(new, old):
    """Weights of head 1 replaced."""
    return torch.stack([old[0], new.double(), old[2]])


UNIFORM, PREVIOUS = uniform_pattern(POSITIONS), previous_token_pattern(POSITIONS)
# Name -> the intervention, the same done in plain torch, and the lowest layer that it touches.
CASES = {
    "zero": (lambda m: ablated(m, layer=1, kind="zero"), lambda m: {"z1": torch.zeros_like}, 1),
    "zero, two heads": (
        lambda m: ablated(m, layer=0, heads=[0, 2], kind="zero"),
        lambda m: {"z0": put(torch.zeros_like, [0, 2])},
        0,
    ),
    "mean": (lambda m: ablated(m, layer=1, kind="mean"), lambda m: {"z1": mean_of(m, 1)}, 1),
    "mean, one head": (
        lambda m: ablated(m, layer=2, heads=[1], kind="mean"),
        lambda m: {"z2": put(mean_of(m, 2), [1])},
        2,
    ),
    "resample": (
        lambda m: ablated(m, layer=1, kind="resample"),
        lambda m: {"z1": others_of(m, 1)},
        1,
    ),
    "resample, one head": (
        lambda m: ablated(m, layer=0, heads=[2], kind="resample"),
        lambda m: {"z0": put(others_of(m, 0), [2])},
        0,
    ),
    "uniform attention": (
        lambda m: attention_replaced(m, layer=1, pattern=UNIFORM),
        lambda m: {"pattern1": lambda old: UNIFORM.double().expand_as(old)},
        1,
    ),
    "another pattern, one head": (
        lambda m: attention_replaced(m, layer=0, heads=[1], pattern=PREVIOUS),
        lambda m: {"pattern0": put(PREVIOUS.double().expand_as, [1], dim=1)},
        0,
    ),
    "a key cut": (lambda m: attention_cut(m, layer=1, keys=CUT_KEYS), lambda m: {"pattern1": without_a_key}, 1),
    "QK": (
        lambda m: qk_replaced(m, layer=1, heads=range(HEADS), W_Q=W_Q, W_K=W_K),
        lambda m: {"W_Q1": lambda _: W_Q.double(), "W_K1": lambda _: W_K.double()},
        1,
    ),
    "QK, one head": (
        lambda m: qk_replaced(m, layer=2, heads=[1], W_Q=W_Q[:1], W_K=W_K[:1]),
        lambda m: {"W_Q2": lambda old: only_head_1(W_Q[0], old), "W_K2": lambda old: only_head_1(W_K[0], old)},
        2,
    ),
    "OV": (
        lambda m: ov_replaced(m, layer=1, W_V=W_V, W_O=W_O),
        lambda m: {"W_V1": lambda _: W_V.double(), "W_O1": lambda _: W_O.double()},
        1,
    ),
    "path to Q": (
        lambda m: path_removed(m, layer=1, letters="q", removed=PART),
        lambda m: {"reads_q1": lambda stream: stream - PART},
        1,
    ),
    "path to K": (
        lambda m: path_removed(m, layer=1, letters="k", removed=PART),
        lambda m: {"reads_k1": lambda stream: stream - PART},
        1,
    ),
    "path to Q and K": (
        lambda m: path_removed(m, layer=2, letters="qk", removed=PART),
        lambda m: {f"reads_{letter}2": lambda stream: stream - PART for letter in "qk"},
        2,
    ),
    "path to V": (
        lambda m: path_removed(m, layer=1, letters="v", removed=PART),
        lambda m: {"reads_v1": lambda stream: stream - PART},
        1,
    ),
    "several at once": (
        lambda m: all_of(
            attention_replaced(m, layer=0, pattern=PREVIOUS),
            ablated(m, layer=1, heads=[0], kind="zero"),
            qk_replaced(m, layer=2, heads=range(HEADS), W_Q=W_Q, W_K=W_K),
        ),
        lambda m: {
            "pattern0": lambda old: PREVIOUS.double().expand_as(old),
            "z1": put(torch.zeros_like, [0]),
            "W_Q2": lambda _: W_Q.double(),
            "W_K2": lambda _: W_K.double(),
        },
        0,
    ),
}
