"""The replication table: every figure that the notebook printed or leant on, measured again on the model at hand.

Each is computed the notebook's way and, beside it, a sound way: over many recurrences with an interval, against what
chance would give, or without the step that was flawed. They are declared one by one, roughly in the notebook's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import combinations, combinations_with_replacement
from math import erfc, sqrt

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from recint.model import Model
from recint.model.intact import Intact
from recint.model.interventions import ablated, attention_replaced, qk_replaced, uniform_pattern
from recint.model.stand_ins import STAND_INS, qk_identity
from recint.recurrence import REFERENCE
from recint.replication.look import Look, normalised_attribution, over
from recint.replication.rows import (
    FIGURES,
    Answer,
    Measured,
    NotApplicable,
    Row,
    estimated,
    figure,
    mean,
    number,
    ratio,
    single,
    spread,
)
from recint.statistics.lines import line_fit, signed_line_r2
from recint.statistics.residual import outside_embedding, outside_embedding_by_chance
from recint.statistics.weights import (
    Composition,
    composition_chance,
    composition_scores,
    effective_rank,
    eigenvalue_score,
    input_matrices,
)
from recint.system.seeds import derive_seed

DRAWS = 500
SHORT = 5  # terms of the short sequences that the notebook looks at
ROTATIONS = 2  # random orientations of every pair of heads
RANDOM_HEADS = 50
ATTRIBUTION = "Attention Patterns, Direct Logit Attribution"
OV = "Analysis of OV Circuit"


def replicate(model: Model, *, draws: int = DRAWS, seed: int = 0, weights: bool = True) -> tuple[Row, ...]:
    """The table for a model, in the notebook's order.

    Args:
        draws: recurrences behind every sound figure.
        weights: with the figures that are functions of the weights alone.

    Raises:
        ValueError: fewer than two draws, a model that takes no recurrences of the reference length, or one whose weights overflow.
    """
    if draws < 2:
        raise ValueError(f"draws={draws!r} must be at least 2")
    if model.config.n_ctx < REFERENCE.length - 1 or 2 * model.config.order >= REFERENCE.length - 1:
        raise ValueError(
            f"{model.checkpoint.name}: n_ctx={model.config.n_ctx} and order={model.config.order}, but sequences of "
            f"length={REFERENCE.length} need {REFERENCE.length - 1} positions, and of those some from 2 * order on"
        )
    for name, products in (("OV", model.W_OV), ("QK", model.W_QK)):
        if not products.isfinite().all():
            raise ValueError(
                f"{model.checkpoint.name}: its {name} matrices, which are products of its weights, must be finite, but overflow: "
                "the notebook's figures have no value for it"
            )
    look = Look(model, draws=draws, seed=seed)
    with torch.no_grad():
        return tuple(figure.row(look) for figure in FIGURES if weights or not figure.weights)


@figure("MSE at c = -1.5", where=ATTRIBUTION, notebook="0.0002")
def _mse_at_one_c(look: Look) -> Answer:
    errors = over(look.at_one_c, lambda intact: intact.errors)
    why = f"One recurrence speaks for a coefficient: {spread(errors)}."
    return single(errors[0]), mean(errors), why


@figure(
    "Multiple m in a_i + m a_(i-1), as which the residual stream reads after layer 0",
    where=ATTRIBUTION, notebook="2.3", layers=(0,), order=1,
)  # fmt: skip
def _previous_term(look: Look) -> Answer:
    model = look.model

    def moments(intact: Intact) -> Tensor:
        """Sums of products of the terms, the terms before, and the residual stream read through W_U; without LayerNorm,
        which would scale every position by another factor."""
        terms = intact.recurrences.inputs
        read = intact["blocks.0.hook_resid_post"] @ model.bridge.W_U
        parts = (terms[:, 1:], terms[:, :-1], read[:, 1:])
        return torch.stack([(a * b).sum((1, 2)) for a, b in combinations_with_replacement(parts, 2)], dim=-1)

    tt, tp, tr, pp, pr, rr = over(look.usual, moments).T  # term, previous, read
    gram = np.array([[tt.sum(), tp.sum()], [tp.sum(), pp.sum()]])
    a, b = np.linalg.solve(gram, [tr.sum(), pr.sum()])
    # How far each recurrence pulls the coefficients, to first order: what the fit leaves over of it (White 1980).
    left = np.stack([tr - a * tt - b * tp, pr - a * tp - b * pp], axis=-1)
    pull_a, pull_b = np.linalg.solve(gram, left.T) * len(left)
    m = mean(b / a + (pull_b - b / a * pull_a) / a)
    explained = (a * tr.sum() + b * pr.sum()) / rr.sum()
    alone = pr.sum() ** 2 / (pp.sum() * rr.sum())

    one, first = look.one, 2 * model.config.order
    terms = one.recurrences.inputs[:, first:]
    before = one.recurrences.inputs[:, first - 1 : -1]
    read = model.unembed(one["blocks.0.hook_resid_post"])[:, first:]
    by_eye = ((read - terms) * before).sum() / before.square().sum()
    why = (
        "The multiple was matched by eye to one recurrence, with the coefficient of a_i held at 1 and LayerNorm giving every "
        f"position a scale of its own; both coefficients are fitted here, without LayerNorm (R^2 {explained:.2f}, "
        f"{alone:.2f} with a_(i-1) alone)."
    )
    return single(by_eye), m, why


@figure(
    "MSE between the residual stream after layer 0 and before layer 1",
    where=ATTRIBUTION, notebook="printed, not kept", layers=(0, 1),
)  # fmt: skip
def _same_tensor(look: Look) -> Answer:
    after, before = (
        look.model.unembed(look.one[f"blocks.{name}"]) for name in ("0.hook_resid_post", "1.hook_resid_pre")
    )
    why = "The two are one tensor under two names, so that there is nothing to measure: it is 0 for every model."
    return single((after - before).square().mean()), None, why


def _layer_share(look: Look, layer: int) -> tuple[Measured, Measured]:
    one = normalised_attribution(look.model, look.one)[0].abs().sum(-1)
    heads = look.head_attribution
    return single(one[layer] / one.sum()), _share(heads[:, layer], np.delete(heads, layer, axis=1))


def _share(part: Float[NDArray, "recurrence ..."], rest: Float[NDArray, "recurrence ..."]) -> Measured:
    """The share of a part of the components in the attribution of all of them, each counted by its absolute mean."""
    part, rest = (values.reshape(len(values), -1) for values in (part, rest))
    rows = [np.concatenate([part, other], axis=-1) for other in (np.zeros_like(rest), rest)]
    return estimated(np.stack(rows, axis=1), "share of absolute means", unit="")


@figure("Layer 0's share of the heads' direct attribution", where=ATTRIBUTION, notebook="most of it", layers=(0,))
def _share_of_layer_0(look: Look) -> Answer:
    why = (
        "LayerNorm of one component by itself gives it the same length as any other, however little it writes, and the output bias "
        "of a whole layer was added to each of its heads; only one position of one recurrence was looked at."
    )
    return *_layer_share(look, 0), why


_AS_LAYER_0 = "As for layer 0's share"


@figure("Layer 1's share of the heads' direct attribution", where=ATTRIBUTION, notebook="not much", layers=(1,))
def _share_of_layer_1(look: Look) -> Answer:
    return *_layer_share(look, 1), f"{_AS_LAYER_0}."


@figure(
    "Direct attribution of layer 2's heads over that of layer 0's",
    where=ATTRIBUTION, notebook="an overestimation brought back", layers=(0, 2),
)  # fmt: skip
def _taken_back(look: Look) -> Answer:
    heads, _ = normalised_attribution(look.model, look.one)
    layers = look.head_attribution.sum(-1)
    why = f"{_AS_LAYER_0}: without sizes nothing can be said of how much is taken back."
    return single(heads[2].sum() / heads[0].sum()), ratio(layers[:, 2], layers[:, 0], unit=""), why


@figure("The MLPs' share of the direct attribution of heads and MLPs", where=ATTRIBUTION, notebook="a picture")
def _share_of_mlps(look: Look) -> Answer:
    one_heads, one_mlps = (part.abs().sum() for part in normalised_attribution(look.model, look.one))
    why = f"{_AS_LAYER_0}; and heads and MLPs were shown in pictures of their own, each with its own scale."
    return single(one_mlps / (one_heads + one_mlps)), _share(look.mlp_attribution, look.head_attribution), why


@figure(
    "MSE with the heads of layer 1 mean-ablated, over MSE",
    where="Ablation of Second Layer", notebook="it does something important", layers=(1,),
)  # fmt: skip
def _mean_ablation(look: Look) -> Answer:
    with look.model.editing("blocks.1.attn.hook_z", lambda z: z.mean(0).expand_as(z)):
        by_itself = look.one.errors_from(1) / look.one.errors
    sound = ratio(look.errors_with(lambda: ablated(look.model, layer=1, kind="mean"), layer=1), look.errors)
    why = (
        "The mean was taken over one recurrence, run 1000 times, and put into that same recurrence: it replaces the activations "
        "by themselves, and the ratio is 1 for every model."
    )
    return single(by_itself, "× intact"), sound, why


@figure(
    "Share of entries of the OV matrix beyond ±0.05, layer 1, head 0",
    where=OV, notebook="0.0083", layers=(1,), weights=True,
)  # fmt: skip
def _large_entries(look: Look) -> Answer:
    matrix = look.model.W_OV[1, 0]
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


@figure("R^2 of the line on which layer 0's summed OV keeps a vector", where=OV, notebook="0.595", layers=(0,))
def _line_of_layer_0(look: Look) -> Answer:
    generator = torch.Generator().manual_seed(derive_seed(look.seed, "replication", "uniform vectors"))
    shape = (look.draws, REFERENCE.length - 1, look.model.config.d_vocab)
    uniform = torch.rand(shape, generator=generator)
    r2, _ = line_fit(*look.model.moved(uniform, look.model.W_OV[0].sum(0)))
    x = uniform[:, 0] / uniform[:, 0].norm(dim=-1, keepdim=True)
    alike = float(x.mean(0).square().sum() * len(x) - 1) / (len(x) - 1)  # mean cosine of two of them
    why = (
        f"Vectors ~ U(0, 1) have no negative coordinate, so that any two are nearly parallel (mean cosine {alike:.2f}) and nothing "
        "that the model sees; on terms of recurrences R^2 counts negative where the slope is."
    )
    matrix = look.model.W_OV[0].sum(0)
    on_terms = over(
        look.usual, lambda intact: signed_line_r2(*look.model.moved(intact.recurrences.inputs, matrix)).mean(-1)
    )
    return Measured(float(r2.mean()), n=r2.numel()), mean(on_terms), why


def _lines_of_one_recurrence(look: Look) -> tuple[Float[Tensor, term], Float[Tensor, term]]:
    """R^2 and slope for the first terms of one recurrence, as many as there are heads, moved by layer 2 without its last head."""
    heads = look.model.config.n_heads
    if heads < 2:
        raise NotApplicable("it leaves out the last head of layer 2, but the model has 1 of them")
    terms = look.usual[-1].recurrences.terms[-1, :heads]
    return line_fit(*look.model.moved(terms, look.model.W_OV[2, : heads - 1].sum(0)))


@figure("Slope of that line for layer 2's OV", where=OV, notebook="-0.56", layers=(2,))
def _slope_of_layer_2(look: Look) -> Answer:
    model = look.model

    def pooled(intact: Intact) -> Tensor:
        x = intact.recurrences.inputs
        x = x / x.norm(dim=-1, keepdim=True)
        y = x @ model.bridge.W_E @ model.W_OV[2].sum(0) @ model.bridge.W_U
        centred = x - x.mean(-1, keepdim=True)
        return torch.stack([(centred * y).sum((1, 2)), centred.square().sum((1, 2))], dim=-1)

    _, slopes = _lines_of_one_recurrence(look)
    terms = look.usual[-1].recurrences.terms[-1, : model.config.n_heads]
    correlations = torch.corrcoef(terms).abs()
    alike = float((correlations.sum() - len(terms)) / (len(terms) ** 2 - len(terms)))
    why = (
        f"Terms of one recurrence are no independent observations (mean |correlation| of two of these {len(terms)}: {alike:.2f}), "
        "the last head was left out of the sum, and LayerNorm set the size of what is written, and so of the slope."
    )
    return single(slopes.mean()), estimated(over(look.usual, pooled), "ratio of means", ""), why


@figure("R^2 of that line for layer 2's OV", where=OV, notebook="0.026", layers=(2,))
def _line_of_layer_2(look: Look) -> Answer:
    r2, _ = _lines_of_one_recurrence(look)
    matrix = look.model.W_OV[2].sum(0)
    on_terms = over(
        look.usual, lambda intact: line_fit(*look.model.moved(intact.recurrences.inputs, matrix))[0].mean(-1)
    )
    return single(r2.mean()), mean(on_terms), "As for the slope, but for its size, which R^2 does not see."


@figure("MSE with head 0 of layer 0 zeroed, over MSE", where=OV, notebook="4 (MSE 0.0004)", layers=(0,))
def _zeroed_0(look: Look) -> Answer:
    why = (
        "The loop zeroes one head after the other in the same weights, all but the last, and measures once at its end, on other "
        "recurrences than the intact model; here one head is zeroed at a time, on the same recurrences."
    )
    return *_zeroed(look, 0), why


@figure("MSE with head 7 of layer 0 zeroed, over MSE", where=OV, notebook="30 (MSE 0.0030)", layers=(0,), heads=(7,))
def _zeroed_7(look: Look) -> Answer:
    return *_zeroed(look, 7), "As for head 0: the loop does not get to head 7, and gives one figure for all heads."


def _zeroed(look: Look, head: int) -> tuple[Measured, Measured]:
    if look.errors.mean() == 0:
        raise NotApplicable("the MSE of the intact model is zero")
    at_once = look.errors_accumulated.mean() / look.errors.mean()
    alone = ratio(look.errors_zeroed([head]), look.errors)
    return Measured(float(at_once), "× intact", n=look.draws), alone


@figure("Share of layer 0's output that lies outside the embedding", where=OV, notebook="quite a lot", layers=(0,))
def _outside(look: Look) -> Answer:
    W_E = look.model.bridge.W_E
    values = over(
        look.usual,
        lambda intact: outside_embedding(intact["blocks.0.hook_resid_post"] - intact["blocks.0.hook_resid_pre"], W_E),
    )
    chance = outside_embedding_by_chance(W_E)
    dim, d_model = W_E.shape
    why = f"{dim} of {d_model} dimensions leave much outside: a random direction scores {chance:.3f}, which is taken off here."
    return Measured(float(values.mean()), n=look.draws), mean(values - chance, "above chance"), why


def _ranks(look: Look) -> Float[NDArray, "layer head"]:
    """Effective ranks of OV in layers 0, 1 and 2."""
    return effective_rank(look.model.W_OV[:3].cpu().numpy()).astype(float)


@figure(
    "Effective rank of OV in layer 1, below the mean of layers 0 and 2",
    where=OV,
    notebook="5 lower",
    layers=(0, 1, 2),
    weights=True,
)
def _rank_difference(look: Look) -> Answer:
    ranks = _ranks(look)
    lower = Measured(float(ranks[[0, 2]].mean() - ranks[1].mean()), "lower")
    lowest = int(ranks[1].argmin())
    without = np.delete(ranks[1], lowest).mean() if ranks.shape[1] > 1 else np.nan
    why = (
        f"Nothing is flawed, but a mean over heads can rest on one of them: without the lowest of layer 1 (head {lowest}, rank "
        f"{ranks[1, lowest]:g}) the layer's mean is {without:.1f} instead of {ranks[1].mean():.1f}, that of layers 0 and 2 "
        f"{ranks[[0, 2]].mean():.1f}."
    )
    return lower, lower, why


@figure("The same, as a share of that mean", where=OV, notebook="14 % lower", layers=(0, 1, 2), weights=True)
def _rank_share(look: Look) -> Answer:
    ranks = _ranks(look)
    lower = Measured(float(100 * (1 - ranks[1].mean() / ranks[[0, 2]].mean())), "% lower")
    return lower, lower, "As above."


def _scored_head(look: Look, layer: int, head: int) -> tuple[Measured, str]:
    """Eigenvalue score of a head's OV, and the range that chance gives: the same singular values in random orientation."""
    matrix = look.model.W_OV[layer, head].double().cpu().numpy()
    spectrum = np.linalg.svd(matrix, compute_uv=False)[: look.model.config.d_head]
    rng = np.random.default_rng(derive_seed(look.seed, "replication", "random heads"))
    rotations, triangles = np.linalg.qr(rng.standard_normal((RANDOM_HEADS, *matrix.shape)))
    rotations *= np.sign(np.diagonal(triangles, axis1=-2, axis2=-1))[:, None]  # uniform only with the signs made even
    # U S V^T Q has the eigenvalues of S V^T Q U and zeros; turned at random, V^T Q U is a block of a random rotation.
    random = eigenvalue_score(spectrum[:, None] * rotations[:, : len(spectrum), : len(spectrum)])
    chance = (
        f"heads of the same singular values in random orientation score {random.mean():.2f} ± {2 * random.std():.2f}"
    )
    return Measured(float(eigenvalue_score(matrix))), chance


@figure(
    "Eigenvalue score of OV, layer 1, head 2",
    where="Eigenvalue Score Calculation", notebook="-0.478", layers=(1,), heads=(2,), weights=True,
)  # fmt: skip
def _score(look: Look) -> Answer:
    score, chance = _scored_head(look, 1, 2)
    return score, score, f"Nothing is flawed, but the level of chance was not given: {chance}."


@figure(
    "Largest eigenvalue score of OV over the heads of layer 2",
    where=OV, notebook="all heads copy negatively", layers=(2,), weights=True,
)  # fmt: skip
def _largest_score(look: Look) -> Answer:
    scores = eigenvalue_score(look.model.W_OV[2].cpu().numpy())
    score, chance = _scored_head(look, 2, int(scores.argmax()))
    return score, score, f"Nothing is flawed, but the level of chance was not given: {chance}."


@figure("MSE over all coefficients", where="Eigenvalue Score Calculation", notebook="about 0.0001")
def _mse(look: Look) -> Answer:
    why = "The run over 1000 recurrences was broken off: the figure follows from what an ablation is said to cost."
    return Measured(float(look.errors.mean()), n=look.draws), mean(look.errors), why


@figure(
    "MSE with a random low-rank identity for the QK of heads 0-4 of layer 2, over MSE",
    where="Eigenvalue Score Calculation", notebook="accuracy maintained", layers=(2,), heads=(4,),
)  # fmt: skip
def _qk_identity(look: Look) -> Answer:
    model, heads = look.model, range(5)

    def stand_in(which: int) -> AbstractContextManager[object]:
        W_Q, W_K = qk_identity(model, heads=len(heads), number=which)
        return qk_replaced(model, layer=2, heads=heads, W_Q=W_Q, W_K=W_K)

    errors = np.stack([look.errors_with(partial(stand_in, which), layer=2) for which in range(STAND_INS)])
    even = uniform_pattern(REFERENCE.length - 1)
    uniform = look.errors_with(lambda: attention_replaced(model, layer=2, heads=heads, pattern=even), layer=2)
    sound = ratio(errors.mean(0), look.errors)
    costs = number(uniform.mean() / look.errors.mean())
    why = (
        f"One random stand-in, on other recurrences than the intact model, and nothing to compare with: here {STAND_INS} of them, "
        f"on the same recurrences, beside even attention in these heads, which costs {costs} ×."
    )
    return Measured(float(errors[0].mean() / look.errors.mean()), "× intact", n=look.draws), sound, why


def _composition(look: Look, kind: Composition, pairs: Sequence[tuple[int, int]]) -> Answer:
    """Largest mean score over pairs of layers, and largest ratio to that of matched random heads."""
    output = look.model.W_OV.cpu().numpy()
    reader = input_matrices(output, look.model.W_QK.cpu().numpy(), kind)
    rng = np.random.default_rng(derive_seed(look.seed, "replication", "composition", kind))
    scores = composition_scores(output, reader)
    means = np.array([scores[early, :, late].mean() for early, late in pairs])
    chances = np.array(
        [composition_chance(output[early], reader[late], rng=rng, draws=ROTATIONS).mean() for early, late in pairs]
    )
    above = means / chances
    best = int(above.argmax())
    between = f" between layers {pairs[best][0]} and {pairs[best][1]}" if len(pairs) > 1 else ""
    why = (
        f"A score has no meaning without its level of chance: heads of the same singular values in random orientation score "
        f"{chances[best]:.3f}{between}."
    )
    return Measured(float(means.max())), Measured(float(above[best]), "× chance"), why


@figure(
    "Q-composition of layers 1 and 2, mean score", where="Analysis", notebook="we see it", layers=(1, 2), weights=True
)
def _q_composition(look: Look) -> Answer:
    return _composition(look, "q", [(1, 2)])


@figure(
    "K-composition of layers 1 and 2, mean score", where="Analysis", notebook="we see it", layers=(1, 2), weights=True
)
def _k_composition(look: Look) -> Answer:
    return _composition(look, "k", [(1, 2)])


@figure(
    "V-composition of any two layers, largest mean score",
    where="Analysis", notebook="none significant", layers=(0, 1), weights=True,
)  # fmt: skip
def _v_composition(look: Look) -> Answer:
    return _composition(look, "v", list(combinations(range(look.model.config.n_layers), 2)))


@figure(
    "Mean square of d at c in [-2, 0], the error of a probe that always says 0", where="Analysis", notebook="0.0344"
)
def _mean_square_of_d(look: Look) -> Answer:
    drawn = look.draw(look.probed, "probe")
    squares = torch.cat([part.offset.square().mean(-1) for part in drawn]).double().numpy()
    return single(squares[0]), mean(squares), f"One recurrence, and a figure of the data alone: {spread(squares)}."


@figure("MSE on sequences of 5 terms", where="Analysis", notebook="printed, not kept")
def _short(look: Look) -> Answer:
    order = look.model.config.order
    if 2 * order >= SHORT - 1:
        raise NotApplicable(f"sequences of {SHORT} terms leave nothing to predict from position {2 * order} on")
    drawn = look.draw(look.reference.at(length=SHORT), "short")
    errors = over([Intact(look.model, part) for part in drawn], lambda intact: intact.errors)
    return (
        single(errors[0]),
        mean(errors),
        f"One recurrence, of which {SHORT - 1 - 2 * order} predictions count: {spread(errors)}.",
    )
