"""Pictures of a model."""

import json
import re
from dataclasses import replace

import pytest

from recint.checkpoint import load, save
from recint.model import Model
from recint.replication.gallery import gallery

HISTORY = {"loss": [[1, 0.1], [2, 0.01]], "validation": [[2, 0.02]]}


@pytest.fixture(scope="module")
def pictures(deep, tmp_path_factory):
    folder = save(deep.checkpoint, tmp_path_factory.mktemp("gallery") / "deep")
    (folder / "history.json").write_text(json.dumps(HISTORY))
    return dict(gallery(Model(replace(deep.checkpoint, path=str(folder)))))


class TestGallery:
    def test_everything_that_was_looked_at_is_there(self, pictures):
        layered = [
            f"{kind}, layer {n}" for kind in ("Attention patterns", "OV matrices", "QK matrices") for n in range(3)
        ]
        others = ["Loss history of training", "Predicted against actual terms", "Loss against c"]
        others += [f"Direct logit attribution of {part}" for part in ("heads", "MLPs")]
        others += ["Entries of OV beyond ±0.05", "Singular values and effective ranks of OV"]
        others += [f"Eigenvalue scores of {kind}" for kind in ("OV", "QK")]
        others += [f"{letter}-composition" for letter in "QKV"]
        assert set(pictures) == {*layered, *others}

    def test_a_model_without_a_history_says_so(self, deep):
        told = dict(gallery(deep))["Loss history of training"]
        assert told == "<p>untrained-0 has no history of its training (history.json).</p>"

    @pytest.mark.parametrize(
        "history", ["", "[]", "{}", '{"loss": [], "validation": []}', '{"loss": 1, "validation": [[1]]}']
    )
    def test_a_damaged_history_is_named(self, small, tmp_path, history):
        model = Model(load(save(small, tmp_path / "model")))
        (tmp_path / "model" / "history.json").write_text(history)
        heading, told = gallery(model)[0]
        assert heading == "Loss history of training"
        assert "history.json: is not the history of a training as `recint train` leaves it (" in told

    def test_pictures_are_titled_with_what_they_show(self, pictures):
        def title(heading):
            return re.match(r'<svg role="img" aria-label="([^"]+)"', pictures[heading])[1]

        assert title("Loss history of training") == "The validation MSE falls to 2.0e-02 in 2 steps"
        assert re.match(r"Layer \d has \d+% of the heads", title("Direct logit attribution of heads"))
        assert re.match(r"At 3 &lt;= \|c\| &lt;= 4 the MSE is [\d.]+ ×", title("Loss against c"))
        for text in ("coefficient c", "mean squared error", "trained range"):
            assert text in pictures["Loss against c"]

    def test_ids_are_unique_on_a_page(self, pictures):
        ids = re.findall(r'\bid="([^"]+)"', "".join(pictures.values()))
        assert len(ids) == len(set(ids))
