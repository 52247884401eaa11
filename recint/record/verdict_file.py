"""Write and read entries and runs as JSON, in verdict files and in lines of the log. No other module knows the format.

What is read must satisfy `verdicts.schema.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

from recint.judging.entry import (
    NOUN,
    Baseline,
    Counterexample,
    Drift,
    Entry,
    Estimate,
    Failing,
    Measurement,
    Pair,
    Run,
    SearchSummary,
    UntrainedAnswer,
    ValueFile,
    tuples,
)
from recint.judging.told import Told
from recint.record import schema
from recint.system.files import read as read_file

SCHEMA = 2


def read(path: Path) -> Run:
    """The run in a verdict file.

    Raises:
        ValueError: the file is not a verdict file; the error says why.
    """
    written = read_file(path, once=True)
    try:
        content = json.loads(written.decode())
        flaw = schema.flaw(content)
    except (ValueError, RecursionError):
        content, flaw = {}, "it is not JSON"
    ids = [] if flaw else [claim["id"] for claim in content["claims"]]
    if twice := next((claim for claim in ids if ids.count(claim) > 1), None):
        flaw = f"{twice} is in it more than once"
    if flaw:
        raise ValueError(f"{path}: is not a verdict file ({flaw}); `recint verify --verdicts FILE.json` writes one")
    return run(content)


def text(of: Run, *, indent: int | None = 1) -> str:
    """The content of the verdict file of a run."""
    return json.dumps(document(of), indent=indent) + "\n"


def run(content: Mapping[str, Any]) -> Run:
    """A run from plain values that satisfy the schema."""
    against = content.get("against")
    stages, values = content.get("stages"), content.get("values")
    return Run(
        checkpoint=content["checkpoint"],
        environment=content.get("environment", {}),
        seed=content.get("seed"),
        seed_from=content.get("seed_from"),
        draws=content.get("draws"),
        stages=None if stages is None else tuple(stages),
        profile=content.get("profile"),
        started=content["started"],
        seconds=content.get("seconds", 0.0),
        claims=tuple(map(entry, content["claims"])),
        values=ValueFile(name=values["name"], sha256=values["sha256"]) if values else None,
        against=Baseline(name=against["name"], sha256=against["sha256"], started=against.get("started", ""))
        if against
        else None,
        drift=tuple(
            Drift(
                **_told(item),
                kind=item.get("kind", ""),
                allowed=item["allowed"],
            )
            for item in content.get("drift", ())
        ),
        pairs=tuple(_pair(item) for item in content.get("pairs", ())),
        incomparable=tuple(content.get("incomparable", ())),
        judged_otherwise=tuple(content.get("judged_otherwise", ())),
    )


def document(of: Run) -> dict[str, Any]:
    """A run as plain values, in the order of the file."""
    content = {
        "schema": SCHEMA,
        "checkpoint": of.checkpoint,
        "environment": of.environment,
        "seed": of.seed,
        "seed_from": of.seed_from,
        "draws": of.draws,
        "stages": None if of.stages is None else list(of.stages),
        "profile": of.profile,
        "started": of.started,
        "seconds": of.seconds,
        "values": of.values and asdict(of.values),
        "claims": list(map(plain, of.claims)),
    }
    if of.against:
        content |= {
            "against": asdict(of.against),
            "drift": [asdict(drift) | {"sentence": drift.sentence} for drift in of.drift],
            "pairs": [asdict(pair) | {"ci": _lists(pair.ci), "sentence": pair.sentence} for pair in of.pairs],
            "incomparable": list(of.incomparable),
            "judged_otherwise": list(of.judged_otherwise),
        }
    return content


def entry(item: Mapping[str, Any], fields: Mapping[str, Any] = MappingProxyType({})) -> Entry:
    """An entry from plain values that satisfy the schema.

    A field that is lacking, as in a line of the log and in files of earlier versions, is that of the registered claim, or gets
    its default.

    Args:
        fields: the registered fields of the claim.
    """
    registered = {name: fields[name] for name in REGISTERED if name in fields}
    statistics = {contrast["name"]: contrast["statistic"] for contrast in fields.get("contrasts", ())}
    item = {**registered, "contrast": None, **item}
    unchanged = {name: item[name] for name in _UNCHANGED if name in item}
    return Entry(
        **{"quantifier": "", "statistic": "", "question": item["id"].partition("@")[0]} | unchanged,
        estimate=_estimate(item["estimate"]),
        failing=_failing(item.get("failing")),
        search=_search(item.get("search")),
        contrast={
            name: _contrast({"statistic": statistics.get(name, "")} | part)
            for name, part in (item["contrast"] or {}).items()
        },
        untrained=_untrained(item.get("controls", {}).get("untrained")),
        per_head=tuples(item.get("per_head")),
        parts=tuple(item.get("parts", ())),
    )


# Fields of a registered claim that its entries have too. The relation and the threshold are not among them: a verdict says what
# it is about even if the registration is lost.
REGISTERED = ("statement", "statistic", "quantifier", "parts")
# The fields that are the same in an entry and in JSON.
_UNCHANGED = (
    "id", "version", "hash", "verdict", "expected", "standing", "question", "statement", "source", "caveat", "partner",
    "statistic", "value", "relation", "threshold", "quantifier", "estimate_refutes", "noun", "seconds", "message",
)  # fmt: skip


_TOLD = ("claim", "contrast", "happened")  # the fields of `Told`, of which a file has the whole sentence too


def plain(of: Entry) -> dict[str, Any]:
    """An entry as plain values, in the order of the file."""
    return {
        "id": of.id,
        "version": of.version,
        "hash": of.hash,
        "verdict": of.verdict,
        "expected": of.expected,
        "standing": of.standing,
        "question": of.question,
        "statement": of.statement,
        "source": of.source,
        "caveat": of.caveat,
        "partner": of.partner,
        "statistic": of.statistic,
        "value": of.value,
        "relation": of.relation,
        "threshold": of.threshold,
        "quantifier": of.quantifier,
        "estimate": of.estimate and _plain_estimate(of.estimate),
        "failing": of.failing and asdict(of.failing) | {"ci": list(of.failing.ci)},
        "search": of.search and _plain_search(of.search),
        "contrast": {name: _plain_contrast(part) for name, part in of.contrast.items()} or None,
        "controls": {} if of.untrained is None else {"untrained": _plain_untrained(of.untrained)},
        "per_head": _lists(of.per_head),
        "parts": list(of.parts),
        "estimate_refutes": of.estimate_refutes,
        **({} if of.noun == NOUN else {"noun": of.noun}),
        "seconds": of.seconds,
        "message": of.message,
    }


def _pair(item: Mapping[str, Any]) -> Pair:
    known = {name: value for name, value in item.items() if name != "sentence"}
    return Pair(**known | _told(item) | {"ci": tuples(item["ci"])})


def _told(item: Mapping[str, Any]) -> dict[str, str]:
    """The fields of `Told`. Verdict files of earlier versions have only the sentence, of which what happened is the end."""
    fields = {"claim": ""} | {name: item[name] for name in _TOLD if name in item}
    told = item.get("sentence", "").removeprefix(Told(**fields).sentence)
    return {"happened": told.removeprefix(f"{fields['claim']}, ")} | fields


def short(of: Entry, fields: Mapping[str, Any]) -> dict[str, Any]:
    """An entry as plain values, without those that `entry` puts in place again.

    Args:
        fields: the registered fields of the claim; empty if it is not registered.
    """
    whole = plain(of)
    needed = {name: whole[name] for name in schema.required("entry")}
    known = plain(entry(needed, fields))
    content = {name: value for name, value in whole.items() if name in needed or value != known.get(name)}
    statistics = {contrast["name"]: contrast["statistic"] for contrast in fields.get("contrasts", ())}
    for name, part in content.get("contrast", {}).items():
        if part["statistic"] == statistics.get(name):
            del part["statistic"]
    measured = (content["estimate"] or {}, *content.get("contrast", {}).values())
    for part in measured:
        for name in [name for name, value in part.items() if value is None and name != "value"]:
            del part[name]
    return content


def _estimate(item: Mapping[str, Any] | None) -> Estimate | None:
    if item is None:
        return None
    known = {name: item[name] for name in ("n", "p", "p_against", "draws_to_decide", "p_holm") if name in item}
    return Estimate(ci=(item["ci"][0], item["ci"][1]), **known)


def _plain_estimate(of: Estimate) -> dict[str, Any]:
    content = {
        "ci": list(of.ci),
        "n": of.n,
        "p": of.p,
        "p_against": of.p_against,
        "draws_to_decide": of.draws_to_decide,
    }
    return content if of.p_holm is None else content | {"p_holm": of.p_holm}


def _failing(item: Mapping[str, Any] | None) -> Failing | None:
    return Failing(count=item["count"], of=item["of"], ci=(item["ci"][0], item["ci"][1])) if item else None


def _search(item: Mapping[str, Any] | None) -> SearchSummary | None:
    if item is None:
        return None
    known = ("examples", "conditions", "worst", "worst_at", "unconfirmed")
    return SearchSummary(
        **{name: item[name] for name in known if name in item},
        counterexample=_counterexample(item["counterexample"]) if item["counterexample"] else None,
        further=tuple(map(_counterexample, item.get("further", ()))),
    )


def _plain_search(of: SearchSummary) -> dict[str, Any]:
    content = asdict(of)
    further = content.pop("further")
    return content | {"further": list(further)} if further else content


def _counterexample(item: Mapping[str, Any]) -> Counterexample:
    return Counterexample(**{name: item[name] for name in ("value", "where", "text", "code") if name in item})


def _contrast(item: Mapping[str, Any]) -> Measurement:
    return Measurement(
        statistic=item.get("statistic", ""),
        relation=item["relation"],
        threshold=item["threshold"],
        value=item["value"],
        estimate=_estimate(item) if item.get("ci") else None,
    )


def _plain_contrast(of: Measurement) -> dict[str, Any]:
    """A contrast as plain values. The fields of its estimate stand next to its value; without an estimate they are null."""
    bar = {"statistic": of.statistic, "relation": of.relation, "threshold": of.threshold, "value": of.value}
    lacking = dict.fromkeys(("ci", "n", "p", "p_against", "draws_to_decide"))
    return bar | (_plain_estimate(of.estimate) if of.estimate else lacking)


def _untrained(item: Mapping[str, Any] | str | None) -> UntrainedAnswer | str | None:
    if item is None or isinstance(item, str):
        return item
    return UntrainedAnswer(passed=item["passed"], of=item["of"], vacuous=item.get("vacuous", False))


def _plain_untrained(of: UntrainedAnswer | str) -> dict[str, Any] | str:
    return of if isinstance(of, str) else asdict(of)


def _lists(values: Any) -> Any:
    return list(map(_lists, values)) if isinstance(values, tuple) else values
