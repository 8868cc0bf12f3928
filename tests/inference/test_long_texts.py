import pytest

import ner
from ner.data.schemes import Span
from ner.inference import pieces
from ner.inference.pieces import PIECE_TOKENS


@pytest.fixture(scope="module")
def text():
    """Return a text of the sample with more tokens than three pieces."""
    words, sentences = [], ner.read_sentences("sample:train")
    for sentence in sentences:
        words += sentence.tokens
        if len(words) > 3 * PIECE_TOKENS:
            break
    return " ".join(words)


@pytest.fixture
def whole(monkeypatch):
    """Return a function that lets a model see texts as a whole."""
    return lambda: monkeypatch.setattr(pieces, "PIECE_TOKENS", 10**9)


def found(sentence):
    return [(e.start, e.end, e.label) for e in sentence.entities]


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_a_long_text_gets_what_it_gets_as_a_whole(tiny_model, text, whole, runtime):
    tagger = ner.load(tiny_model, runtime=runtime)
    cut = tagger.tag(text)
    whole()
    uncut = tagger.tag(text)
    assert found(cut) == found(uncut) != []
    scores = [[e.score for e in sentence.entities] for sentence in (cut, uncut)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_no_batch_of_a_long_text_has_more_tokens_than_a_piece(tiny_tagger, text, monkeypatch):
    shapes = []

    def note(name):
        compute = getattr(tiny_tagger.runtime, name)

        def noted(batch, *arguments):
            shapes.append(batch["tokens"].shape)
            return compute(batch, *arguments)

        monkeypatch.setattr(tiny_tagger.runtime, name, noted)

    note("outputs")
    note("read_piece")
    sentences = [tiny_tagger.read(t) for t in ("Awa left.", text, "", "Ada met Bob.", text)]
    tagged = tiny_tagger.tag_sentences(sentences)
    assert [s.text for s in tagged] == [s.text for s in sentences]
    assert max(b * t for b, t in shapes) <= PIECE_TOKENS
    assert found(tagged[1]) == found(tagged[4])
    assert found(tagged[3]) == found(tiny_tagger.tag("Ada met Bob."))


def test_what_is_required_of_a_long_text_holds(tiny_tagger, text):
    sentence = tiny_tagger.read(text)
    last = len(sentence) - 1
    start, end = sentence.offsets[last]
    tagged = tiny_tagger.tag(text, required=[(start, end, "PER")])
    assert tagged.prediction.spans[-1] == Span(last, last + 1, "PER")
    best, *_ = tiny_tagger.nbest(text, 2)
    assert found(best) == found(tiny_tagger.tag(text))
