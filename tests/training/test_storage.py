"""Runs whose training sentences are kept on the disk."""

import pytest
from safetensors.numpy import load_file

import ner
from ner.config import DataConfig
from ner.data.formats.conll import write_conll
from ner.data.sentence import Sentence
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, DataError, TrainingError
from ner.features import arrow_store as stored
from ner.tasks import SpanTask
from ner.training import splits as corpus
from ner.training import storage
from ner.training.progress import Progress
from ner.training.splits import SplitReader

TEXTS = [
    ("Ada Lovelace lived in London .", [(0, 2, "PER"), (4, 5, "LOC")]),
    ("Nothing happened .", []),
    ("The Royal Society met Mary Shelley .", [(1, 3, "ORG"), (4, 6, "PER")]),
    ("Geneva is a city .", [(0, 1, "LOC")]),
]
TINY = {
    "words": {"size": 8},
    "characters": {"size": 4, "output_size": 4},
    "affixes": {"rows": 64, "size": 4},
    "encoder": {"size": 8},
}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(stored, "CHUNK_TOKENS", 20)
    monkeypatch.setattr(stored, "BATCH_TOKENS", 40)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "train.conll"
    sentences = [Sentence(text.split(), spans=spans) for text, spans in TEXTS]
    path.write_text("\n".join(write_conll(sentences * 5)) + "\n")
    return path


def run(out, file, kept="disk", *, training=None, **settings):
    return ner.train(
        out=out,
        train=file,
        dev="sample:dev",
        progress=False,
        data={"storage": kept},
        training={"epochs": 3, "threads": 1, "device": "cpu", "batch_size": 4} | (training or {}),
        **TINY | settings,
    )


def weights(folder):
    return {k: v.tobytes() for k, v in load_file(folder / "model/model.safetensors").items()}


def refuse(*_, **__):
    raise AssertionError("it was read or encoded once more")


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="default"),
        pytest.param({"training": {"batch_tokens": 30}}, id="batches by tokens"),
        pytest.param({"bigrams": {"size": 4}}, id="bigrams"),
        pytest.param({"head": {"scheme": "BIO"}}, id="BIO"),
        pytest.param(
            {"augmentation": {"mentions": 0.5, "tokens": 0.5, "upper": 0.5}}, id="augmentation"
        ),
    ],
)
def test_a_run_from_the_disk_is_the_run_from_memory(tmp_path, file, settings):
    _, on_disk = run(tmp_path / "disk", file, **settings)
    _, in_memory = run(tmp_path / "memory", file, "memory", **settings)
    assert weights(tmp_path / "disk") == weights(tmp_path / "memory")
    assert on_disk.to_dict() == in_memory.to_dict()
    assert not (tmp_path / "disk" / storage.ENCODED).exists()


def test_a_model_that_goes_on_from_another_does_so_from_the_disk(tmp_path, file):
    run(tmp_path / "first", file)
    for kept in ("disk", "memory"):
        ner.train(
            out=tmp_path / kept,
            train="sample:train",
            dev="sample:dev",
            init=tmp_path / "first" / "model",
            progress=False,
            data={"storage": kept},
            training={"epochs": 1, "threads": 1, "device": "cpu"},
        )
    assert weights(tmp_path / "disk") == weights(tmp_path / "memory")


def test_a_resumed_run_reads_and_encodes_nothing_again(tmp_path, file, monkeypatch):
    run(tmp_path / "whole", file)
    epochs = []

    def interrupt(_, event, *__):
        epochs.append(event)
        if len(epochs) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Progress, "epoch", interrupt)
        run(tmp_path / "cut", file)
    assert (tmp_path / "cut" / storage.ENCODED).is_dir()
    monkeypatch.setattr(storage, "store_sentences", refuse)
    monkeypatch.setattr(corpus, "count_corpus", refuse)
    run(tmp_path / "cut", file, resume=True)
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert not (tmp_path / "cut" / storage.ENCODED).exists()


def test_a_run_is_not_resumed_with_another_file(tmp_path, file, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Progress, "epoch", interrupt)
        run(tmp_path / "cut", file, training={"checkpoint_minutes": 1e-9})
    file.write_text(file.read_text().replace("Geneva", "Genova"))
    with pytest.raises(ConfigError, match="a resumed run keeps its settings and data"):
        run(tmp_path / "cut", file, resume=True, training={"checkpoint_minutes": 1e-9})


def test_a_loss_that_is_no_number_names_sentences_on_the_disk(tmp_path, file):
    with pytest.raises(TrainingError, match=r"Sentences of the step: .*train\.conll:\d+"):
        run(tmp_path / "out", file, training={"learning_rate": 1e38, "clip_norm": 0, "epochs": 9})


def test_without_development_data_nothing_goes_to_the_disk(tmp_path, file):
    with pytest.raises(ConfigError, match=r"data\.dev: is needed where data\.storage is 'disk'"):
        ner.train(out=tmp_path / "out", train=file, progress=False, data={"storage": "disk"})


def reader(file, notes, **settings):
    data = DataConfig(**settings)
    return SplitReader("train", file, data, SpanTask(("O",), "BIO"), Tokenizer(), notes.append)


def test_what_is_skipped_is_told_in_the_first_reading_alone(file):
    file.write_text("a O\n\nb B-X more\n\nc B-X\n\n\n")
    notes = []
    split = reader(str(file), notes, on_error="skip")
    assert [s.tokens for s in split] == [("a",), ("c",)]
    assert [line.partition(":")[0] for line in notes[:2]] == ["skipped", "1 skipped in train data."]
    known, told = dict(split.record), len(notes)
    assert known["sentences"] == known["tokens"] == 2
    assert (known["entities"], known["skipped"], known["changed"]) == (1, 1, 0)
    assert len(list(split)) == 2
    assert (split.record, len(notes)) == (known, told)


def test_a_file_without_sentences_is_refused(file):
    file.write_text("\n")
    with pytest.raises(DataError) as error:
        list(reader(file, []))
    assert str(error.value) == f"{file}: no sentences. At least one is needed."
