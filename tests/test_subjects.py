"""Which subject the claims of a folder are about."""

from pathlib import Path

import pytest

from recint.catalogue import SHIPPED
from recint.model import subject as recurrences
from recint.subjects import REFERENCE_CHECKPOINT, checkpoint_of, folder_of, require_one_subject, subject_of

INDUCTION = Path(__file__).parents[1] / "examples" / "induction" / "claims"


def test_a_folder_that_names_no_subject_is_about_recurrences():
    assert subject_of(SHIPPED) is recurrences


def test_a_folder_says_what_it_is_about():
    assert subject_of(INDUCTION).NAME == "token sequences with a repeated block"
    assert subject_of(INDUCTION) is subject_of(str(INDUCTION))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("NAME = 'x'\ndef load(path): ...\n", "subject.py: has no model, but a subject has NAME, load, model"),
        ("import nowhere", "subject.py: cannot be imported"),
    ],
)
def test_a_module_that_is_no_subject_is_refused(tmp_path, text, sentence):
    (tmp_path / "subject.py").write_text(text)
    with pytest.raises(ValueError, match=sentence):
        subject_of(tmp_path)


def test_only_claims_about_recurrences_have_a_reference_checkpoint():
    assert checkpoint_of(None, SHIPPED) == str(REFERENCE_CHECKPOINT)
    assert checkpoint_of("mine", INDUCTION) == "mine"
    with pytest.raises(
        ValueError, match="no checkpoint is named, but one of token sequences with a repeated block is needed"
    ):
        checkpoint_of(None, INDUCTION)


@pytest.mark.parametrize("named", [[INDUCTION], [INDUCTION / "copying.py"], [f"{INDUCTION / 'copying.py'}::test_x"]])
def test_pytest_knows_the_folder_from_its_arguments(named):
    assert folder_of(None, list(map(str, named))) == INDUCTION


def test_any_other_argument_means_recurrences():
    assert folder_of(None, ["tests", "hypotheses"]) == folder_of(str(SHIPPED), [str(INDUCTION)]) == SHIPPED


def test_one_run_has_one_subject():
    require_one_subject({SHIPPED})
    with pytest.raises(ValueError, match="claims about recurrences and about token sequences"):
        require_one_subject({SHIPPED, INDUCTION})
