"""The claims of a folder, and which of them are asked for."""

import os

import pytest

from recint.catalogue import find, module, module_anew, modules, properties

from .made_up import claims


def test_claims_come_in_the_order_of_modules_and_of_code(tmp_path):
    made = claims(tmp_path, {"id": "b.second"}, {"id": "a.first"})
    (made / "conftest.py").write_text("raise AssertionError('is no module of claims')")
    (made / "a_module.py").write_text(
        (made / "module.py").read_text().replace("b.second", "c.x").replace("a.first", "c.y")
    )
    assert [path.name for path in modules(made)] == ["a_module.py", "module.py"]
    assert [prop.claim.id for prop in properties(made)] == ["c.x", "c.y", "b.second", "a.first"]
    assert find("a.first", made).claim.id == "a.first"


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (None, "no such folder, but one with modules of claims is asked for"),
        ("", "holds no claims, but modules that declare some are expected in it"),
        ("1 / 0", r"module\.py: cannot be imported \(ZeroDivisionError: division by zero\)"),
    ],
)
def test_a_folder_without_claims_is_refused(tmp_path, module, said):
    folder = tmp_path / "made"
    if module is not None:
        folder.mkdir()
        (folder / "module.py").write_text(module)
    with pytest.raises(ValueError, match=said):
        properties(folder)


def test_an_id_that_is_claimed_twice_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.one is claimed more than once, but an id names one claim"):
        properties(claims(tmp_path, {"id": "a.one"}, {"id": "a.one"}))


def test_modules_of_a_folder_may_import_each_other(tmp_path):
    (tmp_path / "subject.py").write_text("LEAST = 0.25\n")
    (tmp_path / "claims.py").write_text("from .subject import LEAST\nHALF = 2 * LEAST\n")
    loaded = module(tmp_path / "claims.py")
    assert loaded.HALF == 0.5
    assert module(tmp_path / "claims.py") is loaded
    anew = module_anew(tmp_path / "claims.py")
    assert anew is not loaded
    assert module(tmp_path / "subject.py").LEAST == 0.25


def test_the_subject_of_a_folder_declares_no_claims(tmp_path):
    for name in ("subject", "claims", "conftest", "__init__"):
        (tmp_path / f"{name}.py").write_text("")
    assert [path.name for path in modules(tmp_path)] == ["claims.py"]


def test_a_folder_may_have_any_name(tmp_path):
    for name in (b"caf\xe9", b"-dash", b"class", b"1 x", b"a.b", b"[x]"):
        folder = claims(tmp_path / os.fsdecode(name), {"id": "a.one"})
        assert [prop.claim.id for prop in properties(folder)] == ["a.one"]
