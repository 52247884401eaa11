"""Every claim on one model, without pytest: what controls and sweeps are judged with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from recint import record
from recint.claim import Property
from recint.evaluate import draw, evaluate
from recint.vacuity import untrained_verdict


def judge(
    props: Sequence[Property],
    model: Any,
    *,
    draws: int,
    seed: int = 0,
    thorough: bool = True,
    controls: torch.device | None = None,
) -> list[dict[str, Any]]:
    """The entries of all claims on one model, settled together.

    Args:
        thorough: search also where the estimate already refutes a claim.
        controls: where untrained models of the same shape are asked too; None if they are not.
    """
    entries = []
    drawn = draw(props, model, seed=seed, draws=draws)
    for prop in props:
        try:
            evidence = evaluate(
                prop,
                model,
                seed=seed,
                draws=draws,
                family=len(props),
                thorough=thorough,
                drawn=drawn.pop(prop.claim.id, None),
            )
            entry = record.entry(evidence, family=len(props))
            if controls is not None and not evidence.unmet:
                untrained = untrained_verdict(prop, model.config, device=controls, beside=props)
                entry["controls"] = {"untrained": untrained}
            entries.append(entry)
        except Exception as error:  # whatever it is, it is the verdict `error` on this claim and none on the others
            entries.append(record.blank(prop.claim) | {"message": str(error)})
    return record.settle(entries, {})
