import json

import pytest

import ner
from ner.data.sentence import Sentence
from ner.data.tools.teachers import read_teacher

TEXT = "Aspirin helps Ada Lee, and aspirin is old."
DRUG = {"start": 0, "end": 7, "label": "DRUG"}
ADA = {"start": 14, "end": 21, "label": "PER"}


def record(*spans, text=TEXT, **fields):
    return {"text": text, "spans": list(spans), **fields}


def entities(sentence):
    return [(entity.text, entity.label, entity.start) for entity in sentence.entities]


def merged_alone(*spans, **options):
    """Merge what one teacher says about the text."""
    found = ner.merge({"gpt": [record(*spans)]}, **options)
    return found, entities(found.sentences[0])


@pytest.mark.parametrize(
    ("span", "start", "change"),
    [
        pytest.param(ADA, 14, None, id="right"),
        pytest.param(
            {"start": 17, "end": 24, "text": "Ada Lee", "label": "PER"},
            14,
            "gpt[0]: gpt: repaired: PER 'Ada Lee': [17, 24) to [14, 21).",
            id="shifted",
        ),
        pytest.param(
            {"start": 90, "end": 97, "text": "Ada  Lee", "label": "PER"},
            14,
            "gpt[0]: gpt: repaired: PER 'Ada  Lee': [90, 97) to [14, 21).",
            id="beyond the end and with other blanks",
        ),
        pytest.param(
            {"start": 13, "end": 20, "label": "PER"},
            14,
            "gpt[0]: gpt: snapped: span [13, 20) ' Ada Le' to [14, 21) 'Ada Lee'.",
            id="inside of words",
        ),
        pytest.param({"text": "Ada Lee", "label": "PER"}, 14, None, id="without a place"),
        pytest.param([14, 21, "PER"], 14, None, id="a list"),
        pytest.param(
            {"start_offset": 14, "end_offset": 21, "labels": ["PER"]}, 14, None, id="of doccano"
        ),
    ],
)
def test_places_are_repaired_by_the_words(span, start, change):
    found, spans = merged_alone(span)
    assert spans == [("Ada Lee", "PER", start)]
    assert list(found.changes) == ([] if change is None else [change])
    assert found.teachers[0].counts.repaired == (change is not None)


@pytest.mark.parametrize(
    ("span", "why"),
    [
        pytest.param({"text": "Zoe", "label": "PER"}, "its words are not in the text.", id="none"),
        pytest.param(
            {"start": 3, "end": 6, "text": "Zoe", "label": "PER"},
            "'Zoe' is not in the text.",
            id="none with a place",
        ),
        pytest.param({"start": 60, "end": 70, "label": "PER"}, "span [60, 70)", id="beyond"),
    ],
)
def test_what_is_nowhere_is_dropped_and_listed(span, why):
    found, spans = merged_alone(span, DRUG)
    assert spans == [("Aspirin", "DRUG", 0)]
    (change,) = found.changes
    assert change.startswith("gpt[0]: gpt: dropped: PER")
    assert why in change
    assert found.teachers[0].counts.dropped == 1


def test_a_span_at_equal_distances_is_dropped_and_listed():
    text = "Bob and Bob."
    span = {"start": 4, "end": 7, "text": "Bob", "label": "PER"}
    found = ner.merge({"gpt": [record(span, text=text)]})
    assert entities(found.sentences[0]) == []
    assert found.changes == ["gpt[0]: gpt: dropped: PER 'Bob': 'Bob' is as near at two places."]
    assert found.teachers[0].counts.ambiguous == 1


def test_words_without_a_place_are_found_everywhere_or_one_after_the_other():
    text = "Bob met Bob, Bobby and Bob."
    bob = {"text": "Bob", "label": "PER"}
    found = ner.merge({"gpt": [record(bob, text=text)]})
    assert [start for _, _, start in entities(found.sentences[0])] == [0, 8, 23]
    assert found.changes == ["gpt[0]: gpt: ambiguous: PER 'Bob': there 3 times; taken: all."]
    found = ner.merge({"gpt": [record(bob, bob, text=text)]}, occurrences="first")
    assert [start for _, _, start in entities(found.sentences[0])] == [0, 8]
    assert found.changes[1] == "gpt[0]: gpt: ambiguous: PER 'Bob': there 3 times; taken: number 2."
    found = ner.merge({"gpt": [record(bob, bob, bob, bob, text=text)]}, occurrences="first")
    assert found.changes[-1] == "gpt[0]: gpt: dropped: PER 'Bob': its words are there only 3 times."


def test_teachers_are_named_by_records_spans_and_files(tmp_path):
    both = [{**DRUG, "source": "rules"}, {**ADA, "source": "gpt"}]
    lines = [
        record(DRUG, source="gpt"),
        record(*both, text=f"{TEXT} It is.", sources=["anna"]),
        record(ADA, text=f"{TEXT} Yes."),
        {"text": "Not read.", "source": "wiki"},
    ]
    path = tmp_path / "batch.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    found = ner.merge([path])
    assert [(t.name, t.texts) for t in found.teachers] == [
        ("gpt", 2),
        ("anna", 1),
        ("rules", 1),
        ("batch", 1),
    ]
    assert (len(found.sentences), found.unread) == (4, 1)
    assert found.sentences[3].allowed == ((),) * 3
    assert "wiki" not in found.to_dict()["teachers"]


def test_files_of_one_name_are_named_by_their_paths(tmp_path):
    paths = [tmp_path / name / "x.jsonl" for name in "ab"]
    for path in paths:
        path.parent.mkdir()
        path.write_text(json.dumps(record(DRUG)))
    assert [t.name for t in ner.merge(paths).teachers] == list(map(str, paths))
    with pytest.raises(ner.ConfigError, match=r"^FILE: each may be named only once\. Got"):
        ner.merge([paths[0], paths[0]])


def test_texts_are_matched_by_id_and_else_by_their_characters():
    gold = [record(ADA, id="1"), record(DRUG, id="2", text="Aspirin."), record(text="Only gold.")]
    gpt = [
        record(DRUG, id="a"),
        {"id": "2", "spans": [{"text": "Aspirin", "label": "DRUG"}]},
        {"id": "9", "spans": []},
        record(text="Only gpt."),
    ]
    found = ner.merge({"gold": gold, "gpt": gpt}, types={"gold": ["*"], "gpt": ["*"]})
    assert [s.text for s in found.sentences] == [TEXT, "Aspirin.", "Only gold.", "Only gpt."]
    assert [s.id for s in found.sentences] == ["1", "2", None, None]
    assert [t.texts for t in found.teachers] == [3, 3]
    assert found.changes == ["gpt[2]: dropped: no text has the id '9'."]
    assert found.agreement.pairs[0].texts == 2


def test_a_text_that_a_corpus_has_twice_stays_twice():
    gold = [record(id="1", text="OK."), record(id="2", text="OK.")]
    rules = [record(text="OK."), record(text="OK."), record(text="OK.")]
    found = ner.merge({"gold": gold, "rules": rules})
    assert [s.id for s in found.sentences] == ["1", "2", None]
    assert [t.texts for t in found.teachers] == [2, 3]


def test_a_text_in_another_spelling_gets_its_spans_by_their_words():
    gold = [record(id="1")]
    gpt = [
        record({"start": 13, "end": 20, "label": "PER"}, text=TEXT.replace("helps", "help"), id="1")
    ]
    found = ner.merge({"gold": gold, "gpt": gpt}, by="union")
    assert entities(found.sentences[0]) == [("Ada Lee", "PER", 14)]
    assert found.changes == [
        "gpt[0]: other text than gold[0] with its id; spans are found by their words.",
        "gpt[0]: gpt: repaired: PER 'Ada Lee': [13, 20) to [14, 21).",
    ]


def test_white_space_makes_no_other_text_and_tokens_come_from_the_file_that_has_them():
    gold = [Sentence(["Ada", "Lee", "sang", "."], spans=[(0, 2, "PER")])]
    gpt = [{"text": "Ada  Lee sang.", "spans": [{"start": 9, "end": 13, "label": "ACT"}]}]
    for teachers in ({"gold": gold, "gpt": gpt}, {"gpt": gpt, "gold": gold}):
        (found,) = ner.merge(teachers).sentences
        assert found.text == "Ada  Lee sang."
        assert found.tokens == ("Ada", "Lee", "sang", ".")
        assert entities(found) == [("Ada  Lee", "PER", 0), ("sang", "ACT", 9)]


def test_places_count_in_the_white_space_of_their_own_record():
    spans = [{"start": 4, "end": 5, "label": "PER"}, {"text": "a b", "label": "ORG"}]
    gpt = [{"text": "a b c d .", "spans": spans}]
    found = ner.merge({"raw": [{"text": "a b  c d."}], "gpt": gpt})
    assert entities(found.sentences[0]) == [("a b", "ORG", 0), ("c", "PER", 5)]
    assert not found.changes
    shifted = [{"start": 2, "end": 3, "text": "c", "label": "PER"}]
    found = ner.merge({"raw": [{"text": "a b  c d."}], "gpt": [{**gpt[0], "spans": shifted}]})
    assert entities(found.sentences[0]) == [("c", "PER", 5)]
    assert found.changes == ["gpt[0]: gpt: repaired: PER 'c': [2, 3) to [4, 5)."]


def test_open_tokens_stay_open_in_other_white_space():
    part = [Sentence(["a", "b", "."], allowed=[("O",), (), ("O",)])]
    raw = [{"text": "a b.", "spans": []}]
    (found,) = ner.merge({"part": part, "raw": raw}, types={"part": ["PER"]}).sentences
    assert found.text == "a b."
    assert found.allowed == (("O",), (), ("O",))


def test_a_text_with_the_same_white_space_comes_before_others():
    raw = [{"text": "a  b"}, {"text": "a b"}]
    gpt = [record({"text": "b", "label": "X"}, text="a b"), record(text="a  b")]
    found = ner.merge({"raw": raw, "gpt": gpt})
    assert [entities(sentence) for sentence in found.sentences] == [[], [("b", "X", 2)]]


def test_offsets_of_other_units_are_converted_once():
    text = "\U0001f600\U0001f600 Ada Lee left"
    spans = [{"start": 5, "end": 12, "label": "PER"}]
    found = ner.merge({"gpt": [{"text": text, "spans": spans}]}, offsets="utf16")
    assert entities(found.sentences[0]) == [("Ada Lee", "PER", 3)]


def test_several_records_of_a_teacher_about_one_id_are_passes_over_a_text():
    passes = [record(DRUG, id="1", types=["DRUG"]), record(ADA, id="1", types=["PER"])]
    found = ner.merge({"gpt": passes})
    assert entities(found.sentences[0]) == [("Aspirin", "DRUG", 0), ("Ada Lee", "PER", 14)]
    assert found.teachers[0].texts == 1


def test_a_teacher_that_knows_some_labels_leaves_the_others_open():
    people = [record(ADA), record(text="Ada left.")]
    found = ner.merge({"drugs": [record(DRUG)], "people": people})
    first, second = found.sentences
    assert entities(first) == [("Aspirin", "DRUG", 0), ("Ada Lee", "PER", 14)]
    assert second.allowed[0] == ("O", "B-DRUG", "E-DRUG", "I-DRUG", "S-DRUG")
    known = ner.merge({"drugs": [record(DRUG)], "people": people}, types={"people": ["*"]})
    assert known.sentences[1].spans == ()
    assert known.outcomes == {"agreed": 1, "outvoted": 0, "open": 1}


def test_partial_annotation_is_no_vote_where_it_is_open():
    part = [record(ADA, partial=True)]
    found = ner.merge({"gpt": [record(DRUG, ADA)], "anna": part}, types={"anna": ["*"]})
    assert entities(found.sentences[0]) == [("Aspirin", "DRUG", 0), ("Ada Lee", "PER", 14)]
    tags = ["S-A", "?", "S-A|S-B", "O"]
    columns = [{"tokens": ["p", "q", "r", "s"], "ner_tags": tags}]
    full = [{"tokens": ["p", "q", "r", "s"], "ner_tags": ["O", "S-B", "S-B", "O"]}]
    found = ner.merge({"part": columns, "full": full}, types={"part": ["*"], "full": ["*"]})
    assert found.sentences[0].tags() == ["O|S-A", "S-B", "S-B", "O"]
    kind = "tokens with several possible tags, which count as open"
    assert found.ignored[kind] == 1


def test_weights_and_scores_decide_by_weight():
    gpt = [record({**DRUG, "score": 0.4}, {**ADA, "score": 0.9})]
    found = ner.merge({"gpt": gpt}, by="weight")
    assert found.sentences[0].tags()[:4] == ["O|S-DRUG", "O", "B-PER", "E-PER"]
    rules = [record(weight=3)]
    found = ner.merge({"gpt": gpt, "rules": rules}, by="weight", types={"rules": ["*"]})
    assert found.sentences[0].spans == ()
    both = {"gpt": gpt, "rules": rules}
    found = ner.merge(both, by="weight", types={"rules": ["*"]}, weights={"gpt": 9})
    assert found.sentences[0].tags()[:4] == ["O|S-DRUG", "O", "B-PER", "E-PER"]


def test_what_is_disputed_is_listed_with_its_teachers():
    found = ner.merge({"gpt": [record(DRUG, ADA)], "anna": [record(ADA)]}, types={"anna": ["*"]})
    assert list(found.disputes()) == [
        {
            "place": "gpt[0]",
            "id": None,
            "text": "Aspirin",
            "label": "DRUG",
            "start": 0,
            "end": 7,
            "for": ["gpt"],
            "not for": ["anna"],
            "outcome": "open",
        }
    ]


def test_predictions_and_other_formats_are_teachers(tiny_tagger, tmp_path):
    (tmp_path / "gold.conll").write_text("Ada B-PER\nleft O\n")
    (tmp_path / "part.conll").write_text("Ada B-PER\nleft ?\n")
    predicted = tiny_tagger.tag_tokens(["Ada", "left"])
    found = ner.merge({"gold": tmp_path / "gold.conll", "model": [predicted]})
    assert [t.name for t in found.teachers] == ["gold", "model"]
    assert len(found.sentences) == 1
    assert found.sentences[0].columns == {}
    assert ner.merge([tmp_path / "part.conll"]).sentences[0].tags() == ["?", "?"]


def test_tokens_of_a_file_come_before_those_of_a_rule_and_other_facts_are_kept():
    text = "Ada-Lee left."
    gpt = [record({"text": "Ada", "label": "PER"}, text=text)]
    gold = [record([0, 3, "PER"], text=text, tokens=[[0, 3], [3, 4], [4, 7], [8, 12], [12, 13]],
                   document="d", labels=["news"])]  # fmt: skip
    found = ner.merge({"gpt": gpt, "gold": gold}).sentences[0]
    assert found.tokens == ("Ada", "-", "Lee", "left", ".")
    assert (found.document, found.labels) == ("d", ("news",))
    assert entities(found) == [("Ada", "PER", 0)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"spans": [{"label": "A"}]}, "each must have a start and an end", id="place"),
        pytest.param({"spans": [{"text": "Ada"}]}, "each must have a string as label", id="label"),
        pytest.param(
            {"spans": [{**ADA, "score": 2}]}, "a score must be a number from 0", id="score"
        ),
        pytest.param({"spans": [{**ADA, "start": "1"}]}, "start and end must be whole", id="start"),
        pytest.param({"spans": {"a": 1}}, "must be a list of objects", id="spans"),
        pytest.param({"spans": [], "weight": -1}, "weight: must be a number of at", id="weight"),
        pytest.param({"spans": [], "types": "A"}, "types: must be a list of labels", id="types"),
        pytest.param({"spans": [], "source": 1}, "source: must be a name", id="source"),
        pytest.param({"spans": [], "sources": "a"}, "sources: must be a list of", id="sources"),
        pytest.param({"spans": [], "partial": 1}, "partial: must be true or false", id="partial"),
        pytest.param({"text": None, "spans": []}, "text: must be there, or an id", id="text"),
        pytest.param({"text": 3, "spans": []}, "text: must be a string", id="text of a number"),
    ],
)
def test_a_record_that_says_something_else_is_refused_by_its_place(fields, message):
    with pytest.raises(ner.DataError, match=rf"^gpt\[0\]: (spans: )?{message}"):
        ner.merge({"gpt": [{"text": TEXT, **fields}]})


def test_a_record_that_is_no_object_is_refused_with_its_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "Ada.", "spans": []}\n3\n')
    with pytest.raises(ner.DataError, match=r"a\.jsonl:2: a record must be a JSON object\. Got 3"):
        ner.merge([path])
    problems = []
    found = ner.merge([path], problems=problems)
    assert (len(found.sentences), len(problems)) == (1, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"weights": {"gtp": 1}}, "Got 'gtp'. Did you mean 'gpt'", id="weights"),
        pytest.param({"types": {"anna": ["A"]}}, "teachers gpt. Got 'anna'", id="types"),
        pytest.param({"weights": {"gpt": -1}}, "at least 0. Got gpt=-1", id="negative"),
    ],
)
def test_options_for_a_teacher_that_is_not_there_are_refused(options, message):
    with pytest.raises(ner.ConfigError, match=message):
        ner.merge({"gpt": [record(DRUG)]}, **options)


def test_fields_that_are_not_read_are_counted():
    found = ner.merge({"gpt": [record({**DRUG, "why": "a drug"}, model="m")]})
    assert found.ignored == {"fields 'why' of spans": 1, "fields 'model'": 1}


def test_a_rejected_record_is_left_out(tmp_path):
    options = ner.ReadOptions(notes=None)
    read = list(read_teacher("gpt", [record(DRUG, answer="reject")], options))
    assert read == []
