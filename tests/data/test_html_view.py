import colorsys
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.html_view import STYLE, USUAL_HUES, Hues, fragment, html_page, sentence_html
from ner.data.schemes import Span
from ner.data.sentence import Prediction, Sentence

TEXT = "  It\u2019s  <b>very</b>\n\tgood & \U0001f600 cheap!  "
NOT_TEXT = ("style", "title", "h1", "h2", "sub", "rt", "b")


def cut(text):
    """Cut a text at runs of letters and at single other characters."""
    found = list(re.finditer(r"\w+|[^\w\s]", text))
    return Sentence([match[0] for match in found], text, [match.span() for match in found])


class Reader(HTMLParser):
    """Read a fragment or a page back: its elements, its text without labels, and all that it says.

    `marks` has the attributes and the content of each element with a title.
    """

    def __init__(self, content):
        super().__init__()
        self.open, self.tags, self.text, self.said, self.marks = [], [], "", {}, []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in ("meta", "!doctype"):
            self.open.append(tag)
        if "title" in dict(attrs):
            self.marks.append([dict(attrs), ""])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        inner = next((tag for tag in reversed(self.open) if tag in NOT_TEXT), None)
        if inner is not None:
            self.said.setdefault(inner, []).append(data)
        elif "p" in self.open:
            self.text += data
            if self.open[-1] in ("mark", "ruby", "i"):
                self.marks[-1][1] += data


def classified(sentence):
    even = [1 / len(sentence)] * len(sentence)
    prediction = Prediction(labels=("X",), probabilities={"X": 0.9}, attention=[even])
    return sentence.predicted(prediction)


def tagged(sentence):
    spans = [Span(i, i + 1, f"L{i}") for i in range(0, len(sentence), 2)]
    return sentence.predicted(Prediction(spans, [0.5] * len(spans)))


def labelled(sentence):
    names, scores = ["NOUN"] * len(sentence), [0.25] * len(sentence)
    return sentence.predicted(Prediction(columns={"pos": names}, column_scores={"pos": scores}))


KINDS = (tagged, labelled, classified)


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=30),
    st.sampled_from(KINDS),
)
def test_all_of_a_text_is_shown_and_marks_are_tokens(text, predict):
    sentence = cut(text)
    if not len(sentence):
        return
    read = Reader(sentence_html(predict(sentence)))
    assert read.text == sentence.text
    assert read.open == []
    step = 2 if predict is tagged else 1
    assert tuple(shown for _, shown in read.marks) == sentence.tokens[::step]


def test_an_entity_shows_its_label_and_its_score_on_hover():
    sentence = Sentence(["Ada", "left", "Bonn"])
    found = Prediction([Span(0, 1, "PER"), Span(2, 3, "LOC")], [0.98765, 0.5])
    read = Reader(sentence_html(sentence.predicted(found)))
    assert [mark["title"] for mark, _ in read.marks] == ["PER 0.9877", "LOC 0.5000"]
    assert read.said["sub"] == ["PER", "LOC"]


def test_gold_entities_have_no_score_and_predicted_ones_replace_them():
    sentence = Sentence(["Ada", "left"], spans=[Span(0, 1, "PER")], labels=["news"])
    read = Reader(sentence_html(sentence))
    assert [mark["title"] for mark, _ in read.marks] == ["PER"]
    assert read.said["b"] == ["news"]
    read = Reader(sentence_html(sentence.predicted(Prediction([Span(1, 2, "ORG")], [0.5]))))
    assert read.said == {"sub": ["ORG"]}


def test_tokens_have_their_labels_and_scores():
    read = Reader(sentence_html(labelled(Sentence(["Ada", "left"]))))
    assert read.said["rt"] == ["NOUN", "NOUN"]
    assert [mark["title"] for mark, _ in read.marks] == ["NOUN 0.2500"] * 2


def test_labels_of_a_text_have_probabilities_and_tokens_shades_by_attention():
    sentence = Sentence(["a", "b", "c"])
    rows = ((0.4, 0.0, 0.2), (0.4, 0.0, 0.2))
    found = Prediction(labels=("X", "Y"), probabilities={"X": 0.913, "Y": 0.6}, attention=rows)
    read = Reader(sentence_html(sentence.predicted(found)))
    assert read.said["b"] == ["X 0.91", "Y 0.60"]
    assert [mark["style"] for mark, _ in read.marks] == [
        "--weight: 1.00",
        "--weight: 0.00",
        "--weight: 0.50",
    ]
    assert [mark["title"] for mark, _ in read.marks] == ["0.4000", "0.0000", "0.2000"]
    nothing = sentence.predicted(Prediction(labels=(), probabilities={"X": 0.1}))
    assert Reader(sentence_html(nothing)).text == "(no label)a b c"


@pytest.mark.parametrize("predict", KINDS, ids=["spans", "tokens", "texts"])
def test_a_range_that_two_words_share_is_shown_once(predict):
    # As in treebanks, where "du" is the two words "de" and "le".
    sentence = Sentence(["de", "le", "pain"], "du pain", [(0, 2), (0, 2), (3, 7)])
    assert Reader(sentence_html(predict(sentence))).text == "du pain"


@pytest.mark.parametrize("predict", KINDS, ids=["spans", "tokens", "texts"])
def test_no_text_and_no_label_becomes_markup(predict):
    bad = "<script>alert('x')</script>\" onload=x &amp; \ud83d \x00"
    sentence = predict(cut(bad))
    dirty = sentence.predicted(rename(sentence.prediction, "\"><img src=x onerror='y'>"))
    page = "\n".join(html_page([sentence_html(dirty, caption="<i>")], title="</title><u>"))
    page.encode("utf-8")
    read = Reader(page)
    assert not {"script", "img", "u"} & set(read.tags)
    allowed = {"style", "title", "dir", "class", "lang", "charset", "name", "content", "http-equiv"}
    assert set().union(*(mark for mark, _ in read.marks)) <= allowed
    assert read.text.strip() == bad.replace("\ud83d", r"\ud83d").replace("\x00", r"\u0000")


def rename(found, name):
    """Put a label in place of all others."""
    return Prediction(
        spans=None if found.spans is None else [Span(s.start, s.end, name) for s in found.spans],
        scores=found.scores,
        columns={each.replace("pos", name): [name] * len(v) for each, v in found.columns.items()},
        column_scores={each.replace("pos", name): v for each, v in found.column_scores.items()},
        labels=None if found.labels is None else (name,),
        probabilities={name: 0.5} if found.labels else {},
        attention=found.attention,
    )


def test_a_page_is_whole_runs_nothing_and_asks_for_nothing_from_elsewhere():
    page = cut(TEXT).predicted(Prediction([], [])).to_html()
    read = Reader(page)
    assert page.startswith("<!DOCTYPE html>\n") and page.endswith("</html>")
    assert read.text == TEXT and read.open == []
    assert not re.search(r"https?:|src=|url\(|<link|@import|<script", page)
    assert "default-src 'none'" in page


def test_line_breaks_of_windows_are_line_breaks():
    assert Reader(sentence_html(Sentence(["a", "b"], "a\r\nb", [(0, 1), (3, 4)]))).text == "a\nb"


def test_notebooks_show_a_part_of_a_page_with_its_style():
    sentence = Sentence(["Ada"], spans=[Span(0, 1, "PER")])
    assert sentence._repr_html_() == sentence.to_html(page=False) == fragment(sentence)
    assert "<html" not in fragment(sentence) and "<style>" in fragment(sentence)


def test_labels_keep_their_colour_and_those_of_one_page_differ():
    assert (Hues()("PER"), Hues()("DATE")) == (USUAL_HUES["PER"], Hues()("DATE"))
    hues = Hues()
    assert len({hues(f"LABEL{i}") for i in range(12)}) == 12
    assert hues("LABEL12") == hues("LABEL12")


def luminance(hue, saturation, lightness):
    """The relative luminance of a colour, as WCAG 2 defines it."""
    channels = colorsys.hls_to_rgb(hue / 360, lightness / 100, saturation / 100)
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    high, low = sorted((one, other), reverse=True)
    return (high + 0.05) / (low + 0.05)


def of_hex(colour):
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(*channels)
    return luminance(hue * 360, saturation * 100, lightness * 100)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_enough_contrast_on_every_colour(scheme):
    values = {
        name: re.findall(rf"--{name}: ([^;]+);", STYLE)[scheme]
        for name in ("ink", "paper", "faint", "mark", "name", "shade")
    }
    ink, paper = of_hex(values["ink"]), of_hex(values["paper"])
    assert contrast(ink, paper) > 7
    assert contrast(of_hex(values["faint"]), paper) > 4.5
    for name in ("mark", "name"):
        saturation, lightness = (float(n.strip("%")) for n in values[name].split())
        grounds = [luminance(hue, saturation, lightness) for hue in range(0, 360, 30)]
        assert min(contrast(ink, ground) for ground in grounds) > 4.5
    hue, saturation, lightness = (float(n.strip("%")) for n in values["shade"].split())
    assert contrast(ink, luminance(hue, saturation, lightness)) > 4.5
