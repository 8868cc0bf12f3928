"""`ner distil`."""

import json

from tests.cli.helpers import fails, write

TINY = ["words.size=4", "encoder.size=4", "affixes.rows=8", "training.epochs=1"]
TINY += ["training.threads=1", "training.export=false"]
GOLD = "".join(f"N{i} B-PER\nleft O\n\n" for i in range(6))


def lines(records):
    return "".join(json.dumps(record) + "\n" for record in records)


def test_a_student_learns_from_a_file_of_a_teacher(run):
    records = ({"text": f"N{i} left", "spans": [[0, 2, "PER"]] * (i % 2)} for i in range(10))
    write("gpt.jsonl", lines(records))
    write("gold.conll", GOLD)
    options = [word for setting in TINY for word in ("--set", setting)]
    options += ["--gold", "gold.conll", "--dev", "gold.conll", "--out", "r", "--seed", 3]
    code, out, err = run("distil", "gpt.jsonl", *options)
    assert code == 0, err
    assert "gpt: of 6 gold entities, 50.0% are missed" in err
    assert "6 gold sentences with weight 2, 6 of them labelled by teachers, and 4 other" in err
    assert out.splitlines()[-1].endswith("Model: r/model")
    code, out, err = run("distil", "gpt.jsonl", *options, "--resume", "--json", "--quiet")
    assert code == 0, err
    assert {"model", "dev"} <= json.loads(out).keys()
    result = run("distil", "gpt.jsonl", *options, "--gold-weight", "-1")
    fails(result, 2, "--gold-weight: must be a number of at least 0. Got -1.0.")
