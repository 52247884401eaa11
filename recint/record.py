"""Evidence -> the verdict file: plain dictionaries in the schema that `--verdicts` writes."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import torch

from recint import __version__
from recint.checkpoint import Checkpoint
from recint.claim import Claim
from recint.evaluate import Evidence
from recint.expected import Expectation
from recint.statistics.sampling import holm
from recint.verdict import decide, decide_weights

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
        "statement": claim.statement,
        "source": claim.source,
        "statistic": claim.statistic,
        "value": None,
        "relation": claim.relation,
        "threshold": claim.threshold,
        "quantifier": claim.quantifier,
        "estimate": None,
        "search": None,
        "contrast": None,
        "controls": {},
        "per_head": None,
        "seconds": 0.0,
        "message": "",
    }


def entry(evidence: Evidence, *, family: int) -> dict[str, Any]:
    """The entry of a claim with its evidence; the verdict is final but for Holm's correction (see `settle`)."""
    claim, estimate, search = evidence.claim, evidence.estimate, evidence.search
    result = blank(claim) | {"value": evidence.value, "seconds": round(evidence.seconds, 2)}
    if evidence.per_head is not None:
        result["per_head"] = evidence.per_head.tolist()
    if estimate:
        result["estimate"] = {
            "ci": [estimate.low, estimate.high],
            "n": estimate.n,
            "p": estimate.p,
            "p_holm": estimate.p,
            "p_against": estimate.p_against,
        }
    found = search.counterexample if search else None
    if search:
        result["search"] = {
            "examples": len(search.trials),
            "conditions": len({at for at, _ in search.trials}),
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
    result["verdict"] = (
        decide(p_holm=estimate.p, p_against=estimate.p_against, family=family, counterexample=found is not None)
        if estimate
        else decide_weights(holds=claim.holds(evidence.value))
    )
    result["message"] = _message(evidence, result["verdict"])
    return result


def _message(evidence: Evidence, verdict: str) -> str:
    claim, search = evidence.claim, evidence.search
    if verdict == "refuted" and search and search.counterexample:
        return search.counterexample.text
    if verdict == "refuted":
        return claim.failure(evidence.value, "weights" if evidence.estimate is None else "reference distribution")
    if search and search.unconfirmed:
        return f"{search.unconfirmed} suspected counterexample(s) passed on fresh draws and do not count"
    return ""


def settle(entries: list[dict[str, Any]], expected: Mapping[str, Expectation]) -> list[dict[str, Any]]:
    """Holm's correction over all claims of the run, the verdicts that follow from it, and what was expected."""
    adjusted = holm({item["id"]: item["estimate"]["p"] for item in entries if item["estimate"]})
    settled = []
    for item in entries:
        item = dict(item)
        if item["estimate"]:
            item["estimate"] = item["estimate"] | {"p_holm": adjusted[item["id"]]}
            if item["verdict"] != "refuted":
                item["verdict"] = decide(
                    p_holm=adjusted[item["id"]], p_against=1.0, family=len(entries), counterexample=False
                )
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
        elif item["expected"] != item["verdict"]:
            sentences.append(f"{item['id']}: expected {item['expected']}, now {item['verdict']}")
    return sentences


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
    profile: str,
    started: str,
    seconds: float,
) -> dict[str, Any]:
    """The whole verdict file."""
    return {
        "schema": SCHEMA,
        "checkpoint": {"name": checkpoint.name, "sha256": checkpoint.sha256, "config": asdict(checkpoint.config)},
        "environment": environment(device),
        "seed": seed,
        "profile": profile,
        "started": started,
        "seconds": round(seconds, 1),
        "claims": claims,
    }
