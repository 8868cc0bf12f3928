"""Pages, files for annotation tools, and entities of a low score."""

import json
import re
from functools import partial
from pathlib import Path

import pytest

import ner
from tests.cli.helpers import fails, records, write

TEXTS = "Awa Badjie left ZIGUINCHOR.\nIt rained.\n"


@pytest.fixture
def tag(run, tiny_model):
    """Run `ner tag` with the small model."""
    return partial(run, "tag", "--model", tiny_model)


def test_a_page_marks_the_entities_of_all_texts(tag, tiny_tagger):
    code, out, _ = tag(write("a.txt", TEXTS), "--output", "html")
    assert code == 0
    assert out.startswith("<!DOCTYPE html>\n") and out.endswith("</html>\n")
    found = [e for doc in tiny_tagger(TEXTS.splitlines()) for e in doc.entities]
    marks = re.findall(r'title="(\S+) ([\d.]+)">([^<]*)<sub>', out)
    assert [(label, text) for label, _, text in marks] == [(e.label, e.text) for e in found]
    assert [float(score) for _, score, _ in marks] == [
        pytest.approx(e.score, abs=1e-4) for e in found
    ]
    assert re.findall(r"<h2>(.*)</h2>", out) == ["1", "2"]


def test_a_page_names_sources_and_rows(tag):
    write("a.txt", "Awa\n"), write("b.txt", "Badjie\n")
    out = tag("a.txt", "b.txt", "--output", "html", "--on-error", "skip")[1]
    assert re.findall(r"<h2>(.*)</h2>", out) == ["1, a.txt, row 1", "2, b.txt, row 1"]


def test_tasks_of_label_studio_hold_predictions(tag, tiny_tagger):
    code, out, err = tag(write("a.txt", TEXTS), "--output", "label-studio")
    assert (code, err) == (0, "a.txt: read as lines.\n")
    tasks = json.loads(out)
    assert [task["data"]["text"] for task in tasks] == TEXTS.splitlines()
    values = [result["value"] for result in tasks[0]["predictions"][0]["result"]]
    found = tiny_tagger(TEXTS.splitlines()[0]).entities
    assert [(v["text"], v["labels"]) for v in values] == [(e.text, [e.label]) for e in found]


def test_lines_of_doccano_hold_labels_and_what_they_lack_is_listed(tag):
    record = {"text": "Awa left.", "id": "a", "labels": ["news"], "meta": {"k": 1}, "spans": []}
    code, out, err = tag(write("a.jsonl", json.dumps(record) + "\n"), "--output", "doccano")
    assert code == 0
    (found,) = records(out)
    assert found["id"] == "a" and len(found["label"]) == len(found.get("scores", ()))
    assert err.splitlines() == [
        "lost: labels beside spans (in 1 sentence); doccano cannot hold it.",
        "a.jsonl: left out: 1 fields 'meta'.",
        "a.jsonl: predictions replace the annotation of 1 texts.",
    ]


def test_pairs_of_brat_are_files_of_a_new_folder(tag):
    code, out, _ = tag(write("a.txt", TEXTS), "--output", "brat", "--out", "pairs")
    assert (code, out) == (0, "")
    names = ["000001.ann", "000001.txt", "000002.ann", "000002.txt"]
    assert sorted(path.name for path in Path("pairs").iterdir()) == names
    (sentence, _) = ner.read_sentences("pairs", format="brat")
    assert sentence.entities[0].text == "Awa Badjie"
    fails(tag("Awa", "--output", "brat", "--out", "pairs"), 1, "pairs: must be a new or empty")


def test_texts_of_several_sources_lose_their_names(tag):
    write("a.txt", "Awa\n"), write("b.txt", "Badjie\n")
    err = tag("a.txt", "b.txt", "--output", "label-studio")[2]
    assert "lost: the name of the source (in 2 sentences); label-studio cannot hold it.\n" in err


def test_other_tokens_than_those_of_the_model_are_lost_and_listed(tag):
    err = tag(write("a.conll", "Awa_Badjie. O\n"), "--output", "doccano", "--min-score", "1")[2]
    assert "lost: tokens (in 1 sentence); doccano cannot hold it.\n" in err


@pytest.mark.parametrize("output", ["jsonl", "tsv", "conll", "html", "label-studio", "doccano"])
def test_entities_of_a_low_score_are_left_out_of_every_output(tag, output):
    write("a.txt", TEXTS)
    assert "PER" in tag("a.txt", "--output", output)[1]
    out = tag("a.txt", "--output", output, "--min-score", "1")[1]
    assert out and "PER" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "brat"], "--output brat: needs --out FOLDER, a new folder for its files."),
        (["--output", "tsv", "--out", "x"], "--out: is for --output brat. Got tsv."),
        (["--min-score", "1.5"], "--min-score: must be from 0 to 1. Got 1.5."),
        (["--min-score", "nan"], "must be from 0 to 1. Got nan"),
    ],
    ids=["no folder", "a folder for another output", "a large score", "no number"],
)
def test_options_that_do_not_go_together_are_refused(tag, arguments, message):
    fails(tag("Awa", *arguments), 2, message)
