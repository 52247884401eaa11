"""What docs/mechanism.md says of a model, measured on this model: its filter, its attention, and what each change costs.

Definitions, positions and partners are those of the claims in `hypotheses/mechanism.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from recint.checkpoint import require_notebook
from recint.domain import AS_TRAINED, Condition, Domain
from recint.judging.subject import CHUNK
from recint.model import Model
from recint.model.intact import Intact
from recint.model.interchange import Part, interchanged, partner_at, patterns
from recint.model.interventions import Change
from recint.model.linear_filter import BEFORE, filter_at, filter_weights, mean_weights, of_previous
from recint.model.preconditions import misfit
from recint.model.readers import hidden_later
from recint.partners import Shared
from recint.replication.data import ONE_C
from recint.replication.rows import Measured, estimated, mean, ratio
from recint.system.seeds import derive_seed

LARGE = Domain(c=(1.0, 2.0), either_sign=True, length=(14, 14))  # where the weight is said to be c^2
COEFFICIENTS = tuple(tick / 10 for tick in range(-20, 21))
SCORED = 2  # the first position at which the terms so far determine the next one
A_TENTH = 10  # at each coefficient filters are measured on a tenth of the draws

PARTS: dict[str, tuple[Part, ...]] = {
    "patterns": ("patterns",),
    "scales": ("scales",),
    "patterns and scales": ("patterns", "scales"),
    "patterns, scales and gates": ("patterns", "scales", "gates"),
}
SOURCES: dict[Shared, str] = {
    "c": "partner with the same c",
    "-c": "partner with -c",
    "nothing": "independent recurrence",
}
HIDDEN = {"embedding": "blocks.0.hook_resid_pre", "layer 0's attention": "blocks.0.hook_attn_out"}
FROM_READERS = "hidden from all later readers"


@dataclass(frozen=True, kw_only=True)
class LateWeights:
    """The weights w_(i,i-1) of the term before the last, i = 8 to 12.

    Attributes:
        c: the coefficient of each recurrence.
        explained: R^2 of the weights by c^2, over the recurrences with 1 <= |c| <= 2.
    """

    c: Float[NDArray, recurrence]
    weights: Float[NDArray, "recurrence position"]
    explained: Measured


@dataclass(frozen=True, kw_only=True)
class Attention:
    """Attention of one recurrence, of a partner with the same c and largest norm, and of an independent recurrence.

    Attributes:
        c: the coefficients of the three.
        patterns: their attention, mean over heads.
        same, other: how far a head's attention to a key differs from that of a partner, and of an independent recurrence: the
            mean absolute difference over all heads, all queries from position 2 on and all keys up to the query.
    """

    c: tuple[float, ...]
    patterns: Float[NDArray, "which layer query key"]
    same: Measured
    other: Measured


@dataclass(frozen=True)
class Cost:
    """MSE with a change / MSE of the intact model, each a mean over recurrences.

    Attributes:
        part: what is changed.
        source: where its new value comes from.
    """

    part: str
    source: str
    ratio: Measured


@dataclass(frozen=True, kw_only=True)
class Account:
    """All that the pictures of a model show.

    Attributes:
        filters: the filters of some recurrences at each of COEFFICIENTS.
    """

    filters: Float[NDArray, "coefficient recurrence query term"]
    late: LateWeights
    attention: Attention
    costs: tuple[Cost, ...]


@torch.no_grad()
def measure(model: Model, *, draws: int, seed: int = 0) -> Account:
    """Measure a model.

    Args:
        draws: the number of recurrences behind each number, at least 10. A tenth of them is behind each row of the filter.

    Raises:
        ValueError: the model's recurrences are of order 2 or above or of another dimension, it reads fewer than 13 terms, or a
            number does not exist for it.
    """
    name, order = model.checkpoint.name, model.config.order
    require_notebook(model.checkpoint)
    if order != 1:
        raise ValueError(f"{name}: its recurrences are of order={order}, but the account is about those of order=1")
    if found := misfit(model.config):
        raise ValueError(f"{name}: {found}")
    places = [
        AS_TRAINED.reference(model.config, batch=min(CHUNK, draws - start), seed=derive_seed(seed, "account", start))
        for start in range(0, draws, CHUNK)
    ]
    try:
        return Account(
            costs=costs(model, places),  # first, since this refuses predictions that are not finite
            filters=filters(model, at_each=draws // A_TENTH, seed=seed),
            late=late_weights(model, places),
            attention=attention(model, places),
        )
    except ValueError as error:
        raise ValueError(f"{name}: no picture can be drawn of it ({error})") from None


def filters(model: Model, *, at_each: int, seed: int) -> Float[NDArray, "coefficient recurrence query term"]:
    """The filters of some recurrences at each of COEFFICIENTS.

    Args:
        at_each: the number of recurrences at each coefficient.
    """
    places = (Condition(c=c, batch=at_each, seed=derive_seed(seed, "filters")) for c in COEFFICIENTS)
    return np.stack([filter_at(model, at).cpu().numpy() for at in places])


def late_weights(model: Model, places: Sequence[Condition]) -> LateWeights:
    """The weights of the term before the last on the recurrences of these places, at positions 8 to 12."""

    def weights_at(at: Condition) -> Tensor:
        return of_previous(filter_weights(model, model.intact(at).recurrences, seed=at.seed, terms=BEFORE))

    weights = over(places, weights_at)
    c = over(places, lambda at: model.intact(at).recurrences.coefficients[:, 0])
    large = np.abs(c) >= min(LARGE.c)
    usual = of_previous(mean_weights(model, LARGE, terms=BEFORE)).double().cpu().numpy()
    distances = [np.square(weights - guess)[large].sum(1) for guess in (np.square(c)[:, None], usual)]
    return LateWeights(
        c=c, weights=weights, explained=estimated(np.stack(distances, axis=-1), "explained share", unit="")
    )


def attention(model: Model, places: Sequence[Condition]) -> Attention:
    """Attention on the recurrences of these places and of their partners; and of one at c = -1.5, which is shown."""
    hooks = patterns(model.config)

    def three(at: Condition) -> list[Intact]:
        return [model.intact(at), *(partner_at(model, at, share) for share in ("c and largest norm", "nothing"))]

    def differences(at: Condition) -> Tensor:
        first, *others = (torch.stack([each[hook] for hook in hooks], dim=1)[..., SCORED:, :] for each in three(at))
        queries, keys = first.shape[-2:]
        seen = torch.ones(queries, keys, dtype=torch.bool).tril(SCORED)
        return torch.stack([(first - other).abs()[..., seen].mean((1, 2, 3)) for other in others], dim=-1)

    same, other = over(places, differences).T
    shown = three(Condition(c=ONE_C, batch=1, seed=places[0].seed))
    return Attention(
        c=tuple(float(each.recurrences.coefficients[0, 0]) for each in shown),
        patterns=np.array([[each[hook][0].mean(0).cpu().numpy() for hook in hooks] for each in shown]),
        same=mean(same),
        other=mean(other),
    )


def costs(model: Model, places: Sequence[Condition]) -> tuple[Cost, ...]:
    """What it costs to take parts of the model from a partner, and to hide parts of the residual stream."""

    def exchange(parts: Sequence[Part], share: Shared, at: Condition) -> AbstractContextManager[Change]:
        return interchanged(model, partner_at(model, at, share), parts)

    def hide(hook: str, at: Condition) -> AbstractContextManager[Change]:
        return hidden_later(model, model.intact(at), hook)

    changes = {
        (name, source): partial(exchange, parts, share)
        for name, parts in PARTS.items()
        for share, source in SOURCES.items()
    } | {(part, FROM_READERS): partial(hide, hook) for part, hook in HIDDEN.items()}

    def errors(at: Condition) -> Tensor:
        """MSE of each recurrence without a change, and with each of them."""
        intact = model.intact(at)
        columns = [intact.errors]
        for change in changes.values():
            with change(at):
                columns.append(intact.errors_from(layer=0))
        return torch.stack(columns, dim=-1)

    without, *changed = over(places, errors).T
    return tuple(
        Cost(part, source, ratio(with_change, without))
        for (part, source), with_change in zip(changes, changed, strict=True)
    )


def over(places: Sequence[Condition], measured: Callable[[Condition], Tensor]) -> Float[NDArray, "recurrence ..."]:
    """A statistic of each recurrence of these places."""
    return np.concatenate([measured(at).double().cpu().numpy() for at in places])
