"""The component for spaCy, in pipelines of spaCy itself."""

import itertools
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ner
from ner.errors import ModelFolderError

spacy = pytest.importorskip("spacy", reason="needs spaCy")

from spacy.tokens import Doc, Span  # noqa: E402
from spacy.training import Example  # noqa: E402

from ner.spacy import LatticeNer  # noqa: E402

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def texts():
    """Give texts of several sentences each, the last without any token."""
    sentences = [s for s in ner.read_sentences("sample:train") if s.spans][:20]
    pairs = zip(sentences[::2], sentences[1::2], strict=True)
    return [f"{a.text}  {b.text}\n" for a, b in pairs] + ["", " \n"]


@pytest.fixture
def pipeline(tiny_model):
    """Return a function that makes a pipeline with the component."""

    def make(*before, **config):
        nlp = spacy.blank("en")
        for name in before:
            nlp.add_pipe(name)
        nlp.add_pipe("lattice_ner", config={"model": str(tiny_model), **config})
        return nlp

    return make


def found(doc):
    return [(e.text, e.label_, e.start_char, e.end_char, e._.score) for e in doc.ents]


def fits(doc, entity):
    return doc.char_span(entity.start, entity.end) is not None


def test_spacy_finds_the_component_by_its_name(tiny_model, tmp_path):
    # The names as they are installed, in a process that never imported the component.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = project["entry-points"]["spacy_factories"]
    folder = tmp_path / "names-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: names\nVersion: 1\n")
    lines = [f"{name} = {place}" for name, place in names.items()]
    (folder / "entry_points.txt").write_text("\n".join(["[spacy_factories]", *lines]))
    program = "import sys, spacy; nlp = spacy.blank('en')\n"
    program += "nlp.add_pipe('lattice_ner', config={'model': sys.argv[1]})\n"
    program += "print(nlp.pipe_names, nlp('Ada Lovelace left.').has_annotation('ENT_IOB'))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}
    command = [sys.executable, "-c", program, str(tiny_model)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.stdout == "['lattice_ner'] True\n", result.stderr


def test_entities_are_those_of_the_model_where_the_tokens_fit(pipeline, tiny_tagger, texts):
    nlp, total = pipeline(), 0
    for text in texts:
        doc = nlp(text)
        entities = [e for e in tiny_tagger.tag(text).entities if fits(doc, e)]
        assert found(doc) == [(e.text, e.label, e.start, e.end, e.score) for e in entities]
        total += len(entities)
    assert total > 10


def test_offsets_count_characters_of_any_kind(pipeline, tiny_tagger, texts):
    text = f"\U0001f600 e\u0301 \u00a0{texts[0]}"
    doc = pipeline()(text)
    assert doc.ents
    assert all(text[e.start_char : e.end_char] == e.text for e in doc.ents)
    assert [(e.start_char, e.end_char) for e in doc.ents] == [
        (e.start, e.end) for e in tiny_tagger.tag(text).entities if fits(doc, e)
    ]


def test_batches_give_the_same_documents_in_order(pipeline, texts):
    nlp = pipeline()
    alone = [found(nlp(text)) for text in texts]
    for size in (1, 3, 100):
        docs = list(nlp.pipe(texts, batch_size=size))
        assert [doc.text for doc in docs] == texts
        for doc, one in zip(docs, alone, strict=True):
            assert [e[:4] for e in found(doc)] == [e[:4] for e in one]
            assert [e[4] for e in found(doc)] == pytest.approx([e[4] for e in one], abs=1e-5)


def test_several_processes_give_the_same_entities(pipeline, texts):
    nlp = pipeline(threads=1)
    alone = [[e[:4] for e in found(nlp(text))] for text in texts]
    docs = nlp.pipe(texts, n_process=2, batch_size=4)
    assert [[e[:4] for e in found(doc)] for doc in docs] == alone


def test_sentences_that_spacy_found_are_tagged_by_themselves(pipeline, tiny_tagger, texts):
    text = texts[1]
    doc = pipeline("sentencizer")(text)
    starts = [sentence.start_char for sentence in doc.sents]
    assert len(starts) > 1
    alone = tiny_tagger.tag(text, split=lambda _: starts).entities
    assert [e[2:4] for e in found(doc)] == [(e.start, e.end) for e in alone if fits(doc, e)]
    whole = pipeline("sentencizer", split_sentences=False)(text)
    assert found(whole) == found(pipeline()(text))


def overlapping(nlp, text):
    """Return a document whose first entity is annotated otherwise, and so is its last token."""
    (first, *_) = nlp(text).ents
    doc = nlp.make_doc(text)
    last = len(doc) - 1
    doc.ents = [
        Span(doc, first.start, first.end, label="OLD"),
        Span(doc, last, last + 1, label="END"),
    ]
    return doc


def test_entities_of_earlier_components_stay(pipeline, texts):
    nlp = pipeline()
    new = [e.label_ for e in nlp(texts[0]).ents]
    doc = nlp(overlapping(nlp, texts[0]))
    assert [e.label_ for e in doc.ents] == ["OLD", *new[1:], "END"]
    assert doc.ents[0]._.score is None
    assert all(0 < e._.score <= 1 for e in doc.ents[1:-1])


def test_entities_of_earlier_components_are_replaced_where_they_overlap(pipeline, texts):
    nlp = pipeline(overwrite_ents=True)
    new = found(nlp(texts[0]))
    doc = nlp(overlapping(nlp, texts[0]))
    assert found(doc)[:-1] == new
    assert (doc.ents[-1].label_, doc.ents[-1]._.score) == ("END", None)


def test_an_equal_entity_that_replaces_another_has_a_score(pipeline, texts):
    nlp = pipeline(overwrite_ents=True)
    doc = nlp(texts[0])
    for key in list(doc.user_data):
        del doc.user_data[key]
    assert all(e._.score is not None for e in nlp(doc).ents)


@pytest.mark.parametrize("mode", ["strict", "contract", "expand"])
def test_misaligned_entities_follow_the_rule_of_spacy_and_are_counted(
    pipeline, tiny_tagger, texts, mode
):
    nlp = pipeline(alignment_mode=mode)
    entities = tiny_tagger.tag(texts[0]).entities
    # Tokens of spaCy that end one character late, after each entity.
    cuts = [0, *sorted({p for e in entities for p in (e.start, e.end + 1)} - {0}), len(texts[0])]
    words = [texts[0][a:b] for a, b in itertools.pairwise(cuts) if a < b]
    doc = nlp(Doc(nlp.vocab, words=words, spaces=[False] * len(words)))
    assert doc.text == texts[0]
    expected = [doc.char_span(e.start, e.end, label=e.label, alignment_mode=mode) for e in entities]
    assert list(doc.ents) == [span for span in expected if span]
    assert bool(doc.ents) == (mode == "expand")
    assert nlp.get_pipe("lattice_ner").num_misaligned == len(entities) > 0


def test_entities_that_expand_over_each_other_do_not_overlap(pipeline, texts):
    nlp = pipeline(alignment_mode="expand")
    doc = nlp(Doc(nlp.vocab, words=[texts[0]], spaces=[False]))
    assert [(e.start, e.end) for e in doc.ents] == [(0, 1)]


def test_entities_below_a_score_are_left_out(pipeline, texts):
    everything = [e for text in texts for e in found(pipeline()(text))]
    bound = sorted(e[4] for e in everything)[len(everything) // 2]
    chosen = [e for text in texts for e in found(pipeline(min_score=bound)(text))]
    assert chosen == [e for e in everything if e[4] >= bound]
    chosen = [e for text in texts for e in found(pipeline(min_score={"PER": bound})(text))]
    assert chosen == [e for e in everything if e[1] != "PER" or e[4] >= bound]
    with pytest.raises(ner.ConfigError, match="must name labels of the model"):
        pipeline(min_score={"PERSON": bound})


@pytest.mark.parametrize("place", ["disk", "bytes"])
def test_a_saved_pipeline_needs_its_old_model_no_more(tiny_model, tmp_path, texts, place):
    moved = tmp_path / "moved"
    shutil.copytree(tiny_model, moved)
    nlp = spacy.blank("en")
    nlp.add_pipe("lattice_ner", config={"model": str(moved), "min_score": 0.1})
    before = [found(nlp(text)) for text in texts]
    if place == "disk":
        nlp.to_disk(tmp_path / "pipeline")
        shutil.rmtree(moved)
        again = spacy.load(tmp_path / "pipeline")
    else:
        content = nlp.to_bytes()
        shutil.rmtree(moved)
        again = spacy.blank("en").from_config(nlp.config).from_bytes(content)
    assert again.get_pipe("lattice_ner").min_score == 0.1
    assert [found(again(text)) for text in texts] == before


def test_a_pipeline_is_saved_over_itself(pipeline, tmp_path, texts):
    pipeline().to_disk(tmp_path / "pipeline")
    nlp = spacy.load(tmp_path / "pipeline")
    nlp.to_disk(tmp_path / "pipeline")
    assert found(spacy.load(tmp_path / "pipeline")(texts[0])) == found(nlp(texts[0]))


def test_a_damaged_copy_is_refused(pipeline, tmp_path):
    pipeline().to_disk(tmp_path)
    (tmp_path / "lattice_ner" / "labels.json").write_text("[]")
    with pytest.raises(ModelFolderError, match=r"labels\.json was changed"):
        spacy.load(tmp_path)


def test_bytes_that_would_leave_their_folder_are_refused(tiny_model):
    import srsly

    component = LatticeNer(str(tiny_model))
    for content in ({"../x": b"1"}, {"x": 1}, [1]):
        with pytest.raises(ModelFolderError, match="must be files of a model"):
            component.from_bytes(srsly.msgpack_dumps(content))


def test_a_model_that_is_missing_is_told_at_the_first_document():
    nlp = spacy.blank("en")
    nlp.add_pipe("lattice_ner", config={"model": "runs/none/model"})
    with pytest.raises(ModelFolderError, match="runs/none/model: no such folder"):
        nlp("Ada left.")


def test_an_unknown_way_to_align_is_refused(pipeline):
    with pytest.raises(ValueError, match="alignment_mode"):
        pipeline(alignment_mode="loose")


def test_spacy_scores_the_component(pipeline, texts):
    nlp = pipeline()
    examples = [Example(nlp.make_doc(text), nlp(text)) for text in texts[:3]]
    scores = nlp.evaluate(examples)
    assert (scores["ents_f"], scores["ents_p"]) == (1.0, 1.0)
    assert nlp.pipe_labels["lattice_ner"] == list(nlp.get_pipe("lattice_ner").labels)
