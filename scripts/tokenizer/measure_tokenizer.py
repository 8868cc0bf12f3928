"""Measure how well the tokenizer and the sentence splitter agree with a corpus.

python scripts/tokenizer/measure_tokenizer.py eng.testa en_ewt-ud-dev.conllu

A CoNLL-U file contains its text. For other files, it is written anew. Tokens are compared by the F1
of character ranges for each convention: of single sentences ("sentence"), of documents with a
sentence a line ("document"), and of documents on one line ("running"). If sentencex is installed,
the line "sentences" has the F1 of whole sentences, and of the borders between them, in documents on
one line.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ner.data.agreement import agreement
from ner.data.formats.read import read_sentences
from ner.data.running_text import as_written
from ner.data.sentence import Sentence
from ner.data.sentence_splitter import SentenceSplitter
from ner.data.token_patterns import PATTERNS
from ner.data.tokenizer import Tokenizer
from ner.errors import MissingExtraError, NerError

ROUNDS = 5


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures of each file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, help="corpora to compare with")
    parser.add_argument("--language", default="en", help="language of the text (%(default)s)")
    given = parser.parse_args(arguments)
    try:
        for file in given.files:
            measure_file(file, given.language)
    except NerError as error:
        sys.exit(str(error))


def measure_file(file: Path, language: str) -> None:
    """Print the figures of one corpus."""
    sentences = as_written(read_sentences(file))
    lines = [document for document, _ in join_texts(sentences, "\n")]
    running = list(join_texts(sentences, " "))
    layouts = {"sentence": sentences, "document": lines, "running": [d for d, _ in running]}
    print(f"{file.name}: {len(sentences)} sentences, {sum(map(len, sentences))} tokens")
    for rules in PATTERNS:
        tokenizer = Tokenizer(rules)
        figures = [f"{k} {100 * agreement(tokenizer, v):.2f}" for k, v in layouts.items()]
        tokens, characters = speed(tokenizer, sentences)
        rates = f"{tokens:,.0f} tokens/s, {characters:,.0f} characters/s"
        print(f"  {rules:9} F1 {', '.join(figures)}; {rates}")
    try:
        splitter = SentenceSplitter(language)
    except MissingExtraError as error:
        print(f"  sentences not measured. {error}")
        return
    ranges, borders = sentence_scores(splitter, running)
    print(f"  sentences F1 {100 * ranges:.2f}, borders {100 * borders:.2f}")


def join_texts(sentences: Iterable[Sentence], between: str) -> Iterator[tuple[Sentence, list[int]]]:
    """Yield each document as one sentence, with the offsets where later sentences begin."""
    whole: list[Sentence] = []
    for sentence in sentences:
        if whole and (sentence.document is None or sentence.document != whole[0].document):
            yield _join(whole, between)
            whole = []
        whole.append(sentence)
    if whole:
        yield _join(whole, between)


def _join(sentences: Sequence[Sentence], between: str) -> tuple[Sentence, list[int]]:
    tokens: list[str] = []
    offsets: list[tuple[int, int]] = []
    starts: list[int] = []
    begin = 0
    for sentence in sentences:
        starts.append(begin)
        tokens.extend(sentence.tokens)
        offsets.extend((start + begin, end + begin) for start, end in sentence.offsets)
        begin += len(sentence.text) + len(between)
    text = between.join(sentence.text for sentence in sentences)
    return Sentence(tokens, text=text, offsets=offsets), starts[1:]


def speed(tokenizer: Tokenizer, sentences: Sequence[Sentence]) -> tuple[float, float]:
    """Measure tokens and characters per second on one thread, in the fastest round."""
    best = float("inf")
    tokens = 0
    for _ in range(ROUNDS):
        start = time.perf_counter()
        tokens = sum(len(tokenizer(sentence.text)[0]) for sentence in sentences)
        best = min(best, time.perf_counter() - start)
    return tokens / best, sum(len(sentence.text) for sentence in sentences) / best


def sentence_scores(
    splitter: SentenceSplitter, documents: Sequence[tuple[Sentence, list[int]]]
) -> tuple[float, float]:
    """Compare the sentences that a splitter finds with those of documents.

    Args:
        splitter: Splits a text.
        documents: Each document, and the offsets where its sentences begin.

    Returns:
        The F1 of whole sentences, and of the borders inside of documents.
    """
    same_ranges = all_ranges = same_borders = all_borders = 0
    for document, gold in documents:
        found = splitter(document.text)
        gold_ranges, ranges = (_ranges(starts, len(document.text)) for starts in (gold, found))
        same_ranges += len(gold_ranges & ranges)
        all_ranges += len(gold_ranges) + len(ranges)
        same_borders += len({*gold} & {*found})
        all_borders += len(gold) + len(found)
    return 2 * same_ranges / max(all_ranges, 1), 2 * same_borders / max(all_borders, 1)


def _ranges(starts: Sequence[int], length: int) -> set[tuple[int, int]]:
    return set(zip([0, *starts], [*starts, length], strict=True))


if __name__ == "__main__":
    main()
