import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.data.formats.options import ReadOptions
from ner.data.formats.read import stream_sentences
from ner.data.schemes import SCHEME_SPELLINGS
from ner.data.tools.check import check_corpus
from ner.data.tools.findings import FIXABLE
from ner.data.tools.fix import fix_files
from ner.errors import ConfigError, DataError
from tests.data.corpora import write

ODD = (
    "-DOCSTART- -X- O \n\t\n"
    " EU\ufeff  N  I-ORG\r\n"
    "left\tV\tO\t\n"
    "\n"
    "Ada N I-PER\n"
    "Eve N I-PER\n"
    "\n"
    "lost\n"
    "\n"
)
CLEAN = "-DOCSTART- -X- O\n\nEU  N  B-ORG\nleft V O\n\nAda N B-PER\nEve N I-PER\n\nlost\n\n"
PADDING = st.text(" \t", max_size=2)
TAG = st.sampled_from(["O", *(f"{p}-{label}" for p in "BIESMLU" for label in "XY")])
ROW = st.tuples(PADDING, st.sampled_from(["a", "b\ufeffc", "\ufeff", "é"]), TAG, PADDING)
FILES = st.tuples(
    st.sampled_from([" ", "\t", "  "]),
    st.lists(st.lists(ROW, min_size=1, max_size=5), min_size=1, max_size=5),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", " ", "\t"]),
)


def fix(path, out, scheme=None, **options):
    report = check_corpus([path], ReadOptions(**options), scheme)
    (fixed,) = fix_files(report.files, report.schemes, out)
    return {what: count for what, count in fixed.changes.items() if count}


def meaning(path, **options):
    problems = []
    sentences = stream_sentences(path, problems=problems, **options)
    return [
        (
            [token.replace("\ufeff", "") or token for token in sentence.tokens],
            sentence.spans,
            {name: values for name, values in sentence.columns.items() if name != "ner"},
            sentence.document,
            sentence.source.line,
        )
        for sentence in sentences
    ], [str(problem).partition(":")[2] for problem in problems]


def test_the_form_is_mended_and_the_rest_stays(tmp_path):
    path, out = write(tmp_path / "a.conll", ODD), tmp_path / "b.conll"
    changes = fix(path, out, "BIO")
    assert out.read_bytes().decode() == CLEAN
    assert changes == {
        "blanks": 4,
        "line ends": 1,
        "separators": 1,
        "byte order marks": 1,
        "tags": 2,
    }
    assert meaning(out) == meaning(path)
    assert fix(out, tmp_path / "c.conll", "BIO") == {}


@settings(max_examples=40)
@given(file=FILES, scheme=st.sampled_from([None, *SCHEME_SPELLINGS]))
def test_spans_and_tokens_stay_and_tags_become_legal(tmp_path_factory, file, scheme):
    separator, sentences, end, between = file
    folder = tmp_path_factory.mktemp("fix")
    path, out = folder / "a.conll", folder / "b.conll"
    text = ""
    for rows in sentences:
        for before, token, tag, after in rows:
            start = before if separator != "\t" else ""
            text += f"{start}{token}{separator}{tag}{after}{end}"
        text += f"{between}{end}"
    write(path, text)
    fix(path, out, scheme)
    assert meaning(out) == meaning(path)
    form = {"blank-ends", "blank-lines", "mixed-separators", "mixed-line-ends"}
    assert not form & {finding.kind.name for finding in check_corpus([out]).findings}
    before = check_corpus([path], scheme=scheme)
    if before.files[0].problems:
        return  # tags that cannot be read stay as they are
    if not before.schemes:
        return  # there is but one column
    scheme = scheme or before.schemes[str(path)].spelling
    kinds = {finding.kind.name for finding in check_corpus([out], scheme=scheme).findings}
    assert not kinds & {"illegal-tags", "mixed-schemes"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a\tX\tO\nb\tX\t\n", id="a missing tag"),
        pytest.param("a\tX\tO\n\tX\tO\n", id="a missing token"),
        pytest.param(" a\tO\nb\tO\n", id="a blank of a token"),
        pytest.param("a O\nb\tPER \n c O\n", id="a tag without prefix"),
        pytest.param("a O\n b O x\t\n", id="too much in a row"),
    ],
)
def test_what_is_mended_has_nothing_left_to_mend(tmp_path, text):
    path, out = write(tmp_path / "a.conll", text), tmp_path / "b.conll"
    fix(path, out)
    assert meaning(out) == meaning(path)
    found = check_corpus([out]).findings
    assert not [finding for finding in found if finding.kind.hint == FIXABLE]


def test_another_encoding_and_a_packed_file_become_plain_utf8(tmp_path):
    packed = gzip.compress("é O\n".encode("latin-1"), mtime=0)
    path, out = write(tmp_path / "a.conll.gz", packed), tmp_path / "b.conll"
    assert fix(path, out, encoding="latin-1") == {}
    assert out.read_text("utf-8") == "é O\n"


def test_several_files_go_to_a_folder(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name, f"{name} O \n")
    report = check_corpus([tmp_path / "a", tmp_path / "b"])
    fix_files(report.files, report.schemes, tmp_path / "out")
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
        "a": "a O\n",
        "b": "b O\n",
    }


def test_comments_stay_and_the_rows_behind_them_are_mended(tmp_path):
    text = "# id 1 \r\na  O \nb\tI-X\n\n###id: 2\n\n# id 3 z=1\n# O\nc I-Y\n"
    path, out = write(tmp_path / "a.conll", text), tmp_path / "b.conll"
    fix(path, out, "BIO")
    assert out.read_text() == ("# id 1\na  O\nb B-X\n\n###id: 2\n\n# id 3 z=1\n# O\nc B-Y\n")
    assert meaning(out) == meaning(path)


def test_what_would_be_lost_is_refused(tmp_path):
    path = write(tmp_path / "a.conll", "a O \n")
    for out in (path, tmp_path):
        with pytest.raises(ConfigError, match=r"^--fix: must be a new file for '.*a\.conll'\."):
            fix(path, out)
    (tmp_path / "x").mkdir()
    report = check_corpus([path, write(tmp_path / "x" / "a.conll", "b O\n")])
    with pytest.raises(ConfigError, match=r"^--fix: the files must have different names\."):
        fix_files(report.files, report.schemes, tmp_path / "out")
    assert path.read_text() == "a O \n"


def test_only_columns_can_be_mended(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a"}\n')
    with pytest.raises(
        ConfigError, match=r"^--fix: each file must be a column file .*\. Got .*json"
    ):
        fix(path, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_bytes_that_are_not_utf8_are_refused_and_nothing_is_left(tmp_path):
    path = write(tmp_path / "a.conll", b"a O\n\n\xe9 O\n")
    with pytest.raises(DataError, match=r"a\.conll:3: not UTF-8: byte 0xe9"):
        fix(path, tmp_path / "b.conll")
    assert list(tmp_path.iterdir()) == [path]
