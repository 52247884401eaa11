"""Make entries from evidence: the verdict on each claim, and the sentence that says why."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from importlib import metadata
from math import isfinite
from typing import Any

import torch

from recint import __version__
from recint.judging import intervals
from recint.judging.claim import Claim, Contrast
from recint.judging.entry import (
    Counterexample,
    Entry,
    Estimate,
    Failing,
    Measurement,
    Run,
    SearchSummary,
    UntrainedAnswer,
    tuples,
)
from recint.judging.evaluate import Evidence
from recint.judging.holm import holm
from recint.judging.intervals import exact_interval
from recint.judging.search import Counterexample as Confirmed
from recint.judging.search import Search
from recint.judging.seed import Seed
from recint.judging.subject import Checkpoint
from recint.judging.told import Departure
from recint.verdict import LEVEL, Findings, Verdict, decide

GOOD = ("supported", "not_applicable")


# --- From evidence to an entry ----------------------------------------------------------------------------------------


def blank(claim: Claim, message: str = "") -> Entry:
    """The entry of a claim without evidence. Its verdict is `error`; the message is the reason, if it is known."""
    return Entry(
        id=claim.id,
        version=claim.version,
        hash=claim.hash,
        question=claim.question,
        statement=claim.statement,
        source=claim.source,
        caveat=claim.caveat,
        partner=claim.partner,
        statistic=claim.statistic,
        relation=claim.relation,
        threshold=claim.threshold,
        quantifier=claim.quantifier,
        parts=claim.parts,
        estimate_refutes=claim.estimate_refutes,
        noun=claim.noun,
        message=message,
    )


def entry(evidence: Evidence, *, family: int) -> Entry:
    """The entry of a claim with its evidence, judged by itself.

    The verdict uses Bonferroni's correction. `settle` may change it later, and so may the answer of untrained models. Holm's
    correction never gives a larger p-value than Bonferroni's: a claim that is supported here stays supported, unless it is vacuous.

    Args:
        family: the number of claims of the run.
    """
    claim, seconds = evidence.claim, round(evidence.seconds, 2)
    if evidence.unmet:
        verdict = decide(Findings(unmet=True), family=family, routes=1)
        return replace(blank(claim, evidence.unmet), value=evidence.value, seconds=seconds, verdict=verdict)
    return judged(
        replace(
            blank(claim),
            value=evidence.value,
            seconds=seconds,
            per_head=None if evidence.per_head is None else tuples(evidence.per_head.tolist()),
            estimate=_estimate(evidence.estimate, claim.threshold, family) if evidence.estimate else None,
            failing=_failing(evidence),
            contrast={contrast.name: _contrast(contrast, evidence, family) for contrast in claim.contrasts}
            if evidence.contrasts
            else {},
            search=_search(evidence.search) if evidence.search else None,
        ),
        family=family,
    )


def with_untrained(item: Entry, answer: UntrainedAnswer, *, family: int) -> Entry:
    """The entry with the answer of untrained models, judged by itself again."""
    return judged(replace(item, untrained=answer), family=family)


def _estimate(estimate: intervals.Estimate, threshold: float, family: int) -> Estimate:
    low, high = (bound if isfinite(bound) else None for bound in (estimate.low, estimate.high))
    return Estimate(
        ci=(low, high),
        n=estimate.n,
        p=estimate.p,
        p_against=estimate.p_against,
        draws_to_decide=estimate.draws_to_decide(threshold, level=LEVEL / family),
    )


def _contrast(contrast: Contrast, evidence: Evidence, family: int) -> Measurement:
    measured = evidence.contrasts[contrast.name]
    bare = Measurement(statistic=contrast.statistic, relation=contrast.relation, threshold=contrast.threshold)
    if not isinstance(measured, intervals.Estimate):  # a value about weights, which has no sampling error
        return replace(bare, value=measured)
    return replace(bare, value=measured.value, estimate=_estimate(measured, contrast.threshold, family))


def _failing(evidence: Evidence) -> Failing | None:
    if evidence.failing is None or not evidence.estimate:
        return None
    drawn = evidence.estimate
    share = exact_interval(evidence.failing, drawn.n, looks=drawn.looks)
    return Failing(count=evidence.failing, of=drawn.n, ci=share)


def _search(search: Search) -> SearchSummary:
    confirmed = search.counterexample
    return SearchSummary(
        examples=search.examples,
        conditions=search.conditions,
        worst=search.worst,
        worst_at=search.worst_at.brief(),
        unconfirmed=search.unconfirmed,
        counterexample=_counterexample(confirmed) if confirmed else None,
        further=tuple(map(_counterexample, search.further)),
    )


def _counterexample(of: Confirmed) -> Counterexample:
    return Counterexample(value=of.value, where=of.at.brief(), text=of.at.equation(), code=of.code)


# --- From an entry to its verdict -------------------------------------------------------------------------------------


def may_be_supported(item: Entry) -> bool:
    """Whether a claim that was judged by itself is supported, or may become so by Holm's correction."""
    return item.verdict == "supported" or item.is_open


def judged(item: Entry, *, family: int, p_holm: float | None = None) -> Entry:
    """The entry with the verdict that follows from its measurements, and with the sentence that says why.

    Args:
        family: the number of claims of the run.
        p_holm: the claim's p-value, corrected over all claims of the run; None to use Bonferroni's correction instead.
    """
    if item.value is None:
        return item  # the verdict is `error` or `not_applicable`
    routes = len(item.estimates) + (item.quantifier in ("everywhere", "pointwise"))
    verdict = decide(
        Findings(
            holds=None if item.estimates else not item.lost,
            p_holm=min(1.0, family * item.p) if p_holm is None else p_holm,
            p_against=min((estimate.p_against for estimate in item.deciding.values()), default=1.0),
            counterexample=item.decisive is not None,
            vacuous=isinstance(item.untrained, UntrainedAnswer) and item.untrained.vacuous,
        ),
        family=family,
        routes=max(1, routes),
    )
    return replace(item, verdict=verdict, message=_why(item, verdict))


def _why(item: Entry, verdict: Verdict) -> str:
    """The sentence that says why the verdict is what it is; empty if there is nothing to add."""
    match verdict:
        case "refuted":
            return f"{item.id}: {item.refutation}"
        case "inconclusive":
            return _undecided(item)
        case "vacuous":
            assert isinstance(item.untrained, UntrainedAnswer)
            passed, of = item.untrained.passed, item.untrained.of
            return f"it would be supported, but {passed} of {of} untrained models of the same shape satisfy it too"
    return _unsuccessful_search(item)


def _undecided(item: Entry) -> str:
    """How many draws did not decide, and how many would probably do. The forecast needs another seed.

    With the same seed, a run with more draws begins with the same draws: the level would be spent twice on them.
    """
    name, undecided = max(item.estimates.items(), key=lambda part: part[1].p)
    about = "" if name == item.id else f" of the contrast '{name}'"
    needed = undecided.draws_to_decide
    # The forecast comes from the normal approximation. If there were that many draws already, it was wrong and is left out.
    if needed is None or needed <= undecided.n:
        return f"{undecided.n} draws{about} do not decide"
    return (
        f"{undecided.n} draws{about} do not decide; about {_round_up(needed)} would, if the statistic is what it seems "
        f"(--draws {_round_up(needed)}, with another --seed)"
    )


def _unsuccessful_search(item: Entry) -> str:
    """How much was searched without a counterexample; empty if there is nothing to add."""
    search, failing = item.search, item.failing
    if not search:
        return ""
    if item.quantifier == "pointwise":
        share = f"at most {failing.ci[1]:.2g} of all {item.noun}s fail, with 95 % confidence" if failing else ""
        return f"no counterexample in {item.draws_tried} {item.noun}s; {share}"
    if search.unconfirmed:
        return f"{search.unconfirmed} suspected counterexample(s) passed on fresh draws and do not count"
    return ""


def _round_up(number: int) -> int:
    """The number rounded up to two digits, since the forecast is not more exact than that."""
    unit: int = 10 ** max(0, len(str(number)) - 2)
    return -(-number // unit) * unit


def settle(entries: Sequence[Entry], expected: Mapping[str, Verdict]) -> tuple[Entry, ...]:
    """The entries with Holm's correction over all claims of the run, the verdicts that follow, and the expected verdicts.

    Args:
        entries: every claim of the run, judged by itself.
        expected: the expected verdicts, by the id of the claim.
    """
    adjusted = holm({item.id: item.p for item in entries if item.estimate})
    settled = []
    for item in entries:
        estimate = item.estimate and replace(item.estimate, p_holm=adjusted[item.id])
        item = replace(item, estimate=estimate, expected=expected.get(item.id))
        settled.append(judged(item, family=len(entries), p_holm=adjusted.get(item.id, 1.0)))
    return tuple(settled)


def failing(run: Run) -> Sequence[Departure]:
    """What keeps a run from exit status 0: the drift that is not allowed, or without a baseline the departures."""
    return run.not_allowed if run.against else departures(run.claims)


def departures(entries: Sequence[Entry]) -> list[Departure]:
    """The claims that keep the run from exit status 0.

    Such a claim does not have the expected verdict or, if none is expected, is neither supported nor not applicable. An error
    always counts.
    """
    departing = []
    for item in entries:
        if item.expected is None:
            if item.verdict not in GOOD:
                departing.append(Departure(claim=item.id, happened=item.verdict))
        elif item.expected != item.verdict or item.verdict == "error":
            departing.append(Departure(claim=item.id, happened=f"expected {item.expected}, now {item.verdict}"))
    return departing


# --- The run ----------------------------------------------------------------------------------------------------------


def about(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a verdict file and the log say about a checkpoint: its name, the hash of its tensors, and its configuration.

    They also name its subject, unless that is the first one, which earlier versions did not name.
    """
    said = {"name": checkpoint.name, "sha256": checkpoint.sha256, "config": asdict(checkpoint.config)}
    return said | ({"subject": checkpoint.subject} if checkpoint.subject else {})


version = cache(metadata.version)  # cached, since it reads files at every call


def environment(device: torch.device) -> dict[str, str]:
    """The versions of Python, recint and the packages that it computes with, and the name of the device."""
    packages = ("torch", "transformer_lens", "hypothesis", "numpy", "scipy", "pytest")
    return {
        "recint": __version__,
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        **{package: version(package) for package in packages},
    }


def run(
    checkpoint: Checkpoint,
    claims: Sequence[Entry],
    *,
    device: torch.device,
    seed: Seed,
    stages: Sequence[int],
    profile: str,
    started: str,
    seconds: float,
) -> Run:
    """The results of a run, from its settled entries.

    Args:
        stages: the numbers of draws after which estimates were looked at.
        started: the time at which the run began, in ISO format.
        seconds: how long the run took.
    """
    return Run(
        checkpoint=about(checkpoint),
        environment=environment(device),
        seed=seed.number,
        seed_from=seed.follows,
        draws=stages[-1],
        stages=tuple(stages),
        profile=profile,
        started=started,
        seconds=round(seconds, 1),
        claims=tuple(claims),
    )
