"""Check that raw text would be cut into the tokens of a corpus."""

from ner.data.agreement import LOW, SAMPLE, compare_rules
from ner.data.lines import short
from ner.data.running_text import as_written
from ner.data.sentence import Sentence
from ner.data.tokenizer import Tokenize, Tokenizer
from ner.data.tools.corpus_file import CorpusFile
from ner.data.tools.findings import OTHER_TOKENS, Findings


def check_tokens(file: CorpusFile, findings: Findings) -> None:
    """Find a file whose tokens no tokenizer makes from its text, with the first such token."""
    sentences = file.sentences[:SAMPLE]
    found = compare_rules(sentences)
    rules, most = max(found.items(), key=lambda item: item[1])
    if most >= LOW:
        return
    tokenize = Tokenizer(rules)
    for sentence in as_written(sentences):
        if (difference := _first_difference(tokenize, sentence)) is not None:
            i, cut = difference
            example = f"{short(sentence.tokens[i])} would be {short(cut)}; "
            example += f"{100 * most:.1f} % of tokens agree"
            findings.add(OTHER_TOKENS, file.name, file.place(sentence, i), example)
            return


def _first_difference(tokenize: Tokenize, sentence: Sentence) -> tuple[int, str] | None:
    """Return the index of the first token that raw text lacks, and what is there; or None."""
    words, places = tokenize(sentence.text)
    found = set(places)
    for i, (start, end) in enumerate(sentence.offsets):
        if (start, end) not in found:
            touched = zip(words, places, strict=True)
            return i, " ".join(word for word, (a, b) in touched if a < end and start < b)
    return None
