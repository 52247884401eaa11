"""An account of the whole model, registered before the networks existed on which it is confirmed or refuted.

1. If c is known, the model is one linear filter over the terms: prediction_i = sum_k w_ik a_k, with one number for each term.
2. The filter is not the rule a_i + c (a_i - a_(i-1)). It goes two steps at once: its weight rests on the term before the last.
3. The filter follows c through attention and through the scales of LayerNorm.
4. Only layer 0's attention reads the embedding.

docs/mechanism-registered.md has the definitions, and the choices that were made. Thresholds are words: "nearly all" (0.9), "at
most twice" (2), "an order of magnitude" (10), "half" (0.5). All ratios are asked of untrained models too, and their contrasts
decide there.
"""

import torch
from hypothesis import given

from recint.carry_over import require_position
from recint.claim import Claim, Contrast, Unmet
from recint.claim_figures import against_c
from recint.domain import AS_TRAINED, Between, Condition, Domain, Transformed, Turned, reference_of
from recint.model.interchange import (
    activations_of,
    activations_replaced,
    interchanged,
    partner_at,
    patterns,
)
from recint.model.linear_filter import (
    BANK,
    BEFORE,
    LATE,
    STEP,
    filter_at,
    filter_weights,
    filtered,
    mean_weights,
    of_previous,
    rule_weights,
)
from recint.model.readers import hidden_later
from recint.partners import partners
from recint.statistics.errors import ratio, squared_length
from recint.strategies import conditions, transformed
from recint.system.seeds import derive_seed
from recint.transformations import rotations

SOURCE = "docs/mechanism-registered.md, fixed before affine3-seed4 and affine3-seed5 were evaluated"
SCORED = 2  # the first position at which the terms so far determine the next one
TWICE, MAGNITUDE, HALF, NEARLY_ALL, HARDLY = 2.0, 10.0, 0.5, 0.9, 0.1
AVERAGED = 16  # partners over which patterns are averaged
GIVEN_SIGN = 500  # recurrences of each sign of c, for their mean patterns
NOISE, SHIFT = 0.1, 0.3  # norm of the noise, relative to the term; norm of the shift
PARTS = ("patterns", "scales")  # what c settles
STEPS = (("step of the central difference", STEP),)

LINEAR = Claim(
    id="filter.linear",
    statement="Every prediction is a linear combination of the terms, with one weight for each term.",
    quantifier="average",
    statistic="1 - sum |sum_k w_ik a_k - f_i|^2 / sum |f_i - a_i|^2",
    relation=">=",
    threshold=NEARLY_ALL,
    reduction="explained share",
    domain=AS_TRAINED,
    orders=(1,),
    contrasts=(
        Contrast(
            name="the filter of an independent recurrence",
            statistic="1 - sum |its prediction - f_i|^2 / sum |f_i - a_i|^2",
            relation="<=",
            threshold=NEARLY_ALL,
            reduction="explained share",
        ),
    ),
    constants=STEPS,
    source=SOURCE,
)

OF_C = Claim(
    id="filter.of-c",
    statement="The weights depend on c alone: those of one recurrence predict another one with the same c, at twice the MSE at "
    "most.",
    quantifier="average",
    statistic="MSE of the filter of another recurrence with the same c / MSE",
    relation="<=",
    threshold=TWICE,
    reduction="ratio of means",
    domain=AS_TRAINED,
    orders=(1,),
    contrasts=(
        Contrast(
            name="the filter of a recurrence with -c",
            statistic="its MSE / that with the same c",
            relation=">=",
            threshold=MAGNITUDE,
            reduction="ratio of means",
        ),
        Contrast(
            name="the filter of an independent recurrence",
            statistic="its MSE / that with -c",
            relation=">=",
            threshold=1.0,
            reduction="ratio of means",
        ),
    ),
    constants=STEPS,
    source=SOURCE,
)

RESTS_ON_PREVIOUS = Claim(
    id="filter.rests-on-previous",
    statement="From position 8 on the prediction rests on the term before the last, and not on the last.",
    quantifier="average",
    statistic="MSE with a_(i-1) of another recurrence / MSE with its a_i, mean over i = 8 to 12",
    relation=">=",
    threshold=MAGNITUDE,
    reduction="ratio of means",
    domain=AS_TRAINED,
    orders=(1,),
    contrasts=(
        Contrast(
            name="the rule a_i + c (a_i - a_(i-1)), asked the same",
            statistic="MSE with another a_(i-1) / MSE with another a_i",
            relation="<=",
            threshold=1.0,
            reduction="ratio of means",
        ),
    ),
    source=SOURCE,
)

C_SQUARED = Claim(
    id="filter.weight-is-c-squared",
    statement="Where |c| >= 1, the weight of the term before the last is c^2, from position 8 on.",
    quantifier="average",
    statistic="R^2 of w_(i,i-1) by c^2, i = 8 to 12",
    relation=">=",
    threshold=HALF,
    reduction="explained share",
    domain=Domain(c=(1.0, 2.0), either_sign=True, length=(14, 14)),
    orders=(1,),
    contrasts=(
        Contrast(
            name="-c in place of c^2",
            statistic="R^2 of w_(i,i-1) by -c",
            relation="<=",
            threshold=0.0,
            reduction="explained share",
        ),
    ),
    constants=(*STEPS, ("recurrences for the mean weights", BANK)),
    source=SOURCE,
)

LAST_HARDLY_USED = Claim(
    id="filter.last-hardly-used",
    statement="From position 8 on the last term has hardly any weight.",
    quantifier="average",
    statistic="mean of |w_ii| / sum_k |w_ik|, i = 8 to 12",
    relation="<=",
    threshold=HARDLY,
    domain=AS_TRAINED,
    orders=(1,),
    contrasts=(
        Contrast(
            name="the term before the last",
            statistic="mean of |w_(i,i-1)| / sum_k |w_ik|",
            relation=">=",
            threshold=HALF,
        ),
    ),
    constants=STEPS,
    source=SOURCE,
)

ATTENTION_AND_NORMS = Claim(
    id="circuit.attention-and-norms-of-c",
    statement="c settles the attention and the scales of LayerNorm: those of another recurrence with the same c cost at most "
    "twice the MSE.",
    quantifier="average",
    statistic="MSE with all patterns and scales of another recurrence with the same c / MSE",
    relation="<=",
    threshold=TWICE,
    reduction="ratio of means",
    domain=AS_TRAINED,
    orders=(1,),
    contrasts=tuple(
        Contrast(
            name=f"those of {other}",
            statistic="MSE with these / MSE",
            relation=">=",
            threshold=MAGNITUDE,
            reduction="ratio of means",
        )
        for other in ("a recurrence with -c", "an independent recurrence")
    ),
    source=SOURCE,
)

LINEAR_GIVEN_C = Claim(
    id="circuit.linear-given-c",
    statement="If c is known, one affine map takes the place of the whole model, at ten times the MSE at most.",
    quantifier="average",
    statistic="MSE with all patterns, scales and gates of another recurrence with the same c / MSE",
    relation="<=",
    threshold=MAGNITUDE,
    reduction="ratio of means",
    domain=AS_TRAINED,
    orders=(1,),
    contrasts=(
        Contrast(
            name="those of an independent recurrence",
            statistic="MSE with these / MSE with those of the same c",
            relation=">=",
            threshold=MAGNITUDE,
            reduction="ratio of means",
        ),
    ),
    source=SOURCE,
)

ATTENTION_OF_C_AND_SCALE = Claim(
    id="circuit.attention-of-c-and-scale",
    statement="The mean attention, given c and the largest norm, takes the place of attention, at ten times the MSE at most.",
    quantifier="average",
    statistic="MSE with the mean patterns of 16 other recurrences with the same c and largest norm / MSE",
    relation="<=",
    threshold=MAGNITUDE,
    reduction="ratio of means",
    domain=AS_TRAINED,
    orders=(1,),
    contrasts=(
        Contrast(
            name="the mean patterns of recurrences with the same sign of c",
            statistic="MSE with these / MSE with those of the claim",
            relation=">=",
            threshold=MAGNITUDE,
            reduction="ratio of means",
        ),
        Contrast(
            name="the mean patterns of 16 recurrences with the same c and another largest norm",
            statistic="MSE with these / MSE with those of the claim",
            relation=">=",
            threshold=TWICE,
            reduction="ratio of means",
        ),
    ),
    constants=(("recurrences of each sign", GIVEN_SIGN),),
    source=SOURCE,
)

EMBEDDING_READ_ONCE = Claim(
    id="embedding.read-by-layer-0-only",
    statement="After layer 0's attention the model does without the embedding, at twice the MSE at most.",
    layers=(0,),
    quantifier="average",
    statistic="MSE with the embedding's mean in all that is read after layer 0's attention / MSE",
    relation="<=",
    threshold=TWICE,
    reduction="ratio of means",
    domain=AS_TRAINED,
    orders=(1,),
    contrasts=(
        Contrast(
            name="the mean output of layer 0's attention in its place",
            statistic="MSE with this / MSE",
            relation=">=",
            threshold=MAGNITUDE,
            reduction="ratio of means",
        ),
    ),
    source=SOURCE,
)

TURNS = Claim(
    id="model.rotation",
    statement="The model turns with its input: if all terms are rotated or reflected, so is the prediction.",
    quantifier="everywhere",
    statistic="|f(aR) - f(a)R|^2 / |f(a) - a|^2, terms with 10 % noise",
    relation="<=",
    threshold=0.01,
    reduction="ratio of means",
    domain=Turned(length=(14, 14)),
    orders=(1,),
    contrasts=(
        Contrast(
            name="a shift by a vector of norm 0.3 in place of the rotation",
            statistic="|f(a + s) - f(a) - s|^2 / |f(a) - a|^2",
            relation=">=",
            threshold=0.01,
            reduction="ratio of means",
        ),
    ),
    constants=(("noise", NOISE), ("shift", SHIFT)),
    source=SOURCE,
)


def only(claim):
    """The name of the claim's only contrast."""
    (contrast,) = claim.contrasts
    return contrast.name


# --- The filter -------------------------------------------------------------------------------------------------------


@LINEAR(figure=against_c)
@given(at=conditions(LINEAR.domain))
def test_predictions_are_linear_combinations_of_the_terms(model, at):
    weights = filter_at(model, at)

    def unexplained(intact):
        terms, predicted = intact.recurrences.inputs, intact.prediction
        return ratio(*(squared_length(guess - predicted, first=SCORED) for guess in (filtered(weights, terms), terms)))

    LINEAR.check(
        unexplained(model.intact(at)),
        at,
        contrasts={only(LINEAR): lambda: unexplained(partner_at(model, at, "nothing"))},
    )


@OF_C(figure=against_c)
@given(at=conditions(OF_C.domain))
def test_the_filter_depends_on_c_alone(model, at):
    weights = filter_at(model, at)

    def errors(share):
        other = partner_at(model, at, share)
        return other.errors_of(filtered(weights, other.recurrences.inputs))

    opposite, independent = (contrast.name for contrast in OF_C.contrasts)
    OF_C.check(
        ratio(errors("c"), partner_at(model, at, "c").errors),
        at,
        contrasts={
            opposite: lambda: ratio(errors("-c"), errors("c")),
            independent: lambda: ratio(errors("nothing"), errors("-c")),
        },
    )


@RESTS_ON_PREVIOUS(figure=against_c)
@given(at=conditions(RESTS_ON_PREVIOUS.domain))
def test_the_prediction_rests_on_the_term_before_the_last(model, at):
    recurrences, other = model.intact(at).recurrences, partner_at(model, at, "nothing").recurrences
    require_position(LATE[-1], recurrences)
    terms, instead, c = recurrences.inputs, other.inputs, recurrences.coefficients[:, 0]

    def errors_at(position, predict, replaced):
        changed = terms.clone()
        changed[:, replaced] = instead[:, replaced]
        return (predict(changed)[:, position] - recurrences.targets[:, position]).square().mean(1)

    def mean_errors(predict):
        """MSE with another a_(i-1), and with another a_i, mean over the late positions."""
        return ratio(*(torch.stack([errors_at(i, predict, i - back) for i in LATE]).mean(0) for back in (1, 0)))

    def rule(inputs):
        return filtered(rule_weights(c, inputs.shape[1]), inputs)

    RESTS_ON_PREVIOUS.check(
        mean_errors(model),
        at,
        contrasts={only(RESTS_ON_PREVIOUS): lambda: mean_errors(rule)},
        changed=float((instead - terms).abs().max()),
    )


@C_SQUARED(figure=against_c)
@given(at=conditions(C_SQUARED.domain))
def test_the_weight_of_the_term_before_the_last_is_c_squared(model, at):
    recurrences = model.intact(at).recurrences
    require_position(LATE[-1], recurrences)
    with model.unedited():
        found = of_previous(filter_weights(model, recurrences, seed=at.seed, terms=BEFORE))
    mean = of_previous(mean_weights(model, C_SQUARED.domain, terms=BEFORE))
    c = recurrences.coefficients[:, :1]

    def against(guess):
        return ratio((found - guess).square().sum(1), (found - mean).square().sum(1))

    C_SQUARED.check(against(c.square()), at, contrasts={only(C_SQUARED): lambda: against(-c)})


@LAST_HARDLY_USED(figure=against_c)
@given(at=conditions(LAST_HARDLY_USED.domain))
def test_the_last_term_has_hardly_any_weight(model, at):
    require_position(LATE[-1], model.intact(at).recurrences)
    size = filter_at(model, at).abs()

    def share(back):
        late = torch.tensor(LATE)
        return (size[:, late, late - back] / size[:, late].sum(-1)).mean(1)

    LAST_HARDLY_USED.check(share(0), at, contrasts={only(LAST_HARDLY_USED): lambda: share(1)})


# --- What sets the filter ---------------------------------------------------------------------------------------------


def errors_with_partner(model, at, share, *parts):
    """MSE of each recurrence with patterns, scales or gates of a partner, and the smallest change."""
    intact = model.intact(at)

    def measure():
        with interchanged(model, partner_at(model, at, share), parts) as change:
            errors = intact.errors_from(layer=0)
        return errors, change.largest

    return intact.once(("interchanged", share, parts), measure)


@ATTENTION_AND_NORMS(figure=against_c)
@given(at=conditions(ATTENTION_AND_NORMS.domain))
def test_c_settles_attention_and_norms(model, at):
    intact = model.intact(at)
    errors, changed = errors_with_partner(model, at, "c", *PARTS)
    opposite, independent = (contrast.name for contrast in ATTENTION_AND_NORMS.contrasts)
    ATTENTION_AND_NORMS.check(
        ratio(errors, intact.errors),
        at,
        contrasts={
            opposite: lambda: ratio(errors_with_partner(model, at, "-c", *PARTS)[0], intact.errors),
            independent: lambda: ratio(errors_with_partner(model, at, "nothing", *PARTS)[0], intact.errors),
        },
        changed=changed,
    )


@LINEAR_GIVEN_C(figure=against_c)
@given(at=conditions(LINEAR_GIVEN_C.domain))
def test_the_model_is_one_affine_map_if_c_is_known(model, at):
    errors, changed = errors_with_partner(model, at, "c", *PARTS, "gates")
    LINEAR_GIVEN_C.check(
        ratio(errors, model.intact(at).errors),
        at,
        contrasts={
            only(LINEAR_GIVEN_C): lambda: ratio(errors_with_partner(model, at, "nothing", *PARTS, "gates")[0], errors)
        },
        changed=changed,
    )


def patterns_given_sign(model):
    """The mean pattern of every layer over recurrences with c < 0, and over those with c > 0."""

    def measure():
        reference = reference_of(model.config)
        (low, high), length = reference.c, reference.length
        if not low < 0 < high:
            raise Unmet(f"compares c below 0 with c above 0, but the task has c from {low:g} to {high:g}")
        sides = []
        for c in (Between(low, 0.0), Between(0.0, high)):
            at = Condition(c=c, length=length, seed=derive_seed(0, "patterns given sign"), batch=GIVEN_SIGN)
            kept = activations_of(model, at.sample(model.config).inputs, patterns(model.config))
            sides.append({hook: kept[hook].mean(0) for hook in kept})
        return {hook: torch.stack([side[hook] for side in sides]) for hook in sides[0]}

    return model.once("patterns given the sign of c", measure)


@ATTENTION_OF_C_AND_SCALE(figure=against_c)
@given(at=conditions(ATTENTION_OF_C_AND_SCALE.domain))
def test_attention_is_a_function_of_c_and_scale(model, at):
    intact = model.intact(at)
    hooks = patterns(model.config)

    def mean_patterns(share):
        total = {hook: torch.zeros((), device=model.device) for hook in hooks}
        for number in range(AVERAGED):
            seed = derive_seed(at.seed, "averaged", number)
            other = partners(intact.recurrences, share=share, seed=seed, reference=reference_of(model.config))
            kept = activations_of(model, other.inputs, hooks)
            total = {hook: total[hook] + kept[hook] / AVERAGED for hook in hooks}
        return total

    def errors_with(values):
        with activations_replaced(model, values) as change:
            return intact.errors_from(layer=0), change.largest

    def given_sign():
        positive = (intact.recurrences.coefficients[:, 0] > 0).long()
        return {hook: sides[positive] for hook, sides in patterns_given_sign(model).items()}

    errors, changed = errors_with(mean_patterns("c and largest norm"))
    of_sign, of_c = (contrast.name for contrast in ATTENTION_OF_C_AND_SCALE.contrasts)
    ATTENTION_OF_C_AND_SCALE.check(
        ratio(errors, intact.errors),
        at,
        contrasts={
            of_sign: lambda: ratio(errors_with(given_sign())[0], errors),
            of_c: lambda: ratio(errors_with(mean_patterns("c"))[0], errors),
        },
        changed=changed,
    )


# --- The embedding ----------------------------------------------------------------------------------------------------


@EMBEDDING_READ_ONCE(figure=against_c)
@given(at=conditions(EMBEDDING_READ_ONCE.domain))
def test_nothing_needs_the_embedding_after_layer_0_attention(model, at):
    intact = model.intact(at)

    def without(hook):
        with hidden_later(model, intact, hook) as change:
            return intact.errors_from(layer=0), change.largest

    errors, changed = without("blocks.0.hook_resid_pre")
    EMBEDDING_READ_ONCE.check(
        ratio(errors, intact.errors),
        at,
        contrasts={only(EMBEDDING_READ_ONCE): lambda: ratio(without("blocks.0.hook_attn_out")[0], intact.errors)},
        changed=changed,
    )


# --- Rotations --------------------------------------------------------------------------------------------------------


def noisy(terms, seed):
    """Terms with a vector added to each, of a random direction and of NOISE times the term's norm."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "noise"))
    noise = torch.randn(terms.shape, generator=generator).to(terms)
    return terms + NOISE * terms.norm(dim=-1, keepdim=True) * noise / noise.norm(dim=-1, keepdim=True)


@TURNS(figure=against_c)
@given(at=transformed(TURNS.domain))
def test_the_model_turns_with_its_input(model, at):
    terms = noisy(at.sample(model.config).inputs.to(model.device), at.seed)
    batch, _, dim = terms.shape
    predicted = model(terms)
    change = squared_length(predicted - terms, first=SCORED)
    each = None if isinstance(at, Transformed) else rotations(batch, dim, seed=at.seed).to(terms)

    def turned(vectors):
        return at.by.apply(vectors) if each is None else vectors @ each

    def shifted():
        generator = torch.Generator().manual_seed(derive_seed(at.seed, "shift"))
        direction = torch.randn(batch, 1, dim, generator=generator).to(terms)
        shift = SHIFT * direction / direction.norm(dim=-1, keepdim=True)
        return ratio(squared_length(model(terms + shift) - predicted - shift, first=SCORED), change)

    TURNS.check(
        ratio(squared_length(model(turned(terms)) - turned(predicted), first=SCORED), change),
        at,
        contrasts={only(TURNS): shifted},
    )
