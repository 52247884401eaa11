"""Claims about recurrences: the engine's, with domains of recurrences."""

import pytest

from recint.claim import Claim
from recint.domain import Domain

FIELDS = {
    "id": "l0.made-up", "statement": "It is large.", "quantifier": "everywhere", "statistic": "it", "relation": ">=",
    "threshold": 0.5, "source": "made up",
}  # fmt: skip


def test_a_claim_that_says_nothing_of_its_domain_is_about_the_reference_distribution():
    assert Claim(**FIELDS).domain == Domain()
    assert Claim(**FIELDS).hash == Claim(**FIELDS, domain=Domain()).hash
    assert Claim(**FIELDS, domain=Domain(c=(0.0, 1.0))).hash != Claim(**FIELDS).hash


def test_a_domain_of_another_kind_is_refused():
    with pytest.raises(ValueError, match=r"domain=\(0, 1\) must be a Domain"):
        Claim(**FIELDS, domain=(0, 1))
