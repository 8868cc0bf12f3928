"""`ner data merge`."""

import json
from pathlib import Path

import pytest

import ner
from tests.cli.helpers import fails, records, write

TINY = ["words.size=4", "encoder.size=4", "affixes.rows=8", "training.epochs=1"]
QUICK = [word for setting in [*TINY, "training.threads=1"] for word in ("--set", setting)]
NAMES = [f"N{i}" for i in range(12)]


def teacher(name, known, label="PER"):
    """Write a file of a teacher who finds some of the names, without their places."""
    lines = [
        {"text": f"{n} met Zoe.", "spans": [{"text": n, "label": label}] if n in known else []}
        for n in NAMES
    ]
    return write(name, "\n".join(map(json.dumps, lines)))


def test_a_merged_corpus_trains_at_once(run):
    files = [teacher("gpt.jsonl", NAMES[:9]), teacher("rules.jsonl", NAMES[3:])]
    code, out, err = run(
        "data", "merge", *files, "-o", "merged.jsonl", "--disputes", "disputes.jsonl"
    )
    assert code == 0, err
    assert err.splitlines() == [
        "disputes.jsonl: written, 6 spans.",
        "merged.jsonl: written as jsonl: 12 texts.",
    ]
    lines = out.splitlines()
    assert (
        " ".join(lines[0].split()) == "teacher texts lacks spans repaired searched dropped weight"
    )
    assert lines[1].split() == ["gpt", "12", "0", "9", "0", "9", "0", "1"]
    assert "gpt, rules     12      48" in out
    assert "12 texts, 0 of which nobody has labelled. Spans: 6 agreed, 0 outvoted, 6 open." in out
    assert "6 texts have open tokens, 6 in all." in out
    disputes = records(Path("disputes.jsonl").read_text())
    assert [each["text"] for each in disputes] == [*NAMES[:3], *NAMES[9:]]
    assert disputes[0]["place"] == "gpt.jsonl:1"
    write("dev.conll", "N1 B-PER\nleft O\n\n")
    training = ["--train", "merged.jsonl", "--dev", "dev.conll", "--out", "r", *QUICK]
    code, _, err = run("train", *training)
    assert code == 0, err
    assert ner.load("r/model").labels == ("PER",)


def test_the_facts_are_json_and_nothing_is_written_without_out(run):
    files = [teacher("gpt.jsonl", NAMES[:9]), teacher("rules.jsonl", NAMES)]
    options = ["--by", "weight", "--weight", "gpt=3", "--types", "rules=PER,ORG", "--json"]
    code, out, _ = run("data", "merge", *files, *options)
    assert code == 0
    facts = json.loads(out)
    assert facts["spans"] == {"agreed": 9, "outvoted": 3, "open": 0}
    assert [one["weight"] for one in facts["teachers"]] == [3.0, 1.0]
    assert facts["teachers"][1]["types"] == ["ORG", "PER"]
    assert facts["agreement"]["pairs"][0]["f1"] == pytest.approx(2 * 9 / 21)
    assert len(facts["disputes"]) == 3
    assert {path.name for path in Path().iterdir()} == {"gpt.jsonl", "rules.jsonl"}


def test_a_merged_corpus_may_have_columns(run):
    code, _, _ = run("data", "merge", teacher("a.jsonl", []), teacher("b.jsonl", NAMES), "-o",
                     "m.conll", "--types", "a=*")  # fmt: skip
    assert code == 0
    assert Path("m.conll").read_text().splitlines()[:2] == ["N0\tO|S-PER", "met\tO"]


def test_what_cannot_be_read_is_skipped_and_listed(run):
    write("a.jsonl", '{"text": "Ada.", "spans": []}\n{"text": "Bob.", "spans": [{"label": "A"}]}\n')
    code, _, err = run("data", "merge", "a.jsonl", "--on-error", "skip")
    assert code == 0
    assert "skipped: a.jsonl:2: spans: each must have a start and an end, or a text." in err


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        pytest.param(["no.jsonl"], 1, "no.jsonl: no such file", id="no such file"),
        pytest.param(
            ["a.jsonl", "-o", "a.jsonl"], 2, "another file than the input", id="own input"
        ),
        pytest.param(["a.jsonl", "-o", "a.xyz"], 2, "--out: must have the ending", id="no format"),
        pytest.param(["a.jsonl", "--weight", "a"], 2, "--weight: must be NAME=VALUE", id="no pair"),
        pytest.param(["a.jsonl", "--weight", "a=b"], 2, "--weight: must be a number", id="weight"),
        pytest.param(["a.jsonl", "--types", "b=A"], 2, "Got 'b'", id="no such teacher"),
        pytest.param(["a.jsonl", "--weight", "a=-1"], 2, "at least 0", id="negative"),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_line(run, options, code, words):
    write("a.jsonl", '{"text": "Ada.", "spans": []}\n')
    fails(run("data", "merge", *options), code, words)
