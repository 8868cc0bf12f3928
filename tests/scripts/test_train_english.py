"""The English model is trained by one command, from corpora whose labels are mapped to four."""

import json

import numpy as np
import pytest

import ner
from ner.data.schemes import Span
from tests.scripts.running import SCRIPTS, import_script

main = import_script("train_english.py").main
open_corpora = import_script("english/open_corpora.py")
packing = import_script("english/packing.py")
measure = import_script("english/measure.py")

LIST = """
vectors = "vectors.txt"

[[corpora]]
name = "News"
files = ["news.conll"]
licence = "CC0 1.0"
source = "this test"
types = { PER = "PER", ORG = "ORG", LOC = "LOC", MISC = "MISC" }

[[corpora]]
name = "Chat"
files = ["more/chat.conll"]
licence = "CC0 1.0"
source = "this test"
types = { person = "PER", firm = "ORG", place = "LOC", term = ["O", "MISC"] }
open = ["MISC"]
"""
NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva")
PLACES = ("Oslo", "Rome", "Lima", "Cork")
TINY = ["words.size=4", "characters.size=4", "characters.output_size=4", "encoder.size=4"]


def write_corpora(folder):
    (folder / "more").mkdir(parents=True)
    (folder / "list.toml").write_text(LIST, encoding="utf-8")
    news, chat = [], []
    for i in range(20):
        name, place = NAMES[i % 5], PLACES[i % 4]
        news.append(
            f"{name} B-PER\nof O\nAcme B-ORG\nleft O\n{place} B-LOC\nin O\nMay B-MISC\n. O\n"
        )
        chat.append(f"@ O\nxx{i} O\n{name.lower()} B-person\nin O\n{place} B-place\nkant B-term\n")
    (folder / "news.conll").write_text("\n".join(news), encoding="utf-8")
    (folder / "more/chat.conll").write_text("\n".join(chat), encoding="utf-8")
    words = ["the", "of", "in", "left", "acme", *map(str.lower, (*NAMES, *PLACES)), "tokyo"]
    rows = np.random.default_rng(1).normal(size=(len(words), 4)).round(3)
    lines = [" ".join([word, *map(str, row)]) for word, row in zip(words, rows, strict=True)]
    (folder / "vectors.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


def command(folder, out):
    settings = [word for setting in [*TINY, "training.epochs=2"] for word in ("--set", setting)]
    return [str(folder), "--corpora", str(folder / "list.toml"), "--out", str(out), *settings]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Train twice in the same way; return the folders."""
    base = tmp_path_factory.mktemp("english")
    folder = write_corpora(base / "corpora")
    for name in ("one", "two"):
        main(command(folder, base / name))
    return base / "one", base / "two"


def corpus(**facts):
    types = {"person": "PER", "place": "LOC", "term": ["O", "MISC"]}
    return open_corpora.Corpus("Test", ["x"], "CC0", "test", types, **facts)


def test_two_runs_write_the_same_model(runs):
    one, two = (sorted(p for p in r.glob("seed-1/model/**/*") if p.is_file()) for r in runs)
    assert [p.name for p in one] == [p.name for p in two]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, two, strict=True))


def test_the_model_is_compact_licensed_and_has_no_word_of_its_makers_machine(runs):
    folder = runs[0] / "seed-1" / "model"
    model = ner.model_folder.load_model(folder)
    assert model.compact
    assert model.record["licence"] == "CC BY-SA 4.0"
    assert "LICENSE.md" in model.files
    assert 'path = "vectors.txt"' in model.config
    texts = [
        p.read_text(encoding="utf-8")
        for p in folder.iterdir()
        if p.suffix in (".md", ".json", ".toml")
    ]
    assert not any(str(runs[0].parent) in text for text in texts)


def test_the_temperature_is_kept_as_in_every_tagger(runs):
    model = ner.load(runs[0] / "seed-1" / "model")
    assert 0.05 <= model.task.temperature <= 20
    assert model.task.temperature != 1
    card = (runs[0] / "seed-1" / "model" / "README.md").read_text(encoding="utf-8")
    assert f"temperature: {model.task.temperature:.3f}" in card


def test_handles_and_rare_words_are_not_in_the_model(runs):
    words = set(ner.load(runs[0] / "seed-1" / "model").featurizer.vectors.words)
    assert {"acme", "oslo", "tokyo", "kant"} <= words
    assert not any(word.startswith("xx") for word in words)


def test_the_card_and_the_figures_name_each_corpus(runs):
    figures = json.loads((runs[0] / "figures.json").read_text(encoding="utf-8"))
    card = (runs[0] / "seed-1" / "model" / "README.md").read_text(encoding="utf-8")
    for name in ("News", "Chat"):
        assert f"| {name} | this test | CC0 1.0 | 18 | 2 |" in card
        assert set(figures[0]["f1"][name]) == set(measure.CHANGES)
    assert "{" not in card


def test_a_missing_file_is_named(tmp_path):
    folder = write_corpora(tmp_path / "corpora")
    (folder / "news.conll").unlink()
    with pytest.raises(SystemExit) as stopped:
        main(command(folder, tmp_path / "out"))
    assert str(stopped.value) == f"{folder}: must hold news.conll. Got no such file."


def test_labels_that_a_corpus_does_not_mark_stay_open():
    read = ner.Sentence(["Ada", "saw", "Nova"], spans=[Span(0, 1, "person")])
    found = open_corpora.translated(read, corpus(open=["MISC"]))
    anything = ("O", "B-MISC", "I-MISC", "E-MISC", "S-MISC")
    assert found.allowed == (("S-PER",), anything, anything)
    assert found.spans is None


def test_a_doubtful_type_stays_open_and_the_rest_of_the_sentence_is_certain():
    read = ner.Sentence(
        ["in", "big", "data", "Ada"], spans=[Span(1, 3, "term"), Span(3, 4, "person")]
    )
    found = open_corpora.translated(read, corpus())
    anything = ("O", "B-MISC", "I-MISC", "E-MISC", "S-MISC")
    assert found.allowed == (("O",), anything, anything, ("S-PER",))


def test_a_corpus_that_marks_everything_keeps_spans():
    read = ner.Sentence(["Ada", "left"], spans=[Span(0, 1, "person")])
    assert open_corpora.translated(read, corpus()).spans == (Span(0, 1, "PER"),)


def test_a_type_that_the_list_lacks_is_refused():
    read = ner.Sentence(["Ada"], spans=[Span(0, 1, "animal")])
    with pytest.raises(ner.ConfigError, match=r"each label\. Got no animal"):
        open_corpora.translated(read, corpus())


def test_only_labels_that_are_marked_everywhere_are_scored():
    assert corpus().certain == {"PER", "LOC"}
    read = ner.Sentence(["a", "b"], spans=[Span(0, 1, "term"), Span(1, 2, "place")])
    assert open_corpora.marked(read, corpus()).spans == (Span(1, 2, "LOC"),)


def test_documents_are_held_out_whole(tmp_path):
    blocks = [f"# newdoc id = {i}\na O\n\nb O\n" for i in range(3)]
    (tmp_path / "x.conll").write_text("\n".join(blocks), encoding="utf-8")
    sentences = ner.read_sentences(tmp_path / "x.conll")
    assert open_corpora.document_numbers(sentences, tmp_path / "x.conll") == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    "change, expected",
    [
        pytest.param("lower-cased", "ada said : it 's % over % .", id="lower-cased"),
        pytest.param("upper-cased", "ADA SAID : IT 'S % OVER % .", id="upper-cased"),
        pytest.param("without final stop", "Ada said : it 's % over %", id="no final stop"),
        pytest.param("typographic quotes", "Ada said : it ’s “ over ” .", id="quotes"),
        pytest.param("headlines", "Ada Said : It 's % Over %", id="headlines"),
    ],
)
def test_changes_keep_entities(change, expected):
    tokens = "Ada said : it 's % over % .".replace("%", '"').split()
    written = ner.Sentence(tokens, spans=[Span(0, 1, "PER")])
    changed = measure.CHANGES[change](written)
    assert " ".join(changed.tokens) == expected.replace("%", '"')
    assert changed.spans == written.spans


def test_every_label_of_the_list_is_mapped_to_one_of_four():
    sources = open_corpora.tomllib.loads((SCRIPTS / "english/corpora.toml").read_text("utf-8"))
    meant = set()
    for each in sources["corpora"]:
        for label in each["types"].values():
            meant |= {label} if isinstance(label, str) else set(label)
    assert meant == {"O", "PER", "ORG", "LOC", "MISC"}
