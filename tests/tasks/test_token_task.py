"""Labels of tokens without prefixes, all the way: gold, training, tagging, evaluation."""

import json
import re

import numpy as np
import pytest

import ner
from ner.cli import main
from ner.data.sentence import Prediction, Sentence
from ner.errors import ConfigError, DataError
from ner.tasks import TokenTask, read_task
from tests.tolerance import small_model_bound

TINY = {
    "words": {"size": 8},
    "characters": {"size": 4, "output_size": 8},
    "affixes": {"rows": 64, "size": 4},
    "embedder": {"dropout": 0.0, "word_dropout": 0.0},
    "encoder": {"size": 8, "dropout": 0.0},
}
LABELLED = """
Ada/NOUN writes/VERB letters/NOUN ./PUNCT
the/DET old/ADJ engine/NOUN stops/VERB ./PUNCT
she/PRON reads/VERB the/DET small/ADJ book/NOUN ./PUNCT
old/ADJ letters/NOUN stop/VERB ./PUNCT
stops/NOUN are/VERB small/ADJ
"""


def labelled(line):
    pairs = [pair.rpartition("/") for pair in line.split()]
    return Sentence([token for token, _, _ in pairs], columns={"pos": tuple(p[2] for p in pairs)})


SENTENCES = [labelled(line) for line in LABELLED.strip().splitlines()]


def train(out, sentences=SENTENCES, head=None, **training):
    settings = {"epochs": 40, "batch_size": 2, "learning_rate": 0.03, "ema": 0.0, "threads": 1}
    return ner.train(
        out=out,
        train=sentences,
        dev=sentences,
        progress=False,
        task="tag",
        data={"target": "pos"},
        head=head or {},
        training=settings | training,
        **TINY,
    )


@pytest.fixture(scope="module", params=["crf", "softmax"])
def run(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("columns") / request.param
    return out, *train(out, head={"kind": request.param})


def test_it_learns_its_sentences(run):
    out, tagger, report = run
    assert report.accuracy == report.score == 1
    assert isinstance(tagger, ner.TokenTagger)
    assert tagger.labels == ("ADJ", "DET", "NOUN", "PRON", "PUNCT", "VERB")
    results = json.loads((out / "report.json").read_text())["dev"]
    # Both labels of "stops" come once; the first in the alphabet wins.
    assert results["baseline"]["accuracy"] == pytest.approx(21 / 22)
    assert results["metric"] == "accuracy"


def test_labels_are_a_column_with_probabilities(run):
    _, tagger, _ = run
    doc = tagger.tag("Ada reads old letters.")
    assert doc.column("pos") == ("NOUN", "VERB", "ADJ", "NOUN", "PUNCT")
    assert doc.entities == ()
    scores = doc.prediction.column_scores["pos"]
    assert len(scores) == 5
    assert all(0 < score <= 1 for score in scores)
    assert tagger.tag("").column("pos") == tagger.tag(" \n").column("pos") == ()
    assert tagger.tag_tokens(["Ada", "reads"]).column("pos") == ("NOUN", "VERB")


@pytest.mark.numeric
def test_torch_and_onnx_and_any_company_give_the_same(run):
    out, tagger, _ = run
    torch_tagger = ner.load(out / "model", runtime="torch")
    texts = ["Ada stops.", "", "the old engine writes small letters ." * 9, "zyx"]
    together = list(tagger.pipe(texts))
    assert [len(s.column("pos")) for s in together] == [len(s) for s in together]
    for text, found in zip(texts, together, strict=True):
        for other in (tagger.tag(text), torch_tagger.tag(text)):
            assert other.column("pos") == found.column("pos")
            scores = [s.prediction.column_scores["pos"] for s in (other, found)]
            np.testing.assert_allclose(*scores, rtol=0, atol=small_model_bound(len(found)))


def test_a_text_can_be_cut_into_sentences(run):
    _, tagger, _ = run
    text = "Ada writes letters. The old engine stops."
    split = ner.SentenceSplitter("en")
    whole = tagger.tag(text, split=split)
    parts = [tagger.tag(part) for part in ("Ada writes letters.", "The old engine stops.")]
    assert whole.column("pos") == tuple(label for part in parts for label in part.column("pos"))
    assert next(tagger.pipe([text], split=split)).column("pos") == whole.column("pos")


def test_files_are_evaluated_by_their_last_column(run, tmp_path):
    _, tagger, _ = run
    path = tmp_path / "gold.conll"
    pairs = [zip(s.tokens, s.columns["pos"], strict=True) for s in SENTENCES]
    path.write_text("\n\n".join("\n".join(f"{t}\t{p}" for t, p in each) for each in pairs))
    assert ner.evaluate(tagger, path).accuracy == 1


def test_an_interrupted_run_resumes_to_the_same_weights(tmp_path, monkeypatch):
    train(tmp_path / "whole", epochs=3, export=False)
    from ner.training.trainer import Trainer

    end_epoch = Trainer.end_epoch

    def stop_after_two(self):
        if self.state.epoch == 2:
            raise KeyboardInterrupt
        return end_epoch(self)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "end_epoch", stop_after_two)
        train(tmp_path / "cut", epochs=3, export=False)
    ner.train(out=tmp_path / "cut", train=SENTENCES, dev=SENTENCES, resume=True, progress=False)
    file = "model/model.safetensors"
    assert (tmp_path / "cut" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_a_model_goes_on_with_further_labels(run, tmp_path):
    out, tagger, _ = run
    more = [*SENTENCES, labelled("oh/INTJ Ada/NOUN")]
    extended, report = ner.train(
        out=tmp_path / "more",
        init=out / "model",
        train=more,
        dev=more,
        progress=False,
        task="tag",
        data={"target": "pos"},
        training={"epochs": 20, "batch_size": 2, "learning_rate": 0.02, "ema": 0.0},
    )
    assert extended.labels == (*tagger.labels, "INTJ")
    assert report.accuracy == 1


def test_what_a_column_needs_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.target: the column that the task 'tag' learns"):
        ner.train(out=tmp_path / "a", train=SENTENCES, task="tag", progress=False)
    with pytest.raises(DataError, match=r"a column 'upos' is needed\. Got the columns pos"):
        ner.train(
            out=tmp_path / "b",
            train=SENTENCES,
            task="tag",
            data={"target": "upos"},
            progress=False,
        )
    assert not list(tmp_path.iterdir())


def test_a_tagger_of_names_is_not_gone_on_with_as_one_of_columns(tiny_model, tmp_path):
    with pytest.raises(ConfigError, match=r"task: comes from .*: ner\. Got tag\."):
        ner.train(
            out=tmp_path / "a",
            init=tiny_model,
            train=SENTENCES,
            task="tag",
            data={"target": "pos"},
            progress=False,
        )


def test_a_target_survives_its_file():
    target = TokenTask("pos", ("B", "A"))
    assert read_task("tag", json.loads(json.dumps(target.to_dict()))) == target
    with pytest.raises(ValueError, match="labels must be at least one"):
        read_task("tag", {"column": "pos", "labels": []})


def test_a_predicted_column_wins_over_the_one_that_was_read():
    sentence = Sentence(["a"], columns={"pos": ("X",)})
    assert sentence.column("pos") == ("X",)
    predicted = sentence.predicted(Prediction(columns={"pos": ("Y",)}))
    assert predicted.column("pos") == ("Y",)
    with pytest.raises(KeyError):
        predicted.column("chunk")


def command(capsys, *arguments):
    """Run the command line; gives its exit code and what it printed."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code, capsys.readouterr().out


def test_the_command_line_prints_columns(run, tmp_path, capsys):
    out, _, _ = run
    text = "Ada stops ."
    code, lines = command(capsys, "tag", "--model", out / "model", text, "--output", "conll")
    assert (code, lines) == (0, "Ada\tNOUN\nstops\tVERB\n.\tPUNCT\n\n")
    _, lines = command(capsys, "tag", "--model", out / "model", text, "--output", "pretty")
    assert lines == "Ada/NOUN stops/VERB ./PUNCT\n"
    _, lines = command(capsys, "tag", "--model", out / "model", text, "--output", "tsv")
    header, *rows = [line.split("\t") for line in lines.splitlines()]
    assert header == ["number", "start", "end", "label", "score", "text"]
    assert [row[1:4] + row[5:] for row in rows] == [
        ["0", "3", "NOUN", "Ada"],
        ["4", "9", "VERB", "stops"],
        ["10", "11", "PUNCT", "."],
    ]
    record = json.loads(
        command(capsys, "tag", "--model", out / "model", text, "--output", "jsonl")[1]
    )
    assert record["columns"] == {"pos": ["NOUN", "VERB", "PUNCT"]}
    assert len(record["scores"]["pos"]) == 3
    assert "spans" not in record


def test_a_page_shows_the_labels_of_tokens(run, capsys):
    model = run[0] / "model"
    page = command(capsys, "tag", "--model", model, "Ada stops .", "--output", "html")[1]
    assert re.findall(r">([^<]+)<rt [^>]+>(\w+)</rt>", page) == [
        ("Ada", "NOUN"),
        ("stops", "VERB"),
        (".", "PUNCT"),
    ]


@pytest.mark.parametrize(
    "options",
    [
        ["--output", "label-studio"],
        ["--output", "doccano"],
        ["--output", "brat", "--out", "new"],
        ["--min-score", "0.5"],
    ],
    ids=["Label Studio", "doccano", "brat", "a score"],
)
def test_what_is_for_entities_alone_is_refused(run, tmp_path, monkeypatch, capsys, options):
    monkeypatch.chdir(tmp_path)
    model = run[0] / "model"
    with pytest.raises(SystemExit) as stopped:
        main(["tag", "Ada", "--model", str(model), *options])
    assert stopped.value.code == 2
    given = " ".join(options[:2]) if "--output" in options else "--min-score"
    assert capsys.readouterr().err == (
        f"{given}: needs a model that finds entities. Got one that labels tokens.\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_column_file_gets_the_predicted_column_at_its_end(run, tmp_path, capsys):
    out, _, _ = run
    path = tmp_path / "in.conll"
    path.write_text("-DOCSTART- x\n\nAda x\nstops y\n")
    _, lines = command(capsys, "tag", "--model", out / "model", path)
    assert lines == "-DOCSTART- x _\n\nAda x NOUN\nstops y VERB\n"


def test_a_column_model_is_looked_at_and_evaluated(run, tmp_path, capsys):
    out, _, _ = run
    path = tmp_path / "gold.conll"
    path.write_text("Ada NOUN\nstops NOUN\n")
    code, printed = command(capsys, "eval", out / "model", path, "--json")
    assert (code, json.loads(printed)["accuracy"]) == (0, 0.5)
    facts = json.loads(command(capsys, "info", out / "model", "--json")[1])
    assert (facts["task"], facts["column"]) == ("tag", "pos")


def test_wrong_labels_of_tokens_have_an_error_report(run, tmp_path, capsys):
    out, _, _ = run
    path, page, lines = (tmp_path / name for name in ("gold.conll", "x.html", "x.jsonl"))
    path.write_text("Ada NOUN\nstops NOUN\n")
    options = ("--html", page, "--errors", lines, "--train", path)
    assert command(capsys, "eval", out / "model", path, *options)[0] == 0
    (error,) = map(json.loads, lines.read_text().splitlines())
    assert [error[side][0]["label"] for side in ("gold", "predicted")] == ["NOUN", "VERB"]
    assert error["training"] == {"stops": {"labels": {"NOUN": 1}, "outside": 0}}
    assert "stops: 1 NOUN in training" in page.read_text()


def test_a_column_is_learnt_from_the_command_line(tmp_path, capsys):
    path = tmp_path / "train.conll"
    path.write_text("Ada NOUN\nstops VERB\n\nBob NOUN\nstops VERB\n\n")
    options = ("--task", "tag", "--target", "pos", "--out", tmp_path / "run")
    small = [f"--set={name}" for name in ("encoder.size=4", "training.epochs=1", "words.size=4")]
    code, printed = command(capsys, "train", "--train", path, *options, *small)
    assert code == 0
    assert "Token accuracy" in printed
    assert ner.load(tmp_path / "run" / "model").column == "pos"
