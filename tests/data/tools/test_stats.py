import json

import pytest

from ner.data.formats.options import ReadOptions
from ner.data.tools.corpus_file import read_corpus_files
from ner.data.tools.stats import corpus_stats
from tests.data.corpora import write

TRAIN = (
    "-DOCSTART- O\n\nAda B-PER\nLovelace I-PER\nleft O\nLondon B-LOC\n\nShe O\nleft O\n\n"
    "-DOCSTART- O\n\nYes O\n\n"
)
DEV = "Ada B-PER\nLovelace I-PER\nsleeps O\n\nLondon B-ORG\nParis B-LOC\n\nYes O\n\n"


def stats(tmp_path, *texts, **options):
    paths = {}
    for name, text in zip(("train", "dev"), texts, strict=False):
        paths[name] = write(tmp_path / f"{name}.conll", text)
    return corpus_stats(read_corpus_files(paths, ReadOptions(**options)))


def test_a_file_is_counted(tmp_path):
    (file,) = stats(tmp_path, TRAIN).to_dict()["files"]
    assert file == {
        "name": "train",
        "documents": 2,
        "sentences": 3,
        "tokens": 7,
        "types": 6,
        "entities": 2,
        "partial": 0,
        "unknown": 0,
        "inside": round(3 / 7, 6),
        "labels": {"PER": 1, "LOC": 1},
        "sentence_lengths": {"mean": 2.33, "median": 2, "most": 4, "longest": 4},
        "entity_lengths": {"mean": 1.5, "median": 1, "most": 2, "longest": 2},
        "token_lengths": {"mean": round((3 + 8 + 4 + 6 + 3 + 4 + 3) / 7, 2), "median": 4}
        | {"most": 8, "longest": 8},
    }


def test_partial_annotation_is_counted(tmp_path):
    found = stats(tmp_path, "Ada B-PER|B-ORG\nleft ?\nParis O\n\nLondon B-LOC\n\nYes ?\n\n")
    (file,) = found.files
    assert (file.sentences, file.entities, file.partial, file.unknown) == (3, 1, 2, 3)
    assert "  partly annotated  2 sentences  (3 tokens open)" in found.lines()
    assert file.labels == {"PER": 1, "ORG": 1, "LOC": 1}


def test_what_is_new_after_the_first_file_is_measured(tmp_path):
    (overlap,) = stats(tmp_path, TRAIN, DEV).to_dict()["overlaps"]
    assert overlap == {
        "name": "dev",
        "known_as": "train",
        "new_types": round(2 / 6, 6),
        "new_tokens": round(2 / 6, 6),
        "new_entities": round(1 / 3, 6),
        "newly_labelled": round(2 / 3, 6),
        "shared_sentences": round(1 / 3, 6),
    }


def test_labels_may_be_a_column_or_those_of_texts(tmp_path):
    (file,) = stats(tmp_path, "a\tNOUN\nb\tNOUN\nc\tVERB\n", target="upos").files
    assert file.labels == {"NOUN": 2, "VERB": 1}
    path = write(
        tmp_path / "a.jsonl",
        '{"text": "a", "label": "good"}\n{"text": "b", "label": ["bad", "good"]}\n',
    )
    (file,) = corpus_stats(read_corpus_files([path])).files
    assert (file.labels, file.documents) == ({"good": 2, "bad": 1}, 0)


def test_what_a_file_does_not_have_is_said(tmp_path):
    found = stats(tmp_path, "a\tX\n", "b\tX\n", target="pos")
    assert found.overlaps[0].new_entities is None
    lines = list(found.lines())
    assert "  documents         not marked" in lines
    assert "  entities          none there" in lines
    assert not any("in entities" in line for line in lines)


def test_figures_are_printed_in_percent(tmp_path):
    lines = list(stats(tmp_path, TRAIN, DEV).lines())
    assert "  in entities       42.9 % of tokens" in lines
    assert "    PER                    1   50.0 %" in lines
    assert "  sentences         33.3 %" in lines
    json.dumps(stats(tmp_path, TRAIN, DEV).to_dict())


@pytest.mark.parametrize(
    ("name", "sentences", "tokens", "entities", "documents"),
    [
        ("conll2003/eng.train", 14_041, 203_621, 23_499, 946),
        ("conll2003/eng.testa", 3_250, 51_362, 5_942, 216),
    ],
)
def test_known_corpora_have_their_published_sizes(
    shared_data, name, sentences, tokens, entities, documents
):
    (file,) = corpus_stats(read_corpus_files([shared_data(name)])).files
    assert (file.sentences, file.tokens, file.entities) == (sentences, tokens, entities)
    assert file.documents == documents
