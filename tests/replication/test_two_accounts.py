"""The claims of both accounts, and their verdicts on record."""

import pytest

from recint.catalogue import SHIPPED, properties
from recint.record.expected import ExpectedError
from recint.replication import two_accounts
from recint.replication.two_accounts import NOTEBOOK, RIVALS, THIS


def test_the_notebook_s_account_is_the_circuit_and_layer_2_in_their_latest_versions():
    assert two_accounts.claims()[NOTEBOOK] == (
        "circuit.sufficient@3", "circuit.sufficient.l0@2", "circuit.sufficient.l1@2", "circuit.sufficient.l2@2",
        "circuit.minimal@2", "circuit.partly-necessary.l0", "circuit.partly-necessary.l1", "circuit.partly-necessary.l2",
        "l2.qk-identity@3", "l2.ov-negative-identity@3",
    )  # fmt: skip


def test_this_account_and_its_rivals_are_all_claims_of_their_modules():
    names = {prop.claim.name: prop.file.stem for prop in properties()}
    claims = two_accounts.claims()
    for account, modules in ((THIS, {"mechanism", "norms_and_angles"}), (RIVALS, {"rivals"})):
        shown = [claim.partition("@")[0] for claim in claims[account]]
        assert set(shown) == {name for name, module in names.items() if module in modules}
        assert len(shown) == len(set(shown))


def test_every_network_of_order_1_with_expected_verdicts_has_a_column():
    verdicts = two_accounts.verdicts()
    files = sorted((SHIPPED / "expected").glob("*.toml"))
    others = ("affine3-order2", "polynomial-r8", "rotation-r8")  # this account does not apply to them
    assert [*verdicts] == [path.stem for path in files if path.stem not in others]
    assert verdicts["affine3-seed0"]["circuit.sufficient@3"] == "refuted"


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "bad.toml").write_text("x = ")
    with pytest.raises(ExpectedError, match=r"bad\.toml: cannot be read"):
        two_accounts.verdicts(tmp_path)
