"""Suspects of a corpus: what is trained on, what is kept, and what is said of a planted mistake."""

import json

import pytest

from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError
from ner.training import suspect_annotation
from ner.training.sentence_weights import read_weights, write_weights
from ner.training.suspect_annotation import fast_settings, find_suspects

TINY = {
    "words.size": 8,
    "characters.size": 4,
    "characters.output_size": 4,
    "affixes.rows": 64,
    "encoder.size": 8,
    "training.epochs": 1,
    "training.threads": 1,
    "training.device": "cpu",
}
CORPUS = [
    Sentence([f"N{i}", "met", f"P{i}", "."], spans=[(0, 1, "A"), (2, 3, "B")]) for i in range(12)
]
OPEN = Sentence(["N99", "met", "P99"], allowed=[("S-A",), (), ()])


def find(folder, sentences=CORPUS, **options):
    settings = TINY | options.pop("set", {})
    options = {"folds": 3} | options
    return find_suspects(
        folder=folder,
        set=settings,
        sources={"train": sentences},
        notify=lambda _: None,
        **options,
    )


@pytest.fixture
def trained(monkeypatch):
    """Note the arguments of each training."""
    calls = []
    train = suspect_annotation.run_training

    def spy(config, **arguments):
        calls.append((config, arguments))
        return train(config, **arguments)

    monkeypatch.setattr(suspect_annotation, "run_training", spy)
    return calls


def words(sentences):
    return {token for s in sentences for a, b, _ in s.spans or () for token in s.tokens[a:b]}


def test_no_model_is_trained_on_an_entity_that_it_judges(tmp_path, trained):
    shared = [Sentence(["N0", "left"], spans=[(0, 1, "A")])] * 3
    report = find(tmp_path / "s", [*CORPUS, *shared, OPEN])
    assert len(trained) == 3
    held = []
    for _, arguments in trained:
        train, dev = (arguments["sources"][split] for split in ("train", "dev"))
        assert not words(train) & words(dev)
        assert OPEN.tokens in [s.tokens for s in train]
        held += dev
    assert sorted(map(str, held)) == sorted(map(str, [*CORPUS, *shared]))
    assert report.entities == 27
    assert len(report.scores) == 3
    assert report.weights[-1] == 1.0


def test_finished_folds_are_kept_and_a_second_round_has_others(tmp_path, trained):
    first = find(tmp_path / "s")
    assert find(tmp_path / "s") == first
    assert len(trained) == 3
    both = find(tmp_path / "s", rounds=2)
    assert [config.seed for config, _ in trained] == [1, 1, 1, 2, 2, 2]
    assert both.scores[:3] == first.scores
    devs = [{str(s) for s in arguments["sources"]["dev"]} for _, arguments in trained]
    assert devs[:3] != devs[3:]


def test_a_planted_mistake_is_the_first_suspect_and_its_sentence_weighs_less(tmp_path):
    # "N…" are A, "P…" are B, wherever they stand. One sentence has it the other way round.
    wrong = Sentence(["N50", "met", "P50", "."], spans=[(0, 1, "B"), (2, 3, "B")])
    corpus = [*CORPUS, *(s.replace(tokens=(s.tokens[0] + "x", *s.tokens[1:])) for s in CORPUS)]
    settings = {"training.epochs": 40, "training.batch_size": 4, "training.learning_rate": 0.02}
    report = find(tmp_path / "s", [*corpus, wrong], set=settings)
    first = report.suspects[0]
    assert (first.sentence, first.kind, first.gold) == (24, "type", (0, 1, "B"))
    assert first.other == (0, 1, "A")
    assert report.place(first) == "train[24]"
    assert report.weights[24] == pytest.approx(0.7)
    assert report.records()[0]["text"] == "N50"
    assert "train[24]   N50     B       A  type" in report.lines(1)
    assert json.loads(json.dumps(report.to_dict()))["suspects"][0]["kind"] == "type"
    assert report.lines(0).startswith("0 of ")


def test_suspects_have_the_line_of_their_token(tmp_path):
    corpus = tmp_path / "train.conll"
    lines = [f"N{i} B-A\nmet O\nP{i} B-B\n\n" for i in range(6)]
    corpus.write_text("".join(lines))
    report = find_suspects(
        folder=tmp_path / "s",
        folds=2,
        set=TINY | {"data.train": str(corpus)},
        notify=lambda _: None,
    )
    assert report.format_ == "conll"
    for suspect in report.suspects:
        line = 1 + 4 * suspect.sentence + suspect.span.start
        assert report.place(suspect) == f"{corpus}:{line}"
        assert corpus.read_text().splitlines()[line - 1].split()[0] in report.text(suspect)


def test_weights_that_are_given_reach_the_trainings(tmp_path, trained):
    file = tmp_path / "w.jsonl"
    write_weights(file, CORPUS, [1 + i for i in range(12)])
    find(tmp_path / "s", set={"training.weights": str(file)})
    for _, arguments in trained:
        numbers = [1.0 + int(s.tokens[0][1:]) for s in arguments["sources"]["train"]]
        assert arguments["weights"] == numbers


def test_the_weights_of_a_report_fit_its_corpus(tmp_path):
    report = find(tmp_path / "s", rounds=2)
    write_weights(tmp_path / "w.jsonl", report.sentences, report.weights)
    read_weights(tmp_path / "w.jsonl").check(CORPUS)
    assert set(report.weights) <= {1.0, 0.7, 0.7**2}


@pytest.mark.parametrize(
    ("sentences", "options", "message"),
    [
        pytest.param(
            [Sentence(["a"], spans=[])] * 6,
            {},
            "train: must have entities, to find suspects. Got none.",
            id="no entities",
        ),
        pytest.param(
            CORPUS[:2], {}, "train: must have at least 3 annotated sentences", id="few sentences"
        ),
        pytest.param(
            [CORPUS[0]] * 6,
            {},
            "train: fold 1 must leave entities to learn from",
            id="the same entity everywhere",
        ),
        pytest.param(CORPUS, {"folds": 1}, "--folds: must be at least 2. Got 1.", id="one fold"),
        pytest.param(CORPUS, {"rounds": 0}, "--rounds: must be at least 1. Got 0.", id="no round"),
        pytest.param(
            CORPUS,
            {"set": {"task": "classify"}},
            "task: must find spans, to find suspects. Got classify.",
            id="another task",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_line(tmp_path, sentences, options, message):
    with pytest.raises((ConfigError, DataError)) as caught:
        find(tmp_path / "s", sentences, **options)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sentences", "batch_size", "epochs"),
    [
        pytest.param(100, 8, 40, id="few sentences"),
        pytest.param(1000, 8, 12, id="more"),
        pytest.param(14041, 32, 5, id="many"),
    ],
)
def test_trainings_are_short(sentences, batch_size, epochs):
    settings = fast_settings(sentences)
    assert settings["training.batch_size"] == batch_size
    assert settings["training.epochs"] == epochs
