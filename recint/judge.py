"""A claim on a model, for pytest; and every claim on one model, without it, for controls and sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from recint import record
from recint.claim import Property
from recint.evaluate import Evidence, Share, draw, evaluate
from recint.vacuity import untrained_verdict


def judge_one(
    prop: Property,
    model: Any,
    *,
    draws: int,
    seed: int,
    family: int,
    drawn: Share,
    controls: torch.device | None,
    beside: Sequence[Property],
    thorough: bool = True,
) -> tuple[Evidence, dict[str, Any]]:
    """The evidence on one of `family` claims, and its entry before these are settled together; the rest as for `judge`.

    Args:
        drawn: the claim's share of what was drawn for all of them.
        beside: the claims that are judged with it.
    """
    evidence = evaluate(prop, model, seed=seed, draws=draws, family=family, thorough=thorough, drawn=drawn)
    entry = record.entry(evidence, family=family)
    if controls is not None and not evidence.unmet:
        untrained = untrained_verdict(prop, model.config, device=controls, beside=beside)
        entry["controls"] = {"untrained": untrained}
    return evidence, entry


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
            _, entry = judge_one(
                prop,
                model,
                seed=seed,
                draws=draws,
                family=len(props),
                drawn=drawn.pop(prop.claim.id, None),
                controls=controls,
                beside=props,
                thorough=thorough,
            )
            entries.append(entry)
        except Exception as error:  # whatever it is, it is the verdict `error` on this claim and none on the others
            entries.append(record.blank(prop.claim) | {"message": str(error)})
    return record.settle(entries, {})
