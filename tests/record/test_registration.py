"""Claims are registered once, and cannot move in silence."""

from dataclasses import replace

import pytest

from recint.domain import Domain
from recint.judging.entries import blank
from recint.record import log, log_file, registration

from .made_up import CLAIM, NOW, registrations, run


class TestRegistering:
    def test_a_claim_is_registered_once(self, tmp_path):
        assert registration.register(tmp_path, registrations(CLAIM), when=NOW) == ["l0.made-up"]
        assert registration.register(tmp_path, registrations(CLAIM), when=NOW) == []
        (line,) = log_file.read(tmp_path).registered
        assert (line["claim"], line["hash"], line["when"]) == (CLAIM.id, CLAIM.hash, NOW)
        assert line["fields"]["threshold"] == 1.0
        assert line["fields"]["domain"]["length"] == [5, 14]

    @pytest.mark.parametrize(
        ("moved", "said"),
        [
            ({"threshold": 0.9}, "threshold moved from 1.0 to 0.9"),
            ({"statement": "x"}, 'statement moved from "It is at least 1." to "x"'),
            ({"statistic": "x"}, 'statistic moved from "it" to "x"'),
            ({"relation": "<="}, 'relation moved from ">=" to "<="'),
            ({"quantifier": "average"}, 'quantifier moved from "everywhere" to "average"'),
            ({"domain": Domain(length=(8, 14))}, "domain.length moved from [5, 14] to [8, 14]"),
            (
                {"contrasts": (replace(CLAIM.contrasts[0], threshold=0.6),)},
                "contrasts.0.threshold moved from 0.5 to 0.6",
            ),
            ({"contrasts": ()}, 'contrasts.0.name moved from "beside" to null'),
            (
                {"threshold": 0.9, "reduction": "majority of heads"},
                'reduction moved from "mean" to "majority of heads"',
            ),
        ],
    )
    def test_a_claim_that_moved_is_refused_and_the_field_is_named(self, tmp_path, moved, said):
        registration.register(tmp_path, registrations(CLAIM), when=NOW)
        before = (tmp_path / log_file.CLAIMS).read_bytes()
        with pytest.raises(log.LogError) as refused:
            registration.register(tmp_path, registrations(replace(CLAIM, **moved)), when=NOW)
        assert str(refused.value).startswith("l0.made-up: ")
        assert said in str(refused.value)
        assert "registered on 2026-01-01; put it back, or declare the next version" in str(refused.value)
        assert (tmp_path / log_file.CLAIMS).read_bytes() == before

    def test_a_claim_that_was_judged_cannot_move_either_if_its_registration_is_gone(self, tmp_path):
        known = log.Log(runs=(run("a", "1", when=NOW),), verdicts=(log.Settled("a", blank(CLAIM)),))
        registration.require_unmoved(known, registrations(CLAIM))
        with pytest.raises(log.LogError) as refused:
            registration.require_unmoved(known, registrations(replace(CLAIM, threshold=0.9)))
        assert str(refused.value).startswith(
            "l0.made-up: threshold moved from 1.0 to 0.9, since it was registered on 2026-01-01"
        )

    def test_back_to_the_first_form_is_fine_even_after_a_second_line(self, tmp_path):
        """A line for another form under the same id, however it came there, does not become the claim."""
        registration.register(tmp_path, registrations(CLAIM), when=NOW)
        other = registration.of_claim(replace(CLAIM, threshold=0.1))
        log_file.append(tmp_path / log_file.CLAIMS, [{"kind": "registered", "when": NOW} | other])
        registration.require_unmoved(log_file.read(tmp_path), registrations(CLAIM))
        with pytest.raises(log.LogError):
            registration.require_unmoved(log_file.read(tmp_path), [other])

    def test_an_amended_claim_is_registered_beside_the_first_with_its_reason(self, tmp_path):
        registration.register(tmp_path, registrations(CLAIM), when=NOW)
        second = CLAIM.amended(because="it is 0.9 on average", threshold=0.9)
        assert registration.register(tmp_path, registrations(CLAIM, second), when=NOW) == ["l0.made-up@2"]
        (line,) = log_file.read(tmp_path).amended
        told = {"claim": "l0.made-up", "from": 1, "to": 2, "why": "it is 0.9 on average"}
        assert {key: line[key] for key in told} == told
