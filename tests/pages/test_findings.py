"""What a run found, in three sentences."""

from dataclasses import replace

import pytest

from recint.judging.entry import Counterexample, Estimate, Failing, Measurement, SearchSummary
from recint.pages import findings
from recint.pages.findings import headline

from ..entries import entry, run

BROKEN = SearchSummary(examples=60, conditions=41, counterexample=Counterexample(value=0.1, where="c = 0"))


def contrast(p_against):
    return Measurement(
        statistic="it", relation=">=", threshold=1.0, value=0.1, estimate=Estimate(ci=(0.0, 0.2), p_against=p_against)
    )


class TestRefuted:
    def test_none_is(self):
        assert str(findings.refuted([entry("a.a")])) == "No claim is refuted"

    @pytest.mark.parametrize(
        ("refuted", "way"),
        [
            (entry("a.a", "refuted", 0.1), "by the average over recurrences"),
            (entry("a.a", "refuted", search=BROKEN, quantifier="everywhere"), "by a confirmed counterexample"),
            (
                entry("a.a", "refuted", 0.1, search=BROKEN),
                "by the average over recurrences",
            ),  # one place decides nothing
            (entry("a.a", "refuted", 0.1, None, quantifier="weights"), "by the weights alone"),
            (entry("a.a", "refuted", contrast={"other": contrast(0.001)}), "by a contrast that fails"),
        ],
    )
    def test_the_way_is_told(self, refuted, way):
        assert str(findings.refuted([entry("a.b"), refuted])) == f"1 claim is refuted, {way}"

    def test_of_two_ways_the_surer_one_counts(self):
        both = entry("a.a", "refuted", 0.1, contrast={"other": contrast(0.5)})
        assert findings.refuted([both]) == findings.Refutations(contrasts=1)
        own = entry("a.a", "refuted", 0.1, estimate=Estimate(ci=(0, 0.2), p_against=0.001), contrast=both.contrast)
        assert findings.refuted([own]) == findings.Refutations(estimates=1)

    def test_ways_are_counted(self):
        claims = [entry(f"a.{index}", "refuted", 0.1) for index in range(3)]
        claims.append(entry("a.d", "refuted", search=BROKEN, quantifier="everywhere"))
        told = "4 claims are refuted: 1 by a confirmed counterexample, 3 by the average over recurrences"
        assert str(findings.refuted(claims)) == told


class TestReach:
    def test_recurrences_and_error_rates_are_told(self):
        other = entry("a.b", estimate=Estimate(ci=(0, 1), n=5000))
        assert findings.reach([entry("a.a"), other]) == (
            "Each estimate rests on 100 to 5,000 independent recurrences; at most 5 % of such runs would support a false claim "
            "about averages, and at most 5 % would refute a true claim."
        )
        assert "rests on 100 independent recurrences" in findings.reach([entry("a.a")])

    def test_what_everywhere_means_is_told(self):
        everywhere = entry("a.a", quantifier="everywhere", search=BROKEN)
        told = "“Everywhere” means at the 41 conditions that were tried; the verdicts say nothing about others."
        assert findings.reach([everywhere]).endswith(told)
        failing = Failing(count=0, of=1000, ci=(0, 0.01))
        pointwise = entry("a.b", quantifier="pointwise", search=BROKEN, failing=failing)
        told = "“Every recurrence” means the 1,060 that were tried; the verdicts say nothing about others."
        assert findings.reach([pointwise]).endswith(told)
        told = "at the 41 conditions that were tried, and “every recurrence” means the 1,060 that were tried;"
        assert told in findings.reach([everywhere, pointwise])

    def test_of_weights_nothing_is_estimated(self):
        told = "The claims are about the weights of this checkpoint; the verdicts say nothing about others."
        assert findings.reach([entry("a.a", ci=None, quantifier="weights")]) == told


def test_what_was_not_expected_is_found():
    claims = [entry("a.a", expected="supported"), entry("a.b", "refuted", expected="supported"), entry("a.c")]
    assert findings.unexpected(claims) == [claims[1]]
    assert findings.headline(run(*claims)).endswith("1 refuted; 1 not as expected.")


def test_the_headline_counts_what_drifted(drifted):
    said = "1 of 4 claims about new are supported, 2 refuted, 1 not applicable; 1 drifted from base (1 more may)."
    assert headline(drifted) == said
    assert headline(replace(drifted, drift=())).endswith("; none drifted from base.")
