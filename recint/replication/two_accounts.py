"""The notebook's account and that of docs/mechanism.md: their claims, and the verdicts that are on record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from recint import shipped
from recint.catalogue import properties
from recint.record import expected
from recint.verdict import Verdict

NOTEBOOK, THIS, RIVALS = "the notebook's account", "this account", "rivals of this account"
# What the notebook says of the circuit as a whole, and of layer 2. The names are without versions.
OF_THE_NOTEBOOK = (
    "circuit.sufficient", "circuit.sufficient.l0", "circuit.sufficient.l1", "circuit.sufficient.l2", "circuit.minimal",
    "circuit.partly-necessary.l0", "circuit.partly-necessary.l1", "circuit.partly-necessary.l2",
    "l2.qk-identity", "l2.ov-negative-identity",
)  # fmt: skip
# The modules of the other claims.
DECLARED_IN = {THIS: ("mechanism", "norms_and_angles"), RIVALS: ("rivals",)}


def claims() -> dict[str, tuple[str, ...]]:
    """The ids of the claims of each account, each in its latest version.

    >>> claims()["rivals of this account"][0]
    'filter.is-the-rule'
    """
    shipped_claims = properties(shipped.CLAIMS)
    latest = {prop.claim.name: prop for prop in sorted(shipped_claims, key=lambda prop: prop.claim.version)}
    names = {
        account: tuple(dict.fromkeys(prop.claim.name for prop in shipped_claims if prop.file.stem in modules))
        for account, modules in DECLARED_IN.items()
    }
    return {
        account: tuple(latest[name].claim.id for name in of_account)
        for account, of_account in {NOTEBOOK: OF_THE_NOTEBOOK, **names}.items()
    }


def verdicts(folder: Path = shipped.CLAIMS / "expected") -> dict[str, Mapping[str, Verdict]]:
    """For each network that has expected verdicts, the verdict on each claim, by its id.

    A network to which this account does not apply is left out: it was trained on another task.

    Raises:
        ExpectedError: a file of the folder cannot be used.
    """
    this = claims()[THIS]
    told = {
        path.stem: {claim: each.verdict for claim, each in expected.load(path).claims.items()}
        for path in sorted(folder.glob("*.toml"))
    }
    return {
        network: found for network, found in told.items() if any(found.get(claim) != "not_applicable" for claim in this)
    }
