"""What a whole run makes of the evidence on its claims."""

from dataclasses import replace

from recint.judging import entries as record
from recint.judging.entry import Estimate, UntrainedAnswer

from ..made_up import claim


class TestSettle:
    """What the whole run makes of the claims."""

    def entry(self, name, p=0.04, p_against=0.96, **changes):
        estimate = Estimate(ci=(0.0, 1.0), n=100, p=p, p_against=p_against, draws_to_decide=1234)
        blank = record.blank(claim(id=name, quantifier="average"))
        return replace(blank, value=0.5, estimate=estimate, **changes)

    def test_holm_over_the_run_can_take_support_away(self):
        alone = record.settle([self.entry("a")], {})
        assert [item.verdict for item in alone] == ["supported"]
        together = record.settle([self.entry("a"), self.entry("b")], {})
        assert [item.verdict for item in together] == ["inconclusive", "inconclusive"]
        assert [item.estimate.p_holm for item in together] == [0.08, 0.08]

    def test_what_untrained_models_satisfy_too_is_vacuous(self):
        trained = self.entry("a", untrained=UntrainedAnswer(passed=4, of=23, vacuous=True))
        settled = record.settle([trained], {})[0]
        assert settled.verdict == "vacuous"
        assert settled.message == "it would be supported, but 4 of 23 untrained models of the same shape satisfy it too"

    def test_an_open_question_says_how_many_draws_would_close_it(self):
        settled = record.settle([self.entry("a", p=0.2, p_against=0.8)], {})[0]
        assert settled.verdict == "inconclusive"
        assert settled.message == (
            "100 draws do not decide; about 1300 would, if the statistic is what it seems (--draws 1300, with another --seed)"
        )

    def test_departures_are_named_in_both_directions(self):
        expected = {"a": "refuted", "b": "supported"}
        entries = [
            self.entry("a", p=0.0002),
            self.entry("b", p=1.0, p_against=0.0002),
            self.entry("c", p=0.5, p_against=0.5),
            self.entry("d", p=0.0002),
        ]
        found = record.departures(record.settle(entries, expected))
        assert [departure.claim for departure in found] == ["a", "b", "c"]
        assert [departure.sentence for departure in found] == [
            "a: expected refuted, now supported",
            "b: expected supported, now refuted",
            "c: inconclusive",
        ]
