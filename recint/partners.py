"""Partners of recurrences: recurrences that are drawn anew, but share some numbers with given ones.

If an activation of a partner can take the place of the model's own, then the activation depends only on what both share.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from recint.recurrence import REFERENCE, Distribution, Recurrences
from recint.system.seeds import derive_seed

Shared = Literal["c", "-c", "c and largest norm", "nothing"]


def partners(recurrences: Recurrences, *, share: Shared, seed: int, reference: Distribution = REFERENCE) -> Recurrences:
    """A partner for each recurrence, in order, of the same length and dimension.

    All that is not shared is drawn from the reference distribution.

    Args:
        share: "c" or "-c": the partner has the coefficients, or their opposites; "c and largest norm": it has the norm of the
            longest term, too; "nothing": it is independent.
        reference: what the model was trained on.

    >>> drawn = REFERENCE.sample(2, seed=0)
    >>> (partners(drawn, share="-c", seed=1).coefficients == -drawn.coefficients).all().item()
    True
    """
    batch, length, dim = recurrences.terms.shape
    reference = replace(reference, order=recurrences.order, dim=dim, length=length)
    coefficients = {"nothing": None, "-c": -recurrences.coefficients}.get(share, recurrences.coefficients)
    drawn = reference.sample(
        batch,
        seed=derive_seed(seed, "partners", share),
        coefficients=None if coefficients is None else coefficients.cpu(),
        cap=recurrences.terms.norm(dim=-1).amax(-1).cpu() if share == "c and largest norm" else None,
    )
    return drawn.to(recurrences.terms.device)
