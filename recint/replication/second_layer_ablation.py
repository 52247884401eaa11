"""The figure of the notebook about the ablation of layer 1."""

from __future__ import annotations

from recint.model.interventions import ablated
from recint.replication.look import Look
from recint.replication.rows import Answer, Figures, ratio, single

FIGURES = Figures()


@FIGURES.declare(
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
