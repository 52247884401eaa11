"""The results of a run as a predicate that somebody can sign: a test result in the format of in-toto.

https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md describes the format. A predicate says what is true
of some files. The statement around it, which names the files with their hashes, and the signature are made by whoever signs.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Literal

from recint.judging import entries
from recint.judging.entry import Run

TYPE = "https://in-toto.io/attestation/test-result/v0.1"


def predicate(run: Run, *, url: str | None = None) -> dict[str, Any]:
    """The predicate of a run, as plain values. Every claim that was judged is one test, under its id.

    A test fails if the claim fails the run: it drifted, has another verdict than expected, or is not supported and no verdict is
    expected. A test has a warning if its drift is allowed, or if its verdict flips though its statistic did not move.

    Args:
        url: the address of the job that judged the claims; None to leave it out.
    """
    failed = {departure.claim for departure in entries.failing(run)}
    suspicious = {drift.claim for drift in run.drift} | {pair.claim for pair in run.pairs if pair.outcome == "flips"}
    ids = [entry.id for entry in run.claims]
    warned = [claim for claim in ids if claim in suspicious - failed]
    result: Literal["PASSED", "WARNED", "FAILED"] = "FAILED" if failed else "WARNED" if warned else "PASSED"
    return {
        "result": result,
        "configuration": [_configuration(run)],
        **({"url": url} if url else {}),
        "passedTests": [claim for claim in ids if claim not in failed | suspicious],
        "warnedTests": warned,
        "failedTests": [claim for claim in ids if claim in failed],
    }


def _configuration(run: Run) -> dict[str, Any]:
    """What was judged and how, as a resource that holds its own content: with the hash of each claim's registered fields."""
    how = {
        "checkpoint": dict(run.checkpoint),
        "against": {"name": run.against.name, "sha256": run.against.sha256} if run.against else None,
        "claims": {entry.id: entry.hash for entry in run.claims},
        "seed": run.seed,
        "stages": run.stages,
        "profile": run.profile,
        "environment": dict(run.environment),
    }
    content = json.dumps(how, sort_keys=True).encode()
    return {
        "name": "run.json",
        "mediaType": "application/json",
        "digest": {"sha256": hashlib.sha256(content).hexdigest()},
        "content": base64.b64encode(content).decode(),
    }
