"""Two steps beyond the account in `hypotheses/mechanism.py`: what attention reads of the terms, and why the weight is c^2.

A rotation changes nothing, so all that attention can depend on are the norms of terms and the angles between them. A sequence of
random directions with the same norms keeps the former and loses the latter. Layer 0 needs the angles. Layer 1, which looks at an
early term, hardly does.

From position 8 on the filter is nearly even in c. So the model need not know the sign of c there. The rule a_i + c (a_i - a_(i-1))
could not be followed without it; two steps at once, whose weights are functions of c^2, can.

These claims were made after the account was registered, on affine3-seed0, affine3-seed1 and affine-a, and before any other network
was evaluated.
"""

import torch
from hypothesis import given

from recint.carry_over import require_position
from recint.claim import Claim, Contrast
from recint.claim_figures import against_c
from recint.domain import AS_TRAINED
from recint.model.interchange import activations_of, activations_replaced, partner_at
from recint.model.linear_filter import BANK, STEP, filter_at, filter_weights, mean_weights
from recint.statistics.errors import ratio, squared_length
from recint.strategies import conditions
from recint.system.seeds import derive_seed
from recint.transformations import rotations

SOURCE = (
    "docs/mechanism-registered.md, 'Two steps further', fixed before affine3-seed4 and affine3-seed5 were evaluated"
)
EARLY, LATE = slice(2, 4), slice(8, 13)  # positions at which few terms are there, and enough

EVEN = Claim(
    id="filter.even-in-c",
    statement="From position 8 on the filter is the same for c and for -c.",
    quantifier="average",
    statistic="R^2 of the weights by those of another recurrence with -c, i = 8 to 12",
    relation=">=",
    threshold=0.9,
    reduction="explained share",
    domain=AS_TRAINED,
    orders=(1,),
    contrasts=(
        Contrast(
            name="at positions 2 and 3, where the sign of c is needed",
            statistic="R^2 of the weights there by those of another recurrence with -c",
            relation="<=",
            threshold=0.9,
            reduction="explained share",
        ),
    ),
    constants=(("step of the central difference", STEP), ("recurrences for the mean weights", BANK)),
    source=SOURCE,
)

READS_ANGLES = Claim(
    id="l0.attention-reads-angles",
    statement="The attention of layer 0 depends on angles between terms: that of random directions with the same norms costs an "
    "order of magnitude.",
    layers=(0,),
    quantifier="average",
    statistic="MSE with the patterns of layer 0 of random directions with the same norms / MSE",
    relation=">=",
    threshold=10.0,
    reduction="ratio of means",
    domain=AS_TRAINED,
    orders=(1,),
    contrasts=(
        Contrast(
            name="those of the same recurrence, rotated",
            statistic="MSE with these / MSE",
            relation="<=",
            threshold=2.0,
            reduction="ratio of means",
        ),
    ),
    source=SOURCE,
)

OF_NORMS = Claim(
    id="l1.attention-of-norms",
    statement="The attention of layer 1 is a function of norms alone: that of random directions with the same norms costs at most "
    "an order of magnitude.",
    layers=(1,),
    quantifier="average",
    statistic="MSE with the patterns of layer 1 of random directions with the same norms / MSE",
    relation="<=",
    threshold=10.0,
    reduction="ratio of means",
    domain=AS_TRAINED,
    orders=(1,),
    contrasts=(
        Contrast(
            name="those of an independent recurrence",
            statistic="MSE with these / MSE with those of the claim",
            relation=">=",
            threshold=10.0,
            reduction="ratio of means",
        ),
    ),
    source=SOURCE,
)


def same_norms(terms, seed):
    """Vectors in random directions, with the norms of the terms."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "directions of terms"))
    directions = torch.randn(terms.shape, generator=generator).to(terms)
    return terms.norm(dim=-1, keepdim=True) * directions / directions.norm(dim=-1, keepdim=True)


def errors_with_patterns(model, at, layer, inputs):
    """MSE of each recurrence with the attention patterns that a layer has on other inputs, and the change of the patterns."""
    intact = model.intact(at)
    kept = activations_of(model, inputs, [f"blocks.{layer}.attn.hook_pattern"])
    with activations_replaced(model, kept) as change:
        return intact.errors_from(layer=layer), change.largest


@EVEN(figure=against_c)
@given(at=conditions(EVEN.domain))
def test_the_filter_is_even_in_c(model, at):
    require_position(LATE.stop - 1, model.intact(at).recurrences)
    weights, mean = filter_at(model, at), mean_weights(model, EVEN.domain)
    with model.unedited():
        opposite = filter_weights(model, partner_at(model, at, "-c").recurrences, seed=derive_seed(at.seed, "of -c"))

    def at_positions(chosen):
        return ratio(*(squared_length((weights - each)[:, chosen], first=0) for each in (opposite, mean)))

    EVEN.check(at_positions(LATE), at, contrasts={EVEN.contrasts[0].name: lambda: at_positions(EARLY)})


@READS_ANGLES(figure=against_c)
@given(at=conditions(READS_ANGLES.domain))
def test_layer_0_attention_reads_angles(model, at):
    intact = model.intact(at)
    terms = intact.recurrences.inputs
    errors, changed = errors_with_patterns(model, at, 0, same_norms(terms, at.seed))

    def rotated():
        turned = terms @ rotations(len(terms), terms.shape[-1], seed=at.seed).to(terms)
        return ratio(errors_with_patterns(model, at, 0, turned)[0], intact.errors)

    READS_ANGLES.check(
        ratio(errors, intact.errors), at, contrasts={READS_ANGLES.contrasts[0].name: rotated}, changed=changed
    )


@OF_NORMS(figure=against_c)
@given(at=conditions(OF_NORMS.domain))
def test_layer_1_attention_is_a_function_of_norms(model, at):
    intact = model.intact(at)
    errors, changed = errors_with_patterns(model, at, 1, same_norms(intact.recurrences.inputs, at.seed))

    def independent():
        other = partner_at(model, at, "nothing").recurrences.inputs
        return ratio(errors_with_patterns(model, at, 1, other)[0], errors)

    OF_NORMS.check(
        ratio(errors, intact.errors), at, contrasts={OF_NORMS.contrasts[0].name: independent}, changed=changed
    )
