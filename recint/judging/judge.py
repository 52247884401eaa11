"""A claim on a model, for pytest; and every claim on one model, without it, for controls and sweeps."""

from __future__ import annotations

from collections.abc import Sequence

from recint.judging import entries as record
from recint.judging.claim import Property
from recint.judging.draws import Share
from recint.judging.entry import Entry, UntrainedAnswer
from recint.judging.evaluate import Evidence, draw_together, evaluate
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
    """The evidence on one of `family` claims, and its entry before these are settled together; the rest as for `judge`.

    Untrained models are asked only where the claim may be supported: nothing else can be found vacuous.

    Args:
        drawn, scanned: the claim's share of what was drawn and visited for all of them.
        beside: the claims that are judged with it.
    """
    evidence = evaluate(
        prop, model, seed=seed, stages=stages, family=family, thorough=thorough, drawn=drawn, scanned=scanned
    )
    entry = record.entry(evidence, family=family)
    # Of a ratio to their error untrained models, which do not beat copying, are not asked.
    if controls and record.may_be_supported(entry) and not prop.claim.mse_ratio:
        found = untrained_passes(prop, model, beside=beside)
        answer = UntrainedAnswer(passed=found.passed, of=found.of, vacuous=found.vacuous)
        entry = record.with_untrained(entry, answer, family=family)
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
        thorough: search also where the estimate already refutes a claim.
        controls: whether untrained models of the same shape are asked too.
    """
    entries = []
    drawn = draw_together(props, model, seed=seed, stages=stages, family=len(props))
    scanned = scan(props, model, seed=seed)
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
        except Exception as error:  # whatever it is, it is the verdict `error` on this claim and none on the others
            entries.append(record.blank(prop.claim, str(error)))
    return record.settle(entries, {})
