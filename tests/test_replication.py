"""The replication table: against loops, against an independent measurement, and as terminal, Markdown and HTML show it."""

import json
import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from markupsafe import Markup

from benchmarks.notebook_way import LOOPS, loops
from recint import cli
from recint.checkpoint import ModelConfig, load, save
from recint.model import Model
from recint.model.untrained import untrained
from recint.pages import figures
from recint.replication import page as replication_page
from recint.replication.gallery import gallery
from recint.replication.look import Look
from recint.replication.rows import Measured, Row, number
from recint.replication.table import FIGURES, replicate

from .conftest import ORACLE

DEEP = ModelConfig(n_layers=3, n_heads=8, d_model=16, d_head=4, d_mlp=32, n_ctx=16, d_vocab=5)
DEPENDENT = [figure.name for figure in FIGURES if not figure.weights]
DRAWS = 5


@pytest.fixture(scope="module")
def deep():
    """As many layers and heads as the notebook's model, so that every figure applies."""
    return Model(untrained(DEEP, seed=0, init_range=0.3))


@pytest.fixture(scope="module")
def rows(deep):
    return {row.name: row for row in replicate(deep, draws=DRAWS, seed=3)}


@pytest.fixture(scope="module")
def affine_rows(affine_a):
    return {row.name: row for row in replicate(affine_a, draws=150)}


@pytest.fixture(scope="module")
def looped(deep):
    return loops(Look(deep, draws=DRAWS, seed=3))


def agrees(row, looped):
    """Asserts that both columns of a row are what loops over the same recurrences give."""
    for measured, expected in zip((row.notebook_way, row.sound_way), looped, strict=True):
        if expected is None:
            assert measured is None
        else:
            assert measured.value == pytest.approx(expected, rel=2e-4)


def starting(rows, start):
    """The row whose name begins with this."""
    (row,) = (row for name, row in rows.items() if name.startswith(start))
    return row


class TestLoops:
    """Both columns of every figure against a literal loop over recurrences, positions and heads."""

    def test_there_is_a_loop_for_every_figure_that_depends_on_recurrences(self):
        assert set(LOOPS) == set(DEPENDENT)

    def test_figures_of_the_weights_agree_with_loops(self, deep, rows):
        ov, qk = deep.W_OV.double().numpy(), deep.W_QK.double().numpy()
        size = ov.shape[-1]
        found = {name: row.notebook_way.value for name, row in rows.items() if name not in DEPENDENT}

        large = sum(abs(ov[1, 0, i, j]) > 0.05 for i, j in product(range(size), range(size)))
        assert found["Share of entries of the OV matrix beyond ±0.05, layer 1, head 0"] == large / size**2

        def score(matrix):
            eigenvalues = np.linalg.eigvals(matrix)
            return sum(eigenvalues).real / sum(abs(eigenvalue) for eigenvalue in eigenvalues)

        assert found["Eigenvalue score of OV, layer 1, head 2"] == pytest.approx(score(ov[1, 2]))
        expected = max(score(ov[2, head]) for head in range(8))
        assert found["Largest eigenvalue score of OV over the heads of layer 2"] == pytest.approx(expected)

        def composition(early, late, reader):
            pairs = product(range(8), range(8))
            norm = np.linalg.norm
            scores = [
                norm(ov[early, o] @ reader[late, i]) / norm(ov[early, o]) / norm(reader[late, i]) for o, i in pairs
            ]
            return np.mean(scores)

        readers = {"Q": qk, "K": qk.swapaxes(-1, -2)}
        for letter, reader in readers.items():
            expected = composition(1, 2, reader)
            assert found[f"{letter}-composition of layers 1 and 2, mean score"] == pytest.approx(expected, rel=1e-5)
        expected = max(composition(early, late, ov) for early, late in ((0, 1), (0, 2), (1, 2)))
        assert found["V-composition of any two layers, largest mean score"] == pytest.approx(expected, rel=1e-5)

        def rank(matrix):
            squares = np.linalg.svd(matrix, compute_uv=False) ** 2
            return next(count for count in range(1, size + 1) if squares[:count].sum() >= 0.95 * squares.sum())

        first, second, third = (np.mean([rank(ov[layer, head]) for head in range(8)]) for layer in range(3))
        others = (first + third) / 2
        lower = "Effective rank of OV in layer 1, below the mean of layers 0 and 2"
        assert found[lower] == pytest.approx(others - second)
        assert found["The same, as a share of that mean"] == pytest.approx(100 * (1 - second / others))


# Attribution of each layer's heads, with their signs, and of these and the MLPs without.
HEADS = [sum(ORACLE[f"l{layer}.dla_heads"]) for layer in range(3)]
OF_HEADS, OF_MLPS = (
    np.array([np.abs(ORACLE[f"l{layer}.{name}"]).sum() for layer in range(3)]) for name in ("dla_heads", "dla_mlp")
)
RANKS = [np.mean(ORACLE[f"l{layer}.ov_effective_rank_95"]) for layer in range(3)]
LOWER = (RANKS[0] + RANKS[2]) / 2 - RANKS[1]


class TestOracle:
    """Figures of an independent implementation in float64, from the data that tests/model/test_transformer.py reads."""

    @pytest.mark.parametrize(
        ("start", "expected"),
        [
            ("Effective rank of OV in layer 1", LOWER),
            ("The same, as a share", 100 * LOWER / ((RANKS[0] + RANKS[2]) / 2)),
            ("Eigenvalue score of OV, layer 1, head 2", ORACLE["l1.ov_eigenvalue_score"][2]),
            ("Largest eigenvalue score of OV over the heads of layer 2", max(ORACLE["l2.ov_eigenvalue_score"])),
        ],
    )
    def test_figures_of_the_weights(self, affine_rows, start, expected):
        assert starting(affine_rows, start).notebook_way.value == pytest.approx(expected, rel=1e-3)

    @pytest.mark.parametrize(
        ("start", "expected"),
        [
            ("MSE over all coefficients", ORACLE["mse"]),
            ("MSE at c = -1.5", ORACLE["mse_c-1.5"]),
            ("R^2 of the line on which layer 0", ORACLE["l0.ov_line_r2_recurrence_vectors"]),
            ("R^2 of that line for layer 2", ORACLE["l2.ov_line_r2_recurrence_vectors"]),
            ("Share of layer 0's output", ORACLE["l0.outside_embedding_fraction_block"] - (1 - 40 / 128) ** 0.5),
            ("MSE with head 0 of layer 0 zeroed", ORACLE["l0.zero_ablate_head_mse_ratio"][0]),
            ("MSE with head 7 of layer 0 zeroed", ORACLE["l0.zero_ablate_head_mse_ratio"][7]),
            ("MSE with the heads of layer 1 mean-ablated", ORACLE["l1.mean_ablate_layer_mse_ratio"]),
            ("Layer 0's share of the heads' direct attribution", OF_HEADS[0] / OF_HEADS.sum()),
            ("Direct attribution of layer 2's heads over", HEADS[2] / HEADS[0]),
            ("The MLPs' share", OF_MLPS.sum() / (OF_MLPS.sum() + OF_HEADS.sum())),
        ],
    )
    def test_sound_figures_lie_within_sampling_error(self, affine_rows, start, expected):
        found = starting(affine_rows, start).sound_way
        # Twice the interval: the oracle is a sample too, and does not say of how many recurrences.
        assert abs(found.value - expected) < (found.high - found.low) + 0.02 * abs(expected), (found, found.interval)

    def test_the_line_on_uniform_vectors(self, affine_rows):
        found = starting(affine_rows, "R^2 of the line on which layer 0").notebook_way
        assert found.value == pytest.approx(ORACLE["l0.ov_line_r2_uniform_vectors"], rel=0.02)
        assert found.n == 150 * 13


def test_what_the_notebook_s_way_cannot_tell_it_does_not(rows):
    assert rows["MSE with the heads of layer 1 mean-ablated, over MSE"].notebook_way.value == pytest.approx(1, abs=1e-5)
    same = rows["MSE between the residual stream after layer 0 and before layer 1"]
    assert same.notebook_way.value == 0
    assert same.sound_way is None
    zeroed = [row.notebook_way for name, row in rows.items() if "zeroed" in name]
    assert len(zeroed) == 2
    assert zeroed[0] == zeroed[1]


def test_random_heads_score_zero_on_average(affine_rows):
    mean, spread = re.search(
        r"score (-?[\d.]+) ± (\d\.\d+)", affine_rows["Eigenvalue score of OV, layer 1, head 2"].why
    ).groups()
    assert abs(float(mean)) < 0.03
    assert 0 < float(spread) < 0.2


def test_the_same_seed_gives_the_same_table(deep, rows):
    assert replicate(deep, draws=DRAWS, seed=3) == tuple(rows.values())
    other = {row.name: row for row in replicate(deep, draws=DRAWS, seed=4, weights=False)}
    assert list(other) == DEPENDENT
    assert other["MSE over all coefficients"] != rows["MSE over all coefficients"]


def test_intervals_are_over_recurrences_and_hold_the_figure(rows):
    for row in rows.values():
        sound = row.sound_way
        if sound and row.name in DEPENDENT:
            assert sound.low <= sound.value <= sound.high
            assert sound.n == DRAWS
        elif sound:
            assert sound.n is None


class TestNotApplicable:
    def test_layers_and_heads_that_are_not_there(self, small):
        rows = {row.name: row for row in replicate(Model(small), draws=3)}
        assert list(rows) == [figure.name for figure in FIGURES]
        for figure in FIGURES:
            missing = max((*figure.layers, *figure.heads), default=0) > 1
            assert rows[figure.name].applies is not missing, figure.name
        slope = rows["Slope of that line for layer 2's OV"]
        assert slope.why == "Not applicable: it speaks of layer 2, but the model has 2 of them."
        assert slope.sound_way is None
        head = rows["MSE with head 7 of layer 0 zeroed, over MSE"]
        assert head.why == "Not applicable: it speaks of head 7, but the model has 2 of them."

    @pytest.mark.filterwarnings("ignore:invalid value")
    def test_a_model_of_zeros(self, small):
        rows = replicate(Model(untrained(replace(small.config, n_layers=3), seed=0, init_range=0.0)), draws=3)
        idle = {row.name: row.why for row in rows if not row.applies}
        scores = "Largest eigenvalue score of OV over the heads of layer 2"
        assert idle[scores] == "Not applicable: it divides by something that is zero in this model."
        assert not any("nan" in f"{row.notebook_way} {row.sound_way}" for row in rows)

    def test_a_model_whose_predictions_overflow(self, small):
        b_O = torch.full_like(small.tensors["blocks.0.attn.b_O"], 3e38)
        b_O[::2] *= -1
        rows = replicate(Model(replace(small, tensors=dict(small.tensors) | {"blocks.0.attn.b_O": b_O})), draws=3)
        idle = {row.name: row.why for row in rows if not row.applies}
        assert idle["MSE at c = -1.5"] == "Not applicable: 195 of the 195 values of prediction are NaN or infinite."
        assert not any("zero" in why for why in idle.values())
        assert not any("nan" in f"{row.notebook_way} {row.sound_way}" for row in rows)

    def test_what_goes_wrong_is_not_taken_for_it(self, small, monkeypatch):
        monkeypatch.setattr(
            "recint.replication.ov_circuit.outside_embedding", lambda *_, **__: np.zeros(2) @ np.zeros(3)
        )
        with pytest.raises(ValueError, match="mismatch in its core dimension"):
            replicate(Model(small), draws=3)

    def test_recurrences_of_another_order(self, small):
        model = Model(untrained(replace(small.config, order=2), seed=0, init_range=0.2))
        idle = {row.name: row.why for row in replicate(model, draws=3, weights=False) if not row.applies}
        formula = "Multiple m in a_i + m a_(i-1), as which the residual stream reads after layer 0"
        assert "it speaks of recurrences of order 1, but the model's have order 2" in idle[formula]
        assert "leave nothing to predict from position 4 on" in idle["MSE on sequences of 5 terms"]
        assert "MSE over all coefficients" not in idle


def test_what_no_table_can_be_made_of(small):
    with pytest.raises(ValueError, match="draws=1 must be at least 2"):
        replicate(Model(small), draws=1)
    short = Model(untrained(replace(small.config, n_ctx=9), seed=0))
    with pytest.raises(ValueError, match="n_ctx=9 and order=1, but sequences of length=14 need 13 positions"):
        replicate(short)
    large = {name: 1e30 * weight for name, weight in small.tensors.items() if name.startswith("blocks.1.attn.W_")}
    overflowing = Model(replace(small, tensors=dict(small.tensors) | large))
    told = f"{small.name}: its OV matrices, which are products of its weights, must be finite, but overflow: the notebook's"
    with pytest.raises(ValueError, match=told):
        replicate(overflowing)


@pytest.mark.parametrize(
    ("value", "text"), [(2855.8, "2860"), (7.358e-6, "7.36e-06"), (0.5, "0.5"), (-0.4784, "-0.478")]
)
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


SHOWN = (
    Row(
        name="A <ratio>", where="Some | section", notebook="4", why="One | two.",
        notebook_way=Measured(2.0, n=1), sound_way=Measured(3.14159, "× chance", 3.0, 3.3, 20),
    ),
    Row(name="Nothing", where="There", notebook="30", why="Not applicable: it speaks of layer 2."),
)  # fmt: skip


def test_the_terminal_shows_everything_in_120_columns(rows):
    text = replication_page.terminal(tuple(rows.values()))
    assert max(map(len, text.splitlines())) <= 120
    shown = replication_page.terminal(SHOWN).splitlines()
    assert re.match(r"A <ratio>\s+4\s+2 n=1\s+3.14 × chance \[3, 3.3\], n=20$", shown[2])
    assert shown[3] == "    One | two."
    assert re.match(r"Nothing\s+30\s+–\s+–$", shown[5])


def test_markdown_has_one_line_a_figure():
    text = replication_page.markdown(SHOWN, checkpoint="tiny", command="recint replicate tiny")
    assert "    recint replicate tiny\n" in text
    assert "| A &lt;ratio> (Some \\| section) | 4 | 2 n=1 | 3.14 × chance [3, 3.3], n=20 | One \\| two. |\n" in text
    assert text.count("\n| ") == 3


def test_html_escapes_and_tells_what_does_not_apply():
    section = replication_page.section(SHOWN, [("A heading", Markup("<svg></svg>"))])
    assert "A &lt;ratio&gt;" in section
    assert '<b>3.14</b> × chance<div class="small">[3, 3.3]<br>n=20</div>' in section
    assert section.count("class=idle") == 1
    assert "<details><summary>A heading</summary><svg></svg></details>" in section


NOISE = np.random.default_rng(0).standard_normal((5, 6, 6))


@pytest.mark.parametrize(
    ("draw", "labels"),
    [
        (
            lambda: figures.score_table("T", scores=NOISE[0], row="layer", column="position", label="score", first=7),
            ["layer", "position", "score", "7", "12"],
        ),
        (
            lambda: figures.matrices("T", matrices=NOISE, layer=1, label="entry"),
            ["layer 1, head 4", "dimension read, 0 to 5", "dimension written, 0 to 5 in each tile", "entry"],
        ),
        (
            lambda: figures.errors_against_c("T", c=[-3, 0, 3], mse=[1, 2, 3], spread=np.ones((2, 3)), trained=(-2, 2)),
            ["coefficient c", "mean squared error", "trained range", "95 % of single recurrences"],
        ),
    ],
    ids=["score_table", "matrices", "errors_against_c"],
)
def test_figures_are_labelled_and_reproducible(draw, labels):
    svg = draw()
    assert draw() == svg
    text = re.findall(r"<text[^>]*>([^<]*)<", svg)
    assert set(labels) <= set(text), text


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
        assert told == "<p>untrained-0 comes without the history of its training (history.json).</p>"

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


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    config = ModelConfig(n_layers=1, n_heads=2, d_model=8, d_head=4, d_mlp=16, n_ctx=13, d_vocab=4)
    return save(untrained(config, seed=0, init_range=0.3), tmp_path_factory.mktemp("tiny") / "tiny.safetensors")


class TestCommand:
    def test_it_prints_the_table_and_writes_what_is_asked_for(self, tiny, tmp_path, capsys):
        page, table = tmp_path / "new" / "page.html", tmp_path / "table.md"
        arguments = [str(tiny), "--draws", "100", "--seed", "7", "--html", str(page), "--markdown", str(table)]
        assert cli.main(["replicate", *arguments]) == 0
        out = capsys.readouterr().out
        assert "Not applicable: it speaks of layer 1, but the model has 1 of them." in out
        assert out.endswith(f"wrote {table}\nwrote {page}\n")
        assert f"recint replicate {tiny} --seed 7 --draws 100" in table.read_text()
        html = page.read_text()
        assert html.count('<th scope="row">') == len(FIGURES)
        assert "<details open><summary>Loss against c</summary><svg" in html
        assert "composition</summary>" not in html  # one layer has none to compose with
        assert "src=" not in html

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["gone.pth"], "gone.pth: no such file"),
            (["{tiny}", "--draws", "1"], "draws=1 must be at least 100"),
            (["{tiny}", "--device", "tpu"], "device='tpu' must be one of auto, cpu, cuda"),
            (["{tiny}", "--html", "{folder}"], "is a folder, but a file is to be written there"),
        ],
    )
    def test_bad_input_is_one_sentence_and_status_2(self, tiny, tmp_path, capsys, arguments, said):
        filled = [argument.format(tiny=tiny, folder=tmp_path) for argument in arguments]
        assert cli.main(["replicate", *filled, "--markdown", str(tmp_path / "table.md")]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("recint: ")
        assert captured.err.count("\n") == 1
        assert said in captured.err
        assert not (tmp_path / "table.md").exists()
