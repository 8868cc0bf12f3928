import asyncio
import itertools
import json
import multiprocessing
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ner
from ner.crf import kernel
from ner.data.schemes import Span
from ner.data.sentence import Prediction, Sentence
from ner.errors import ConfigError, DataError, ModelFolderError
from tests.tolerance import small_model_bound

TEXTS = [
    "Awa Badjie was born in Ziguinchor.",
    "",
    " \n\t ",
    "Nothing happened here, and nobody minded.",
    "😀 SENEGAL v GAMBIA 👨‍👩‍👧",
    "\ufeffParis\r\nand\u2028London",
    "x" * 50_000 + " met Awa Badjie",
    "\ud83d in \ud83d\ude00 Dakar",
] * 3


def found(sentence):
    return [(e.start, e.end, e.label) for e in sentence.entities]


def tokens():
    return st.lists(st.text(min_size=1), max_size=8)


def test_the_small_tagger_finds_something(tiny_tagger):
    # The other tests here would pass with a tagger that finds nothing.
    assert sum(len(s.entities) for s in tiny_tagger.pipe(TEXTS)) >= 3


@given(text=st.text(st.characters(codec=None)) | st.text("AB. \n\u00a0\u2028é😀'-"))
def test_offsets_hold_for_any_text(tiny_tagger, text):
    tagged = tiny_tagger.tag(text)
    assert tagged.text == text
    assert all(text[e.start : e.end] == e.text for e in tagged.entities)
    for token, (start, end) in zip(tagged.tokens, tagged.offsets, strict=True):
        # Halves of UTF-16 pairs are U+FFFD in a token.
        assert token == "".join(
            "\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text[start:end]
        )


@given(tokens=tokens())
def test_tokens_come_back_as_they_were_given(tiny_tagger, tokens):
    tagged = tiny_tagger.tag_tokens(tokens)
    assert tagged.tokens == tuple(tokens)
    assert all(tagged.text[e.start : e.end] == e.text for e in tagged.entities)
    ends = [span.end for span in tagged.prediction.spans]
    starts = [span.start for span in tagged.prediction.spans]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))


@given(tokens=tokens())
def test_a_score_is_a_probability(tiny_tagger, tokens):
    assert all(0 < e.score <= 1 + 1e-9 for e in tiny_tagger.tag_tokens(tokens).entities)


@pytest.mark.numeric
@pytest.mark.parametrize("window", [1, 3, 1024])
@pytest.mark.parametrize("batch_tokens", [1, 64, 2048])
def test_a_stream_gives_each_text_what_it_gets_alone(tiny_tagger, window, batch_tokens):
    tagged = list(tiny_tagger.pipe(TEXTS, window=window, batch_tokens=batch_tokens))
    assert [s.text for s in tagged] == TEXTS
    for text, sentence in zip(TEXTS, tagged, strict=True):
        alone = tiny_tagger.tag(text)
        assert found(sentence) == found(alone)
        scores = [e.score for e in alone.entities]
        assert [e.score for e in sentence.entities] == pytest.approx(
            scores, abs=small_model_bound(len(alone))
        )


def test_a_stream_mixes_texts_and_sentences(tiny_tagger):
    sentence = Sentence(["Awa", "Badjie"], id="7", columns={"pos": ("NNP", "NNP")})
    first, second = tiny_tagger.pipe(["Awa Badjie", sentence])
    assert found(first) == found(second)
    assert (second.id, second.columns) == ("7", sentence.columns)
    assert sentence.prediction is None


@pytest.mark.parametrize("window", [1, 3])
def test_a_stream_reads_no_further_ahead_than_its_window(tiny_tagger, window):
    read = []

    def texts():
        for text in TEXTS:
            read.append(text)
            yield text

    stream = tiny_tagger.pipe(texts(), window=window)
    assert read == []
    for given_back, _ in enumerate(stream, 1):
        assert len(read) <= given_back + window - 1


def test_an_endless_stream_is_tagged(tiny_tagger):
    stream = tiny_tagger.pipe(iter(lambda: "Awa Badjie", None), window=2)
    assert [len(next(stream)) for _ in range(5)] == [2] * 5


@pytest.mark.parametrize(
    "blank",
    ["", " ", "\n", "\u00a0\u2028", "\u200b"],
    ids=["empty", "blank", "newline", "no-break space", "zero-width space"],
)
def test_a_blank_text_has_no_tokens_and_no_entities(tiny_tagger, blank):
    tagged = tiny_tagger.tag(blank)
    assert (tagged.text, tagged.tokens, tagged.entities) == (blank, (), ())


def test_nothing_gives_nothing(tiny_tagger):
    assert list(tiny_tagger.pipe([])) == []
    assert tiny_tagger.tag_sentences([]) == []
    assert tiny_tagger.tag_tokens([]).entities == ()


def test_no_sentence_is_too_long(tiny_tagger):
    tokens = ["Awa", "Badjie", "left", "."] * 2500
    tagged = tiny_tagger.tag_tokens(tokens)
    assert tagged.tokens == tuple(tokens)
    assert tagged.prediction.spans[-1].end > 9990


@pytest.mark.parametrize(
    ("call", "words"),
    [
        pytest.param(
            lambda t: t.tag(["Ada", "L."]),
            "text: must be a str. Got list. For tokens call tag_tok",
            id="a list for a text",
        ),
        pytest.param(
            lambda t: t.tag(b"Ada"), "text: must be a str. Got bytes.", id="bytes for a text"
        ),
        pytest.param(
            lambda t: t.tag_tokens("Ada"),
            "tokens: must be a list of strings. Got one string: call tag()",
            id="a text for tokens",
        ),
        pytest.param(
            lambda t: t.pipe("Ada"),
            "items: must be many texts. Got one: call tag()",
            id="a text for texts",
        ),
        pytest.param(
            lambda t: list(t.pipe([["Ada"]])),
            "text: must be a str. Got list.",
            id="a list in a stream",
        ),
        pytest.param(
            lambda t: t.tag_sentences(["Ada"]),
            "sentences: must be a list of Sentence. Got str.",
            id="a list for sentences",
        ),
        pytest.param(
            lambda _: ner.evaluate("model", []),
            "model: must come from load() or train().",
            id="a name for a model",
        ),
    ],
)
def test_the_meaning_of_an_argument_is_never_guessed(tiny_tagger, call, words):
    with pytest.raises(TypeError) as error:
        call(tiny_tagger)
    assert str(error.value).startswith(words)


def test_a_window_of_nothing_is_refused_rather_than_losing_all(tiny_tagger):
    with pytest.raises(ValueError, match="window: must be at least 1"):
        tiny_tagger.pipe(["Ada"], window=0)
    with pytest.raises(ValueError, match="batch_tokens: must be at least 1"):
        tiny_tagger.pipe(["Ada"], batch_tokens=0)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_are_never_decoded(tiny_tagger, value, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(kernel, "library", None)

    class Broken:
        edges = tiny_tagger.runtime.edges
        workers = 2
        word_rows = tiny_tagger.runtime.word_rows

        def outputs(self, batch):
            return {"emissions": tiny_tagger.runtime.outputs(batch)["emissions"] + value}

    parts = (tiny_tagger.task, tiny_tagger.featurizer, Broken(), tiny_tagger.tokenizer)
    broken = ner.Tagger(*parts)
    for tag in (broken.tag, broken.nbest):
        with pytest.raises(DataError, match=r"sentence 0, token 0: scores must be finite\. Got"):
            tag("Ada")


def test_a_loaded_tagger_knows_its_labels_and_its_record(tiny_tagger):
    assert {"LOC", "PER"} <= set(tiny_tagger.labels) <= {"LOC", "MISC", "ORG", "PER"}
    assert {"versions", "seed", "data", "metrics"} <= tiny_tagger.record.keys()


def test_an_unknown_device_is_refused(tiny_model):
    with pytest.raises(ConfigError, match="device: must be auto, cpu, cuda or cuda:N"):
        ner.load(tiny_model, device="gpu")


def test_the_folder_of_a_run_is_no_model_but_gets_a_hint(tiny_run):
    with pytest.raises(ModelFolderError, match=r"Did you mean .*run.model\?"):
        ner.load(tiny_run)


def test_an_evaluation_compares_with_gold(tiny_tagger, tmp_path):
    gold = [s for s in ner.read_sentences("sample:train") if s.spans][:20]
    report = ner.evaluate(tiny_tagger, gold)
    assert (report.sentences, report.name) == (20, "sentences")
    tagged = tiny_tagger.tag_sentences(gold)
    right = sum(
        len(set(g.spans) & set(t.prediction.spans)) for g, t in zip(gold, tagged, strict=True)
    )
    assert report.recall == pytest.approx(right / sum(len(s.spans) for s in gold))
    path = tmp_path / "gold.conll"
    path.write_text("Awa B-PER\nBadjie I-PER\n\n", encoding="utf-8")
    assert ner.evaluate(tiny_tagger, path).name == "gold.conll"
    assert ner.evaluate(tiny_tagger, path, name="mine").name == "mine"


def test_sentences_without_gold_cannot_be_evaluated(tiny_tagger):
    with pytest.raises(DataError, match="gold data must have tags"):
        ner.evaluate(tiny_tagger, [Sentence(["Ada"])])


def test_a_new_process_gives_the_same_answers(tiny_tagger, tiny_model):
    program = (
        "import json, sys, ner, torch; torch.set_num_threads(1); tagger = ner.load(sys.argv[1]); "
        "found = [[(e.start, e.end, e.label, e.score) for e in s.entities]"
        " for s in tagger.pipe(json.loads(sys.argv[2]))]; print(json.dumps(found))"
    )
    texts = [text[-60:] for text in TEXTS[:7]]
    command = [sys.executable, "-c", program, str(tiny_model), json.dumps(texts)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    here = [
        [[e.start, e.end, e.label, e.score] for e in s.entities] for s in tiny_tagger.pipe(texts)
    ]
    assert json.loads(answer) == here


BORN = "Awa Badjie was born in Ziguinchor."


def test_required_spans_are_in_the_result_and_forbidden_ones_are_not(tiny_tagger):
    assert (11, 14, "LOC") not in found(tiny_tagger.tag(BORN))
    tagged = tiny_tagger.tag(BORN, required=[(11, 14, "LOC")])
    (entity,) = [e for e in tagged.entities if e.start == 11]
    assert (entity.text, entity.end, entity.label) == ("was", 14, "LOC")
    assert entity.score == pytest.approx(1, abs=1e-9)
    free = tiny_tagger.tag(BORN)
    assert free.entities
    without = tiny_tagger.tag(BORN, forbidden=free.entities)
    assert not set(found(free)) & set(found(without))
    assert found(tiny_tagger.tag(BORN, required=free.entities)) == found(free)


@given(
    tokens=st.lists(
        st.sampled_from(["Awa", "Badjie", "met", "in", "Dakar", "."]), min_size=3, max_size=8
    )
)
def test_any_span_of_tokens_can_be_required_or_forbidden(tiny_tagger, tokens):
    for label in tiny_tagger.labels:
        span = Span(1, 3, label)
        tagged = tiny_tagger.tag_tokens(tokens, required=[span])
        assert span in tagged.prediction.spans
        tagged = tiny_tagger.tag_tokens(tokens, forbidden=[(1, 3, label)])
        touching = [s for s in tagged.prediction.spans if s.start < 3 and s.end > 1]
        assert label not in [s.label for s in touching]


def test_a_constraint_that_is_met_anyway_changes_no_span_and_raises_its_score(tiny_tagger):
    free = tiny_tagger.tag_tokens(BORN.split()).prediction
    bound = tiny_tagger.tag_tokens(BORN.split(), required=free.spans[:1]).prediction
    assert bound.spans == free.spans
    assert bound.scores[0] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        pytest.param(
            lambda t: t.tag("Ada saw Berlins", required=[(8, 14, "LOC")]),
            "text: span [8, 14) 'Berlin' does not start and end at token borders.",
            id="inside a token",
        ),
        pytest.param(
            lambda t: t.tag("", forbidden=[(0, 3, "LOC")]),
            "text: span [0, 3) '' does not start and end at token borders.",
            id="beyond an empty text",
        ),
        pytest.param(
            lambda t: t.tag_tokens(["Ada"], required=[(0, 2, "LOC")]),
            "sentence 0: a span must lie inside its 1 tokens and have a known label. "
            "Got (0, 2, 'LOC').",
            id="beyond the tokens",
        ),
        pytest.param(
            lambda t: t.tag_tokens([], required=[(0, 1, "LOC")]),
            "sentence 0: a span must lie inside its 0 tokens and have a known label. "
            "Got (0, 1, 'LOC').",
            id="no tokens",
        ),
        pytest.param(
            lambda t: t.tag_tokens(["Ada"], required=[(0, 1, "LOC")], forbidden=[(0, 1, "LOC")]),
            "sentence 0: at least one legal path must be allowed. Got none.",
            id="required and forbidden",
        ),
    ],
)
def test_constraints_that_cannot_be_met_are_refused(tiny_tagger, call, words):
    with pytest.raises(DataError) as error:
        call(tiny_tagger)
    assert str(error.value) == words


@pytest.mark.parametrize("which", ["required", "forbidden"])
def test_a_constraint_with_an_unknown_label_is_refused_with_those_there_are(tiny_tagger, which):
    known = ", ".join(tiny_tagger.labels)
    for call in (tiny_tagger.tag, lambda t, **spans: tiny_tagger.tag_tokens([t], **spans)):
        with pytest.raises(DataError) as error:
            call("A", **{which: [(0, 1, "PLANET")]})
        assert str(error.value) == f"label: must be one of {known}. Got 'PLANET'."


@pytest.mark.numeric
def test_the_best_taggings_come_best_first_with_their_probabilities(tiny_tagger):
    best = tiny_tagger.nbest(BORN, k=6)
    predictions = [s.prediction for s in best]
    shares = [p.probability for p in predictions]
    assert shares == sorted(shares, reverse=True)
    assert 0 < min(shares) <= sum(shares) <= 1 + 1e-9
    assert len({p.spans for p in predictions}) == len(best) == 6
    first = tiny_tagger.tag(BORN)
    assert (best[0].text, found(best[0])) == (BORN, found(first))
    assert predictions[0].scores == pytest.approx(
        first.prediction.scores, abs=small_model_bound(len(first))
    )
    assert first.prediction.probability is None
    # A span has one posterior, whatever tagging it stands in: at least that of all shown here.
    for span in {span for p in predictions for span in p.spans}:
        scores = {dict(zip(p.spans, p.scores, strict=True)).get(span) for p in predictions}
        (score,) = scores - {None}
        assert score >= sum(p.probability for p in predictions if span in p.spans) - 1e-9


def test_all_taggings_together_are_sure(tiny_tagger):
    every = tiny_tagger.nbest(Sentence(["Awa", "Badjie"], id="7"), k=1000)
    assert sum(s.prediction.probability for s in every) == pytest.approx(1, abs=1e-9)
    # Each of two tokens alone, one name of both, nothing at all.
    kinds = len(tiny_tagger.labels)
    assert len(every) == (1 + kinds) ** 2 + kinds
    assert {s.id for s in every} == {"7"}


def test_a_blank_text_has_one_tagging(tiny_tagger):
    (only,) = tiny_tagger.nbest(" ")
    assert only.prediction == Prediction((), (), 1.0)
    with pytest.raises(ValueError, match=r"^k: must be at least 1\. Got 0\.$"):
        tiny_tagger.nbest("Ada", k=0)


DOCUMENT = "Ada visited Turing in Paris.\nMr. Smith saw Berlin! Did Bob go to London?"


@pytest.mark.numeric
def test_sentences_of_a_text_are_tagged_by_themselves_and_put_together(tiny_tagger):
    split = ner.SentenceSplitter()
    whole = tiny_tagger.tag(DOCUMENT, split=split)
    assert whole.text == DOCUMENT
    assert whole.tokens == tiny_tagger.tag(DOCUMENT).tokens
    starts = [0, *split(DOCUMENT), len(DOCUMENT)]
    assert len(starts) == 4
    expected = []
    for start, end in itertools.pairwise(starts):
        alone = tiny_tagger.tag(DOCUMENT[start:end])
        expected += [(e.start + start, e.end + start, e.label, e.score) for e in alone.entities]
    found = [(e.start, e.end, e.label, e.score) for e in whole.entities]
    assert [each[:3] for each in found] == [each[:3] for each in expected]
    bound = small_model_bound(len(whole))
    assert [each[3] for each in found] == pytest.approx([each[3] for each in expected], abs=bound)
    assert len(found) > 2
    (piped,) = tiny_tagger.pipe([DOCUMENT], split=split)
    assert [e.label for e in piped.entities] == [each[2] for each in found]


def test_constraints_hold_in_the_sentence_that_they_are_about(tiny_tagger):
    split = ner.SentenceSplitter()
    at = DOCUMENT.index("Smith saw")
    required = [(at, at + 9, "LOC")]
    result = tiny_tagger.tag(DOCUMENT, required=required, split=split)
    (entity,) = [e for e in result.entities if e.start == at]
    assert (entity.text, entity.label, entity.score) == ("Smith saw", "LOC", pytest.approx(1))
    forbidden = [(0, len(DOCUMENT), label) for label in tiny_tagger.labels]
    assert tiny_tagger.tag(DOCUMENT, forbidden=forbidden, split=split).entities == ()


TEXTS = ["Ada met Bob in Paris.", "Turing saw Berlin", "", "it rains in London ."] * 5


def entities_of(tagger, text):
    return tagger.tag(text).entities


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_tagger_works_in_other_processes(tiny_tagger, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"needs a system that can {method}")
    context = multiprocessing.get_context(method)
    expected = [entities_of(tiny_tagger, text) for text in TEXTS]
    with warnings.catch_warnings():
        # Python warns of threads, here those of pools, in a process that forks.
        warnings.simplefilter("ignore", DeprecationWarning)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            found = list(pool.map(entities_of, [tiny_tagger] * len(TEXTS), TEXTS))
    assert found == expected


def test_many_threads_and_coroutines_share_a_tagger(tiny_tagger):
    expected = [entities_of(tiny_tagger, text) for text in TEXTS]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(entities_of, [tiny_tagger] * len(TEXTS), TEXTS)) == expected

    async def all_of_them():
        calls = (asyncio.to_thread(entities_of, tiny_tagger, text) for text in TEXTS)
        return await asyncio.gather(*calls)

    assert asyncio.run(all_of_them()) == expected


def test_posteriors_are_those_of_all_taggings(tiny_tagger):
    sentences = [Sentence(["Awa", "Badjie"]), Sentence(["Dakar"]), Sentence([])]
    spans = [[(0, 2, "PER"), (0, 1, "LOC"), (0, 2, None), (1, 2, None)], [(0, 1, "LOC")], []]
    found = tiny_tagger.posteriors(sentences, spans)
    for sentence, each, numbers in zip(sentences[:2], spans, found, strict=False):
        taggings = [s.prediction for s in tiny_tagger.nbest(sentence, k=1000)]
        for (start, end, label), number in zip(each, numbers, strict=True):
            expected = sum(
                tagging.probability
                for tagging in taggings
                if (
                    (start, end, label) in tagging.spans
                    if label
                    else all(s.end <= start or end <= s.start for s in tagging.spans)
                )
            )
            assert number == pytest.approx(expected, abs=1e-6)
    assert found[2] == ()


def test_posteriors_of_the_best_spans_are_their_scores(tiny_tagger):
    tagged = [tiny_tagger.tag(text) for text in TEXTS[:5]]
    found = tiny_tagger.posteriors(tagged, [s.prediction.spans for s in tagged])
    for sentence, numbers in zip(tagged, found, strict=True):
        assert numbers == pytest.approx(sentence.prediction.scores, abs=1e-5)


@pytest.mark.parametrize(
    "span",
    [
        pytest.param((0, 3, "PER"), id="longer than the sentence"),
        pytest.param((1, 1, "PER"), id="empty"),
        pytest.param((0, 1, "XYZ"), id="an unknown label"),
        pytest.param((0, 3, None), id="no label and too long"),
    ],
)
def test_posteriors_of_impossible_spans_are_refused(tiny_tagger, span):
    with pytest.raises(
        DataError, match=r"spans\[1\]: must lie inside the 2 tokens and have one of"
    ):
        tiny_tagger.posteriors([Sentence(["a"]), Sentence(["Awa", "met"])], [[], [span]])
