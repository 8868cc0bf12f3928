import json
from collections import Counter
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.formats.options import ReadOptions
from ner.data.schemes import SCHEME_SPELLINGS, Span, spelled_tags
from ner.data.tools import findings as kinds
from ner.data.tools.check import check_corpus
from ner.data.tools.check_duplicates import near_key
from ner.data.tools.check_labels import _is_misspelt, meant_labels
from ner.data.tools.check_schemes import find_scheme
from ner.data.tools.findings import Kind
from ner.errors import ConfigError, DataError
from tests.data.corpora import write

SENTENCE = "The\tO\nman\tO\nleft\tO\nthe\tO\nmarketplace\tO\nof\tO\nToulon\tB-LOC\n\n"
OTHER = SENTENCE.replace("Toulon\tB-LOC", "Toulon\tO")
NEAR = SENTENCE.replace("left", "LEFT")
PERSON = "Ada\tB-PER\nleft\tO\n\n"


def people(number, label="PER", name="Ada"):
    return f"{name}\tB-{label}\nleft\tO\n\n" * number


def rows(number):
    return "".join(f"w{i}\tO\n" for i in range(number)) + "\n"


# For each kind of problem: a file, and the lines where it is.
CASES = {
    "ragged-rows": ("a O\nb\nc d O\ne O\n", [2, 3]),
    "unreadable": ("a O\nb PER\n\nc O\n", [2]),
    "illegal-tags": ("a B-PER\nb I-LOC\n\nc B-PER\nd I-PER\n\ne I-PER\n", [2, 7]),
    "mixed-schemes": ("a B-X\nb I-X\n\n" * 20 + "a B-X\nb E-X\nc S-X\n\n" * 5, None),
    "misread-columns": ("\n1 a B-X\n2 b O\n", [2]),
    "row-like-comments": ("# id 5 b=c\na x y O\n\n# id\nb x y O\n\n# x y O\n", [1]),
    "blank-ends": ("a O\nb O \n c O\t\n", [2, 3]),
    "blank-lines": ("a\tO\n\t\nb\tO\n\n \nc\tO\n", [2, 5]),
    "mixed-separators": ("a x O\nb\tx\tO\nc x\tO\n", [2, 3]),
    "carriage-returns": ("a O\r\nb\rc O\r\n", [2]),
    "mixed-line-ends": ("a O\nb O\r\n\nc O\r\n", [2, 4]),
    "white-space-in-tokens": ("a O\nb\u00a0c O\n\u3000 O\n", [2, 3]),
    "replacement-characters": ("a O\nb\ufffd O\n", [2]),
    "mojibake": ("São O\nSÃ£o O\nâ€œ O\n", [2, 3]),
    "control-characters": ("a O\nb\x07 O\nc\x85\x96 O\n", [2, 3]),
    "invisible-characters": ("\ufeffa O\nb\ufeff O\nc\u200bd O\ne\u200df O\n", [2, 3]),
    "mixed-normal-forms": ("caf\u00e9 O\nx O\ncafe\u0301 O\n", [3]),
    "other-tokens": ("科0 O\n技1 O\n全2 O\n\n. O\n", [1]),
    "duplicates": (SENTENCE * 2 + PERSON * 2, [9]),
    "contradictions": (SENTENCE + OTHER, [9]),
    "near-duplicates": (SENTENCE + NEAR, [9]),
    "misspelt-labels": (people(100) + people(1, "PRE") + people(1, "per"), [301, 304]),
    "rare-labels": (people(1000) + people(4, "UFO"), [3001, 3004, 3007, 3010]),
    "conflicting-labels": (people(99) + people(1, "LOC"), [298]),
    "empty-documents": ("-DOCSTART- O\n\n-DOCSTART- O\n\na O\n\n-DOCSTART- O\n", [1, 7]),
    "long-sentences": (rows(9) * 200 + rows(101), [2001]),
    "long-tokens": (f"a\tO\n{'b' * 101}\tO\nhttp://{'b' * 101}\tO\n", [2]),
    "long-entities": ("a\tB-X\nb\tI-X\n\n" * 200 + "a\tB-X\n" + "b\tI-X\n" * 10, [601]),
}
# Those for which there must be two files, or another format.
OF_SEVERAL = {
    "shared-sentences": (SENTENCE, PERSON + SENTENCE, [4]),
    "near-shared-sentences": (SENTENCE, PERSON + NEAR, [4]),
    "unknown-labels": (PERSON, "Paris\tB-LOC\n\n", [1]),
    "other-scheme": ("Ada\tB-PER\nK.\tI-PER\n\nEve\tB-PER\n", "Eve\tI-PER\n", [1]),
}


def found(path, *others, **options):
    """Give the lines of every kind of problem in the last of the files."""
    report = check_corpus([path, *others], ReadOptions(**options))
    name = str((path, *others)[-1])
    assert all(place.where.startswith(f"{f.file}:") for f in report.findings for place in f.places)
    return {
        finding.kind.name: [int(place.where.rpartition(":")[2]) for place in finding.places]
        for finding in report.findings
        if finding.file == name
    }


def test_every_kind_of_problem_has_a_case():
    names = {kind.name for kind in vars(kinds).values() if isinstance(kind, Kind)}
    assert names == {*CASES, *OF_SEVERAL, "unfitting-spans", "left-out"}


@pytest.mark.parametrize("kind", CASES)
def test_a_problem_is_found_where_it_is(tmp_path, kind):
    text, lines = CASES[kind]
    places = found(write(tmp_path / "a.conll", text))
    if lines is None:
        assert places[kind]
    else:
        assert places[kind] == lines


@pytest.mark.parametrize("kind", OF_SEVERAL)
def test_a_problem_between_files_is_found_in_the_later_one(tmp_path, kind):
    first, second, lines = OF_SEVERAL[kind]
    first, second = write(tmp_path / "a.conll", first), write(tmp_path / "b.conll", second)
    assert found(first, second)[kind] == lines


def test_spans_that_do_not_fit_are_all_found(tmp_path):
    spans = [[0, 2, "PER"], [0, 99, "PER"], [3, 4, "PER"], [4, 8, "PER"], [4, 8, "LOC"]]
    path = write(tmp_path / "a.jsonl", '{"text": "x"}\n' + json.dumps({"text": "Ada left",
                 "spans": spans}) + "\n")  # fmt: skip
    report = check_corpus([path])
    (finding,) = [f for f in report.findings if f.kind is kinds.UNFITTING_SPANS]
    assert {place.where for place in finding.places} == {f"{path}:2"}
    assert [place.example.partition(")")[0] for place in finding.places] == [
        "span [0, 2", "span [0, 99", "span [3, 4", "span [4, 8"
    ]  # fmt: skip
    assert [span[:2] for span in report.files[0].sentences[1].spans] == [(1, 2)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(
            "a.jsonl",
            "".join(f'{{"text": "a", "answer": "{answer}"}}\n' for answer in ("ignore", "reject")),
            id="answers of Prodigy",
        ),
        pytest.param("a.json", '[["a", {"entities": []}],\nnull,\nnull]', id="null in a list"),
    ],
)
def test_records_that_nobody_accepted_are_notes(tmp_path, name, text):
    report = check_corpus([write(tmp_path / name, text)])
    (finding,) = report.findings
    assert (finding.kind.name, len(finding.places)) == ("left-out", 2)
    assert report.passed(strict=True)


@pytest.mark.parametrize(
    "text", ["Ann,B-PER\nleft,O\n", "Ann|B-PER\nleft|O\n"], ids=["commas", "bars"]
)
def test_a_row_that_is_read_as_a_token_is_a_warning(tmp_path, text):
    assert found(write(tmp_path / "a.conll", text))["misread-columns"] == [1]


@pytest.mark.parametrize(
    ("record", "example"),
    [
        ({"tokens": ["科0", "技1"]}, "'科0' would be '科 0'; 0.0 % of tokens agree"),
        (
            {"text": "a1b2", "tokens": [[0, 2], [2, 4]]},
            "'a1' would be 'a1b2'; 0.0 % of tokens agree",
        ),
    ],
    ids=["cut", "joined"],
)
def test_the_first_token_that_raw_text_lacks_is_shown(tmp_path, record, example):
    line = json.dumps(record)
    (finding,) = check_corpus([write(tmp_path / "a.jsonl", f"{line}\n")]).findings
    assert [(finding.kind.name, place.example) for place in finding.places] == [
        ("other-tokens", example)
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_texts_without_tokens_are_found_in_other_formats(tmp_path, name):
    text = '{"text": "a"}\n{"text": " "}\n' if name == "a.jsonl" else 'text,label\na,x\n" ",x\n'
    assert found(write(tmp_path / name, text)) == {"empty-documents": [2 + (name == "a.csv")]}


def test_the_sample_is_clean():
    splits = {split: f"sample:{split}" for split in ("train", "dev", "test")}
    report = check_corpus(splits)
    assert list(report.findings) == []
    assert [str(report.schemes[split]) for split in splits] == ["BIO (inferred)"] * 3


@pytest.mark.parametrize(
    "text",
    [
        "हिन्दी O\nनमस्ते O\n👨\u200d👩\u200d👧 O\nشما\u200cرا O\n",
        "ÅÄÖ O\nñandú O\nÃ O\n£ O\n",
        "NP B-NP\nPP B-PP\nVP B-VP\n\n" * 100 + "a B-XP\n",
        "a O\r\nb O\r\n\r\nc O\r\n",
        "a\tB-PER\nb\t?\nc\tB-PER|I-PER\n\n\n",
        "cafe\u0301 O\nre\u0301sume\u0301 O\n",
        "Yes O\n. O\n\nYes O\n. O\n",
    ],
    ids=["scripts", "accents", "short-labels", "crlf", "partial", "decomposed", "short"],
)
def test_what_is_right_is_not_reported(tmp_path, text):
    assert found(write(tmp_path / "a.conll", text)) == {}


STRETCHES = st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["", "A", "B"])), max_size=8)


@pytest.mark.parametrize("spelling", [name for name in SCHEME_SPELLINGS if name != "IOB2"])
@given(stretches=STRETCHES)
def test_tags_are_legal_in_the_scheme_that_wrote_them(spelling, stretches):
    spans, length = [], 0
    for size, label in stretches:
        if label:
            spans.append(Span(length, length + size, label))
        length += size
    tags = spelled_tags(spans, length, spelling)
    scheme = SCHEME_SPELLINGS[spelling][0]
    illegal = find_scheme([tags]).illegal
    assert illegal[scheme] == 0
    inferred = find_scheme([tags])
    order = ["BIOES", "BIO", "IOB1"]
    assert not spans or inferred.scheme == next(one for one in order if not illegal[one])
    assert (inferred.scheme is None) == (not spans)


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("B-X E-X", "BIOES (inferred)"),
        ("B-X M-X E-X S-X", "BMES (inferred)"),
        ("B-X I-X L-X U-X", "BILOU (inferred)"),
        ("B-X O B-X", "BIO (inferred)"),
        ("I-X O I-X B-X", "IOB1 (inferred)"),
        ("B-X I-X O B-Y O B-X I-X O I-Y", "BIO (inferred)"),
        ("O O", "no tags"),
    ],
)
def test_the_strictest_scheme_that_allows_all_is_inferred(tags, scheme):
    assert str(find_scheme([tags.split()])) == scheme


def test_the_same_tags_are_legal_in_one_scheme_and_illegal_in_another(tmp_path):
    path = write(tmp_path / "a.conll", "a I-X\nb I-X\n\nc I-Y\nd O\n")
    assert check_corpus([path]).passed(strict=True)
    report = check_corpus([path], scheme="BIO")
    (finding,) = report.findings
    assert not report.passed()
    assert [place.where for place in finding.places] == [f"{path}:1", f"{path}:4"]
    assert finding.remark == ("checked as BIO (declared); illegal: 4 in BIOES, 2 in BIO, 0 in IOB1")
    assert finding.places[0].example == "'a': I-X after the start is illegal in BIO"


def test_a_span_cut_off_by_the_end_of_its_sentence_is_found(tmp_path):
    path = write(tmp_path / "a.conll", "a S-X\n\nb B-X\nc I-X\n\nd S-X\n")
    (finding,) = check_corpus([path], scheme="BIOES").findings
    assert finding.places == [(f"{path}:4", "'c': the end after I-X is illegal in BIOES")]


def test_letters_of_another_spelling_are_a_mixture(tmp_path):
    path = write(tmp_path / "a.conll", "a B-X\nb M-X\nc E-X\n\n" * 3 + "a B-X\nb I-X\nc E-X\n")
    assert found(path) == {"mixed-schemes": [14]}


def test_tags_in_the_last_column_of_conllu_are_checked(tmp_path):
    row = "{}\t{}" + "\t_" * 7 + "\t{}\n"
    text = row.format(1, "a", "NER=I-X") + row.format(2, "b", "_") + "\n"
    text += row.format(1, "c", "SpaceAfter=No|NER=B-X") + row.format(2, "d", "NER=I-X") + "\n"
    path = write(tmp_path / "a.conllu", text)
    report = check_corpus([path])
    (finding,) = report.findings
    assert str(report.schemes[str(path)]) == "BIO (inferred)"
    assert finding.places == [(f"{path}:1", "'a': I-X after the start is illegal in BIO")]


def test_the_column_of_tags_is_found_by_what_it_says(tmp_path):
    text = "sentence,token,pos,tag\n1,Ada,S-N,I-PER\n1,left,V,O\n"
    report = check_corpus([write(tmp_path / "a.csv", text)], scheme="BIO")
    assert [f.kind.name for f in report.findings] == ["illegal-tags"]


def test_labels_of_a_column_are_looked_at_where_it_is_to_be_learnt(tmp_path):
    text = "a\tNOUN\nb\tVERB\n\n" * 300 + "c\tnoun\n\n"
    path = write(tmp_path / "a.conll", text)
    assert found(path, target="upos") == {"misspelt-labels": [901]}


def test_near_keys_say_enough_or_nothing():
    assert near_key(["Rates", "fell", "to", "7.25", "percent", "in", "May", "."]) == near_key(
        ["rates", "FELL", "to", "6.10", "percent", ",", "in", "May"]
    ) + " "  # fmt: skip
    assert near_key(["0", "-", "0", "Ajax"]) is None


def test_a_report_says_what_where_how_often_and_what_to_do(tmp_path):
    path = write(tmp_path / "a.conll", "a O\nb I-X\n\nc I-X\nd O\n\nB O\nc B-X\nc I-X\nc B-X\n")
    report = check_corpus({"train": path}, scheme="BIO")
    assert list(report.lines(examples=1)) == [
        "train: conll, 3 sentences, 8 tokens, 4 entities, scheme: BIO (declared)",
        "error   illegal-tags: 2 in train: tags that must not follow the tag before them "
        "(checked as BIO (declared); illegal: 6 in BIOES, 2 in BIO, 1 in IOB1).",
        f"        {path}:2: 'b': I-X after O is illegal in BIO",
        "        ... and 1 more",
        f"        Hint: {kinds.ILLEGAL_TAGS.hint}",
        "2 errors, 0 warnings, 0 notes.",
    ]
    known = json.loads(json.dumps(report.to_dict()))
    assert known["errors"] == 2
    assert known["findings"][0]["count"] == len(known["findings"][0]["places"]) == 2
    assert known["files"][0]["illegal_steps"] == {"BIOES": 6, "BIO": 2, "IOB1": 1}


def test_what_cannot_be_checked_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none\.conll: no such file\.$"):
        check_corpus([tmp_path / "none.conll"])
    with pytest.raises(DataError, match=r"no sentences\. At least one is needed\.$"):
        check_corpus([write(tmp_path / "a.conll", "\n\n")])
    for sources in ([], ["a", "a"]):
        with pytest.raises(ConfigError, match=r"FILE: must be one or more different files\. Got "):
            check_corpus(sources)
    with pytest.raises(ConfigError, match=r"FILE: must be a file, which can be read twice"):
        check_corpus(["-"])


def test_a_file_without_any_readable_sentence_is_reported_not_refused(tmp_path):
    assert found(write(tmp_path / "a.conll", "a PER\n")) == {"unreadable": [1]}


def test_bytes_that_are_not_utf8_are_reported_with_their_line(tmp_path):
    path = write(tmp_path / "a.conll", "a O\n\né O\n", "latin-1")
    assert found(path) == {"unreadable": [3]}
    assert found(path, encoding="latin-1") == {}


@pytest.mark.parametrize(
    ("names", "facts"),
    [
        pytest.param(
            ["conll2003/eng.train", "conll2003/eng.testa"],
            {"duplicates": 501, "empty-documents": 1, "shared-sentences": 74, "scheme": "IOB1"},
            id="CoNLL-2003",
        ),
        pytest.param(
            ["conll2002/esp.train"],
            {"illegal-tags": 1, "long-sentences": 1, "scheme": "BIO"},
            id="CoNLL-2002, Spanish",
        ),
        pytest.param(
            ["wnut17/emerging.dev.conll"],
            {"invisible-characters": 2, "scheme": "BIO"},
            id="WNUT-17, development",
        ),
        pytest.param(
            ["wnut17/wnut17train.conll"],
            {"blank-lines": 2394, "scheme": "BIO"},
            id="WNUT-17, training",
        ),
        pytest.param(
            ["resume_zh/train.char.bmes"], {"illegal-tags": 4, "scheme": "BMES"}, id="Resume"
        ),
    ],
)
def test_the_oddities_of_known_corpora_are_found(shared_data, names, facts):
    report = check_corpus([shared_data(name) for name in names])
    counts = {finding.kind.name: len(finding.places) for finding in reversed(report.findings)}
    counts["scheme"] = next(iter(report.schemes.values())).spelling
    assert facts.items() <= counts.items()


def test_labels_as_many_as_lemmas_are_compared_in_time():
    counts = Counter({f"word{chr(97 + i % 26)}{'x' * (i // 26)}": 1 for i in range(2000)})
    counts["wordq"], counts["Verb"], counts["verb"] = 5000, 9, 90
    with patch("ner.data.tools.check_labels._is_misspelt", wraps=_is_misspelt) as compared:
        found = meant_labels(counts)
    assert found["Verb"] == "verb"
    assert {found["wordz"], found["wordqx"]} == {"wordq"}
    assert compared.call_count < 100 * len(counts)
