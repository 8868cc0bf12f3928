"""The tagger with the methods of scikit-learn, in tools of scikit-learn itself."""

import gc
import pickle
from pathlib import Path

import numpy as np
import pytest
import seqeval.metrics
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

import ner
from ner.errors import ConfigError, DataError
from ner.sklearn import SequenceTagger

SMALL = {
    "words.size": 8,
    "characters.size": 4,
    "characters.output_size": 8,
    "shape.size": 4,
    "affixes.rows": 64,
    "affixes.size": 4,
    "embedder.dropout": 0.0,
    "embedder.word_dropout": 0.0,
    "training.ema": 0.0,
    "training.export": False,
}


def small(**changes):
    """Make a tagger of a small network."""
    known = {"epochs": 2, "batch_size": 4, "learning_rate": 0.02, "encoder_size": 8, "dropout": 0.0}
    return SequenceTagger(**{**known, "settings": SMALL, "random_state": 1, **changes})


@pytest.fixture(scope="module")
def sentences():
    return [s for s in ner.read_sentences("sample:train") if s.spans][:20]


@pytest.fixture(scope="module")
def data(sentences):
    """Give tokens, and their tags in the scheme BIOES."""
    return [list(s.tokens) for s in sentences], [s.tags("BIOES") for s in sentences]


@pytest.fixture(scope="module")
def fitted(data):
    return small(epochs=30).fit(*data, dev=data)


def test_it_learns_tags_in_the_scheme_of_the_data(fitted, data):
    tokens, tags = data
    assert fitted.scheme_ == "BIOES"
    found = fitted.predict(tokens)
    assert [len(row) for row in found] == [len(row) for row in tokens]
    assert sum(a == b for a, b in zip(found, tags, strict=True)) > 12


def test_its_score_is_that_of_seqeval(fitted, data):
    tokens, tags = data
    found = fitted.predict(tokens)
    expected = seqeval.metrics.f1_score(tags, found)
    assert fitted.score(tokens, tags) == pytest.approx(expected, abs=1e-12)
    assert expected > 0.5


@pytest.mark.parametrize("scheme", ["IOB1", "BILOU"])
def test_tags_come_back_in_the_scheme_of_the_data(data, sentences, scheme):
    tagger = small(epochs=1).fit(data[0], [s.tags(scheme) for s in sentences])
    assert tagger.scheme_ == scheme
    assert all(len(row) == len(x) for row, x in zip(tagger.predict(data[0]), data[0], strict=True))


def test_probabilities_are_those_of_the_model(fitted, data):
    for tokens, found in zip(data[0], fitted.predict_scores(data[0]), strict=True):
        sentence = fitted.model_.tag_tokens(tokens)
        assert [tuple(span) for span in sentence.prediction.spans] == [row[:3] for row in found]
        assert [e.score for e in sentence.entities] == pytest.approx([row[3] for row in found])


def test_labels_of_single_tokens_are_learned(data):
    tokens, tags = data
    labels = [[tag[:1] for tag in row] for row in tags]
    tagger = small(spans=False).fit(tokens, labels)
    found = tagger.predict(tokens)
    pairs = [(a, b) for x, y in zip(found, labels, strict=True) for a, b in zip(x, y, strict=True)]
    assert tagger.score(tokens, labels) == pytest.approx(np.mean([a == b for a, b in pairs]))
    scores = tagger.predict_scores(tokens)
    assert [[row[2] for row in rows] for rows in scores] == found
    assert all(0 < row[3] <= 1 for rows in scores for row in rows)


def test_sentences_without_tokens_have_no_tags(fitted, data):
    assert fitted.predict([[], data[0][0], []])[::2] == [[], []]
    assert fitted.score([*data[0], []], [*data[1], []]) == fitted.score(*data)


def test_given_development_data_are_used(data):
    tokens, tags = data
    tagger = small().fit(tokens[:12], tags[:12], dev=(tokens[12:], tags[12:]))
    record = tagger.model_.record["data"]
    assert (record["train"]["sentences"], record["dev"]["sentences"]) == (12, 8)


def test_cross_validation_scores_each_part(data):
    scores = cross_val_score(small(), *data, cv=2)
    assert scores.shape == (2,)
    parts = [(slice(10, 20), slice(0, 10)), (slice(0, 10), slice(10, 20))]
    for score, (train, test) in zip(scores, parts, strict=True):
        tagger = small().fit(data[0][train], data[1][train])
        assert score == pytest.approx(tagger.score(data[0][test], data[1][test]))


def test_a_search_finds_the_best_setting(data):
    labels = [[tag[:1] for tag in row] for row in data[1]]
    grid = {"learning_rate": [1e-9, 0.02], "settings": [SMALL]}
    search = GridSearchCV(small(spans=False), grid, cv=2).fit(data[0], labels)
    assert search.best_params_ == {"learning_rate": 0.02, "settings": SMALL}
    assert search.best_estimator_.predict(data[0][:1])
    assert make_pipeline(small()).fit(*data).predict(data[0][:1])


def test_parameters_are_read_set_and_cloned():
    tagger = small().set_params(encoder_size=12, random_state=None)
    assert tagger.get_params()["encoder_size"] == 12
    assert clone(tagger).get_params() == tagger.get_params()
    assert SequenceTagger().get_params()["epochs"] is None


def test_settings_reach_the_model(data):
    tagger = small(encoder_size=6, settings={**SMALL, "head.scheme": "BIO"}).fit(*data)
    assert tagger.model_.task.scheme == "BIO"
    assert tagger.model_.record["seed"] == 1


def test_equal_seeds_learn_equal_models(data):
    first, second, third = (
        small(spans=False, epochs=1, random_state=seed).fit(*data).predict_scores(data[0])
        for seed in (3, 3, np.random.RandomState(0))
    )
    assert first == second
    assert first != third


def test_a_copy_gives_the_same_answers(fitted, data):
    copy = pickle.loads(pickle.dumps(fitted))
    assert copy.predict_scores(data[0]) == fitted.predict_scores(data[0])
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(pickle.loads(pickle.dumps(small())), "model_")


def test_it_is_saved_as_a_model(fitted, data, tmp_path):
    fitted.save(tmp_path / "model")
    model = ner.load(tmp_path / "model")
    found = [model.tag_tokens(tokens).tags("BIOES") for tokens in data[0]]
    assert found == fitted.predict(data[0])


def test_its_files_go_with_it(data):
    tagger = small().fit(*data)
    folder = Path(tagger.model_.origin.folder)
    assert folder.exists()
    del tagger
    gc.collect()
    assert not folder.exists()


def test_it_must_be_fitted_first(data, tmp_path):
    for call in (
        lambda: small().predict(data[0]),
        lambda: small().predict_scores(data[0]),
        lambda: small().score(*data),
        lambda: small().save(tmp_path),
    ):
        with pytest.raises(NotFittedError):
            call()


def test_mistakes_are_told(data):
    tokens, tags = data
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        small().fit(tokens, tags[1:])
    with pytest.raises(DataError, match=r"train\[3\]"):
        small().fit(tokens, [*tags[:3], ["O"], *tags[4:]])
    with pytest.raises(ConfigError, match=r"encoder\.sise: unknown key"):
        small(settings={"encoder.sise": 3}).fit(tokens, tags)


class Rows(SequenceTagger):
    """Reads rows of numbers as sentences, so that the checks of scikit-learn can call it."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags

    def fit(self, X, y):
        tokens, tags = self._read(X, y)
        return super().fit(tokens, tags)

    def predict(self, X):
        return np.array(super().predict(self._read(X)), dtype=float)

    def score(self, X, y):
        return super().score(*self._read(X, y))

    @staticmethod
    def _read(X, y=None):
        tokens = [[f"{value:.1f}" for value in np.asarray(row, dtype=float)] for row in X]
        if y is None:
            return tokens
        return tokens, [
            [str(float(np.ravel(n)[0]))] * len(t) for n, t in zip(y, tokens, strict=True)
        ]


# Checks that do not apply, and why.
SPARSE = "sentences are lists of strings, which no sparse matrix holds"
NOT_FOR_IT = {
    "check_estimator_sparse_tag": SPARSE,
    "check_estimator_sparse_array": SPARSE,
    "check_estimator_sparse_matrix": SPARSE,
    "check_array_api_input": "sentences are no arrays",
    "check_fit2d_1sample": "one sentence leaves none to choose the best epoch by",
}
CHECKS = {
    check.func.__name__ + "".join(f" with {name}" for name in check.keywords): (estimator, check)
    for estimator, check in estimator_checks_generator(
        Rows(spans=False, epochs=1, encoder_size=4, random_state=1, settings=SMALL)
    )
}


@pytest.mark.parametrize("name", CHECKS)
def test_it_passes_the_checks_of_scikit_learn(name):
    if name in NOT_FOR_IT:
        pytest.skip(f"does not apply: {NOT_FOR_IT[name]}")
    estimator, check = CHECKS[name]
    check(estimator)


def test_its_own_checks_are_those_without_numbers():
    with pytest.warns(UserWarning, match="Can't test estimator"):
        results = check_estimator(small())
    assert {result["status"] for result in results} == {"passed"}
