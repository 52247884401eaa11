"""Selections from a log, and changes between its runs."""

from dataclasses import replace

import pytest

from recint.record import history
from recint.record.log_file import read

from ..written_log import FIRST, OTHER, SECOND, Writer, entry, tensors


def shown(folder, **chosen):
    return history.select(read(folder), **chosen)


def standings(found):
    return {(settled.run, settled.entry.id): settled.entry.standing for settled in found.verdicts}


def test_only_what_was_committed_clean_before_the_first_run_on_the_tensors_confirms(tmp_path):
    writer = Writer(tmp_path)
    writer.register(FIRST, OTHER, SECOND)
    believed = {"standing": "confirmatory"}  # what a line says of itself is not asked
    writer.run("a1", "clean", "2026-01-02", entry(FIRST, standing="exploratory"), entry(OTHER), committed=[FIRST])
    writer.run(
        "a2", "clean", "2026-01-03", entry(FIRST), entry(OTHER, **believed), committed=[FIRST, OTHER], dirty=True
    )
    writer.run("b1", "dirty", "2026-01-02", entry(FIRST, **believed), committed=[FIRST], dirty=True)
    writer.run("b2", "dirty", "2026-01-03", entry(FIRST, **believed), committed=[FIRST])
    writer.run("c1", "stopped", "2026-01-02", committed=[])
    writer.run("c2", "stopped", "2026-01-03", entry(FIRST, **believed), committed=[FIRST])
    writer.run("d1", "no git", "2026-01-02", entry(FIRST, **believed), committed=[FIRST], dirty=None)
    assert standings(shown(tmp_path)) == {
        ("a1", FIRST.id): "confirmatory",
        ("a1", OTHER.id): "exploratory",  # not registered
        ("a2", FIRST.id): "exploratory",  # it was judged before
        ("a2", OTHER.id): "exploratory",  # registered after the first run
        ("b1", FIRST.id): "exploratory",
        ("b2", FIRST.id): "exploratory",
        ("c2", FIRST.id): "exploratory",  # the run that was stopped had shown it
        ("d1", FIRST.id): "exploratory",
    }


def test_the_standing_is_told_by_the_whole_log_whatever_is_selected(log):
    assert standings(shown(log, runs=["aa33"])) == {
        ("aa33cccc", FIRST.id): "exploratory",
        ("aa33cccc", SECOND.id): "exploratory",
        ("aa33cccc", OTHER.id): "exploratory",
    }


def test_runs_are_in_the_order_of_time_over_all_files(log):
    found = shown(log)
    assert [run["run"] for run in found.runs] == ["aa11aaaa", "bb22bbbb", "aa33cccc", "dd44dddd"]
    assert [[run["run"] for run in runs] for runs in found.checkpoints] == [
        ["aa11aaaa", "aa33cccc"],
        ["bb22bbbb"],
        ["dd44dddd"],
    ]


@pytest.mark.parametrize("checkpoint", ["one", tensors("one")[:8], tensors("one")])
def test_a_checkpoint_is_selected_by_name_or_by_tensors(log, checkpoint):
    assert [run["run"] for run in shown(log, checkpoint=checkpoint).runs] == ["aa11aaaa", "aa33cccc"]


@pytest.mark.parametrize("checkpoint", ["four", tensors("one")[:7]])
def test_an_unknown_checkpoint_is_a_sentence_that_names_those_there_are(log, checkpoint):
    with pytest.raises(ValueError, match=f"'{checkpoint}' is none of .*: one, two, three$"):
        shown(log, checkpoint=checkpoint)


def test_a_glob_selects_all_versions_and_the_runs_that_may_have_judged_them(log):
    found = shown(log, claims=[FIRST.id])
    assert [claim.id for claim in found.claims] == [FIRST.id, SECOND.id]
    assert {settled.entry.id for settled in found.verdicts} == {FIRST.id, SECOND.id}
    assert [claim.id for claim in shown(log, claims=["l0.*@2"]).claims] == [SECOND.id]
    # Without "two", which judged the first version only; the run that was stopped may have shown anything.
    assert [run["run"] for run in shown(log, claims=["*@2"]).runs] == ["aa33cccc", "dd44dddd"]
    with pytest.raises(
        ValueError, match=r"claims='l9\.\*' matches none of l0\.looks-back, l0\.looks-back@2, model\.predicts$"
    ):
        shown(log, claims=["l0.*", "l9.*"])


def test_versions_stand_together_with_what_moved(log):
    first, second, other = history.versions(read(log))
    assert (first.id, second.id, other.id) == (FIRST.id, SECOND.id, OTHER.id)
    assert (first.amended, first.moved) == (None, {})
    assert second.amended["why"] == SECOND.because
    assert second.registered["when"].startswith("2026-01-04")
    assert second.moved == {"quantifier": ("everywhere", "average"), "threshold": (0.5, 0.4)}


def test_claims_keep_the_order_in_which_they_were_registered_and_versions_are_numbers(tmp_path):
    versions = [FIRST]
    for _ in range(10):
        versions.append(versions[-1].amended(because="once more", threshold=versions[-1].threshold + 1))
    late = replace(OTHER, id="l0.earlier-in-the-alphabet")
    Writer(tmp_path).register(OTHER, *versions, late)
    assert [claim.id for claim in history.versions(read(tmp_path))] == [
        *(claim.id for claim in versions),
        late.id,
        OTHER.id,
    ]
    assert versions[-1].id.endswith("@11")


@pytest.mark.parametrize(
    ("number", "problem"),
    [("aa", "several runs: aa11aaaa, aa33cccc"), ("ff", "no run: aa11aaaa, bb22bbbb, aa33cccc, dd44dddd")],
)
def test_a_run_is_named_by_a_unique_beginning(log, number, problem):
    runs = read(log).runs
    assert history.numbered(runs, "aa3")["run"] == "aa33cccc"
    with pytest.raises(ValueError, match=f"run='{number}' .* {problem}$"):
        history.numbered(runs, number)


def compared(folder, before, now, **chosen):
    found = shown(folder, **chosen)
    return history.changes(found, history.numbered(found.runs, before), history.numbered(found.runs, now))


def test_changes_are_verdicts_figures_claims_and_how_the_run_was_made(log):
    changed = compared(log, "aa11", "aa33")
    verdict, figure = sorted(changed.drift, reverse=True)
    assert verdict.startswith("model.predicts: flips, but did not move, supported in one, now refuted")
    assert figure.startswith("l0.looks-back: moved, refuted as in one (0.7 -> 0.2, should be >= 0.5; difference -0.5 [")
    assert changed.incomparable == ("l0.looks-back@2: judged in aa33cccc only",)
    assert changed.how == {"seed": (0, 7)}
    assert changed.compared == 2


def test_changes_have_a_direction(log):
    changed = compared(log, "aa33", "bb22")
    assert changed.drift == (
        "l0.looks-back: moved, refuted in one, now supported (0.2 -> 0.7, should be >= 0.5; "
        "difference 0.5 [0.388, 0.612] by the two intervals, tolerated 0.05)",
    )
    assert changed.incomparable == (
        "l0.looks-back@2: judged in aa33cccc only",
        "model.predicts: judged in aa33cccc only",
    )
    assert changed.how["checkpoint.name"] == ("one", "two")
    assert changed.how["dirty"] == (False, True)


def test_what_came_out_the_same_is_counted(log):
    changed = compared(log, "aa11", "aa11")
    assert (changed.drift, changed.incomparable, changed.how, changed.compared) == ((), (), {}, 2)


def test_a_run_without_verdicts_has_nothing_to_compare(log):
    with pytest.raises(ValueError, match="run dd44dddd has no verdicts on these claims"):
        compared(log, "aa11", "dd44")
