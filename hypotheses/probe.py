"""What else is there after layer 0? The notebook began to train a probe for the constant term d and stopped without a result.

Both probes are trained on recurrences of their own and judged on others. The MLP is the notebook's; the linear one says how much
is there for the taking, as the model's own weights would take it. A probe that is trained on the constants of other recurrences
shows what a probe finds where there is nothing.
"""

from hypothesis import given

from recint.claim import Claim, Contrast
from recint.claim_figures import against_c
from recint.model.probes import BATCH, EPOCHS, RATE, TRAINED_ON, constant_probe
from recint.strategies import conditions


def constant_term(kind):
    return Claim(
        id="probe.constant-term" if kind == "MLP" else "probe.constant-term.linear",
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


def with_constants(kind):
    return constant_term(kind).amended(
        because="what decides how much a probe learns stood outside the hash; nothing else is changed",
        constants=(("trained on", TRAINED_ON), ("epochs", EPOCHS), ("batch", BATCH), ("rate", RATE)),
    )


def probing(claim, kind):
    @claim(figure=against_c)
    @given(at=conditions(claim.domain))
    def test(model, at):
        intact = model.intact(at)

        def errors(shuffled):
            return constant_probe(model, layer=1, kind=kind, shuffled=shuffled).errors(intact)

        claim.check(errors(False), at, contrasts={claim.contrasts[0].name: lambda: errors(True)})

    return test


test_an_mlp_reads_the_constant_term = probing(constant_term("MLP"), "MLP")
test_a_linear_probe_reads_the_constant_term = probing(constant_term("linear"), "linear")
test_an_mlp_reads_the_constant_term_as_registered = probing(with_constants("MLP"), "MLP")
test_a_linear_probe_reads_the_constant_term_as_registered = probing(with_constants("linear"), "linear")
