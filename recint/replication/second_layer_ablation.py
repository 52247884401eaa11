"""The number of the notebook about the ablation of layer 1."""

from __future__ import annotations

from recint.model.interventions import ablated
from recint.replication.data import Data
from recint.replication.rows import Answer, Numbers, ratio, single

NUMBERS = Numbers()


@NUMBERS.declare(
    "MSE with the heads of layer 1 mean-ablated, over MSE",
    where="Ablation of Second Layer", notebook="it does something important", layers=(1,),
)  # fmt: skip
def _mean_ablation(data: Data) -> Answer:
    with data.model.editing("blocks.1.attn.hook_z", lambda z: z.mean(0).expand_as(z)):
        by_itself = data.one.errors_from(1) / data.one.errors
    sound = ratio(data.errors_with(lambda: ablated(data.model, layer=1, kind="mean"), layer=1), data.errors)
    why = (
        "The mean was taken over one recurrence, run 1000 times, and put into that same recurrence: it replaces the activations "
        "by themselves, and the ratio is 1 for every model."
    )
    return single(by_itself, "× intact"), sound, why
