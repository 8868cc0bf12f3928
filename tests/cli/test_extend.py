"""`ner extend`."""

import json
from pathlib import Path

from tests.cli.helpers import fails, write

TINY = ["words.size=4", "encoder.size=4", "affixes.rows=8"]
SHORT = ["training.epochs=1", "training.threads=1", "training.export=false"]
OLD = "".join(f"N{i} B-PER\nleft O\nP{i} B-LOC\n\n" for i in range(12))
NEW = "".join(f"N{i} O\ndrank O\nD{i} B-DRINK\n\n" for i in range(12))


def settings(words):
    return [word for setting in words for word in ("--set", setting)]


def test_a_type_is_added_and_old_types_are_scored_before_and_after(run):
    write("old.conll", OLD)
    write("new.conll", NEW)
    trained = run("train", "--train", "old.conll", "--out", "o", *settings([*TINY, *SHORT]))
    assert trained[0] == 0, trained[2]
    options = ["--with", "new.conll", "--types", "DRINK", *settings(SHORT), "--seed", 2]
    code, out, err = run("extend", "o/model", *options, "--old-dev", "old.conll", "--out", "r")
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()[:5]] == [
        "F1",
        "LOC",
        "PER",
        "all",
        "DRINK",
    ]
    assert out.splitlines()[-1].endswith("Model: r/model")
    assert "new.conll: DRINK are new; the old model completes the rest." in err
    assert "1 of the new sentences are held out." in err
    assert json.loads(Path("r/extension.json").read_text())["measured_on_gold"]
    code, out, err = run("extend", "o/model", *options, "--out", "q", "--json", "--quiet")
    assert code == 0, err
    found = json.loads(out)
    assert found["model"] == "q/model"
    assert not found["measured_on_gold"]
    assert found["new"]["DRINK"].keys() == {"before", "after", "support"}
    result = run("extend", "o/model", "--with", "new.conll", "--types", "PER, DRINK")
    fails(result, 2, "--types: must be new to o/model, which knows LOC, PER. Got 'PER'.")
    result = run("extend", "o/model", "--with", "new.conll", "--types", ",")
    fails(result, 2, "--types: must name the new types. Got none.")
