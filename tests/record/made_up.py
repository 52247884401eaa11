"""A claim, its registration, and runs, made up."""

from dataclasses import replace

from recint.claim import Claim, Contrast
from recint.judging.entries import blank, settle
from recint.judging.entry import Estimate, Measurement, SearchSummary
from recint.judging.seed import seed_of
from recint.record import git, log, log_file, procedure, registration, verdict_file

NOW = "2026-01-01T00:00:00+00:00"
CLAIM = Claim(
    id="l0.made-up",
    statement="It is at least 1.",
    quantifier="everywhere",
    statistic="it",
    relation=">=",
    threshold=1.0,
    source="nowhere",
    contrasts=(Contrast(name="beside", statistic="that", relation="<=", threshold=0.5),),
)


def registrations(*claims):
    return [registration.of_claim(claim) for claim in claims]


def run(number, sha256, *, when, registered=(), dirty=False):
    return {
        "kind": "run", "run": number, "when": when, "checkpoint": {"name": "m", "sha256": sha256, "config": {}},
        "environment": {}, "seed": 0, "draws": 2, "profile": "default", "commit": "c", "dirty": dirty,
        "registered": list(registered),
    }  # fmt: skip


VERDICT = {
    "kind": "verdict", "run": "a", "id": "l0.made-up", "hash": "h", "version": 1, "verdict": "supported", "value": 1.0,
    "estimate": None, "relation": ">=", "threshold": 1.0, "statistic": "it",
}  # fmt: skip


def settled(number, **changes):
    return log.Settled(number, verdict_file.entry(VERDICT | changes))


OTHER = replace(CLAIM, id="l1.made-up", quantifier="average", contrasts=())
WEIGHTS = replace(CLAIM, id="l2.made-up", quantifier="weights", contrasts=())
PROCEDURE = procedure.registrations(())
ABOUT = {"name": "m", "sha256": "1" * 64, "config": {}}


def estimate(p, p_against=1.0):
    return Estimate(ci=(0.1, 1.3), n=1000, p=p, p_against=p_against)


def entries():
    """The settled verdicts of a run: supported, refuted, and supported by weights."""
    beside = Measurement(statistic="that", relation="<=", threshold=0.5, value=0.1, estimate=estimate(1e-6))
    measured = (
        replace(blank(CLAIM), value=1.2, estimate=estimate(1e-9), contrast={"beside": beside}, search=SearchSummary()),
        replace(blank(OTHER), value=0.2, estimate=estimate(1.0, 1e-9)),
        replace(blank(WEIGHTS), value=1.1),
    )
    return settle(measured, {})


def keep(folder, number, *, name="m", when=NOW, commit="c"):
    """Add a run with its verdicts to a log, as `verify` does."""
    code = git.Code(commit, False)
    seed = {"seed": seed_of(ABOUT["sha256"]), "seed_from": ABOUT["sha256"]}
    line = log_file.run_line(
        folder, code, checkpoint=ABOUT, environment={}, when=when, **seed, draws=2, profile="default"
    )
    log_file.append(log_file.file_of(folder, name), [line | {"run": number}])
    registration.register(folder, [*registrations(CLAIM, OTHER, WEIGHTS), *PROCEDURE], when=when)
    known = log_file.read(folder)
    judged = [replace(entry, standing=known.standing(number, entry.hash)) for entry in entries()]
    log_file.append(log_file.file_of(folder, name), log_file.verdict_lines(number, judged, known))
