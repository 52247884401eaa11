"""Numbers of the notebook about the residual stream and direct attribution."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from recint.model.intact import Intact
from recint.replication.data import Data, normalised_attribution, over
from recint.replication.rows import Answer, Measured, Numbers, estimated, mean, ratio, single, spread

NUMBERS = Numbers()
ATTRIBUTION = "Attention Patterns, Direct Logit Attribution"


@NUMBERS.declare("MSE at c = -1.5", where=ATTRIBUTION, notebook="0.0002")
def _mse_at_one_c(data: Data) -> Answer:
    errors = over(data.at_one_c, lambda intact: intact.errors)
    why = f"One recurrence speaks for a coefficient: {spread(errors)}."
    return single(errors[0]), mean(errors), why


@NUMBERS.declare(
    "Multiple m in a_i + m a_(i-1), as which the residual stream reads after layer 0",
    where=ATTRIBUTION, notebook="2.3", layers=(0,), order=1,
)  # fmt: skip
def _previous_term(data: Data) -> Answer:
    model = data.model

    def moments(intact: Intact) -> Tensor:
        """Sums of products of the terms, the previous terms, and the residual stream read through W_U.

        LayerNorm is left out, because it would scale every position by a different factor.
        """
        terms = intact.recurrences.inputs
        read = intact["blocks.0.hook_resid_post"] @ model.bridge.W_U
        parts = (terms[:, 1:], terms[:, :-1], read[:, 1:])
        return torch.stack([(a * b).sum((1, 2)) for a, b in combinations_with_replacement(parts, 2)], dim=-1)

    tt, tp, tr, pp, pr, rr = over(data.usual, moments).T  # term, previous, read
    gram = np.array([[tt.sum(), tp.sum()], [tp.sum(), pp.sum()]])
    a, b = np.linalg.solve(gram, [tr.sum(), pr.sum()])
    # How far each recurrence pulls the coefficients, to first order; computed from the residuals of the fit (White 1980).
    left = np.stack([tr - a * tt - b * tp, pr - a * tp - b * pp], axis=-1)
    pull_a, pull_b = np.linalg.solve(gram, left.T) * len(left)
    m = mean(b / a + (pull_b - b / a * pull_a) / a)
    explained = (a * tr.sum() + b * pr.sum()) / rr.sum()
    alone = pr.sum() ** 2 / (pp.sum() * rr.sum())

    one, first = data.one, 2 * model.config.order
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


@NUMBERS.declare(
    "MSE between the residual stream after layer 0 and before layer 1",
    where=ATTRIBUTION, notebook="printed, not kept", layers=(0, 1),
)  # fmt: skip
def _same_tensor(data: Data) -> Answer:
    after, before = (
        data.model.unembed(data.one[f"blocks.{name}"]) for name in ("0.hook_resid_post", "1.hook_resid_pre")
    )
    why = "The two are one tensor under two names, so that there is nothing to measure: it is 0 for every model."
    return single((after - before).square().mean()), None, why


def _layer_share(data: Data, layer: int) -> tuple[Measured, Measured]:
    """A layer's share of the heads' direct attribution, the notebook's way and the sound way."""
    one = normalised_attribution(data.model, data.one)[0].abs().sum(-1)
    heads = data.head_attribution
    return single(one[layer] / one.sum()), _share(heads[:, layer], np.delete(heads, layer, axis=1))


def _share(part: Float[NDArray, "recurrence ..."], rest: Float[NDArray, "recurrence ..."]) -> Measured:
    """The share of some components in the attribution of all. Each component counts with its absolute mean."""
    part, rest = (values.reshape(len(values), -1) for values in (part, rest))
    rows = [np.concatenate([part, other], axis=-1) for other in (np.zeros_like(rest), rest)]
    return estimated(np.stack(rows, axis=1), "share of absolute means", unit="")


@NUMBERS.declare(
    "Layer 0's share of the heads' direct attribution", where=ATTRIBUTION, notebook="most of it", layers=(0,)
)
def _share_of_layer_0(data: Data) -> Answer:
    why = (
        "LayerNorm of one component by itself gives it the same length as any other, however little it writes, and the output bias "
        "of a whole layer was added to each of its heads; only one position of one recurrence was looked at."
    )
    return *_layer_share(data, 0), why


_AS_LAYER_0 = "As for layer 0's share"


@NUMBERS.declare(
    "Layer 1's share of the heads' direct attribution", where=ATTRIBUTION, notebook="not much", layers=(1,)
)
def _share_of_layer_1(data: Data) -> Answer:
    return *_layer_share(data, 1), f"{_AS_LAYER_0}."


@NUMBERS.declare(
    "Direct attribution of layer 2's heads over that of layer 0's",
    where=ATTRIBUTION, notebook="an overestimation brought back", layers=(0, 2),
)  # fmt: skip
def _taken_back(data: Data) -> Answer:
    heads, _ = normalised_attribution(data.model, data.one)
    layers = data.head_attribution.sum(-1)
    why = f"{_AS_LAYER_0}: without sizes nothing can be said of how much is taken back."
    return single(heads[2].sum() / heads[0].sum()), ratio(layers[:, 2], layers[:, 0], unit=""), why


@NUMBERS.declare("The MLPs' share of the direct attribution of heads and MLPs", where=ATTRIBUTION, notebook="a picture")
def _share_of_mlps(data: Data) -> Answer:
    one_heads, one_mlps = (part.abs().sum() for part in normalised_attribution(data.model, data.one))
    why = f"{_AS_LAYER_0}; and heads and MLPs were shown in pictures of their own, each with its own scale."
    return single(one_mlps / (one_heads + one_mlps)), _share(data.mlp_attribution, data.head_attribution), why
