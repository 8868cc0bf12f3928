"""Training follows the size of the corpus where nothing else is set, and says so."""

from math import ceil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ner
from ner.config.loading import Config, load_config
from ner.data.sentence import Sentence
from ner.features.counts import CorpusCounts
from ner.training import settings
from ner.training.settings import fit_to_corpus
from tests.training.test_train import EIGHT, TINY, sample, weights

CONFIGS = Path(__file__).parents[2] / "configs"
# Training sentences, and the batch size and epochs with which the scores in docs were measured. A
# tenth of CoNLL-2000 and of TREC is held out.
RECIPES = {
    "conll2000": (8_043, 16, 25),
    "conll2002": (8_323, 16, 20),
    "conll2003": (14_041, 16, 25),
    "conll2003_fast": (14_041, 32, 2),
    "conll2003_documents": (14_041, 16, 25),
    "conll2003_glove": (14_041, 16, 25),
    "english": (17_579, 32, 16),
    "resume_zh": (3_821, 4, 8),
    "sample": (1_277, 16, 15),
    "sst2": (6_920, 16, 8),
    "trec": (4_907, 16, 12),
    "ud_english_ewt": (12_544, 16, 12),
    "wnut17": (3_394, 8, 20),
}


def fit(sentences, tokens=0, config=None, **changes):
    """Return the batch size and the epochs that are chosen, and the lines that say so."""
    lines = []
    config = (config or Config()).updated({f"training.{k}": v for k, v in changes.items()})
    counts = CorpusCounts({}, sentences=sentences, tokens=tokens)
    training = fit_to_corpus(config, counts, lines.append).training
    return training.batch_size, training.epochs, lines


@pytest.mark.parametrize(
    ("sentences", "batch_size", "epochs"),
    [
        (1, 4, 60),
        (50, 4, 60),
        (100, 4, 60),
        (200, 4, 30),
        (249, 4, 25),
        (250, 8, 47),
        (500, 8, 25),
        (3_999, 8, 25),
        (4_000, 16, 25),
        (14_041, 16, 25),
        (1_000_000, 16, 25),
    ],
)
def test_small_corpora_get_small_batches_and_more_epochs(sentences, batch_size, epochs):
    line = f"batch_size {batch_size}, epochs {epochs}: chosen for {sentences:,} training sentences"
    assert fit(sentences) == (batch_size, epochs, [line])


@given(st.integers(1, 20_000), st.one_of(st.just("auto"), st.integers(1, 64)))
def test_steps_are_many_unless_that_takes_too_many_epochs(sentences, batch_size):
    batch_size, epochs, _ = fit(sentences, batch_size=batch_size)
    assert settings.FEWEST_EPOCHS <= epochs <= settings.MOST_EPOCHS
    steps = epochs * ceil(sentences / batch_size)
    assert steps >= settings.FEWEST_STEPS or epochs == settings.MOST_EPOCHS


def test_what_the_user_sets_stays():
    assert fit(100, batch_size=16, epochs=3) == (16, 3, [])
    assert fit(100, epochs=3) == (4, 3, ["batch_size 4: chosen for 100 training sentences"])
    assert fit(100, batch_size=2) == (2, 30, ["epochs 30: chosen for 100 training sentences"])


def test_batches_of_tokens_are_counted_by_their_tokens():
    # 3,000 tokens make 30 steps an epoch, so 50 epochs make 1,500.
    line = "epochs 50: chosen for 100 training sentences"
    assert fit(100, tokens=3_000, batch_tokens=100)[1:] == (50, [line])
    assert fit(100, tokens=3_000, batch_tokens=100, epochs=2)[1:] == (2, [])


def test_recipes_keep_the_values_that_their_scores_were_measured_with():
    assert RECIPES.keys() == {path.stem for path in CONFIGS.glob("*.toml")}
    for name, (sentences, batch_size, epochs) in RECIPES.items():
        found = fit(sentences, config=load_config(CONFIGS / f"{name}.toml"))
        assert (name, *found[:2]) == (name, batch_size, epochs)


@pytest.fixture
def few_epochs(monkeypatch):
    """Choose 2 epochs at least and 3 at most."""
    monkeypatch.setattr(settings, "FEWEST_EPOCHS", 2)
    monkeypatch.setattr(settings, "MOST_EPOCHS", 3)


def train(out, **arguments):
    plain = {"train": EIGHT, "dev": EIGHT, "training": {"threads": 1, "device": "cpu"}}
    return ner.train(out=out, **plain | TINY | arguments)


@pytest.mark.usefixtures("few_epochs")
def test_a_run_says_and_keeps_what_it_chose(tmp_path, caplog):
    caplog.set_level("INFO", "ner")
    train(tmp_path)
    assert "batch_size 4, epochs 3: chosen for 8 training sentences" in caplog.messages
    for file in (tmp_path / "config.toml", tmp_path / "model/config.toml"):
        training = load_config(file).training
        assert (training.batch_size, training.epochs) == (4, 3)
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 3


@pytest.mark.usefixtures("few_epochs")
def test_what_was_chosen_and_then_set_gives_the_same_weights(tmp_path):
    train(tmp_path / "chosen", progress=False)
    training = {"batch_size": 4, "epochs": 3, "threads": 1, "device": "cpu"}
    train(tmp_path / "set", progress=False, training=training)
    assert weights(tmp_path / "chosen") == weights(tmp_path / "set")


@pytest.mark.usefixtures("few_epochs")
def test_a_run_that_chose_resumes_to_the_same_weights(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    files = {"train": "sample:dev", "dev": "sample:dev", "progress": False}
    train(whole, **files)
    train(cut, **files, callbacks=[lambda event: not isinstance(event, ner.Epoch)])
    assert len((cut / "metrics.jsonl").read_text().splitlines()) == 1
    ner.train(out=cut, resume=True, progress=False)
    assert weights(cut) == weights(whole)


@pytest.mark.usefixtures("few_epochs")
def test_the_held_out_tenth_does_not_count(tmp_path, caplog):
    caplog.set_level("INFO", "ner")
    train(tmp_path, train=sample(count=40), dev=None)
    assert "chosen for 36 training sentences" in caplog.text


def test_a_model_below_the_dictionary_gets_advice(tmp_path, caplog):
    caplog.set_level("INFO", "ner")
    # The dictionary knows all of its own sentences, and the model learns nothing.
    train(tmp_path, training={"epochs": 1, "learning_rate": 1e-12, "threads": 1})
    (line,) = [x for x in caplog.messages if x.startswith("Advice: ")]
    assert line == (
        "Advice: the model scores less than a dictionary of the training names on the development "
        "data: F1 0.00, not 100.00. What can help: more annotated sentences, more than 2 steps "
        "(training.epochs and training.batch_size as 'auto'), pretrained vectors (vectors.path), "
        "a pretrained encoder (transformer.path)."
    )


def test_a_model_that_is_not_below_the_dictionary_gets_none(tmp_path, capsys):
    strangers = [Sentence(["Grace", "Hopper", "slept"], spans=[(0, 2, "PER")])]
    train(tmp_path, dev=strangers, training={"epochs": 1, "threads": 1})
    assert "Advice" not in capsys.readouterr().err
