"""Judge one claim on a model, as pytest does; or judge all claims on a model without pytest, as controls and sweeps do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from recint.judging import entries as of_claims
from recint.judging.claim import Property
from recint.judging.draws import Share
from recint.judging.entry import Entry, UntrainedAnswer
from recint.judging.evaluate import Evidence, draw_together, evaluate, refuted_by_estimate
from recint.judging.scan import Scan, scan
from recint.judging.subject import Subject
from recint.judging.untrained import untrained_passes
from recint.verdict import STAGES


def judge_one(
    prop: Property,
    model: Subject,
    *,
    stages: Sequence[int],
    seed: int,
    family: int,
    drawn: Share,
    scanned: Scan | Exception | None,
    controls: bool,
    beside: Sequence[Property] = (),
    thorough: bool = True,
) -> tuple[Evidence, Entry]:
    """The evidence for one claim, and its entry before all claims of the run are settled together.

    Untrained models are judged only if the claim may be supported: no other verdict can become vacuous.

    Args:
        family: the number of claims of the run.
        drawn: what `draw_together` returned for the claim.
        scanned: what `scan` returned for the claim.
        controls: whether untrained models of the same shape are judged too.
        beside: the claims of the run that this process judges.
        thorough: whether there is a search even if the estimate already refutes the claim.

    Raises:
        Exception: whatever goes wrong while the claim is measured; its verdict is then `error`.
    """
    evidence = evaluate(
        prop, model, seed=seed, stages=stages, family=family, thorough=thorough, drawn=drawn, scanned=scanned
    )
    entry = of_claims.entry(evidence, family=family)
    # A ratio of MSEs is not applicable to untrained models, which are no better than copying.
    if controls and of_claims.may_be_supported(entry) and not prop.claim.mse_ratio:
        untrained = untrained_passes(prop, model, beside=beside)
        answer = UntrainedAnswer(passed=untrained.passed, of=untrained.of, vacuous=untrained.vacuous)
        entry = of_claims.with_untrained(entry, answer, family=family)
    return evidence, entry


def judge(
    props: Sequence[Property],
    model: Subject,
    *,
    stages: Sequence[int] = STAGES,
    seed: int = 0,
    thorough: bool = True,
    controls: bool = False,
) -> tuple[Entry, ...]:
    """The entries of all claims on one model, settled together.

    Args:
        stages: the numbers of draws after which estimates are looked at.
        thorough: whether there is a search even if the estimate already refutes the claim.
        controls: whether untrained models of the same shape are judged too.
    """
    entries = []
    drawn = draw_together(props, model, seed=seed, stages=stages, family=len(props))
    refuted = partial(refuted_by_estimate, looks=len(stages), family=len(props))
    searched = [prop for prop in props if thorough or not refuted(prop.claim, drawn[prop.claim.id])]
    scanned = scan(searched, model, seed=seed)
    for prop in props:
        try:
            _, entry = judge_one(
                prop,
                model,
                seed=seed,
                stages=stages,
                family=len(props),
                drawn=drawn.pop(prop.claim.id, None),
                scanned=scanned.pop(prop.claim.id, None),
                controls=controls,
                beside=props,
                thorough=thorough,
            )
            entries.append(entry)
        except Exception as error:  # this claim gets the verdict `error`; the others are not affected
            entries.append(of_claims.blank(prop.claim, str(error)))
    return of_claims.settle(entries, {})
