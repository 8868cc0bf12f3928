"""What a run says about its data before it trains."""

import json

import pytest

from ner.data.sentence import Sentence, Source
from ner.errors import DataError
from ner.inference.evaluate import unknown_labels_warning
from ner.tasks import SpanTask, TextTask, TokenTask
from tests.cli.helpers import write

QUICK = {"words.size": 4, "encoder.size": 4, "affixes.rows": 8, "training.epochs": 1}
OPTIONS = [word for name, value in QUICK.items() for word in ("--set", f"{name}={value}")]


def rows(numbers, label="PER"):
    """Write sentences of six tokens, the first of which is a name."""
    return "".join(
        f"Name{n} B-{label}\n" + "".join(f"w{n}x{i} O\n" for i in range(5)) + "\n" for n in numbers
    )


@pytest.fixture
def train(run):
    """Run a short training; returns the lines on stderr that warn."""

    def call(*arguments, out="o"):
        code, _, err = run("train", *arguments, "--out", out, *OPTIONS)
        assert code == 0, err
        return [line for line in err.splitlines() if line.startswith("Warning")]

    return call


SHARED = "so scores on it say little about other text."


def test_development_data_that_are_the_training_data_are_said(train):
    one, copy = write("a.conll", rows(range(9))), write("b.conll", rows(range(9)))
    for name, out in ((one, "o1"), (copy, "o2")):
        warning = f"Warning: dev ({name}): its sentences are in the training data too, {SHARED}"
        assert train("--train", one, "--dev", name, out=out) == [warning]


def test_development_data_with_many_training_sentences_are_said(train):
    a, b = write("a.conll", rows(range(20))), write("b.conll", rows(range(10, 30)))
    few = write("c.conll", rows(range(18, 38)))
    warnings = train("--train", a, "--dev", few, "--test", b)
    assert warnings == [
        f"Warning: test (b.conll): 50 % of its sentences are in the training data too, {SHARED}"
    ]


def test_an_evaluation_on_training_data_says_so(train, run):
    a, b = write("a.conll", rows(range(20))), write("b.conll", rows(range(30, 50)))
    assert train("--train", a, "--dev", b) == []
    for name, share in (
        (a, "its"),
        (write("c.conll", rows(range(15, 25))), "50 % of its"),
        (b, ""),
    ):
        code, _, err = run("eval", "o/model", name)
        warning = f"Warning: {name}: {share} sentences are in the training data too, {SHARED}\n"
        assert (code, err) == (0, warning if share else "")
    assert "sample" not in json.loads(run("info", "o/model", "--json")[1])["data"]["train"]


def test_row_numbers_that_are_read_as_tokens_are_said_everywhere(train, run):
    numbered = "".join(f"# id {n}\n1\tName{n}\tB-PER\n2\tw{n}\tO\n3\tsang\tO\n\n" for n in range(9))
    a, b = write("a.conll", numbered), write("b.conll", rows(range(9)))
    warning = (
        "Warning: {}:2: the tokens count 1, 2, 3 ... in every sentence. If they are numbers of "
        "rows, name the columns, such as --columns '- token ner'."
    )
    assert train("--train", a, "--dev", b)[0] == warning.format(a)
    assert train("--train", b, "--dev", b, out="o2")[0] != warning.format(a)
    out = write("c.conll", numbered)
    for command in (
        ("eval", "o2/model", out),
        ("tag", "--model", "o2/model", out),
        ("tag", "--model", "o2/model", "--output", "jsonl", out),
        ("data", "stats", out),
        ("data", "convert", out, "d.jsonl"),
        ("data", "sample", out, "-n", "2"),
    ):
        code, _, err = run(*command)
        assert (code, err.count(warning.format(out))) == (0, 1)
    code, found, _ = run("tag", "--model", "o2/model", "--columns", "- token ner", out)
    assert (code, found.count("# id "), found.count("\n")) == (0, 9, 45)


def test_labels_that_training_lacks_are_said(train, run):
    a = write("a.conll", rows(range(20)))
    b = write("b.conll", rows(range(30, 33), "ORG") + rows(range(40, 41)) + rows([50], "LOC"))
    warning = (
        "4 of 5 labels are ones that the training data lack, so no model can find them: "
        "ORG (3), LOC (1)."
    )
    assert train("--train", a, "--dev", b) == [f"Warning: dev: {warning}"]
    assert run("eval", "o/model", b)[2] == f"Warning: b.conll: {warning}\n"


def test_unknown_labels_of_any_task_are_counted():
    spans = [Sentence(["a", "b"], spans=[(0, 1, "X"), (1, 2, "Y")])]
    assert unknown_labels_warning(SpanTask(("O", "B-X", "I-X", "B-Y", "I-Y"), "BIO"), spans) is None
    assert "1 of 2" in unknown_labels_warning(SpanTask(("O", "B-X", "I-X"), "BIO"), spans)
    tokens = [Sentence(["a", "b"], columns={"pos": ("N", "V")})]
    assert unknown_labels_warning(TokenTask("pos", ("N",)), tokens).endswith(": V (1).")
    texts = [Sentence(["a"], labels=[f"l{i}" for i in range(12)])]
    assert unknown_labels_warning(TextTask(("l0",)), texts).endswith("l10 (1) and 1 others.")


def test_a_model_that_trains_on_new_labels_alone_is_warned_of(train):
    a, b = write("a.conll", rows(range(20))), write("b.conll", rows(range(20), "ORG"))
    both = write("c.conll", rows(range(20), "ORG") + rows(range(30, 50)))
    train("--train", a, "--dev", write("d.conll", rows(range(60, 63))))
    dev = ["--dev", write("e.conll", rows(range(70, 73), "ORG"))]
    epochs = ["--init", "o/model", "--epochs", "1"]
    for source, lost in ((b, True), (both, False)):
        result = [
            line
            for line in init(train, [*epochs, "--train", source, *dev], out=source)
            if "forget" in line
        ]
        assert (
            result
            == [
                "Warning: train: has none of the labels PER, which the model knows so far. It will "
                "forget them, unless some of its old training data are added."
            ]
            * lost
        )


def init(train, arguments, out):
    """Train a model further, without settings of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.training.test_notes.OPTIONS", [])
        return train(*arguments, out=f"runs/{out}")


def test_tags_that_allow_no_sequence_are_refused_with_their_line():
    task = SpanTask(("O", "B-PER", "I-PER", "E-PER", "S-PER"), "BIOES")
    whole = Sentence(["a"], spans=[])
    for source, where in ((Source("a.conll", 7), "a.conll:7"), (None, "train")):
        sentence = Sentence(["a", "b"], allowed=[("B-PER",), ("S-ORG",)], source=source)
        with pytest.raises(DataError) as error:
            task.gold([whole, sentence])
        assert str(error.value) == (
            f"{where}: some sequence of the allowed tags must be legal in the scheme BIOES. Got "
            "none. Mend the tags, or write ? where the tag is not known."
        )
