"""Does the residual stream after layer 0 contain the constant term d? The notebook began to train a probe, and has no result.

Two kinds of probe are trained on recurrences that are not used for the verdict. The MLP is the notebook's probe. The linear probe
shows how much can be read by a linear map, as the model's own weights read. As a contrast, a probe is trained on the constants of
other recurrences: it shows the score if there is nothing to read.
"""

from hypothesis import given

from recint.claim import Claim, Contrast
from recint.claim_figures import against_c
from recint.model.probes import BATCH, EPOCHS, RATE, TRAINED_ON, constant_probe
from recint.strategies import conditions


def constant_term(id, kind):
    return Claim(
        id=id,
        statement=f"After layer 0 the residual stream holds d, to be read by {'an MLP' if kind == 'MLP' else 'a linear'} probe.",
        layers=(1,),
        quantifier="average",
        statistic=f"R^2 of d by {'an MLP' if kind == 'MLP' else 'a linear'} probe on held-out recurrences",
        relation=">=",
        threshold=0.5,
        reduction="explained share",
        contrasts=(
            Contrast(
                name="a probe trained on the constants of other recurrences",
                statistic="R^2 of d",
                relation="<=",
                threshold=0.1,
                reduction="explained share",
            ),
        ),
        source="notebook, 'Analysis of QK Circuit': a probe begun, no result",
    )


BY_MLP = constant_term("probe.constant-term", "MLP")
BY_LINE = constant_term("probe.constant-term.linear", "linear")


def with_constants(claim, id):
    return claim.amended(
        id=id,
        because="what decides how much a probe learns stood outside the hash; nothing else is changed",
        constants=(("trained on", TRAINED_ON), ("epochs", EPOCHS), ("batch", BATCH), ("rate", RATE)),
    )


BY_MLP_AS_REGISTERED = with_constants(BY_MLP, "probe.constant-term@2")
BY_LINE_AS_REGISTERED = with_constants(BY_LINE, "probe.constant-term.linear@2")


def probing(claim, kind):
    @claim(figure=against_c)
    @given(at=conditions(claim.domain))
    def test(model, at):
        intact = model.intact(at)

        def errors(shuffled):
            return constant_probe(model, layer=1, kind=kind, shuffled=shuffled).errors(intact)

        claim.check(errors(False), at, contrasts={claim.contrasts[0].name: lambda: errors(True)})

    return test


test_an_mlp_reads_the_constant_term = probing(BY_MLP, "MLP")
test_a_linear_probe_reads_the_constant_term = probing(BY_LINE, "linear")
test_an_mlp_reads_the_constant_term_as_registered = probing(BY_MLP_AS_REGISTERED, "MLP")
test_a_linear_probe_reads_the_constant_term_as_registered = probing(BY_LINE_AS_REGISTERED, "linear")
