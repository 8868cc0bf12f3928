import dataclasses
import json
import re

import pytest

import ner
from ner.data.formats.conll import annotate_conll, write_conll
from ner.data.formats.jsonl import write_jsonl
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, DataError, ModelFolderError
from ner.inference.runs import model_paths
from ner.tasks import TextTask, TokenTask

GOLD = """-DOCSTART- O

Awa B-PER
Badjie I-PER
left O

Banjul B-LOC
sleeps O

-DOCSTART- O

Awa B-PER
sings O
"""
FEW = {"resamples": 50}


def rows(*lines):
    return "".join(f"{line}\n" for line in lines)


# Gold and predicted tags; the last entity is missed.
FOUND = rows(
    *("Awa B-PER B-PER", "Badjie I-PER I-PER", "left O O", ""),
    *("Banjul B-LOC B-LOC", "sleeps O O", "", "Awa B-PER O", "sings O O"),
)
ALL = FOUND.replace("Awa B-PER O", "Awa B-PER B-PER")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write files into an empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)

    def write(**texts):
        for name, text in texts.items():
            (tmp_path / name.replace("_", ".")).write_text(text, encoding="utf-8")

    write(gold_conll=GOLD, a_conll=FOUND, b_conll=ALL)
    return write


def scores(comparison):
    return [round(system.score.point, 4) for system in comparison.systems]


def test_files_with_gold_and_predicted_tags_are_compared(files):
    found = ner.compare({"a": "a.conll", "b": "b.conll"}, "gold.conll", **FEW)
    assert (found.name, found.metric, found.unit, found.units) == (
        *("gold.conll", "f1"),
        *("document", 2),
    )
    assert scores(found) == [0.8, 1.0]
    assert found.pairs[0].p_randomisation == 1.0


def test_units_may_be_sentences(files):
    found = ner.compare({"a": "a.conll", "b": "b.conll"}, "gold.conll", unit="sentence", **FEW)
    assert (found.unit, found.units) == ("sentence", 3)


def test_a_model_equals_its_own_predictions(files, tiny_model, tiny_tagger):
    sentences = ner.read_sentences("sample:dev")[:40]
    files(dev_conll=rows(*write_conll(sentences)))
    with open("dev.conll", "rb") as file:
        tagged = list(annotate_conll(file, tiny_tagger.tag_sentences, "dev.conll"))
    records = write_jsonl(tiny_tagger.tag_sentences(sentences))
    files(p_conll=rows(*tagged), p_jsonl=rows(*records))
    systems = {"model": tiny_model, "loaded": tiny_tagger, "tags": "p.conll", "json": "p.jsonl"}
    found = ner.compare(systems, "dev.conll", **FEW)
    expected = ner.evaluate(tiny_tagger, "dev.conll").f1
    assert [system.score.point for system in found.systems] == [expected] * 4
    assert {pair.p_randomisation for pair in found.pairs} == {1.0}


def test_runs_are_lists_and_folders_of_seeds(files, tiny_run, tmp_path):
    for seed in (1, 2, 3):
        (tmp_path / "seeds").mkdir(exist_ok=True)
        (tmp_path / "seeds" / f"seed-{seed}").symlink_to(tiny_run)
    (tmp_path / "seeds" / "seeds.json").write_text(json.dumps({"runs": [{"seed": 1}, {"seed": 3}]}))
    systems = {"seeds": "seeds", "run": tiny_run, "files": ["a.conll", "b.conll"]}
    found = ner.compare(systems, "gold.conll", **FEW)
    assert [len(system.runs) for system in found.systems] == [2, 1, 2]
    assert found.systems[2].runs == pytest.approx((0.8, 1.0))
    assert found.systems[2].score.point == pytest.approx(0.9)


def test_a_path_stands_for_its_models(tiny_run, tiny_model):
    assert model_paths(tiny_run) == [tiny_model]
    assert model_paths(tiny_model) == [tiny_model]
    assert model_paths("en") == ["en"]


@pytest.mark.parametrize("text", ["[]", "{", '{"runs": [{}]}'], ids=["list", "cut off", "no seed"])
def test_a_damaged_summary_of_seeds_is_one_line(files, tmp_path, text):
    (tmp_path / "seeds.json").write_text(text)
    with pytest.raises(ModelFolderError, match=r"seeds.json is damaged\.$"):
        model_paths(tmp_path)


def test_tags_may_be_in_another_scheme_than_those_of_the_corpus(files):
    files(c_conll=FOUND.replace("Awa B-PER B-PER", "Awa B-PER I-PER"))
    found = ner.compare({"a": "a.conll", "c": "c.conll"}, "gold.conll", **FEW)
    assert scores(found) == [0.8, 0.8]


def test_a_file_with_one_column_beside_tokens_is_predictions_alone(files):
    files(c_conll=rows("Awa B-PER", "Badjie I-PER", "left O", "", "Banjul B-LOC", "sleeps O", "",
                       "Awa O", "sings O"))  # fmt: skip
    assert scores(ner.compare({"a": "a.conll", "c": "c.conll"}, "gold.conll", **FEW)) == [0.8, 0.8]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            FOUND.rpartition("\nAwa")[0],
            "p.conll: must hold the 3 sentences of gold.conll. Got 2; the first one that is "
            "missing is gold.conll:12.",
            id="too few sentences",
        ),
        pytest.param(
            FOUND + "\nMore O O\n",
            "p.conll: must hold the 3 sentences of gold.conll. Got 4; the first one that is "
            "too many is p.conll:11.",
            id="too many sentences",
        ),
        pytest.param(
            FOUND.replace("sleeps", "wakes"),
            "p.conll:5: token 2 must be 'sleeps', as in gold.conll:7. Got 'wakes'.",
            id="other tokens",
        ),
        pytest.param(
            FOUND.replace("sleeps O O\n", ""),
            "p.conll:5: must have the 2 tokens of gold.conll:7. Got 1.",
            id="fewer tokens",
        ),
        pytest.param(
            FOUND.replace("Banjul B-LOC", "Banjul B-PER"),
            "p.conll:5: must have the gold labels of gold.conll:7. Got 0 of its 1, and 1 other "
            "ones.",
            id="other gold labels",
        ),
        pytest.param(
            re.sub(r"(.-)(PER|LOC)$", r"\1\2SON", FOUND, flags=re.MULTILINE),
            "p.conll: must have labels of gold.conll: LOC, PER. Got LOCSON, PERSON.",
            id="other labels",
        ),
        pytest.param(
            FOUND.replace("Banjul B-LOC B-LOC", "Banjul B-LOC LOC"),
            "p.conll:5: ",
            id="a tag without prefix",
        ),
        pytest.param("", "p.conll: no sentences. At least one is needed.", id="an empty file"),
    ],
)
def test_predictions_that_do_not_fit_are_one_line(files, text, line):
    files(p_conll=text)
    with pytest.raises(DataError) as error:
        ner.compare({"a": "a.conll", "p": "p.conll"}, "gold.conll", **FEW)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_records_without_spans_are_no_predictions(files):
    files(p_jsonl='{"text": "Awa left."}\n')
    with pytest.raises(DataError, match=r"^p.jsonl:1: predicted data must have tags. Got none"):
        ner.compare({"a": "a.conll", "p": "p.jsonl"}, "gold.conll", **FEW)


def test_labels_that_the_corpus_lacks_are_told(files):
    files(p_conll=FOUND.replace("Awa B-PER O", "Awa B-PER B-ORG"))
    told = []
    ner.compare({"a": "a.conll", "p": "p.conll"}, "gold.conll", notify=told.append, **FEW)
    assert told == [
        "Warning: p.conll: 1 of 3 predicted labels are ones that gold.conll lacks: ORG (1)."
    ]


def test_a_corpus_without_annotation_is_refused(files):
    files(raw_jsonl='{"text": "Awa left."}\n')
    with pytest.raises(DataError, match=r"^raw.jsonl: must have gold annotation. Got none\.$"):
        ner.compare({"a": "a.conll", "b": "b.conll"}, "raw.jsonl", **FEW)


def test_labels_of_tokens_need_the_name_of_their_column(files):
    gold, tagged = rows("Awa PROPN", "left VERB"), rows("Awa PROPN NOUN", "left VERB VERB")
    files(pos_conll=gold, p_conll=tagged, q_conll=tagged.replace("NOUN", "PROPN"))
    found = ner.compare({"p": "p.conll", "q": "q.conll"}, "pos.conll", target="upos", **FEW)
    assert (found.metric, scores(found)) == ("accuracy", [0.5, 1.0])


@pytest.mark.parametrize(
    ("second", "metric", "score"),
    [("x", "accuracy", 1.0), (["x", "y"], "f1", 0.8)],
    ids=["one label", "several labels"],
)
def test_labels_of_texts_are_compared(files, second, metric, score):
    texts = [{"text": "Awa left.", "label": "x"}, {"text": "She sings.", "label": second}]
    found = [{"text": text["text"], "labels": ["x"]} for text in texts]
    files(texts_jsonl=rows(*map(json.dumps, texts)), p_jsonl=rows(*map(json.dumps, found)))
    comparison = ner.compare({"p": "p.jsonl", "q": ["p.jsonl"] * 2}, "texts.jsonl", **FEW)
    assert (comparison.metric, scores(comparison)) == (metric, [score, score])


def test_other_texts_are_refused(files):
    texts = '{"text": "Awa left.", "label": "x"}\n'
    files(texts_jsonl=texts, p_jsonl=texts, q_jsonl=texts.replace("left", "went"))
    with pytest.raises(
        DataError, match=r"^q.jsonl:1: must be the text 'Awa left.' of texts.jsonl:1. Got 'Awa we"
    ):
        ner.compare({"p": "p.jsonl", "q": "q.jsonl"}, "texts.jsonl", **FEW)


@pytest.mark.parametrize(
    ("task", "does"),
    [
        pytest.param(
            lambda tags: TokenTask("upos", tags), "labels tokens in the column 'upos'", id="tokens"
        ),
        pytest.param(TextTask, "labels whole texts", id="texts"),
    ],
)
def test_a_model_of_another_task_is_one_line(files, tiny_tagger, task, does):
    other = dataclasses.replace(tiny_tagger, task=task(tiny_tagger.task.tags))
    models = {"ner": tiny_tagger, "other": other}
    with pytest.raises(ModelFolderError) as error:
        ner.compare(
            {"a": "ner", "b": "other"}, "gold.conll", load=lambda name: models[str(name)], **FEW
        )
    assert str(error.value) == (
        f"other: must hold a model that finds spans (f1), as ner does. Got one that {does} "
        "(accuracy)."
    )


def test_models_that_cut_a_text_otherwise_are_refused(files, tiny_tagger):
    record = {"text": "Awa's dog", "spans": [{"start": 0, "end": 3, "label": "PER"}]}
    files(gold_jsonl=json.dumps(record) + "\n")
    other = dataclasses.replace(tiny_tagger, tokenizer=Tokenizer("character"))
    models = {"words": tiny_tagger, "characters": other}
    with pytest.raises(DataError) as error:
        ner.compare(
            {name: name for name in models},
            "gold.jsonl",
            load=lambda name: models[str(name)],
            **FEW,
        )
    assert str(error.value).startswith("gold.jsonl:1: token 1 must be 'Awa', as in gold.jsonl:1.")


def test_a_system_without_runs_is_refused(files):
    with pytest.raises(ConfigError, match=r"^b: must have at least one run. Got none\.$"):
        ner.compare({"a": "a.conll", "b": []}, "gold.conll", **FEW)


def test_a_single_system_is_refused(files):
    with pytest.raises(ConfigError, match=r"^systems: must be at least two. Got 1\.$"):
        ner.compare({"a": "a.conll"}, "gold.conll", **FEW)


def test_a_missing_file_is_no_model(files):
    with pytest.raises(ModelFolderError, match=r"^c.conll: no such folder, and no installed model"):
        ner.compare({"a": "a.conll", "c": "c.conll"}, "gold.conll", **FEW)
