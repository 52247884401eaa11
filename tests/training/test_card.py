"""The card of a trained model."""

from recint.training.card import write_card

from .conftest import history


def test_the_card_tells_the_loss_and_the_hash(unbroken):
    finished, folder = unbroken
    write_card(folder)
    card = (folder / "README.md").read_text()
    assert finished.sha256 in card
    assert f"{history(folder)['validation'][-1][1]:.2e}" in card
    assert "validation MSE" in (folder / "loss.svg").read_text()
