"""Rivals of the account in `hypotheses/mechanism.py`: what a reader may think that the model does instead.

The account says that all of them lose. They were registered together with it, see docs/mechanism-registered.md.
"""

from hypothesis import given

from recint.carry_over import require_position
from recint.claim import Claim, Contrast
from recint.claim_figures import against_c
from recint.domain import AS_TRAINED, Domain
from recint.jitter import jittered
from recint.model.interchange import partner_at
from recint.model.linear_filter import BANK, STEP, filter_at, filter_weights, filtered, mean_weights, rule_weights
from recint.model.ridge import CHOSEN_ON, FITTED_ON, PENALTY, best_probe
from recint.model.swap import AFTER_LAYER_0, AVERAGED, stream_given_c
from recint.statistics.differences import implied_c, least_squares_c
from recint.statistics.errors import ratio, squared_length
from recint.strategies import conditions
from recint.system.seeds import derive_seed

SOURCE = "docs/mechanism-registered.md, fixed before affine3-seed4 and affine3-seed5 were evaluated"
SCORED = 2  # the first position at which the terms so far determine the next one
LATE = 8  # the position whose prediction implies a c
JITTER = 0.05

IS_THE_RULE = Claim(
    id="filter.is-the-rule",
    statement="The weights are those of the rule a_i + c (a_i - a_(i-1)).",
    quantifier="average",
    statistic="R^2 of the weights w_ik by those of the rule",
    relation=">=",
    threshold=0.5,
    reduction="explained share",
    domain=AS_TRAINED,
    orders=(1,),
    contrasts=(
        Contrast(
            name="the weights of another recurrence with the same c",
            statistic="R^2 of the weights by these",
            relation=">=",
            threshold=0.5,
            reduction="explained share",
        ),
    ),
    constants=(("step of the central difference", STEP), ("recurrences for the mean weights", BANK)),
    source=SOURCE,
)

LEAST_SQUARES = Claim(
    id="rival.least-squares",
    statement="The model finds c by least squares over all pairs of differences.",
    quantifier="average",
    statistic="R^2 of the implied c's response by that of least squares, ratios of differences c + N(0, 0.05), position 8",
    relation=">=",
    threshold=0.5,
    reduction="explained share",
    domain=Domain(c=(1.0, 2.0), either_sign=True, length=(14, 14)),
    orders=(1,),
    contrasts=(
        Contrast(
            name="least squares on another jitter",
            statistic="R^2 of the implied c's response by that of this",
            relation="<=",
            threshold=0.1,
            reduction="explained share",
        ),
    ),
    constants=(("deviation of the ratios", JITTER),),
    source=SOURCE,
)

LINEARLY_CODED = Claim(
    id="rival.c-linearly-coded",
    statement="Some residual stream holds c linearly.",
    quantifier="average",
    statistic="R^2 of c by a ridge probe on the best residual stream, mean over positions",
    relation=">=",
    threshold=0.5,
    reduction="explained share",
    domain=AS_TRAINED,
    orders=(1,),
    contrasts=(
        Contrast(
            name="a probe fitted on the c of other recurrences",
            statistic="R^2 of c by this probe",
            relation="<=",
            threshold=0.1,
            reduction="explained share",
        ),
    ),
    constants=(("fitted on", FITTED_ON), ("chosen on", CHOSEN_ON), ("penalty", PENALTY)),
    source=SOURCE,
)

CAN_BE_SWAPPED = Claim(
    id="rival.c-can-be-swapped",
    statement="To shift the stream after layer 0 from its mean at c to its mean at another c makes the model predict with that c.",
    layers=(0,),
    quantifier="average",
    statistic="1 - |f - T|^2 / |f before - T|^2 with T = a_i + c' (a_i - a_(i-1)) and the other coefficient c'",
    relation=">=",
    threshold=0.5,
    reduction="explained share",
    domain=AS_TRAINED,
    orders=(1,),
    constants=(("recurrences at each tenth of c", AVERAGED),),
    source=SOURCE,
)


@IS_THE_RULE(figure=against_c)
@given(at=conditions(IS_THE_RULE.domain))
def test_the_weights_are_those_of_the_rule(model, at):
    recurrences, weights = model.intact(at).recurrences, filter_at(model, at)
    mean = mean_weights(model, IS_THE_RULE.domain)
    rule = rule_weights(recurrences.coefficients[:, 0], weights.shape[1])

    def against(guess):
        return ratio(*(squared_length((weights - each).tril(), first=SCORED) for each in (guess, mean)))

    def of_partner():
        with model.unedited():
            return filter_weights(
                model, partner_at(model, at, "c").recurrences, seed=derive_seed(at.seed, "of a partner")
            )

    IS_THE_RULE.check(against(rule), at, contrasts={IS_THE_RULE.contrasts[0].name: lambda: against(of_partner())})


@LEAST_SQUARES(figure=against_c)
@given(at=conditions(LEAST_SQUARES.domain))
def test_the_model_finds_c_by_least_squares(model, at):
    intact = model.intact(at)
    recurrences, c = intact.recurrences, intact.recurrences.coefficients[:, 0].double()
    require_position(LATE, recurrences)
    terms, _ = jittered(recurrences, deviation=JITTER, seed=at.seed)

    def implied(prediction, sequences):
        return implied_c(prediction[:, LATE], sequences[:, LATE], sequences[:, LATE - 1])

    # The model's own error is taken away: without jitter, too, the implied c is not quite c.
    response = implied(model(terms[:, :-1]), terms) - implied(intact.prediction, recurrences.terms)

    def against(sequences):
        return ratio((response - (least_squares_c(sequences[:, : LATE + 1]) - c)).square(), response.square())

    def of_another_jitter():
        other, _ = jittered(recurrences, deviation=JITTER, seed=derive_seed(at.seed, "another"))
        return against(other)

    LEAST_SQUARES.check(against(terms), at, contrasts={LEAST_SQUARES.contrasts[0].name: of_another_jitter})


@LINEARLY_CODED(figure=against_c)
@given(at=conditions(LINEARLY_CODED.domain))
def test_a_residual_stream_holds_c_linearly(model, at):
    intact = model.intact(at)
    LINEARLY_CODED.check(
        best_probe(model).errors(intact),
        at,
        contrasts={LINEARLY_CODED.contrasts[0].name: lambda: best_probe(model, shuffled=True).errors(intact)},
    )


@CAN_BE_SWAPPED(figure=against_c)
@given(at=conditions(CAN_BE_SWAPPED.domain))
def test_c_can_be_swapped_after_layer_0(model, at):
    intact = model.intact(at)
    terms, c = intact.recurrences.inputs, intact.recurrences.coefficients[:, 0]
    other = partner_at(model, at, "nothing").recurrences.coefficients[:, 0]
    shift = (stream_given_c(model, other) - stream_given_c(model, c))[:, : terms.shape[1]]
    predicted = model.resume(intact[AFTER_LAYER_0] + shift, layer=1)
    target = filtered(rule_weights(other, terms.shape[1]), terms)
    CAN_BE_SWAPPED.check(
        ratio(*(squared_length(each - target, first=SCORED) for each in (predicted, intact.prediction))),
        at,
        changed=float(shift.abs().max()),
    )
