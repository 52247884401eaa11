"""The card of a trained model."""

from recint import cli
from recint.training.card import write_card

from .conftest import history


def test_the_card_tells_the_loss_and_the_hash(unbroken):
    finished, folder = unbroken
    write_card(folder)
    card = (folder / "README.md").read_text()
    assert finished.sha256 in card
    assert f"{history(folder)['validation'][-1][1]:.2e}" in card
    assert "validation MSE" in (folder / "loss.svg").read_text()


def test_the_card_of_another_task_tells_its_rule_its_noise_and_how_it_is_made_again(tmp_path):
    made = "--family polynomial --d-vocab 4 --length 6 --n-ctx 5 --noise 0.05 --range q -1.5 -1.3 --steps 2"
    small = "--warmup 1 --validation 8 --d-model 8 --d-head 4 --n-heads 2 --n-layers 1 --d-mlp 8 --device cpu"
    assert cli.main(["train", str(tmp_path / "one"), *made.split(), *small.split()]) == 0
    card = (tmp_path / "one" / "README.md").read_text()
    assert "`a_(j+1) = c a_j + q a_j^2 + d`, with d ~ U(0.7, 0.9), a_0 ~ U(-1, 1)" in card
    assert "q ~ U(-1.5, -1.3). The model reads its terms with noise of 0.05." in card
    assert "the same of the best simple predictor, which repeats the term before it" in card
    assert "as a multiple of the best unbiased reader's, with noise of 0.05" in card
    again = card.split("`recint train FOLDER ")[1].split("`")[0]
    assert cli.main(["train", str(tmp_path / "two"), *again.split(), "--device", "cpu"]) == 0
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two
    assert (tmp_path / "one" / "config.json").read_text() == (tmp_path / "two" / "config.json").read_text()
