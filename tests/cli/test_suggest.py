import json

import pytest

import ner

POOL = """Ada Lovelace met Charles Babbage in London.
Ada Lovelace met Charles Babbage in Paris.
The weather is fine today, they say.
Peter Blackburn flew to Brussels on Friday.
"""


@pytest.fixture
def pool(tmp_path):
    path = tmp_path / "pool.txt"
    path.write_text(POOL, "utf-8")
    return path


def test_suggestions_are_json_lines_with_their_uncertainty(run, pool, tiny_model, tmp_path):
    code, out, err = run("suggest", tiny_model, pool, "-n", 2, "-o", "next.jsonl")
    assert (code, err) == (0, f"{pool}: read as lines.\n")
    found = ner.suggest(ner.load(tiny_model), POOL.splitlines(), 2)
    lines = (tmp_path / "next.jsonl").read_text("utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["text"] for record in records] == [s.text for s in found]
    assert [record["uncertainty"] for record in records] == pytest.approx(found.uncertainty)
    assert [len(record["spans"]) for record in records] == [len(s.entities) for s in found]
    assert out.startswith(f"next.jsonl: written, 2 of 4 texts, {found.tokens} tokens.\n")
    assert "Entropy of a text in nats: " in out
    # The two texts that are nearly equal are the most valuable ones, and one of them is enough.
    assert out.endswith("Left out: 0 annotated texts, 1 like another one.\n")


def test_budgets_ways_and_training_data_are_options(run, pool, tiny_model, tmp_path):
    (tmp_path / "train.jsonl").write_text(
        '{"text": "The weather is fine today, they say.", "spans": []}\n', "utf-8"
    )
    options = ["--tokens", 20, "--by", "margin", "--train", "train.jsonl", "--json", "--seed", 3]
    code, out, _ = run("suggest", tiny_model, pool, "-o", "next.jsonl", "--no-diversity", *options)
    facts = json.loads(out)
    assert (code, facts["texts"], facts["annotated"]) == (0, 2, 1)
    assert facts["tokens"] <= 20


def corrected(task):
    """Do what Label Studio exports when somebody accepts a prediction."""
    (prediction,) = task["predictions"]
    result = [{k: v for k, v in each.items() if k != "score"} for each in prediction["result"]]
    return {"id": 1, "data": task["data"], "annotations": [{"result": result}]}


def test_what_comes_back_from_label_studio_is_read_and_trained_on(
    run, pool, tiny_model, tiny_tagger, tmp_path
):
    code, _, err = run(
        *("suggest", tiny_model, pool, "-n", 3, "-o", "tasks.json", "--output", "label-studio")
    )
    assert (code, err) == (0, f"{pool}: read as lines.\n")
    tasks = json.loads((tmp_path / "tasks.json").read_text("utf-8"))
    scores = [r["score"] for task in tasks for p in task["predictions"] for r in p["result"]]
    assert scores
    assert all(0 < score <= 1 for score in scores)
    (tmp_path / "export.json").write_text(json.dumps([corrected(t) for t in tasks]), "utf-8")
    back = ner.read_sentences(tmp_path / "export.json")
    expected = ner.suggest(tiny_tagger, POOL.splitlines(), 3)
    assert [s.text for s in back] == [s.text for s in expected]
    places = [[(e.start, e.end, e.label) for e in s.entities] for s in expected]
    assert [[(e.start, e.end, e.label) for e in s.entities] for s in back] == places
    code, _, _ = run(
        *("train", "--init", tiny_model, "--train", "export.json", "--dev", "export.json"),
        *("--set", "training.epochs=1", "--set", "training.export=false", "--out", "next"),
    )
    assert code == 0
    assert (tmp_path / "next" / "model").is_dir()


def test_what_comes_back_from_doccano_is_read(run, pool, tiny_model, tiny_tagger, tmp_path):
    code, _, _ = run(
        *("suggest", tiny_model, pool, "-n", 3, "-o", "doccano.jsonl", "--output", "doccano")
    )
    assert code == 0
    back = ner.read_sentences(tmp_path / "doccano.jsonl")
    expected = ner.suggest(tiny_tagger, POOL.splitlines(), 3)
    assert [s.spans for s in back] == [s.prediction.spans for s in expected]


def test_a_text_and_the_input_itself_are_refused(run, pool, tiny_model):
    code, _, err = run("suggest", tiny_model, "Ada left", "-o", "next.jsonl")
    assert code == 2
    assert err == "ner suggest: POOL must be a file of texts. Got a text, 'Ada left'.\n"
    code, _, err = run("suggest", tiny_model, pool, "-o", pool)
    assert code == 2
    assert err.startswith("--out: must be another file than the input.")


def test_a_replay_prints_a_table(run, tmp_path):
    names = [("Ada", "a"), ("Bob", "b"), ("Eve", "c"), ("Joe", "d")] * 3
    rows = "\n".join(f"{name} B-PER\nleft{k}{i} O\n" for i, (name, k) in enumerate(names))
    (tmp_path / "gold.conll").write_text(rows, "utf-8")
    small = ["words.size=4", "encoder.size=4", "training.epochs=1", "training.threads=1"]
    code, out, _ = run(
        *("simulate", "--train", "gold.conll", "--dev", "gold.conll", "--tokens", 4, 8),
        *("--by", "random", "--by", "entropy", "--out", "replay"),
        *(part for setting in small for part in ("--set", setting)),
    )
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["tokens", "random", "entropy"]
    assert [line.split()[0] for line in lines[1:3]] == ["4", "8"]
    assert "F1 on the development data by annotated tokens; seeds: 1." in lines
