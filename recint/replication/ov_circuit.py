"""Numbers of the notebook about OV matrices."""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from recint.model.intact import Intact
from recint.recurrence import REFERENCE
from recint.replication.data import Data, over
from recint.replication.rows import Answer, Measured, NotApplicable, Numbers, estimated, mean, number, ratio, single
from recint.statistics.lines import line_fit, signed_line_r2
from recint.statistics.residual import outside_embedding, outside_embedding_by_chance
from recint.statistics.weights import effective_rank
from recint.system.seeds import derive_seed

NUMBERS = Numbers()
OV = "Analysis of OV Circuit"


@NUMBERS.declare(
    "Share of entries of the OV matrix beyond ±0.05, layer 1, head 0",
    where=OV, notebook="0.0083", layers=(1,), weights=True,
)  # fmt: skip
def _large_entries(data: Data) -> Answer:
    matrix = data.model.W_OV[1, 0]
    if not matrix.any():
        raise NotApplicable("all entries are zero")
    share = float((matrix.abs() > 0.05).double().mean())
    chance = erfc(0.05 / (float(matrix.norm()) / matrix.shape[0]) / sqrt(2))
    why = (
        "An absolute bound says nothing without the size of the matrix: of Gaussian entries with the same mean square, a share "
        f"of {number(chance)} would exceed it."
    )
    return Measured(share), Measured(_over_chance(share, chance), "× chance"), why


def _over_chance(value: float, chance: float) -> float:
    if chance == 0:
        raise NotApplicable("the level of chance is zero")
    return value / chance


@NUMBERS.declare("R^2 of the line on which layer 0's summed OV keeps a vector", where=OV, notebook="0.595", layers=(0,))
def _line_of_layer_0(data: Data) -> Answer:
    generator = torch.Generator().manual_seed(derive_seed(data.seed, "replication", "uniform vectors"))
    shape = (data.draws, REFERENCE.length - 1, data.model.config.d_vocab)
    uniform = torch.rand(shape, generator=generator)
    r2, _ = line_fit(*data.model.moved(uniform, data.model.W_OV[0].sum(0)))
    x = uniform[:, 0] / uniform[:, 0].norm(dim=-1, keepdim=True)
    alike = float(x.mean(0).square().sum() * len(x) - 1) / (len(x) - 1)  # mean cosine of two vectors
    why = (
        f"Vectors ~ U(0, 1) have no negative coordinate, so that any two are nearly parallel (mean cosine {alike:.2f}) and nothing "
        "that the model sees; on terms of recurrences R^2 counts negative where the slope is."
    )
    matrix = data.model.W_OV[0].sum(0)
    on_terms = over(
        data.usual, lambda intact: signed_line_r2(*data.model.moved(intact.recurrences.inputs, matrix)).mean(-1)
    )
    return Measured(float(r2.mean()), n=r2.numel()), mean(on_terms), why


def _lines_of_one_recurrence(data: Data) -> tuple[Float[Tensor, term], Float[Tensor, term]]:
    """R^2 and slope of the line on which layer 2, without its last head, keeps terms of one recurrence.

    The terms are the first ones of the recurrence, as many as there are heads.
    """
    heads = data.model.config.n_heads
    if heads < 2:
        raise NotApplicable("it leaves out the last head of layer 2, but the model has 1 of them")
    terms = data.usual[-1].recurrences.terms[-1, :heads]
    return line_fit(*data.model.moved(terms, data.model.W_OV[2, : heads - 1].sum(0)))


@NUMBERS.declare("Slope of that line for layer 2's OV", where=OV, notebook="-0.56", layers=(2,))
def _slope_of_layer_2(data: Data) -> Answer:
    model = data.model

    def pooled(intact: Intact) -> Tensor:
        x = intact.recurrences.inputs
        x = x / x.norm(dim=-1, keepdim=True)
        y = x @ model.bridge.W_E @ model.W_OV[2].sum(0) @ model.bridge.W_U
        centred = x - x.mean(-1, keepdim=True)
        return torch.stack([(centred * y).sum((1, 2)), centred.square().sum((1, 2))], dim=-1)

    _, slopes = _lines_of_one_recurrence(data)
    terms = data.usual[-1].recurrences.terms[-1, : model.config.n_heads]
    correlations = torch.corrcoef(terms).abs()
    alike = float((correlations.sum() - len(terms)) / (len(terms) ** 2 - len(terms)))
    why = (
        f"Terms of one recurrence are no independent observations (mean |correlation| of two of these {len(terms)}: {alike:.2f}), "
        "the last head was left out of the sum, and LayerNorm set the size of what is written, and so of the slope."
    )
    return single(slopes.mean()), estimated(over(data.usual, pooled), "ratio of means", ""), why


@NUMBERS.declare("R^2 of that line for layer 2's OV", where=OV, notebook="0.026", layers=(2,))
def _line_of_layer_2(data: Data) -> Answer:
    r2, _ = _lines_of_one_recurrence(data)
    matrix = data.model.W_OV[2].sum(0)
    on_terms = over(
        data.usual, lambda intact: line_fit(*data.model.moved(intact.recurrences.inputs, matrix))[0].mean(-1)
    )
    return single(r2.mean()), mean(on_terms), "As for the slope, but for its size, which R^2 does not see."


@NUMBERS.declare("MSE with head 0 of layer 0 zeroed, over MSE", where=OV, notebook="4 (MSE 0.0004)", layers=(0,))
def _zeroed_0(data: Data) -> Answer:
    why = (
        "The loop zeroes one head after the other in the same weights, all but the last, and measures once at its end, on other "
        "recurrences than the intact model; here one head is zeroed at a time, on the same recurrences."
    )
    return *_zeroed(data, 0), why


@NUMBERS.declare(
    "MSE with head 7 of layer 0 zeroed, over MSE", where=OV, notebook="30 (MSE 0.0030)", layers=(0,), heads=(7,)
)
def _zeroed_7(data: Data) -> Answer:
    return *_zeroed(data, 7), "As for head 0: the loop does not get to head 7, and gives one number for all heads."


def _zeroed(data: Data, head: int) -> tuple[Measured, Measured]:
    """MSE with a head of layer 0 zeroed, over MSE: the notebook's way and the sound way."""
    if data.errors.mean() == 0:
        raise NotApplicable("the MSE of the intact model is zero")
    at_once = data.errors_accumulated.mean() / data.errors.mean()
    alone = ratio(data.errors_zeroed([head]), data.errors)
    return Measured(float(at_once), "× intact", n=data.draws), alone


@NUMBERS.declare(
    "Share of layer 0's output that lies outside the embedding", where=OV, notebook="quite a lot", layers=(0,)
)
def _outside(data: Data) -> Answer:
    W_E = data.model.bridge.W_E
    values = over(
        data.usual,
        lambda intact: outside_embedding(intact["blocks.0.hook_resid_post"] - intact["blocks.0.hook_resid_pre"], W_E),
    )
    chance = outside_embedding_by_chance(W_E)
    dim, d_model = W_E.shape
    why = f"{dim} of {d_model} dimensions leave much outside: a random direction scores {chance:.3f}, which is taken off here."
    return Measured(float(values.mean()), n=data.draws), mean(values - chance, "above chance"), why


def _ranks(data: Data) -> Float[NDArray, "layer head"]:
    """Effective ranks of OV in layers 0, 1 and 2."""
    return effective_rank(data.model.W_OV[:3].cpu().numpy()).astype(float)


@NUMBERS.declare(
    "Effective rank of OV in layer 1, below the mean of layers 0 and 2",
    where=OV,
    notebook="5 lower",
    layers=(0, 1, 2),
    weights=True,
)
def _rank_difference(data: Data) -> Answer:
    ranks = _ranks(data)
    lower = Measured(float(ranks[[0, 2]].mean() - ranks[1].mean()), "lower")
    lowest = int(ranks[1].argmin())
    without = np.delete(ranks[1], lowest).mean() if ranks.shape[1] > 1 else np.nan
    why = (
        f"Nothing is flawed, but a mean over heads can rest on one of them: without the lowest of layer 1 (head {lowest}, rank "
        f"{ranks[1, lowest]:g}) the layer's mean is {without:.1f} instead of {ranks[1].mean():.1f}, that of layers 0 and 2 "
        f"{ranks[[0, 2]].mean():.1f}."
    )
    return lower, lower, why


@NUMBERS.declare("The same, as a share of that mean", where=OV, notebook="14 % lower", layers=(0, 1, 2), weights=True)
def _rank_share(data: Data) -> Answer:
    ranks = _ranks(data)
    lower = Measured(float(100 * (1 - ranks[1].mean() / ranks[[0, 2]].mean())), "% lower")
    return lower, lower, "As above."
