import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.data.formats.options import ReadOptions
from ner.data.formats.read import read_sentences, stream_sentences
from ner.data.formats.registry import FORMATS
from ner.data.formats.write import write_sentences
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.data.tools.blocks import ending, read_blocks, write_blocks
from ner.data.tools.corpus_file import read_corpus_file
from ner.data.tools.split import SPLIT_NAMES, sample_blocks, split_blocks, split_file
from ner.errors import ConfigError, DataError
from tests.data.corpora import write

WORD = st.sampled_from(["Ada", "London", "x", "é", "😀", "\ufeff"])
TAG = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC"])
SENTENCES = st.lists(st.lists(st.tuples(WORD, TAG), min_size=1, max_size=4), min_size=3)
DOCUMENTS = st.lists(SENTENCES, max_size=6)


def column_text(start, documents):
    text = ""
    for i, sentences in enumerate([start, *documents]):
        text += "-DOCSTART- O\n\n" if i else ""
        for rows in sentences:
            text += "".join(f"{word} {tag}\n" for word, tag in rows) + "\n"
    return text


def content(path, **options):
    return [
        (s.tokens, s.text, s.spans, s.labels, tuple(sorted(s.columns.items())))
        for s in stream_sentences(path, **options)
    ]


def split(path, out, ratios=(60, 20, 20), seed=0, **options):
    written, lost = split_file(
        read_corpus_file(str(path), path, ReadOptions(**options)), out, ratios, seed
    )
    assert not lost
    return list(written)


@settings(max_examples=40)
@given(start=SENTENCES, documents=DOCUMENTS, seed=st.integers(0, 5))
def test_the_parts_are_the_whole_and_no_document_is_torn(tmp_path_factory, start, documents, seed):
    folder = tmp_path_factory.mktemp("split")
    path = write(folder / "a.conll", column_text(start, documents), "utf-8-sig")
    file = read_corpus_file("a", path)
    blocks = read_blocks(file)
    assert "".join(block.raw for block in blocks) == path.read_text("utf-8-sig")
    try:
        paths = split(path, folder / "out", seed=seed)
    except DataError as error:
        texts = {tuple(word for word, _ in rows) for rows in start}
        groups = len({block.document for block in blocks} if documents else texts)
        assert groups < 3 and "as many documents" in str(error)
        return
    whole = Counter(content(path))
    assert sum((Counter(content(path)) for path in paths), Counter()) == whole
    found = split_blocks(blocks, (60, 20, 20), seed)
    held = [{p.document for p in one if p.document is not None} for one in found]
    assert sum(map(len, held)) == len(set().union(*held))
    if not documents:
        texts = [{p.sentence.tokens for p in one if p.sentence} for one in found]
        assert sum(map(len, texts)) == len(set().union(*texts))
    assert all(sum(p.sentence is not None for p in one) for one in found)


def test_every_part_has_its_share_of_every_label(tmp_path):
    rare = [Sentence([f"r{i}", "y"], spans=[Span(0, 1, "RARE")]) for i in range(10)]
    usual = [Sentence([f"u{i}", "y"], spans=[Span(0, 1, "USUAL")]) for i in range(90)]
    none = [Sentence([f"n{i}", "y"], spans=[]) for i in range(100)]
    path = tmp_path / "a.jsonl"
    write_sentences([*rare, *usual, *none], path, FORMATS["jsonl"])
    for seed in range(3):
        paths = split(path, tmp_path / str(seed), (80, 10, 10), seed)
        labels = [Counter(span.label for s in read_sentences(p) for span in s.spans) for p in paths]
        assert labels == [
            {"RARE": 8, "USUAL": 72},
            {"RARE": 1, "USUAL": 9},
            {"RARE": 1, "USUAL": 9},
        ]
        assert [len(read_sentences(p)) for p in paths] == [160, 20, 20]


def test_the_labels_of_a_column_are_dealt_out_when_it_is_to_be_learnt(tmp_path):
    path = write(
        tmp_path / "a.conll", "".join(f"w{i}\t{'X' if i < 10 else 'Y'}\n\n" for i in range(100))
    )
    paths = split(path, tmp_path / "out", (50, 50, 0), target="pos")
    counts = [Counter(s.columns["pos"][0] for s in read_sentences(p, target="pos")) for p in paths]
    assert counts == [{"X": 5, "Y": 45}, {"X": 5, "Y": 45}]


def test_a_seed_decides_once_and_for_all(tmp_path):
    path = write(tmp_path / "a.conll", "".join(f"w{i} O\n\n" for i in range(50)))
    texts = [
        [Path(p).read_text() for p in split(path, tmp_path / f"{i}", seed=seed)]
        for i, seed in enumerate((1, 1, 2))
    ]
    assert texts[0] == texts[1] != texts[2]


CONLLU = (
    "# newdoc id = d{0}\n# sent_id = {0}\n# text = vámonos\n1-2\tvámonos" + "\t_" * 8 + "\n"
    "1\tvamos\tir\tVERB" + "\t_" * 6 + "\n2\tnos\tnosotros\tPRON" + "\t_" * 6 + "\n"
    "2.1\tsí" + "\t_" * 8 + "\n\n"
)
FILES = {
    "conll": ("\ufeffa  x O\r\n\r\n \r\nb y O\nc z B-X", "conll"),
    "conllu": ("".join(CONLLU.format(i) for i in range(5)), "conllu"),
    "jsonl": ('{"text": "a b", "more": 1}\n\n{"text": " "}\n{"text":"c", "label": "x"}', "jsonl"),
    "labels": ("good a  b\nbad c\ngood d e f\nbad g h\ngood i\n", "txt"),
    "csv": ('text,label\n"a,\nb",x\nc,y\nd,x\n', "csv"),
    "csv-long": ("sentence,token,pos,ner\n1,a,N,S-X\n1,b,V,O\n2,c,N,O\n3,d,N,O\n", "csv"),
    "json": ('[{"text": "a", "spans": [[0, 1, "X"]]}, {"text": "b"}, {"text": "c"}]', "json"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_split_has_the_format_of_its_file_and_loses_nothing(tmp_path, name):
    text, suffix = FILES[name]
    path = write(tmp_path / f"a.{suffix}", text)
    ratios = (1, 0, 1)
    paths = split(path, tmp_path / "out", ratios)
    assert [p.rpartition("/")[2] for p in paths] == [f"train.{suffix}", f"test.{suffix}"]
    whole = Counter(content(path, format=name))
    assert sum((Counter(content(p, format=name)) for p in paths), Counter()) == whole
    if name in ("conllu", "labels"):
        lines = [line for p in paths for line in Path(p).read_text("utf-8").split("\n")]
        assert sorted(filter(None, lines)) == sorted(filter(None, text.split("\n")))


def test_what_no_sentence_holds_stays_in_a_table(tmp_path):
    rows = ['"a,\nb",x,1', "c,y,2", 'd,"x",3']
    path = write(tmp_path / "a.csv", "\n".join(["Text,label,author", *rows]))
    texts = [Path(p).read_text() for p in split(path, tmp_path / "out", (1, 1, 0))]
    assert all(text.startswith("Text,label,author\n") for text in texts)
    assert sum(row in text for row in rows for text in texts) == 3
    assert sum(map(len, texts)) == len(path.read_text()) + len("Text,label,author\n\n")


def test_packed_files_and_encodings_stay(tmp_path):
    path = tmp_path / "a.txt.gz"
    write_sentences(
        [Sentence([w], labels=["é"]) for w in "abc"], path, FORMATS["labels"], encoding="latin-1"
    )
    paths = split(path, tmp_path / "out", format="labels", encoding="latin-1")
    assert [p.rpartition("/")[2] for p in paths] == [f"{name}.txt.gz" for name in SPLIT_NAMES]
    sentences = [s for p in paths for s in read_sentences(p, format="labels", encoding="latin-1")]
    assert sorted(s.tokens[0] for s in sentences) == ["a", "b", "c"]
    assert {s.labels for s in sentences} == {("é",)}


@pytest.mark.parametrize(
    ("text", "ratios", "error", "message"),
    [
        pytest.param(
            "a O\n\nb O\n",
            (1, 1, 1),
            DataError,
            r"split: 3 splits need .* Got 2\.",
            id="too few for three",
        ),
        pytest.param(
            "a O\n\na O\n",
            (1, 1, 0),
            DataError,
            r"split: 2 splits need .* Got 1\.",
            id="twice the same",
        ),
        pytest.param(
            "a O\n\nb PER\n",
            (1, 1, 0),
            DataError,
            r"a\.conll:3: a tag must be O or a prefix",
            id="a tag without prefix",
        ),
        pytest.param(
            "a x O\n\nb\tx\tO\n",
            (1, 1, 0),
            DataError,
            r"a\.conll:3: all columns of a file to split must",
            id="tabs and blanks",
        ),
        pytest.param(
            "a O\n\nb O\n",
            (1, -1, 0),
            ConfigError,
            r"--ratios: .* Got 1 -1 0\.",
            id="a negative ratio",
        ),
        pytest.param(
            "a O\n\nb O\n", (0, 0, 0), ConfigError, r"--ratios: .* Got 0 0 0\.", id="ratios of 0"
        ),
        pytest.param(
            "a O\n\nb O\n", (math.nan, 1, 0), ConfigError, r"--ratios: .* Got nan 1 0\.", id="nan"
        ),
        pytest.param(
            "a O\n\nb O\n", (1, math.inf, 0), ConfigError, r"--ratios: .* Got 1 inf 0\.", id="inf"
        ),
    ],
)
def test_what_cannot_be_split_is_refused(tmp_path, text, ratios, error, message):
    path = write(tmp_path / "a.conll", text)
    with pytest.raises(error, match=message):
        split(path, tmp_path / "out", ratios)
    assert not (tmp_path / "out").exists()


def test_files_that_are_there_are_not_overwritten(tmp_path):
    path = write(tmp_path / "a.conll", "a O\n\nb O\n")
    split(path, tmp_path, (1, 1, 0))
    with pytest.raises(ConfigError, match=r"--out: must be a folder without train\.conll\."):
        split(path, tmp_path, (1, 1, 0))


def test_spans_that_a_format_would_lose_are_refused(tmp_path):
    path = write(tmp_path / "a.json", '[{"text": "Ada", "spans": [[0, 2, "PER"]]}, {"text": "b"}]')
    with pytest.raises(DataError, match=r"a\.json:1: .*span \[0, 2\)"):
        split(path, tmp_path / "out", (1, 1, 0))


def test_a_sample_has_the_order_of_the_file_and_the_borders_of_its_documents(tmp_path):
    path = write(
        tmp_path / "a.conll",
        column_text([[("a", "O")]], [[[("b", "O")]], [[("c", "O")], [("d", "O")]]]),
    )
    blocks = read_blocks(read_corpus_file("a", path))
    drawn = {"".join(block.raw for block in sample_blocks(blocks, 2, seed)) for seed in range(99)}
    border = "-DOCSTART- O\n\n"
    assert drawn == {
        f"a O\n\n{border}b O\n\n",
        f"a O\n\n{border}c O\n\n",
        f"a O\n\n{border}d O\n\n",
        f"{border}b O\n\n{border}c O\n\n",
        f"{border}b O\n\n{border}d O\n\n",
        f"{border}c O\n\nd O\n\n",
    }
    assert sample_blocks(blocks, 4, 0) == blocks
    with pytest.raises(DataError, match=r"-n: must be at most 4, the sentences of .*\. Got 5\."):
        sample_blocks(blocks, 5, 0)


def test_comments_go_with_the_sentence_behind_them(tmp_path):
    blocks = ["# id\t1\na O\n\n", "###id:2\n\n# x\tO\tO\n# O\n\n", "c O\n\n", "###end\n"]
    path = write(tmp_path / "a.conll", "".join(blocks))
    read = read_blocks(read_corpus_file("a", path))
    assert [block.raw for block in read] == [*blocks[:3], "###end\n\n"]
    assert [b.sentence and b.sentence.tokens for b in read] == [("a",), ("#",), ("c",), None]


def test_a_sampled_sentence_of_conllu_names_its_document(tmp_path):
    second, out = CONLLU.format(1).partition("\n")[2], tmp_path / "b.conllu"
    path = write(tmp_path / "a.conllu", CONLLU.format(0) + CONLLU.format(1) + second)
    file = read_corpus_file("a", path)
    first, _, third = read_blocks(file)
    write_blocks([first, third], file, str(out))
    assert out.read_text("utf-8") == CONLLU.format(0) + "# newdoc id = d1\n" + second
    assert ending(file) == ".conllu"


@pytest.mark.parametrize("name", ["conll2003/eng.train", "ud_english_ewt/en_ewt-ud-dev.conllu"])
def test_known_corpora_are_split_line_by_line(shared_data, tmp_path, name):
    path = shared_data(name)
    paths = split(path, tmp_path / "out", (80, 10, 10))
    lines = Counter(line for p in paths for line in Path(p).read_bytes().splitlines(keepends=True))
    assert lines == Counter(path.read_bytes().splitlines(keepends=True))
    sizes = [len(read_sentences(p)) for p in paths]
    assert sizes[1] + sizes[2] == pytest.approx(0.2 * sum(sizes), rel=0.05)
