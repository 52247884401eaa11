"""A log in the making, and a look at it."""

from dataclasses import replace
from hashlib import sha256

from recint import cli
from recint.claim import Claim
from recint.judging.entries import blank
from recint.judging.entry import Estimate
from recint.record.log_file import append, file_of, read, verdict_lines
from recint.record.registration import of_claim

FIRST = Claim(
    id="l0.looks-back", statement="Layer 0 looks back.", quantifier="everywhere", statistic="attention on what was",
    relation=">=", threshold=0.5, source="a look at <pictures>",
)  # fmt: skip
SECOND = FIRST.amended(because="it fails at c = 0 & nowhere else", quantifier="average", threshold=0.4)
OTHER = Claim(
    id="model.predicts", statement="The model predicts.", quantifier="average", statistic="MSE",
    relation="<=", threshold=0.001, source="the abstract",
)  # fmt: skip


def tensors(name):
    return sha256(name.encode()).hexdigest()


def entry(claim, verdict="supported", value=0.7, ci=(0.65, 0.75), **more):
    estimate = Estimate(ci=ci, n=100) if ci else None
    return replace(blank(claim), **{"verdict": verdict, "value": value, "estimate": estimate} | more)


class Writer:
    """A log in the making."""

    def __init__(self, folder):
        self.folder = folder

    def register(self, *claims, when="2026-01-01T08:00:00+00:00"):
        lines = []
        for claim in claims:
            kept = of_claim(claim)
            lines.append(
                {"kind": "registered", "when": when, **{key: kept[key] for key in ("claim", "hash", "fields")}}
            )
            if claim.because:
                of = {"claim": claim.name, "from": claim.version - 1, "to": claim.version, "why": claim.because}
                lines.append({"kind": "amended", "when": when, **of})
        append(self.folder / "claims.jsonl", lines)

    def run(self, number, name, when, *entries, committed=(), **how):
        line = {
            "kind": "run", "run": number, "when": when, "checkpoint": {"name": name, "sha256": tensors(name), "config": {}},
            "environment": {"torch": "2.13.0", "device": "cpu"}, "seed": 0, "draws": 100, "profile": "default",
            "commit": "c0ffee" + 34 * "0", "dirty": False, "registered": [claim.hash for claim in committed],
        }  # fmt: skip
        append(file_of(self.folder, name), [line | how, *verdict_lines(number, entries, read(self.folder))])


def recint(capsys, *arguments):
    """(status, standard output, standard error)"""
    status = cli.main(["log", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err
