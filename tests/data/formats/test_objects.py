"""Data in memory: each kind gives the same sentences as the others."""

import datasets
import numpy as np
import pytest

import ner
from ner.data.formats.objects import read_objects
from ner.data.formats.options import ReadOptions
from ner.data.formats.read import file_digest, read_sentences
from ner.data.sentence import Sentence, Source
from ner.errors import DataError

pandas = pytest.importorskip("pandas")

TOKENS = [["Ada", "Lovelace", "left", "."], ["New", "York"], ["Nobody"]]
TAGS = [["B-PER", "I-PER", "O", "O"], ["B-LOC", "I-LOC"], ["O"]]
SPANS = [((0, 2, "PER"),), ((0, 2, "LOC"),), ()]
NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
ROWS = [
    (number, token, tag)
    for number, (tokens, tags) in enumerate(zip(TOKENS, TAGS, strict=True))
    for token, tag in zip(tokens, tags, strict=True)
]


def pairs():
    return list(zip(TOKENS, TAGS, strict=True))


def hub(tags=None, feature=None):
    feature = feature or datasets.ClassLabel(names=NAMES)
    kinds = {"tokens": datasets.Value("string"), "ner_tags": feature}
    features = datasets.Features({n: datasets.Sequence(kind) for n, kind in kinds.items()})
    numbers = tags or [[NAMES.index(tag) for tag in tags] for tags in TAGS]
    return datasets.Dataset.from_dict({"tokens": TOKENS, "ner_tags": numbers}, features=features)


def long_frame():
    # As in the corpus of Kaggle: a number where a sentence begins, and names of its own.
    numbers = [f"Sentence: {n}" if i == 0 or ROWS[i - 1][0] != n else None
               for i, (n, _, _) in enumerate(ROWS)]  # fmt: skip
    columns = zip(*ROWS, strict=True)
    _, words, tags = map(list, columns)
    return pandas.DataFrame({"Sentence #": numbers, "Word": words, "Tag": tags})


BIOES = [["B-PER", "E-PER", "O", "O"], ["B-LOC", "E-LOC"], ["O"]]
SOURCES = {
    "sentences": lambda: [Sentence(t, spans=s) for t, s in zip(TOKENS, SPANS, strict=True)],
    "pairs": pairs,
    "pairs of another scheme": lambda: list(zip(TOKENS, BIOES, strict=True)),
    "lists of pairs": lambda: [list(pair) for pair in pairs()],
    "arrays": lambda: [(np.array(tokens), np.array(tags)) for tokens, tags in pairs()],
    "a generator": lambda: (pair for pair in pairs()),
    "a tuple": lambda: tuple(pairs()),
    "rows of nltk": lambda: [list(zip(t, ["X"] * len(t), g, strict=True)) for t, g in pairs()],
    "records": lambda: [{"tokens": t, "ner_tags": tags} for t, tags in pairs()],
    "records with tuples": lambda: [{"tokens": tuple(t), "tags": tuple(g)} for t, g in pairs()],
    "a data set of classes": hub,
    "a data set of strings": lambda: hub(TAGS, datasets.Value("string")).to_list(),
    "splits": lambda: datasets.DatasetDict(test=hub([[0] * 4, [0] * 2, [0]]), train=hub()),
    "a stream": lambda: datasets.IterableDataset.from_generator(
        lambda: ({"tokens": t, "ner_tags": g} for t, g in pairs())
    ),
    "a table of sentences": lambda: pandas.DataFrame({"tokens": TOKENS, "ner_tags": TAGS}),
    "a table of tokens": long_frame,
    "numbered tokens": lambda: pandas.DataFrame(ROWS, columns=["sentence_id", "token", "ner"]),
    "a table of pyarrow": lambda: hub(TAGS, datasets.Value("string")).data.table,
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_each_kind_of_data_gives_the_same_sentences(source):
    found = read_sentences(source(), split="train")
    assert [list(s.tokens) for s in found] == TOKENS
    assert [s.spans for s in found] == SPANS


def test_a_sentence_is_named_by_its_place_in_the_list():
    own = Sentence(["a"], spans=[], source=Source("a.conll", 7))
    found = read_sentences([*pairs(), own], split="dev")
    assert [str(s.source) for s in found] == ["dev[0]", "dev[1]", "dev[2]", "a.conll:7"]
    assert [str(s.source) for s in read_sentences(hub(), split="train")][2] == "train[2]"
    # A sentence of a table of tokens has the place of its first row.
    assert [str(s.source) for s in read_sentences(long_frame())][1] == "sentences[4]"


def test_a_sentence_given_stays_as_it_is():
    given = Sentence(["a"], spans=[])
    assert read_sentences([given])[0] is given
    (found,) = read_sentences([given], split="train")
    assert (found.replace(source=None), str(found.source)) == (given, "train[0]")
    assert given.source is None


def test_other_columns_of_a_table_of_tokens_are_kept_as_strings():
    rows = [(1, "Ada", "NNP", 3, "B-PER"), (1, "left", None, 4, "O")]
    frame = pandas.DataFrame(rows, columns=["sentence", "token", "POS", "n", "ner"])
    (sentence,) = read_sentences(frame)
    assert sentence.columns == {"POS": ("NNP", ""), "n": ("3", "4"), "ner": ("B-PER", "O")}
    (column,) = read_sentences(frame, target="POS")
    assert (column.spans, column.column("POS")) == (None, ("NNP", ""))


TEXTS = {
    "a label": ("Ada left.", "news"),
    "tokens and a label": (["Ada", "left", "."], "news"),
    "a list of labels": ("Ada left.", ["news"]),
    "a record": {"text": "Ada left.", "label": "news"},
    "fields": ("Ada left.", {"labels": ["news"]}),
}


@pytest.mark.parametrize("item", TEXTS.values(), ids=TEXTS)
def test_texts_have_labels(item):
    (found,) = read_sentences([item])
    assert (found.tokens, found.labels, found.spans) == (("Ada", "left", "."), ("news",), None)


def test_numbers_are_labels_too():
    frame = pandas.DataFrame({"Review": ["good film", "bad"], "Sentiment": [1, 0]})
    assert [s.labels for s in read_sentences(frame)] == [("1",), ("0",)]
    assert read_sentences([(["bad"], 0)])[0].labels == ("0",)


@pytest.mark.parametrize(
    "known",
    [[(0, 3, "PER")], {"entities": [(0, 3, "PER")]}, {"spans": [[0, 3, "PER"]]}],
    ids=["spans", "entities of spacy", "a field"],
)
def test_spans_of_a_text_count_characters(known):
    (found,) = read_sentences([("Ada left.", known)])
    assert (found.spans, found.labels) == (((0, 1, "PER"),), None)


@pytest.mark.parametrize(
    "item",
    [
        (["a", "b"], ["NOUN", "VERB"]),
        {"tokens": ["a", "b"], "upos": ["NOUN", "VERB"]},
        {"tokens": ["a", "b"], "columns": {"upos": ["NOUN", "VERB"]}},
        Sentence(["a", "b"], columns={"upos": ["NOUN", "VERB"]}),
    ],
    ids=["pair", "record", "columns", "sentence"],
)
def test_labels_of_tokens_are_read_as_they_are(item):
    (found,) = read_sentences([item], target="upos")
    assert found.column("upos") == ("NOUN", "VERB")
    assert found.spans is None


EXPECTED = (
    "must be a Sentence, a pair (tokens, tags) or (text, label), or a record such as "
    "{'tokens': [...], 'ner_tags': [...]}."
)
TOO_FEW = "Labels of the whole text go into Sentence(tokens, labels=...)."


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (["a.conll", "b.conll"], f"train[0]: {EXPECTED} Got 'a.conll'."),
        ([*pairs(), ["Ada", "left"]], f"train[3]: {EXPECTED} Got ['Ada', 'left']."),
        ([(["a", None], ["O", "O"])], f"train[0]: {EXPECTED} Got (['a', None], ['O', 'O'])."),
        (
            [*pairs(), (["a", "b"], ["O"])],
            f"train[3]: tags: must be one for each of 2 tokens. Got 1. {TOO_FEW}",
        ),
        ([(["a"], [3])], "train[0]: tags: must be a list of strings. Got [3]."),
        (
            [(["a"], ["PER"])],
            "train[0]: ner_tags: a tag must be O or a prefix (one of B I E S M L U), a hyphen and "
            "a label. Got ['PER'].",
        ),
        (
            [("Ada left.", [(1, 3, "PER")])],
            "train[0]: span [1, 3) 'da' does not start and end at token borders.",
        ),
        (
            7,
            "train: must be a file, a list, a generator, a data set of Hugging Face or a table. "
            "Got 7.",
        ),
        (
            {"tokens": TOKENS[2:]},
            "train: must be a file, a list, a generator, a data set of Hugging Face or a table. "
            "Got {'tokens': [['Nobody']]}.",
        ),
        (
            pandas.DataFrame({"token": ["a"], "ner": ["O"]}),
            "train: a table with a token on each row must have a column 'sentence' that numbers "
            "the sentences. Got ['token', 'ner'].",
        ),
        (
            pandas.DataFrame({"sentence": [1, 1], "token": ["a", None], "ner": ["O", "O"]}),
            "train[1]: token: must be a string that is not empty. Got None. pandas reads NA and "
            "null as missing, unless keep_default_na is False.",
        ),
        (
            pandas.DataFrame({"sentence": [1, 1], "token": ["a", "b"], "ner": ["O", "PER"]}),
            "train[1]: a tag must be O or a prefix (one of B I E S M L U), a hyphen and a label. "
            "Got 'PER'.",
        ),
        (
            pandas.DataFrame({"size": [1]}),
            "train: a table must have a column of texts, such as 'text', or of lists of tokens, "
            "such as 'tokens'. Got the columns ['size'].",
        ),
    ],
    ids=[
        *("paths", "tokens", "no string", "few tags", "numbers", "no tag", "no token border"),
        *("7", "a dict", "no numbers", "a missing token", "no tag in a table", "no text"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_place(items, message):
    with pytest.raises(DataError) as error:
        read_sentences(items, split="train")
    assert str(error.value) == message


def test_items_that_cannot_be_read_are_left_out_on_request():
    problems = []
    items = [*pairs(), (["a"], ["PER"]), pairs()[0]]
    found = read_sentences(items, split="train", problems=problems)
    assert [str(s.source) for s in found] == ["train[0]", "train[1]", "train[2]", "train[4]"]
    assert [str(p).partition(":")[0] for p in problems] == ["train[3]"]


def test_items_are_read_one_after_the_other():
    def endless():
        while True:
            yield pairs()[0]

    stream = read_objects(endless(), ReadOptions())
    assert [str(next(stream).source) for _ in range(2)] == ["sentences[0]", "sentences[1]"]


def test_only_lists_of_sentences_have_a_digest():
    assert file_digest(read_sentences(pairs())) is not None
    assert file_digest(pairs()) is file_digest(long_frame()) is file_digest(iter([])) is None


def test_reading_lists_imports_neither_pandas_nor_datasets():
    import subprocess
    import sys

    program = (
        "import sys, ner\nner.read_sentences([(['a'], ['O'])])\n"
        "assert not {'pandas', 'datasets', 'torch'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_a_model_is_evaluated_on_any_kind_of_data(tiny_tagger):
    expected = ner.evaluate(tiny_tagger, SOURCES["sentences"]())
    for kind in ("pairs", "a generator", "a data set of classes", "splits", "a table of tokens"):
        assert ner.evaluate(tiny_tagger, SOURCES[kind](), split="train") == expected
