"""`ner data label`, and `--rules` of `ner tag` and `ner tag-files`."""

import json
from pathlib import Path

import pytest

import ner
from tests.cli.helpers import CONLL, fails, records, write

NAMES = """
[[rules]]
name = "towns"
label = "LOC"
words = ["Dakar", "was born"]
score = 0.8

[[rules]]
name = "people"
label = "PER"
patterns = ['Zoe']

[[rules]]
name = "nobody"
words = ["Dakar Street", "Ziguinchor"]
never = true
"""


@pytest.fixture
def rules(run):
    """Write a file of rules into the folder of a command."""
    return write("names.toml", NAMES)


def spans(record, *keys):
    return [tuple(span[key] for key in ("start", "end", *keys)) for span in record["spans"]]


def test_labels_name_their_rules_as_teachers(run, rules):
    text = "Zoe left Dakar for Dakar Street."
    code, out, err = run("data", "label", rules, text, "nothing here")
    assert (code, err) == (0, "-: written as jsonl: 2 texts, 2 spans.\n")
    first, second = records(out)
    assert (first["text"], first["sources"], first["partial"]) == (text, ["towns", "people"], True)
    assert spans(first, "label", "source", "score") == [
        (0, 3, "PER", "people", 1.0),
        (9, 14, "LOC", "towns", 0.8),
    ]
    assert second["spans"] == []
    code, out, _ = run("data", "label", rules, text, "--as", "rules")
    (record,) = records(out)
    assert (record["source"], record["types"]) == ("rules", ["LOC", "PER"])
    assert "partial" not in record and "source" not in record["spans"][0]


@pytest.mark.parametrize("options", [[], ["--as", "list"]], ids=["each a teacher", "one teacher"])
def test_labels_are_merged_with_those_of_other_teachers(run, rules, options):
    texts = ["Zoe left Dakar.", "Bob met Zoe."]
    write("texts.txt", "\n".join(texts))
    assert run("data", "label", rules, "texts.txt", "-o", "rules.jsonl", *options)[0] == 0
    of_gpt = [{"text": text, "spans": [{"text": "Zoe", "label": "PER"}]} for text in texts]
    of_gpt[1]["spans"].append({"text": "Bob", "label": "PER"})
    write("gpt.jsonl", "\n".join(map(json.dumps, of_gpt)))
    code, out, err = run("data", "merge", "gpt.jsonl", "rules.jsonl", "-o", "all.jsonl")
    assert code == 0, err
    # A teacher who has read all says that Bob is no name; single rules say nothing of him.
    assert f"{3 if options else 4} agreed, 0 outvoted, {1 if options else 0} open" in out
    merged = ner.read_sentences("all.jsonl")
    assert merged[0].columns == {}


def test_records_keep_their_names_and_lose_their_annotation(run, rules):
    record = {"id": "7", "document": "d", "text": "Zoe left", "spans": [[4, 8, "X"]]}
    write("in.jsonl", json.dumps({**record, "columns": {"pos": ["NN", "VB"]}}))
    code, out, err = run("data", "label", rules, "in.jsonl")
    assert code == 0, err
    (found,) = records(out)
    assert (found["id"], found["document"], spans(found, "label")) == ("7", "d", [(0, 3, "PER")])
    assert "columns" not in found


def test_matches_are_a_column_beside_the_annotation_which_a_model_reads(run, rules):
    write("train.conll", "Zoe B-PER\nleft O\nDakar B-LOC\n\nZoe B-PER\nwas O\n\n")
    code, _, err = run(
        "data", "label", rules, "train.conll", "--column", "list", "-o", "with.conll"
    )
    assert code == 0, err
    assert "with.conll: its columns are token list ner." in err
    lines = Path("with.conll").read_text().splitlines()
    assert lines[:3] == ["Zoe\tB-PER\tB-PER", "left\tO\tO", "Dakar\tB-LOC\tB-LOC"]
    options = [*("--columns", "token list ner"), "--set", 'inputs.columns=["list"]']
    tiny = ("words.size=4", "encoder.size=4", "training.epochs=1", "training.threads=1")
    for setting in tiny:
        options += ["--set", setting]
    files = ["--train", "with.conll", "--dev", "with.conll", "--out", "run"]
    code, _, err = run("train", *files, *options)
    assert code == 0, err
    code, _, err = run("data", "label", rules, "Zoe left", "--column", "list", "-o", "new.jsonl")
    assert code == 0, err
    code, out, err = run("tag", "run/model", "new.jsonl")
    assert code == 0, err
    assert records(out)[0]["text"] == "Zoe left"
    again = run("data", "label", rules, "new.jsonl", "--column", "list", "-o", "again.jsonl")
    fails(again, 1, "new.jsonl:1: --column must name a new column. Got 'list'.")


def test_what_cannot_be_labelled_is_refused_or_skipped(run, rules):
    write("in.jsonl", '{"text": "Zoe"}\n{"txt": "Zoe"}\n')
    fails(run("data", "label", rules, "in.jsonl", "-o", "o.jsonl"), 1, "in.jsonl:2: text: must be")
    code, out, err = run("data", "label", rules, "in.jsonl", "--on-error", "skip")
    assert (code, len(records(out))) == (0, 1)
    assert err.endswith("Skipped 1 in total.\n")
    fails(run("data", "label", rules, "in.jsonl", "-o", "in.jsonl"), 2, "--out: must be another")
    fails(run("data", "label", rules, "x", "--as", "a", "--column", "b"), 2, "--as: is for labels")
    fails(run("data", "label", rules, "x", "--column", "b", "-o", "x.zzz"), 2, "--out: must have")
    fails(run("data", "label", "no.toml", "x"), 2, "no.toml: no such file or directory.")


@pytest.mark.parametrize("form", ["text", "lines", "jsonl", "conll"])
def test_rules_bind_the_model_in_every_form_of_input(run, rules, tiny_model, form):
    text = "Awa was born in Ziguinchor"
    sources = {
        "text": text,
        "lines": write("in.txt", f"{text}\n"),
        "jsonl": write("in.jsonl", json.dumps({"text": text, "id": 1})),
        "conll": write("in.conll", "\n".join(text.split()) + "\n"),
    }
    command = ["tag", tiny_model, sources[form], "--rules", rules]
    code, out, err = run(*command, "--output", "jsonl")
    assert code == 0, err
    found = {(s["start"], s["end"], s["label"]): s["score"] for s in records(out)[0]["spans"]}
    assert found[4, 12, "LOC"] == 1.0
    assert all(end <= 16 for _, end, _ in found)
    if form == "conll":
        rows = run(*command)[1].splitlines()
        assert rows[1:3] == ["was B-LOC", "born I-LOC"]


def test_rules_that_the_model_cannot_obey_are_refused_before_texts_are_read(run, tiny_model):
    write("drugs.toml", '[[rules]]\nname = "drugs"\nlabel = "DRUG"\npatterns = ["aspirin"]\n')
    result = run("tag", tiny_model, "--rules", "drugs.toml", write("x.conll", CONLL))
    fails(result, 2, "drugs.toml: rule 'drugs': label: must be one of the model's labels ")
    result = run("tag", tiny_model, "--rules", "no.toml", "x")
    fails(result, 2, "no.toml: no such file or directory.")


def test_many_files_are_tagged_under_rules(run, rules, tiny_model):
    write("in.jsonl", json.dumps({"text": "Awa was born"}))
    options = ["--workers", "0", "--output", "jsonl", "--rules", rules]
    code, _, err = run("tag-files", "in.jsonl", "-o", "out", "--model", tiny_model, *options)
    assert code == 0, err
    (path,) = Path("out").glob("[0-9a-f]*.jsonl")
    found = json.loads(path.read_text())["entities"]
    assert (4, 12, "LOC") in [(e["start"], e["end"], e["label"]) for e in found]
