"""Mutants whose weights are those of the checkpoint: a permanent edit breaks what the account of the whole model says.

They are negative controls of the account (see docs/mechanism.md), as `mutants` are of roles. A mutant of weights changes many
things that the account speaks of at once. Each of these changes one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from recint.calibration.oracle import coefficient, terms_in
from recint.calibration.permanent_edits import READ, Edits, PermanentlyEdited
from recint.checkpoint import Checkpoint
from recint.domain import reference_of
from recint.model import Model
from recint.model.interchange import patterns, scales
from recint.model.interventions import remembering
from recint.model.linear_filter import filtered, rule_weights
from recint.model.swap import between_tenths
from recint.system.seeds import derive_seed

# The claims of the account that begin every pass with layer 0, where edits read the terms. Passes of l1.attention-of-norms begin
# with layer 1.
ACCOUNT = (
    *(
        "filter.linear",
        "filter.of-c",
        "filter.rests-on-previous",
        "filter.weight-is-c-squared",
        "filter.last-hardly-used",
        "filter.even-in-c",
    ),
    *("circuit.attention-and-norms-of-c", "circuit.linear-given-c", "circuit.attention-of-c-and-scale"),
    *("l0.attention-reads-angles", "embedding.read-by-layer-0-only", "model.rotation"),
)
_RULE = 0.3  # share of the rule in a prediction that uses the last term again


@dataclass(frozen=True, kw_only=True)
class ActivationMutant:
    """One way to break a model by permanent edits.

    Attributes:
        role: what is broken, in one sentence.
        killed_by: ids of the claims that the mutant is made to refute. It may refute others too.
        edits: makes the edits for the model that is not broken.
        whole: whether edits remember what layer 0 reads.
    """

    name: str
    role: str
    killed_by: tuple[str, ...]
    edits: Callable[[Model], Edits]
    whole: bool

    def model(self, checkpoint: Checkpoint) -> PermanentlyEdited:
        """The broken model of a checkpoint. Its name holds both names."""
        named = replace(checkpoint, name=f"{checkpoint.name}:{self.name}", path=None)
        return PermanentlyEdited(named, self.edits(Model(checkpoint)), whole=self.whole)


def _attention_of_opposite_c(model: Model) -> Edits:
    """The patterns of one recurrence at each tenth of c stand in for those of all recurrences with -c, with a line between tenths.

    Without the line, patterns of two recurrences with the same c would be equal, and to interchange them would change nothing.
    """
    hooks, (low, high) = patterns(model.config), reference_of(model.config).c
    tenths = torch.linspace(low, high, round(10 * (high - low)) + 1)
    seed = derive_seed(0, "opposite c")
    bank = reference_of(model.config).sample(len(tenths), seed=seed, coefficients=tenths[:, None])
    kept = model.activations(bank.inputs, *hooks)
    stream: list[Tensor] = []

    def opposite(hook: str) -> Callable[[Tensor], Tensor]:
        def edit(pattern: Float[Tensor, "recurrence head query key"]) -> Tensor:
            found = between_tenths(kept[hook], -coefficient(terms_in(model, stream[0])), low=low)
            return found[..., : pattern.shape[-2], : pattern.shape[-1]]

        return edit

    return ((READ, remembering(stream)), *((hook, opposite(hook)) for hook in hooks))


def _scales_at_their_mean(model: Model) -> Edits:
    def mean_of(hook: str) -> Callable[[Tensor], Tensor]:
        mean = model.reference_mean(hook)
        return lambda scale: mean[: scale.shape[1]].expand_as(scale)

    return tuple((hook, mean_of(hook)) for hook in scales(model.config))


def _last_term_put_back(model: Model) -> Edits:
    stream: list[Tensor] = []

    def mixed(prediction: Float[Tensor, "recurrence position dim"]) -> Tensor:
        terms = terms_in(model, stream[0])
        rule = filtered(rule_weights(coefficient(terms), terms.shape[1]), terms)
        return torch.lerp(prediction, rule.to(prediction), _RULE)

    return ((READ, remembering(stream)), ("unembed.hook_out", mixed))


ACTIVATION_MUTANTS: tuple[ActivationMutant, ...] = (
    ActivationMutant(
        name="attention-of-opposite-c",
        role="All patterns are those of another recurrence, with the coefficient -c.",
        # The right patterns are those of a partner with -c.
        killed_by=("filter.of-c", "circuit.attention-and-norms-of-c", "circuit.attention-of-c-and-scale"),
        edits=_attention_of_opposite_c,
        whole=True,
    ),
    ActivationMutant(
        name="scales-at-their-mean",
        role="Every LayerNorm divides by its mean scale at the position, whatever the recurrence.",
        # Attention weights sum to 1. So the size of a filter's weights comes from the scales, and c^2 reaches 4.
        killed_by=("filter.of-c", "filter.weight-is-c-squared"),
        edits=_scales_at_their_mean,
        whole=False,
    ),
    ActivationMutant(
        name="last-term-put-back",
        role="Three tenths of a prediction are the rule a_i + c (a_i - a_(i-1)): as good, but another filter.",
        # c^2 is even in c. The rule has the weights 1 + c and -c, which are not.
        killed_by=(
            *("filter.rests-on-previous", "filter.last-hardly-used"),
            *("filter.weight-is-c-squared", "filter.even-in-c"),
        ),
        edits=_last_term_put_back,
        whole=True,
    ),
)
