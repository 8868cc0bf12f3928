import json

import pytest

from ner.cli.compare import named_systems
from ner.errors import ConfigError
from tests.cli.helpers import fails, write

GOLD = "Awa B-PER\nleft O\n\nBanjul B-LOC\nsleeps O\n"
FIRST = "Awa B-PER B-PER\nleft O O\n\nBanjul B-LOC O\nsleeps O O\n"
SECOND = FIRST.replace("Banjul B-LOC O", "Banjul B-LOC B-LOC")


@pytest.fixture
def compare(run):
    """Compare files in an empty folder."""
    for name, text in (("gold", GOLD), ("a", FIRST), ("b", SECOND)):
        write(f"{name}.conll", text)
    return lambda *words: run("compare", *words)


def test_two_tables_are_printed(compare):
    code, out, err = compare("old=a.conll", "new=b.conll", "gold.conll", "--resamples", 50)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "gold.conll: F1 of 2 systems, 2 sentences"
    assert [line.split()[:2] for line in lines[3:5]] == [["old", "66.67"], ["new", "100.00"]]
    assert lines[7].split()[:4] == ["new", "-", "old", "33.33"]


def test_a_system_may_have_several_runs(compare):
    code, out, _ = compare("a.conll,b.conll", "b.conll", "gold.conll", "--resamples", 50)
    assert code == 0
    assert out.splitlines()[3].split()[:2] == ["a.conll,b.conll", "83.33"]


def test_json_has_all_figures(compare):
    code, out, _ = compare("a.conll", "b.conll", "gold.conll", "--json", "--seed", 3, "--unit",
                           "sentence", "--level", 0.9, "--resamples", 20)  # fmt: skip
    found = json.loads(out)
    assert code == 0
    assert [found[n] for n in ("metric", "unit", "units", "level", "resamples", "seed")] == [
        *("f1", "sentence", 2, 0.9, 20, 3)
    ]
    (pair,) = found["pairs"]
    assert pair.keys() == {
        *("first", "second", "difference", "better", "effect", "exact"),
        *("p_randomisation", "p_bootstrap", "holm_randomisation", "holm_bootstrap"),
    }


def test_plain_labels_are_compared_by_their_column(compare):
    write("pos.conll", "Awa PROPN\nleft VERB\n")
    write("p.conll", "Awa PROPN PROPN\nleft VERB NOUN\n")
    words = ("p=p.conll", "q=p.conll", "pos.conll", "--target", "upos", "--resamples", 20)
    code, out, _ = compare(*words)
    assert code == 0
    assert out.startswith("pos.conll: accuracy of 2 systems, 1 sentences\n")


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["a.conll", "gold.conll"], 2, "systems: must be at least two. Got 1."),
        (["gold.conll"], 2, "Missing argument"),
        (["a.conll", "a.conll", "gold.conll"], 2, "must have a name of its own. Got 'a.conll'"),
        (["a.conll,", "b.conll", "gold.conll"], 2, "a system must be PATH, PATH,PATH or NAME"),
        (["a.conll", "b.conll", "gold.conll", "--unit", "word"], 2, "Invalid value for '--unit'"),
        (["a.conll", "b.conll", "gold.conll", "--unit", "document"], 2, "unit: documents need a"),
        (["a.conll", "b.conll", "gold.conll", "--level", "1"], 2, "level: must be between 0"),
        (["a.conll", "b.conll", "none.conll"], 1, "none.conll: "),
        (["a.conll", "none.conll", "gold.conll"], 1, "none.conll: no such folder, and no inst"),
        (["b.conll", "gold.conll", "a.conll"], 1, "b.conll:4: must have the gold labels of a"),
    ],
    ids=["one", "none", "twice", "comma", "word", "documents", "level", "data", "model", "swapped"],
)
def test_what_cannot_be_compared_is_one_line(compare, words, code, line):
    fails(compare(*words), code, line)


def test_a_path_that_exists_stands_for_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a=b", "c,d"):
        write(name, "")
    assert named_systems(["a=b", "c,d", "x=c,d", "y=a,b"]) == {
        "a=b": ["a=b"],
        "c,d": ["c,d"],
        "x": ["c,d"],
        "y": ["a", "b"],
    }


def test_a_name_must_not_be_empty():
    with pytest.raises(ConfigError, match=r"^ner compare: a system must be PATH.* Got '=a'\.$"):
        named_systems(["=a"])
