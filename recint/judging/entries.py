"""Evidence -> the verdict file: plain dictionaries in the schema that `--verdicts` writes."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib import metadata
from math import isfinite
from typing import Any

import torch

from recint import __version__
from recint.checkpoint import Checkpoint
from recint.judging.claim import Claim, Contrast, failure
from recint.judging.evaluate import Evidence
from recint.judging.holm import holm
from recint.judging.intervals import Estimate, exact_interval
from recint.judging.relation import holds
from recint.judging.search import Search
from recint.record.expected import Expectation
from recint.verdict import LEVEL, Findings, Verdict, decide
from recint.words import is_open

SCHEMA = 1
GOOD = ("supported", "not_applicable")


def blank(claim: Claim) -> dict[str, Any]:
    """The entry of a claim before anything is known of it."""
    return {
        "id": claim.id,
        "version": claim.version,
        "hash": claim.hash,
        "verdict": "error",
        "expected": None,
        "standing": None,
        "question": claim.question,
        "statement": claim.statement,
        "source": claim.source,
        "caveat": claim.caveat,
        "partner": claim.partner,
        "statistic": claim.statistic,
        "value": None,
        "relation": claim.relation,
        "threshold": claim.threshold,
        "quantifier": claim.quantifier,
        "estimate": None,
        "failing": None,
        "search": None,
        "contrast": None,
        "controls": {},
        "per_head": None,
        "parts": list(claim.parts),
        "estimate_refutes": claim.estimate_refutes,
        "seconds": 0.0,
        "message": "",
    }


def entry(evidence: Evidence, *, family: int) -> dict[str, Any]:
    """The entry of a claim with its evidence, judged by itself: what it says may change with untrained models and with `settle`.

    Bonferroni's correction is never kinder than Holm's: a claim that it leaves supported stays so, unless it is vacuous.
    """
    claim, search = evidence.claim, evidence.search
    result = blank(claim) | {"value": evidence.value, "seconds": round(evidence.seconds, 2)}
    if evidence.unmet:
        return result | {"verdict": decide(Findings(unmet=True), family=family, routes=1), "message": evidence.unmet}
    if evidence.per_head is not None:
        result["per_head"] = evidence.per_head.tolist()
    if evidence.estimate:
        result["estimate"] = _estimate(evidence.estimate, claim.threshold, family)
    if evidence.failing is not None and evidence.estimate:
        n = evidence.estimate.n
        share = exact_interval(evidence.failing, n, looks=evidence.estimate.looks)
        result["failing"] = {"count": evidence.failing, "of": n, "ci": list(share)}
    if evidence.contrasts:
        result["contrast"] = {
            contrast.name: _contrast(contrast, evidence.contrasts[contrast.name], family)
            for contrast in claim.contrasts
        }
    if search:
        result["search"] = _search(search)
    return _judged(result, p_holm=min(1.0, family * _p(result)), family=family)


def may_be_supported(item: Mapping[str, Any]) -> bool:
    """Whether Holm's correction may find a claim supported that was judged by itself."""
    return item["verdict"] == "supported" or is_open(item)


def with_untrained(item: dict[str, Any], *, passed: int, of: int, vacuous: bool, family: int) -> dict[str, Any]:
    """The entry with what untrained models say of the claim."""
    item = item | {"controls": {"untrained": {"passed": passed, "of": of, "vacuous": vacuous}}}
    return _judged(item, p_holm=min(1.0, family * _p(item)), family=family)


def _contrast(contrast: Contrast, found: Estimate | float, family: int) -> dict[str, Any]:
    bar = {"statistic": contrast.statistic, "relation": contrast.relation, "threshold": contrast.threshold}
    if not isinstance(found, Estimate):  # of weights, which have no sampling error
        return bar | {"value": found, "ci": None, "n": None, "p": None, "p_against": None, "draws_to_decide": None}
    return bar | {"value": found.value} | _estimate(found, contrast.threshold, family)


def _estimate(found: Estimate, threshold: float, family: int) -> dict[str, Any]:
    return {
        "ci": [bound if isfinite(bound) else None for bound in (found.low, found.high)],
        "n": found.n,
        "p": found.p,
        "p_against": found.p_against,
        "draws_to_decide": found.draws_to_decide(threshold, level=LEVEL / family),
    }


def _search(search: Search) -> dict[str, Any]:
    found = search.counterexample
    return {
        "examples": search.examples,
        "conditions": search.conditions,
        "worst": search.worst,
        "worst_at": search.worst_at.brief(),
        "unconfirmed": search.unconfirmed,
        "counterexample": {
            "value": found.value,
            "where": found.at.brief(),
            "text": found.at.equation(),
            "code": found.code,
        }
        if found
        else None,
    }


def _parts(item: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What was estimated, by name: the claim's own statistic (under its id) and that of each contrast."""
    if not item["estimate"]:
        return {}
    own = {key: item[key] for key in ("statistic", "value", "relation", "threshold")} | item["estimate"]
    return {item["id"]: own, **(item["contrast"] or {})}


def _deciding(item: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Those of the parts that can refute the claim by themselves."""
    return {name: part for name, part in _parts(item).items() if name != item["id"] or item["estimate_refutes"]}


def _p(item: Mapping[str, Any]) -> float:
    """Of "the claim or one of its contrasts does not hold": all have to hold, so the largest p-value speaks for them."""
    return max((part["p"] for part in _parts(item).values()), default=1.0)


def _judged(item: dict[str, Any], *, p_holm: float, family: int) -> dict[str, Any]:
    """The entry with the verdict that follows from its evidence, and with the sentence that says why."""
    if item["value"] is None:
        return item  # an error, or not applicable
    counterexample = item["search"] and item["search"]["counterexample"]
    decisive = counterexample if item["quantifier"] != "average" else None
    parts = _parts(item)
    routes = len(parts) + (item["quantifier"] in ("everywhere", "pointwise"))
    found = Findings(
        holds=not _lost_figures(item) if not parts else None,
        p_holm=p_holm,
        p_against=min((part["p_against"] for part in _deciding(item).values()), default=1.0),
        counterexample=bool(decisive),
        vacuous=item["controls"].get("untrained", {}).get("vacuous", False),
    )
    verdict = decide(found, family=family, routes=max(1, routes))
    return item | {"verdict": verdict, "message": _message(item, parts, verdict, decisive)}


def _message(
    item: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]], verdict: Verdict, counterexample: Mapping | None
) -> str:
    if verdict == "refuted":
        if counterexample:
            return failure(item["id"], item, counterexample["value"], counterexample["text"])
        if not parts:
            name, lost = next(iter(_lost_figures(item).items()))
            return failure(item["id"], lost, lost["value"], "weights" if name == item["id"] else f"contrast: {name}")
        name, lost = min(_deciding(item).items(), key=lambda part: part[1]["p_against"])
        return failure(
            item["id"], lost, lost["value"], "reference distribution" if name == item["id"] else f"contrast: {name}"
        )
    if verdict == "inconclusive":
        name, open_ = max(parts.items(), key=lambda part: part[1]["p"])
        about = "" if name == item["id"] else f" of the contrast '{name}'"
        needed = open_["draws_to_decide"]
        # A forecast from the normal approximation that the draws have outdone already forecasts nothing.
        if needed is None or needed <= open_["n"]:
            return f"{open_['n']} draws{about} do not decide"
        return (
            f"{open_['n']} draws{about} do not decide; about {_round_up(needed)} would, if the statistic is what it seems "
            f"(--draws {_round_up(needed)})"
        )
    if verdict == "vacuous":
        asked = item["controls"]["untrained"]
        return f"it would be supported, but {asked['passed']} of {asked['of']} untrained models of the same shape satisfy it too"
    return _searched_in_vain(item)


def _searched_in_vain(item: Mapping[str, Any]) -> str:
    """What the search did not find, and in how much."""
    search = item["search"]
    if not search:
        return ""
    if item["quantifier"] == "pointwise":
        failing = item["failing"]
        share = f"at most {failing['ci'][1]:.2g} of all recurrences fail, with 95 % confidence" if failing else ""
        return f"no counterexample in {search['examples'] + (failing['of'] if failing else 0)} recurrences; {share}"
    if search["unconfirmed"]:
        return f"{search['unconfirmed']} suspected counterexample(s) passed on fresh draws and do not count"
    return ""


def _lost_figures(item: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Of a claim about weights: the figure (under its id) and the contrasts that do not come out as they should, by name."""
    figures = {item["id"]: item, **(item["contrast"] or {})}
    return {
        name: figure
        for name, figure in figures.items()
        if not holds(figure["value"], figure["relation"], figure["threshold"])
    }


def _round_up(number: int) -> int:
    """To two digits: a forecast has no more."""
    unit: int = 10 ** max(0, len(str(number)) - 2)
    return -(-number // unit) * unit


def settle(entries: list[dict[str, Any]], expected: Mapping[str, Expectation]) -> list[dict[str, Any]]:
    """Holm's correction over all claims of the run, the verdicts that follow from it, and what was expected."""
    adjusted = holm({item["id"]: _p(item) for item in entries if item["estimate"]})
    settled = []
    for item in entries:
        item = dict(item)
        p_holm = adjusted.get(item["id"], 1.0)
        if item["estimate"]:
            item["estimate"] = item["estimate"] | {"p_holm": p_holm}
        item = _judged(item, p_holm=p_holm, family=len(entries))
        expectation = expected.get(item["id"])
        item["expected"] = expectation.verdict if expectation else None
        settled.append(item)
    return settled


def departures(entries: list[dict[str, Any]]) -> list[str]:
    """One sentence for every claim that keeps the run from status 0: not as expected or, with nothing expected, not supported."""
    sentences = []
    for item in entries:
        if item["expected"] is None:
            if item["verdict"] not in GOOD:
                sentences.append(f"{item['id']}: {item['verdict']}")
        elif item["expected"] != item["verdict"] or item["verdict"] == "error":
            sentences.append(f"{item['id']}: expected {item['expected']}, now {item['verdict']}")
    return sentences


def about(checkpoint: Checkpoint) -> dict[str, Any]:
    """What identifies a checkpoint, whatever file it was read from."""
    return {"name": checkpoint.name, "sha256": checkpoint.sha256, "config": asdict(checkpoint.config)}


version = cache(metadata.version)  # reads files every time


def environment(device: torch.device) -> dict[str, str]:
    packages = ("torch", "transformer_lens", "hypothesis", "numpy", "scipy", "pytest")
    return {
        "recint": __version__,
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        **{package: version(package) for package in packages},
    }


def run(
    checkpoint: Checkpoint,
    claims: list[dict[str, Any]],
    *,
    device: torch.device,
    seed: int,
    stages: Sequence[int],
    profile: str,
    started: str,
    seconds: float,
) -> dict[str, Any]:
    """The whole verdict file."""
    return {
        "schema": SCHEMA,
        "checkpoint": about(checkpoint),
        "environment": environment(device),
        "seed": seed,
        "draws": stages[-1],
        "stages": list(stages),
        "profile": profile,
        "started": started,
        "seconds": round(seconds, 1),
        "claims": claims,
    }
