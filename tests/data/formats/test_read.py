import hashlib
import io
import sys

import datasets
import pytest

from ner.data.formats.read import file_digest, read_sentences
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.errors import DataError
from tests.data.corpora import error_line, loaded_modules, write

SPANS = [(Span(0, 1, "PER"),)]


def data_set():
    classes = datasets.List(datasets.ClassLabel(names=["O", "B-PER"]))
    features = {"tokens": datasets.List(datasets.Value("string")), "ner_tags": classes}
    rows = {"tokens": [["Ada", "left"]], "ner_tags": [[1, 0]]}
    return datasets.Dataset.from_dict(rows, features=datasets.Features(features))


def spans_of(source, **options):
    return [sentence.spans for sentence in read_sentences(source, **options)]


@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
def test_the_form_of_a_corpus_is_told_by_its_name(tmp_path, kind):
    jsonl = '{"text": "Ada left", "spans": [{"start": 0, "end": 3, "label": "PER"}]}\n'
    assert spans_of(kind(write(tmp_path / "a.jsonl", jsonl))) == SPANS
    assert spans_of(kind(write(tmp_path / "a.txt", "Ada B-PER\nleft O\n"))) == SPANS
    columns = write(tmp_path / "b", "B-PER Ada\nO left\n")
    assert spans_of(kind(columns), columns=["ner", "token"]) == SPANS
    data_set().save_to_disk(tmp_path / "set")
    assert spans_of(kind(tmp_path / "set")) == SPANS


def test_a_hub_name_may_say_its_split(monkeypatch):
    parts = datasets.DatasetDict({"validation": data_set(), "extra": data_set()})
    monkeypatch.setattr(datasets, "load_dataset", lambda name: {"a/b": parts}[name])
    assert spans_of("hub:a/b", split="dev") == SPANS
    assert spans_of("hub:a/b:extra", split="dev", hub_tokens="tokens") == SPANS
    with pytest.raises(
        DataError, match=r"a/b: the split must be one of validation extra\. Got 'train'"
    ):
        read_sentences("hub:a/b", hub_tags="ner_tags")


def test_sentences_are_taken_as_they_are():
    sentences = [Sentence(["Ada"], spans=SPANS[0]), Sentence(["b"])]
    assert read_sentences(sentences) == sentences
    with pytest.raises(DataError, match=r"^sentences\[0\]: must be a Sentence, a pair"):
        read_sentences(["Ada"])


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_the_sample_comes_with_the_package(split):
    sentences = read_sentences(f"sample:{split}")
    assert len(sentences) >= {"train": 800, "dev": 150, "test": 150}[split]
    assert {span.label for s in sentences for span in s.spans} == {"PER", "ORG", "LOC", "MISC"}
    assert str(sentences[0].source).startswith(f"sample:{split}:")
    assert len(file_digest(f"sample:{split}")) == 64


@pytest.mark.parametrize("of", [read_sentences, file_digest])
def test_the_sample_has_three_splits(of):
    with pytest.raises(
        DataError, match=r"sample: its split must be one of train dev test\. Got 'tset'\."
    ):
        of("sample:tset")


def test_standard_input_has_columns(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Ada B-PER\nx PER")))
    with pytest.raises(DataError, match=r"^stdin:2: a tag must be O or a prefix"):
        read_sentences("-")
    assert file_digest("-") is None


def test_records_without_tokens_are_left_out(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": " "}\n{"text": "a"}\n')
    assert [sentence.tokens for sentence in read_sentences(path)] == [("a",)]


def test_json_lines_are_cut_by_the_tokenizer_given(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a b"}\n')
    assert read_sentences(path, tokenize=lambda text: ([text], [(0, 3)]))[0].tokens == ("a b",)


@pytest.mark.parametrize("name", ["a.conll", "a.jsonl"])
@pytest.mark.parametrize(
    "text", ["", "\n \n", "\ufeff"], ids=["empty", "blank lines", "byte order mark"]
)
def test_a_corpus_without_sentences_is_an_error(tmp_path, name, text):
    path = write(tmp_path / name, text)
    message = error_line(lambda: read_sentences(path), tmp_path)
    assert message == f"{name}: no sentences. At least one is needed."


def test_an_empty_list_is_an_error():
    with pytest.raises(DataError, match=r"sentences: no sentences\. At least one is needed\."):
        read_sentences([])


def test_a_corpus_of_bad_sentences_says_how_many(tmp_path):
    path = write(tmp_path / "a.conll", "a PER\n\nb LOC\n")
    problems = []
    with pytest.raises(DataError, match=r"no sentences\. 2 could not be read\. At least one"):
        read_sentences(path, problems=problems)
    assert len(problems) == 2


def test_files_that_are_not_there_are_data_errors(tmp_path):
    for of in (read_sentences, file_digest):
        with pytest.raises(DataError, match=r"none\.conll: no such file\.$"):
            of(tmp_path / "none.conll")
    with pytest.raises(DataError, match="a folder must hold what save_to_disk wrote"):
        read_sentences(tmp_path)
    with pytest.raises(DataError, match=r"xxx: cannot be read\. File name too long\.$"):
        read_sentences("x" * 9999)
    with pytest.raises(DataError, match=r"no such file\.$"):
        read_sentences("a\0b")


def test_the_digest_of_a_file_is_its_sha256(tmp_path):
    path = write(tmp_path / "a", "a O\n")
    assert file_digest(str(path)) == hashlib.sha256(b"a O\n").hexdigest()
    assert file_digest("hub:a/b") is None


def test_the_digest_of_a_folder_depends_on_names_and_contents(tmp_path):
    (tmp_path / "set").mkdir()
    digests = []
    for name, text in [("a", "x"), ("a", "y"), ("b", "z")]:
        write(tmp_path / "set" / name, text)
        digests.append(file_digest(tmp_path / "set"))
    assert len(set(digests)) == 3
    assert file_digest(tmp_path / "set") == digests[-1]


def test_the_digest_of_a_pair_of_files_depends_on_both(tmp_path):
    digests = []
    for annotation in ("T1\tX 0 1\ta", "T1\tY 0 1\ta"):
        text = write(tmp_path / "a.txt", "a")
        pair = write(tmp_path / "a.ann", annotation)
        assert file_digest(text) == file_digest(pair)
        digests.append(file_digest(text))
    assert len(set(digests)) == 2
    pair.unlink()
    assert file_digest(text) == hashlib.sha256(b"a").hexdigest()


def test_the_digest_of_sentences_depends_on_what_training_sees():
    sentence = Sentence(["a\ud83d"], spans=[], columns={"pos": ("X",)})
    others = [sentence.replace(spans=None), sentence.replace(spans=[(0, 1, "X")]),
              sentence.replace(columns={"pos": ("Y",)}), Sentence(["b"], spans=[]),
              sentence.replace(spans=None, allowed=[("O",)])]  # fmt: skip
    assert len({file_digest([one]) for one in (sentence, *others)}) == 6
    assert file_digest([sentence]) == file_digest([sentence.replace(document="d")])


def test_reading_files_imports_neither_torch_nor_datasets():
    statements = "import ner.data.formats.read as r; r.read_sentences('sample:dev')"
    assert not loaded_modules(statements, ("torch", "datasets", "pydantic"))
