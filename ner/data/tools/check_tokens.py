"""Check that raw text would be cut into the tokens of a corpus."""

from ner.data.agreement import LOW, SAMPLE, compare_rules
from ner.data.running_text import as_written
from ner.data.tokenizer import Tokenizer
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
    for sentence, written in zip(sentences, as_written(sentences), strict=True):
        words, places = tokenize(written.text)
        for i, (start, end) in enumerate(written.offsets):
            if (start, end) not in places:
                inside = [
                    word
                    for word, (a, b) in zip(words, places, strict=True)
                    if a < end and b > start
                ]
                example = f"{sentence.tokens[i]!r} would be cut into {' '.join(inside)!r}; "
                example += f"{100 * most:.1f} % of tokens agree"
                findings.add(OTHER_TOKENS, file.name, file.place(sentence, i), example)
                return
