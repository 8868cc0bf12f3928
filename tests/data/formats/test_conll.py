import doctest
import io
import itertools
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ner.data.formats.conll
from ner.data.formats.columns import Layout
from ner.data.formats.conll import annotate_conll, read_conll, write_conll
from ner.data.lines import read_lines
from ner.data.schemes import PREFIXES, Span, normalize_tag, spans_from_tags, tags_from_spans
from ner.data.sentence import Prediction, Sentence, Source
from ner.data.spans import Notes
from ner.errors import ConfigError, DataError
from tests.data.corpora import error_line

ROWS = "Ada NNP B-PER\nLovelace NNP I-PER\nwrote VBD O\n\nParis NNP B-LOC\n"
TOKENS = [("Ada", "Lovelace", "wrote"), ("Paris",)]
SPANS = [(Span(0, 2, "PER"),), (Span(0, 1, "LOC"),)]


def read(text, columns=None, **options):
    raw = text if isinstance(text, bytes) else text.encode()
    return list(read_conll(io.BytesIO(raw), "x.conll", columns, **options))


def error_of(text, columns=None, **options):
    return error_line(lambda: read(text, columns, **options))


def test_examples_in_docstrings():
    assert doctest.testmod(ner.data.formats.conll).failed == 0


def test_a_sentence_keeps_tokens_spans_raw_columns_and_its_first_line():
    first, second = read(ROWS)
    assert [first.tokens, second.tokens] == TOKENS
    assert [first.spans, second.spans] == SPANS
    assert first.columns == {"column2": ("NNP", "NNP", "VBD"), "ner": ("B-PER", "I-PER", "O")}
    assert [first.source, second.source] == [Source("x.conll", 1), Source("x.conll", 5)]


@pytest.mark.parametrize(
    "spelled",
    [
        ROWS.replace("\n", "\r\n"),
        "\ufeff" + ROWS,
        ROWS.rstrip("\n"),
        ROWS.replace("\n", " \t \n"),
        ROWS.replace("\n", "\t\r\n"),
        ROWS.replace(" ", "\t"),
        ROWS.replace(" ", "   ").replace("Paris ", " Paris \t "),
        ROWS.replace("\n\n", "\n\t\t\n \n\n"),
        "\n\n" + ROWS + "\n\n\n",
        ROWS.replace("I-PER", "E-PER").replace("B-LOC", "S-LOC"),
    ],
    ids=["CRLF", "BOM", "no newline at the end", "blanks at line ends", "tab and CRLF", "tabs",
         "mixed blanks", "blank lines of blanks", "many blank lines", "BIOES"],
)  # fmt: skip
def test_every_spelling_of_a_file_is_the_same_corpus(spelled):
    sentences = read(spelled)
    assert [sentence.tokens for sentence in sentences] == TOKENS
    assert [sentence.spans for sentence in sentences] == SPANS
    assert sentences[0].columns["column2"] == ("NNP", "NNP", "VBD")


@pytest.mark.parametrize("order", [*itertools.permutations(["token", "pos", "ner"])], ids=" ".join)
def test_columns_come_in_any_order(order):
    rows = [
        dict(zip(["token", "pos", "ner"], row.split(), strict=False)) for row in ROWS.split("\n")
    ]
    text = "\n".join(" ".join(row.get(name, "") for name in order).strip() for row in rows)
    sentences = read(text, order)
    assert [sentence.tokens for sentence in sentences] == TOKENS
    assert [sentence.spans for sentence in sentences] == SPANS
    assert set(sentences[0].columns) == {"pos", "ner"}


def test_unnamed_columns_are_left_out():
    sentence = read("1 Ada x B-PER y", ["-", "token", "-", "ner", "-"])[0]
    assert (sentence.tokens, dict(sentence.columns)) == (("Ada",), {"ner": ("B-PER",)})


def test_a_file_of_one_column_is_not_annotated():
    assert [(s.tokens, s.spans, s.columns) for s in read("a\nb\n\nc")] == [
        (("a", "b"), None, {}),
        (("c",), None, {}),
    ]


def test_without_a_tag_column_nothing_is_parsed_as_tags():
    assert read("Ada NNP", tags=None)[0].columns == {"column2": ("NNP",)}
    assert read("Ada NNP", ["token", "pos"])[0].spans is None
    assert read("Ada NNP B-NP", ["token", "pos", "chunk"], tags="chunk")[0].spans == ((0, 1, "NP"),)


@pytest.mark.parametrize(
    "odd",
    ["\u00a0", "a\u00a0b", "a\u2028b", "\u3000", "a b", "a\x0bb", "\x85"],
    ids=[
        "no-break space",
        "no-break space inside",
        "line separator inside",
        "ideographic space",
        "blank inside",
        "vertical tab inside",
        "next line",
    ],
)
def test_tokens_of_tab_files_may_hold_any_other_white_space(odd):
    sentence = read(f"{odd}\tB-X\nend\tO\n")[0]
    assert (sentence.tokens, sentence.spans) == ((odd, "end"), (Span(0, 1, "X"),))


@pytest.mark.parametrize(
    "odd",
    ["a\u00a0b", "\u2028", "a\u3000", "\u1680"],
    ids=["no-break space inside", "line separator", "ideographic space at the end", "ogham space"],
)
def test_tokens_of_blank_separated_files_are_cut_at_blanks_and_tabs_alone(odd):
    assert read(f"{odd} B-X\nend O\n")[0].tokens == (odd, "end")


@pytest.mark.parametrize("blank_line", ["\n", ""], ids=["blank line after", "no blank line after"])
def test_docstart_rows_are_boundaries_and_never_tokens(blank_line):
    boundary = f"-DOCSTART- -X- O\n{blank_line}"
    sentences = read(f"a X O\n{boundary}b X O\n\nc X O\n{boundary}d X O\n\n{boundary}")
    assert [(s.tokens, s.document) for s in sentences] == [
        (("a",), None),
        (("b",), "0"),
        (("c",), "0"),
        (("d",), "1"),
    ]


@pytest.mark.parametrize(
    "boundary",
    ["-DOCSTART-", "-DOCSTART-\tO", "O -DOCSTART-"],
    ids=["alone", "before a tag", "after a tag"],
)
def test_docstart_rows_may_have_other_columns_than_tokens(boundary):
    sentences = read(f"{boundary}\n\nO a\n{boundary}\nO b\n", ["ner", "token"])
    assert [(s.tokens, s.document) for s in sentences] == [(("a",), "0"), (("b",), "1")]


def test_a_file_of_blank_lines_has_no_sentences():
    assert read("\ufeff\n \t\n-DOCSTART- O\n\n") == []
    assert read("") == []


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        (
            "a b c O\na b O\n",
            None,
            "x.conll:2: 3 columns, but the line before has 4. "
            "Columns are separated by spaces or tabs.",
        ),
        (
            "a O\n\na b O\n",
            None,
            "x.conll:3: 3 columns, but the rows before have 2. "
            "Columns are separated by spaces or tabs.",
        ),
        (
            "a\tO\nb O\n",
            None,
            "x.conll:2: 1 column, but the line before has 2. "
            "Columns are separated by single tabs, as in the first row.",
        ),
        (
            "a O\n",
            ["token", "pos", "chunk", "ner"],
            "x.conll:1: 2 columns, but 4 are named (token pos chunk ner). "
            "Columns are separated by spaces or tabs. Name those of this file with --columns.",
        ),
        (
            "Ada PER\n",
            None,
            "x.conll:1: a tag must be O or a prefix (one of B I E S M L U), a hyphen and a label. "
            "Got 'PER'. Labels without prefixes are learned with --task tag --target ner.",
        ),
        ("a\tO\n\tO\n", None, "x.conll:2: a token must not be empty. Got '\\tO'."),
        (
            b"a O\n\ncaf\xe9 O\n",
            None,
            "x.conll:3: not UTF-8: byte 0xe9 at column 4 (byte 8 of the file). "
            "If the file has another encoding, such as latin-1, name it.",
        ),
    ],
    ids=["columns", "columns after a blank line", "columns of a tab file", "named columns",
         "tag", "empty token", "encoding"],
)  # fmt: skip
def test_a_bad_row_is_one_line_with_file_line_and_reason(text, columns, message):
    assert error_of(text, columns) == message


def test_the_column_of_a_bad_byte_counts_characters_after_the_bom():
    assert "x.conll:1: not UTF-8: byte 0xff at column 3" in error_of(b"\xef\xbb\xbf\xc3\xa9a\xff O")


@pytest.mark.parametrize(
    "columns",
    [["word", "ner"], ["token", "ner", "ner"], ["token", "token"]],
    ids=["no token", "ner twice", "token twice"],
)
def test_columns_must_name_one_token_and_nothing_twice(columns):
    with pytest.raises(
        ConfigError, match="columns: one column must be 'token', and no name may be rep"
    ):
        read(ROWS, columns)


def test_bad_sentences_are_left_out_whole_and_listed():
    text = b"a O\n\nb O\nb PER\nb NAME\n\nc O\n\nd \xe9 O\nd O\n\n-DOCSTART- O\n\ne O\ne e O"
    problems = []
    sentences = read(text, problems=problems)
    assert [sentence.tokens for sentence in sentences] == [("a",), ("c",)]
    assert [str(problem).partition(": ")[0] for problem in problems] == [
        "x.conll:4",
        "x.conll:9",
        "x.conll:15",
    ]


NUMBERED = "1\tAnn\tB-PER\t-\n2\tsang\tO\t-\n"


@pytest.mark.parametrize(
    ("text", "columns", "tokens", "comments"),
    [
        pytest.param(
            f"# newdoc id = 7\n# text = Ann sang\n{NUMBERED}\n# sent_id = 2\n{NUMBERED}",
            ["-", "token", "ner", "-"],
            [("Ann", "sang"), ("Ann", "sang")],
            3,
            id="keys",
        ),
        pytest.param(
            f"#\thttp://de.example.org/x\t[2009-10-17]\n{NUMBERED}",
            ["-", "token", "ner", "-"],
            [("Ann", "sang")],
            1,
            id="sources behind tabs",
        ),
        pytest.param(
            "# id 5f domain=en\nAnn _ _ B-PER\n\n# id 5g domain=en\nsang _ _ O\n",
            None,
            [("Ann",), ("sang",)],
            2,
            id="as many columns as rows",
        ),
        pytest.param(
            "# text = O\nAnn x y B-PER\n", None, [("Ann",)], 1, id="a key and what looks like a tag"
        ),
        pytest.param(
            "###MEDLINE:7\n\nAnn\tB-PER\n\n###MEDLINE:8\n\nsang\tO\n",
            None,
            [("Ann",), ("sang",)],
            2,
            id="between blank lines",
        ),
        pytest.param(
            "# O\nwins O\n\n#Ann B-PER\n# O\n", None, [("#", "wins"), ("#Ann", "#")], 0, id="tokens"
        ),
        pytest.param(
            "Ann\tB-PER\n\n# b\n#\tO\n#1\tB-X|O\n", None, [("Ann",), ("#", "#1")], 1, id="both"
        ),
        pytest.param("# B-X\n\nAnn O\n", None, [("#",), ("Ann",)], 0, id="a token alone"),
        pytest.param("Ann O\n\n# ?\n", None, [("Ann",), ("#",)], 0, id="a tag that is left open"),
        pytest.param("#\n\n#Ann\n\nsang\n\n#\n", None, [("sang",), ("#",)], 2, id="one column"),
        pytest.param("# = x\tO\n", None, [("# = x",)], 0, id="a token with blanks"),
    ],
)
def test_comments_are_left_out_and_counted_and_tokens_may_look_like_them(
    text, columns, tokens, comments
):
    notes = Notes()
    sentences = read(text, columns=columns, notes=notes)
    assert [sentence.tokens for sentence in sentences] == tokens
    assert notes.ignored.total() == comments
    lines = text.split("\n")
    assert all(s.tokens[0] in lines[s.source.line - 1] for s in sentences)


def test_a_row_inside_a_sentence_is_no_comment():
    assert error_of("## a\n# b c\nAnn O\n# b c\n") == (
        "x.conll:4: 3 columns, but the line before has 2. Columns are separated by spaces or tabs."
    )


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        pytest.param(
            "# sent1\nAnn NNP\n\n# sent2\n# SYM\n1 CD\n", [("Ann",), ("#", "1")], id="comments"
        ),
        pytest.param(
            "Ann NNP\n\n# sym\n1 CD\n\n#ff HT\n", [("Ann",), ("#", "1"), ("#ff",)], id="tokens"
        ),
        pytest.param("# #\n1 CD\n", [("#", "1")], id="a token at the start"),
        pytest.param("# num\n# sym\n1 num\n", [("#", "#", "1")], id="the label of another row"),
    ],
)
def test_without_tags_the_first_sentence_tells_whether_there_are_comments(text, tokens):
    sentences = read(text, tags=None, last="pos")
    assert [sentence.tokens for sentence in sentences] == tokens


def test_a_comment_that_is_not_utf8_is_a_problem_of_its_sentence():
    problems = []
    assert [s.tokens for s in read(b"# \xe9\na O\n\nb O\n", problems=problems)] == [("b",)]
    assert str(problems[0]).startswith("x.conll:1: not UTF-8")


def test_sentences_are_read_as_they_are_asked_for():
    endless = itertools.cycle([b"a O\n", b"\n"])
    assert len(list(itertools.islice(read_conll(endless, "x"), 5))) == 5


TOKEN = st.text(st.characters(exclude_characters="\t\n", exclude_categories=["Cs"]), min_size=1)


def can_be_written(token):
    return token[0] != "\ufeff" and token != "-DOCSTART-"


@st.composite
def annotated_sentences(draw):
    # A byte order mark that begins a file is none of its characters.
    tokens = draw(st.lists(TOKEN.filter(can_be_written), min_size=1))
    tags = draw(
        st.lists(
            st.sampled_from(["O", "B-PER", "I-PER", "I-a b"]),
            min_size=len(tokens),
            max_size=len(tokens),
        )
    )
    return Sentence(tokens, spans=spans_from_tags(tags))


@pytest.mark.parametrize("scheme", PREFIXES)
@given(sentences=st.lists(annotated_sentences()))
def test_what_is_written_is_read_again(scheme, sentences):
    lines = [f"{line}\n".encode() for line in write_conll(sentences, scheme)]
    again = read_conll(lines, "x")
    assert [(s.tokens, s.spans) for s in again] == [(s.tokens, s.spans) for s in sentences]


HASHES = st.sampled_from(["#", "##", "#a", "##a", "# a", "# a = b", "a"])


@given(
    sentences=st.lists(
        st.lists(st.tuples(HASHES, st.sampled_from(["NN", "nn", "#", "x1"])), min_size=1)
    ),
    tagged=st.booleans(),
)
def test_a_token_that_looks_like_a_comment_is_read_again_or_refused(sentences, tagged):
    written = [
        Sentence([token for token, _ in rows], columns={"pos": tuple(p for _, p in rows)}, spans=[])
        for rows in sentences
    ]
    try:
        lines = list(write_conll(written, columns=["pos"], tagged=tagged))
    except DataError as error:
        assert "this row would be read as a comment" in str(error)
        assert not tagged
        return
    again = read("\n".join(lines), tags="ner" if tagged else None, last=None if tagged else "pos")
    pos = "column2" if tagged else "pos"
    assert [(s.tokens, s.columns[pos]) for s in again] == [
        (s.tokens, s.columns["pos"]) for s in written
    ]


def test_documents_survive_writing():
    sentences = [Sentence(["a"], document=document) for document in (None, "0", "0", "1")]
    lines = list(write_conll(sentences))
    assert lines.count("-DOCSTART-\tO") == 2
    assert [s.document for s in read("\n".join(lines))] == [None, "0", "0", "1"]


def test_predicted_spans_are_written_before_gold_ones():
    sentence = Sentence(
        ["Ada"], spans=[(0, 1, "LOC")], prediction=Prediction((Span(0, 1, "PER"),), (0.9,))
    )
    assert list(write_conll([sentence])) == ["Ada\tB-PER", ""]


@pytest.mark.parametrize(
    "token", ["a\tb", "a\nb", "-DOCSTART-"], ids=["tab", "newline", "DOCSTART"]
)
def test_a_token_that_a_column_file_cannot_hold_is_refused(token):
    with pytest.raises(
        DataError, match="sentence 2: in a column file, tokens and labels must not be"
    ):
        list(write_conll([Sentence(["a"]), Sentence([token], text=" ", offsets=[(0, 0)])]))


def test_lone_surrogates_are_written_as_replacement_characters():
    assert list(write_conll([Sentence(["a\ud83d"])])) == ["a\ufffd\tO", ""]


def tag_capitals(sentences):
    for s in sentences:
        spans = [Span(i, i + 1, "CAP") for i, token in enumerate(s.tokens) if token[0].isupper()]
        yield s.replace(prediction=Prediction(tuple(spans), (1.0,) * len(spans)))


def annotate(text, tag=tag_capitals, **options):
    raw = text if isinstance(text, bytes) else text.encode()
    return list(annotate_conll(io.BytesIO(raw), tag, "x.conll", **options))


def test_annotated_rows_stay_as_they_were():
    text = "-DOCSTART- -X-\r\n\r\nAda  x   NNP\r\nleft VBD\ty\r\n\r\n\r\nParis a b\r\n"
    assert annotate(text, scheme="BIOES") == [
        "-DOCSTART- -X- O",
        "",
        "Ada  x   NNP S-CAP",
        "left VBD\ty O",
        "",
        "",
        "Paris a b S-CAP",
    ]


@pytest.mark.parametrize("tags", [None, "ner"])
def test_comments_pass_through_as_they_are(tags):
    text = "# id 5 a=b\nAda x O\n\n# text = O\n\n#a\tb\n# x O\n\n# x\nA\xa0\n"
    problems = []
    assert annotate(text, tags=tags, problems=problems) == [
        "# id 5 a=b",
        "Ada x O B-CAP",
        "",
        "# text = O",
        "",
        "#a\tb",
        "# x O O",
        "",
        "# x",
        "A\xa0 O",
    ]
    assert [str(problem).partition(": ")[0] for problem in problems] == ["x.conll:10"]


def test_annotated_tab_files_keep_their_tabs():
    assert annotate("a b\t\u2028\nC\tX\t \n") == ["a b\t\u2028\tO", "C\tX\tB-CAP"]


def test_annotated_rows_of_unreadable_sentences_get_an_o():
    problems = []
    assert annotate(b"A x\n\nB x y\nC \xe9\n\nD x", problems=problems) == [
        "A x B-CAP",
        "",
        "B x y O",
        "C \ufffd O",
        "",
        "D x B-CAP",
    ]
    assert [str(problem) for problem in problems] == [
        "x.conll:3: 3 columns, but the rows before have 2. Columns are separated by spaces or tabs."
    ]


def test_annotation_of_nothing_is_nothing():
    assert annotate("") == []
    assert annotate("\n-DOCSTART-\n") == ["", "-DOCSTART- O"]


@pytest.mark.parametrize("ahead", [1, 3, 100])
def test_a_tagger_may_read_ahead(ahead):
    def tag_in_batches(sentences):
        while batch := list(itertools.islice(sentences, ahead)):
            yield from tag_capitals(batch)

    text = "\n-DOCSTART-\n".join(f"\nA{i}\nb\n" for i in range(10))
    assert annotate(text, tag_in_batches) == annotate(text)
    assert [line.rpartition(" ")[0] for line in annotate(text) if line] == text.split()


def test_lines_come_out_as_soon_as_their_sentence_is_tagged():
    endless = itertools.cycle([b"A\n", b"\n"])
    lines = annotate_conll(endless, tag_capitals, "x")
    assert list(itertools.islice(lines, 5)) == ["A B-CAP", "", "A B-CAP", "", "A B-CAP"]


def test_a_tagger_that_loses_a_sentence_is_caught():
    with pytest.raises(AssertionError, match="too few sentences"):
        annotate("A\n\nB\n", lambda sentences: list(tag_capitals(sentences))[:1])


def test_files_that_are_not_there_are_data_errors(tmp_path):
    with pytest.raises(DataError, match=r"none\.conll: no such file\."):
        read_lines(tmp_path / "none.conll")
    with pytest.raises(DataError, match=r": a directory, but a file is expected\."):
        read_lines(tmp_path)


def test_a_file_that_may_not_be_read_is_a_data_error(tmp_path, monkeypatch):
    def refuse(self, mode):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "secret.conll"
    path.touch()
    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(DataError, match=r"secret\.conll: cannot be read\. Permission denied\.$"):
        list(read_lines(path))


# Counts stated by the README of the development corpora.
@pytest.mark.parametrize(
    ("name", "sentences", "tokens", "entities"),
    [
        ("conll2003/eng.train", 14_041, 203_621, 23_499),
        ("conll2003/eng.testa", 3_250, 51_362, 5_942),
    ],
)
def test_conll2003_has_the_same_entities_in_every_scheme(
    shared_data, name, sentences, tokens, entities
):
    read_once = list(read_conll(read_lines(shared_data(name)), name))
    assert len(read_once) == sentences
    assert sum(map(len, read_once)) == tokens
    spans = [sentence.spans for sentence in read_once]
    assert sum(map(len, spans)) == entities
    for scheme in ("BIO", "BIOES"):
        written = (f"{line}\n".encode() for line in write_conll(read_once, scheme))
        assert [sentence.spans for sentence in read_conll(written, scheme)] == spans
    for spelling in ("BMES", "BILU"):
        spell = {"O": "O"} | dict(zip("BIES", spelling, strict=True))
        for sentence in read_once:
            tags = tags_from_spans(sentence.spans, len(sentence), "BIOES")
            spelled = [normalize_tag(spell[tag[0]] + tag[1:]) for tag in tags]
            assert tuple(spans_from_tags(spelled)) == sentence.spans


BLANKS = [
    "a NN O",
    "b NN B-X",
    "c  O",
    " d O",
    "e\tNN O",
    "f NN I-X ",
    "g NN x",
    "h O",
    "\xff NN O",
]
TABS = ["a\tO", "b\tB-X", "\tO", "c O", "d\t\tO", "e\tx", "f\tO\t"]


@given(
    st.sampled_from([BLANKS, TABS]).flatmap(
        lambda rows: st.lists(st.sampled_from([*rows, "", "-DOCSTART- NN O"]), max_size=9).map(
            lambda lines: [rows[0], "", *lines]
        )
    )
)
def test_rows_read_at_once_are_those_read_one_by_one(lines):
    def everything():
        problems = []
        raw = "\n".join(lines).encode("latin-1")
        return read(raw, problems=problems), [str(problem) for problem in problems]

    at_once = everything()
    with patch.object(Layout, "read_plain_rows", lambda *_: None):
        assert everything() == at_once


ODD_TEXT = st.lists(
    st.sampled_from(
        ["a", "O", "B-X", "-DOCSTART-", "?", " ", "\t", "\n", "\r", "\u00a0", "\u2028"]
    ),
    max_size=30,
).map("".join)


@given(
    st.sampled_from(["a O\n\n", "a\tO\n\n", "a a O\n\n", ""]),
    ODD_TEXT,
    st.sampled_from([None, ["token", "ner"], ["ner", "-", "token"]]),
    st.sampled_from(["ner", None]),
    st.booleans(),
)
def test_any_text_is_read_at_once_as_it_is_row_by_row(first, text, columns, tags, skips):
    def everything():
        problems = [] if skips else None
        try:
            lines = io.BytesIO((first + text).encode())
            found = list(read_conll(lines, "x", columns, tags, problems))
            return found, [str(problem) for problem in problems or ()]
        except DataError as error:
            return str(error)

    at_once = everything()
    with patch.object(Layout, "read_plain_rows", lambda *_: None):
        assert everything() == at_once


def test_conll2003_has_as_many_documents_as_boundaries(shared_data):
    # 946 rows of -DOCSTART-, the last of them at the end of the file, which begins with a sentence.
    sentences = read_conll(read_lines(shared_data("conll2003/eng.train")), "eng.train")
    documents = [sentence.document for sentence in sentences]
    assert documents[0] is None
    assert len(set(documents)) == 946


@pytest.mark.parametrize(
    ("name", "sentences"),
    [
        ("wnut17/wnut17train.conll", 3_394),
        ("wnut17/emerging.dev.conll", 1_009),
        ("conll2002/esp.train", 8_323),
        ("conll2002/esp.testa", 1_915),
        ("resume_zh/train.char.bmes", 3_821),
        ("resume_zh/dev.char.bmes", 463),
        ("conll2000/train.txt", 8_936),
    ],
)
def test_other_corpora_have_their_stated_number_of_sentences(shared_data, name, sentences):
    assert sum(1 for _ in read_conll(read_lines(shared_data(name)), name)) == sentences
