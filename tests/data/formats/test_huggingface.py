import json
import sys

import datasets
import pytest

from ner.data.formats.huggingface import read_hub
from ner.data.formats.huggingface_columns import NamedColumns
from ner.data.formats.read import read_sentences
from ner.data.formats.registry import FORMATS
from ner.data.formats.write import write_sentences
from ner.data.schemes import Span
from ner.data.sentence import Sentence, Source
from ner.data.spans import Notes
from ner.errors import ConfigError, DataError, MissingExtraError
from tests.data.corpora import error_line, write

# An order in which no one would guess the names.
NAMES = ["B-LOC", "O", "I-PER", "B-PER"]
ROWS = {
    "id": ["x", "y", "z"],
    "tokens": [["Ada", "Lovelace", "left"], ["-DOCSTART-"], ["Paris"]],
    "pos_tags": [[0, 0, 1], [1], [0]],
    "ner_tags": [[3, 2, 1], [1], [0]],
}
FEATURES = {
    "id": datasets.Value("string"),
    "tokens": datasets.List(datasets.Value("string")),
    "pos_tags": datasets.List(datasets.ClassLabel(names=["NOUN", "VERB"])),
    "ner_tags": datasets.List(datasets.ClassLabel(names=NAMES)),
}


def make(rows=ROWS, **features):
    known = {column: features.get(column, FEATURES.get(column)) for column in rows}
    return datasets.Dataset.from_dict(rows, features=datasets.Features(known))


def saved(path, dataset):
    dataset.save_to_disk(path)
    return path


def saved_parquet(path, dataset):
    # What `Dataset.to_parquet` writes, class names included, without its progress bar.
    import pyarrow.parquet

    pyarrow.parquet.write_table(dataset.data.table, path / "data.parquet")
    return path / "data.parquet"


def check(sentences):
    first, second = sentences
    assert first.tokens == ("Ada", "Lovelace", "left")
    assert first.spans == (Span(0, 2, "PER"),)
    assert second.spans == (Span(0, 1, "LOC"),)
    assert first.columns["pos_tags"] == ("NOUN", "NOUN", "VERB")
    assert first.columns["ner_tags"] == ("B-PER", "I-PER", "O")
    assert [first.id, second.id] == ["x", "z"]
    assert [first.document, second.document] == [None, "0"]


def error_of(dataset, tmp_path, split="train", **options):
    folder = saved(tmp_path / "set", dataset)
    named = NamedColumns(**options)
    return error_line(lambda: list(read_hub(folder, split, named)), tmp_path)


def test_a_saved_data_set_is_read_with_its_own_label_names(tmp_path):
    folder = saved(tmp_path / "set", make())
    sentences = list(read_hub(folder, "train"))
    check(sentences)
    assert sentences[1].source == Source(str(folder), 3)


def test_a_parquet_file_is_read_with_its_own_label_names(tmp_path):
    check(list(read_hub(saved_parquet(tmp_path, make()), "train")))


@pytest.mark.parametrize("name", ["validation", "dev", "valid"])
def test_the_development_split_has_many_names(tmp_path, name):
    parts = datasets.DatasetDict({"train": make({"tokens": [["a"]]}), name: make()})
    folder = saved(tmp_path / "set", parts)
    sentences = list(read_hub(folder, "dev"))
    check(sentences)
    assert sentences[0].source == Source(f"{folder}[{name}]", 1)


def test_a_name_is_looked_up_on_the_hub(monkeypatch):
    asked = []

    def load_dataset(*args, **kwargs):
        asked.append((args, kwargs))
        return datasets.DatasetDict({"test": make()})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    check(list(read_hub("someone/news", "test")))
    assert asked == [(("someone/news",), {})]


def test_a_hub_out_of_reach_is_one_line(monkeypatch):
    def load_dataset(name):
        raise ConnectionError(f"Couldn't reach '{name}' on the Hub.\nMore of it")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert error_line(lambda: list(read_hub("someone/news", "train"))) == (
        "someone/news: cannot be loaded as a data set. Couldn't reach 'someone/news' on the Hub."
    )


def test_string_tags_are_read_as_they_are(tmp_path):
    rows = {"words": [["Ada", "x"]], "tags": [["S-PER", "O"]]}
    strings = FEATURES["tokens"]
    sentence = next(read_hub(saved(tmp_path / "set", make(rows, words=strings, tags=strings)), ""))
    assert sentence.spans == (Span(0, 1, "PER"),)


def test_columns_may_be_named(tmp_path):
    rows = {"form": ROWS["tokens"], "tokens": ROWS["tokens"], "entities": ROWS["ner_tags"]}
    features = {"form": FEATURES["tokens"], "entities": FEATURES["ner_tags"]}
    folder = saved(tmp_path / "set", make(rows, **features))
    assert next(read_hub(folder, "train", NamedColumns("form", "entities"))).spans == (
        Span(0, 2, "PER"),
    )


def test_the_only_columns_that_fit_need_no_name(tmp_path):
    rows = {"form": ROWS["tokens"], "entities": ROWS["ner_tags"]}
    features = {"form": FEATURES["tokens"], "entities": FEATURES["ner_tags"]}
    folder = saved(tmp_path / "set", make(rows, **features))
    assert next(read_hub(folder, "train")).spans == (Span(0, 2, "PER"),)


def test_without_tags_sentences_are_not_annotated(tmp_path):
    folder = saved(tmp_path / "set", make({"tokens": [["a"]]}))
    assert next(read_hub(folder, "train")).spans is None


def test_a_saved_format_makes_no_difference(tmp_path):
    folder = saved(tmp_path / "set", make().with_format("numpy"))
    check(list(read_hub(folder, "train")))


def test_numbers_without_names_are_refused(tmp_path):
    dataset = make(ner_tags=datasets.List(datasets.Value("int64")))
    assert error_of(dataset, tmp_path) == (
        "set: tags must be strings, or classes (ClassLabel) that state their names. "
        "Got List(Value('int64')) in 'ner_tags'."
    )


def test_a_missing_split_is_answered_with_those_there_are(tmp_path):
    parts = datasets.DatasetDict({"train": make(), "test": make()})
    assert (
        error_of(parts, tmp_path, "dev") == "set: the split must be one of train test. Got 'dev'."
    )


@pytest.mark.parametrize("option", ["tokens", "tags"])
def test_a_missing_column_is_answered_with_those_there_are(tmp_path, option):
    message = "set: the column must be one of id tokens pos_tags ner_tags. Got 'wrods'."
    assert error_of(make(), tmp_path, **{option: "wrods"}) == message


@pytest.mark.parametrize("tokens", [None, "pos_tags"])
def test_a_data_set_without_strings_has_no_tokens(tmp_path, tokens):
    dataset = make({"id": ["x"], "pos_tags": [[0]]})
    assert error_of(dataset, tmp_path, tokens=tokens) == (
        "set: a column of tokens (lists of strings) or of texts (strings) must be named. "
        "Got the columns id pos_tags."
    )


@pytest.mark.parametrize(
    ("tokens", "tags", "message"),
    [
        pytest.param(
            ["a", "b"],
            [1],
            "ner_tags: must be a list of 2, one per token. Got [1].",
            id="a tag too few",
        ),
        pytest.param(
            ["a"], None, "ner_tags: must be a list of 1, one per token. Got None.", id="no tags"
        ),
        pytest.param(
            ["a"], [-1], "ner_tags: must be classes from 0 to 3. Got -1.", id="a tag below 0"
        ),
        pytest.param(
            ["a"], [None], "ner_tags: must be classes from 0 to 3. Got None.", id="an empty tag"
        ),
        pytest.param(
            ["a", ""],
            [1, 1],
            "tokens: must be strings, none of them empty. Got ['a', ''].",
            id="an empty token",
        ),
        pytest.param(
            ["a", None],
            [1, 1],
            "tokens: must be strings, none of them empty. Got ['a', None].",
            id="a token that is none",
        ),
        pytest.param(None, [1], "tokens: must be a list. Got None.", id="no tokens"),
    ],
)
def test_a_bad_row_is_one_line_and_may_be_left_out(tmp_path, tokens, tags, message):
    dataset = make({"tokens": [["fine"], tokens, ["too"]], "ner_tags": [[1], tags, [0]]})
    assert error_of(dataset, tmp_path) == f"set:2: {message}"
    problems = []
    kept = read_hub(tmp_path / "set", "train", problems=problems)
    assert [sentence.tokens for sentence in kept] == [("fine",), ("too",)]
    assert [str(problem) for problem in problems] == [f"{tmp_path}/set:2: {message}"]


def test_classes_without_prefix_are_refused(tmp_path):
    classes = datasets.List(datasets.ClassLabel(names=["O", "PER"]))
    dataset = make({"tokens": [["a"]], "ner_tags": [[1]]}, ner_tags=classes)
    assert error_of(dataset, tmp_path).endswith("a hyphen and a label. Got 'PER'.")


def test_what_is_no_data_set_is_one_line(tmp_path):
    with pytest.raises(
        DataError, match=r"^\S+: a folder must hold .*\. Got a folder without any of them\.$"
    ):
        list(read_hub(tmp_path, "train"))
    with pytest.raises(DataError, match=r"no\.parquet: no such file\.$"):
        list(read_hub(tmp_path / "no.parquet", "train"))
    write(tmp_path / "bad.parquet", json.dumps({}))
    with pytest.raises(
        DataError, match=r"bad\.parquet: cannot be loaded as a data set\. [^\n]+\.$"
    ):
        list(read_hub(tmp_path / "bad.parquet", "train"))


def test_without_the_library_the_message_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"Hugging Face needs datasets: pip install '.+\["):
        list(read_hub(tmp_path, "train"))


def test_a_target_column_is_kept_and_nothing_is_taken_for_tags(tmp_path):
    folder = saved(tmp_path / "set", make({k: ROWS[k] for k in ("tokens", "pos_tags")}))
    with pytest.raises(DataError, match="a tag must be O or a prefix"):
        list(read_hub(folder, "train"))
    first, *_ = read_hub(folder, "train", NamedColumns(target="pos_tags"))
    assert (first.spans, first.columns["pos_tags"]) == (None, ("NOUN", "NOUN", "VERB"))
    folder = saved(tmp_path / "both", make())
    first, *_ = read_hub(folder, "train", NamedColumns(tags="ner_tags", target="pos_tags"))
    assert first.spans == (Span(0, 2, "PER"),)


CLASSES = datasets.ClassLabel(names=["neg", "pos"])
STRING, INTEGER, FLOAT = (datasets.Value(name) for name in ("string", "int64", "float32"))


def texts(label, feature, **more):
    """Make a data set of two texts, labels in the column `label`, further columns of strings."""
    rows = {"text": ["So good!", "Bad."], "label": label, **more}
    strings = dict.fromkeys(more, STRING)
    return make({**rows}, text=STRING, label=feature, **strings)


@pytest.mark.parametrize(
    ("label", "feature", "expected"),
    [
        pytest.param([1, 0], CLASSES, [("pos",), ("neg",)], id="class"),
        pytest.param(["pos", "neg"], STRING, [("pos",), ("neg",)], id="string"),
        pytest.param([7, -1], INTEGER, [("7",), ("-1",)], id="integer"),
        pytest.param([[1, 0], []], datasets.List(CLASSES), [("pos", "neg"), ()], id="classes"),
        pytest.param(
            [["a"], ["b", "c"]], datasets.List(STRING), [("a",), ("b", "c")], id="strings"
        ),
        pytest.param(["pos", None], STRING, [("pos",), None], id="some without"),
    ],
)
@pytest.mark.parametrize("save", [saved, saved_parquet])
def test_texts_have_labels_of_many_kinds(tmp_path, label, feature, expected, save):
    path = tmp_path if save is saved_parquet else tmp_path / "set"
    found = list(read_hub(save(path, texts(label, feature)), "train"))
    assert [s.tokens for s in found] == [("So", "good", "!"), ("Bad", ".")]
    assert [s.text for s in found] == ["So good!", "Bad."]
    assert [s.labels for s in found] == expected
    assert all(s.spans is None for s in found)


def test_numbers_without_names_have_them_in_a_column_of_their_own(tmp_path):
    dataset = texts([1, 0], INTEGER, label_text=["pos", "neg"])
    assert [s.labels for s in read_hub(saved(tmp_path / "a", dataset), "")] == [("pos",), ("neg",)]
    named = texts([1, 0], CLASSES, label_text=["x", "y"])
    assert [s.labels for s in read_hub(saved(tmp_path / "b", named), "")] == [("pos",), ("neg",)]


def test_columns_of_texts_and_labels_may_be_named_or_be_the_only_ones(tmp_path):
    rows = {"title": ["So so."], "body": ["A b."], "coarse": [1], "fine": [0]}
    features = {"title": STRING, "body": STRING, "coarse": CLASSES, "fine": CLASSES}
    folder = saved(tmp_path / "set", make(rows, **features))
    (found,) = read_hub(folder, "", NamedColumns("body", "fine"))
    assert (found.text, found.labels) == ("A b.", ("neg",))
    (found,) = read_hub(
        folder, "", NamedColumns("body")
    )  # of two columns of classes none is chosen
    assert found.labels is None
    only = make({"id": ["7"], "title": ["So so."], "coarse": [1]}, **features)
    (found,) = read_hub(saved(tmp_path / "only", only), "")
    assert (found.text, found.labels, found.id) == ("So so.", ("pos",), "7")


def test_tokens_may_have_a_label_for_all_of_them(tmp_path):
    rows = {"tokens": [["So", "good"]], "label": [1], "ner_tags": [[1, 1]]}
    folder = saved(tmp_path / "set", make(rows, label=CLASSES))
    (found,) = read_hub(folder, "")
    assert (found.labels, found.spans) == (("pos",), ())
    (found,) = read_hub(folder, "", NamedColumns(tags="label"))
    assert (found.labels, found.spans) == (("pos",), None)


@pytest.mark.parametrize(
    ("text", "label", "feature", "message"),
    [
        pytest.param(None, 1, CLASSES, "text: must be a string. Got None.", id="no text"),
        pytest.param(
            "a", -1, CLASSES, "label: must be classes from 0 to 1. Got -1.", id="a class below 0"
        ),
        pytest.param(
            "a",
            "",
            STRING,
            "label: must be a label or a list of labels. Got [''].",
            id="an empty label",
        ),
        pytest.param(
            "a",
            [0, None],
            datasets.List(CLASSES),
            "label: must be classes from 0 to 1. Got None.",
            id="an empty class",
        ),
    ],
)
def test_a_bad_text_or_label_is_one_line_and_may_be_left_out(
    tmp_path, text, label, feature, message
):
    fine = [0] if isinstance(label, list) else 0 if feature is CLASSES else "x"
    rows = {"text": ["fine", text], "label": [fine, label]}
    dataset = make(rows, text=STRING, label=feature)
    assert error_of(dataset, tmp_path) == f"set:2: {message}"
    problems = []
    assert len(list(read_hub(tmp_path / "set", "train", problems=problems))) == 1
    assert [str(problem) for problem in problems] == [f"{tmp_path}/set:2: {message}"]


def test_numbers_that_are_no_labels_are_refused(tmp_path):
    assert error_of(texts([0.5, 0.1], FLOAT), tmp_path, tags="label") == (
        "set: labels must be strings, whole numbers or classes (ClassLabel), or lists of them. "
        "Got Value('float32') in 'label'."
    )


def test_a_data_set_of_texts_is_a_corpus_like_any_other(tmp_path, monkeypatch):
    dataset = datasets.DatasetDict({"train": texts([1, 0], CLASSES)})
    folder = saved(tmp_path / "set", dataset)
    monkeypatch.setattr(datasets, "load_dataset", lambda name: dataset)
    for source in (folder, f"{folder}", "hub:someone/reviews", "hub:someone/reviews:train"):
        assert [s.labels for s in read_sentences(source)] == [("pos",), ("neg",)]
    cut = read_sentences(folder, tokenize=lambda text: ([text], [(0, len(text))]))
    assert cut[0].tokens == ("So good!",)


INTEGER_32 = datasets.Value("int32")
SPAN = {"start": INTEGER, "end": INTEGER, "label": STRING}
GIVEN = [{"start": 0, "end": 3, "label": "PER"}, {"start": 9, "end": 14, "label": "LOC"}]


@pytest.mark.parametrize(
    ("rows", "features"),
    [
        pytest.param({"entities": [GIVEN]}, {"entities": datasets.List(SPAN)}, id="structures"),
        pytest.param(
            {"marks": [[{"start_offset": 0, "end_offset": 3, "type": 1},
                        {"start_offset": 9, "end_offset": 14, "type": 0}]]},
            {"marks": datasets.List({"start_offset": INTEGER_32, "end_offset": INTEGER_32,
                                     "type": datasets.ClassLabel(names=["LOC", "PER"])})},
            id="other names, classes",
        ),
        pytest.param(
            {"spans": [{"start": [0, 9], "end": [3, 14], "label": ["PER", "LOC"]}]},
            {"spans": {"start": datasets.List(INTEGER), "end": datasets.List(INTEGER),
                       "label": datasets.List(STRING)}},
            id="a list for each field",
        ),
        pytest.param({"entities": [json.dumps(GIVEN)]}, {"entities": STRING}, id="JSON"),
    ],
)  # fmt: skip
def test_texts_have_spans_in_many_shapes(tmp_path, rows, features):
    dataset = make({"text": ["Ada left Paris."], **rows}, text=STRING, **features)
    (found,) = read_hub(saved(tmp_path / "set", dataset), "")
    assert (found.spans, found.labels) == (((0, 1, "PER"), (2, 3, "LOC")), None)
    (found,) = read_sentences(tmp_path / "set", tags=next(iter(rows)))
    assert len(found.spans) == 2


def test_texts_have_spans_that_are_checked_like_all_others(tmp_path):
    rows = {"text": ["Ada left"], "entities": [[{"start": 0, "end": 2, "label": "PER"}]]}
    dataset = make(rows, text=STRING, entities=datasets.List(SPAN))
    assert error_of(dataset, tmp_path).startswith("set:1: span [0, 2) 'Ad' does not start")
    (found,) = read_sentences(tmp_path / "set", misaligned="split", notes=Notes())
    assert found.tokens == ("Ad", "a", "left")


def test_lists_without_an_item_for_each_token_are_left_out_and_counted(tmp_path):
    rows = {
        "tokens": [["Ada", "left"], ["She", "saw", "Paris"]],
        "ner_tags": [[3, 1], [1, 1, 0]],
        "langs": [["en", "en"], ["en"] * 3],
        "spans": [["PER: Ada"], ["LOC: Paris"]],
        "places": [[], ["Paris"]],
        "url": ["a", "b"],
    }
    lists = dict.fromkeys(("langs", "spans", "places"), FEATURES["tokens"])
    folder = saved(tmp_path / "set", make(rows, url=STRING, **lists))
    notes = Notes()
    first, _ = read_sentences(folder, notes=notes)
    assert (first.spans, first.columns.keys()) == (((0, 1, "PER"),), {"ner_tags", "langs"})
    assert notes.ignored == {"fields 'spans'": 2, "fields 'places'": 2, "fields 'url'": 2}


def test_what_columns_hold_may_be_said(tmp_path):
    rows = {"words": [["Ada"]], "gold": [[3]], "mood": ["x"]}
    features = {"words": FEATURES["tokens"], "gold": FEATURES["ner_tags"], "mood": STRING}
    folder = saved(tmp_path / "set", make(rows, **features))
    (found,) = read_sentences(folder, columns=["tokens=words", "tags=gold", "label=mood"])
    assert (found.spans, found.labels) == (((0, 1, "PER"),), ("x",))
    (found,) = read_sentences(saved_parquet(tmp_path, make(rows, **features)), tags="gold")
    assert found.spans == ((0, 1, "PER"),)
    message = error_line(
        lambda: read_sentences(folder, columns=["token", "ner"]), error=ConfigError
    )
    assert message.startswith("columns: must not be set for hub, which has no use for it. Got")


def test_a_token_that_begins_documents_is_not_alone_in_a_sentence(tmp_path):
    with pytest.raises(DataError, match="sentence 1: in a data set, a token must not be alone if"):
        write_sentences([Sentence(["-DOCSTART-"])], tmp_path / "x.parquet", FORMATS["hub"])
