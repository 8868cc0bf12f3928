"""Checks of tags: the scheme of each file, declared or inferred, and the tags that break it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ner.choices import Scheme, Spelling
from ner.data.partial import is_partial
from ner.data.schemes import PREFIXES, SCHEME_SPELLINGS, is_legal
from ner.data.tools.corpus_file import CorpusFile, normalizer
from ner.data.tools.findings import ILLEGAL_TAGS, MIXED_SCHEMES, OTHER_SCHEME, Findings

# What is legal in one scheme may also be legal in the schemes after it.
STRICTEST_FIRST: tuple[Scheme, ...] = ("BIOES", "BIO", "IOB1")

# The spellings of BIOES, with the usual one first.
FOUR_LETTERS: tuple[Spelling, ...] = ("BIOES", "BMES", "BILOU")

# Sentences in another scheme are reported as a mixture if there are at least this many of them, and
# if they are this share of the sentences that are legal in only one of the schemes.
FEWEST_MIXED, SHARE_MIXED = 5, 0.05

# A tag and the tag that follows it.
Step = tuple[str, str]


@dataclass(frozen=True)
class FoundScheme:
    """The scheme of a file, and whether it was declared.

    Args:
        scheme: The scheme that decides what is legal; None if no token has a tag other than O.
        spelling: The name of the scheme with the letters that the file uses.
        is_declared: Whether the user named the scheme.
        illegal: The number of illegal steps in each scheme.
    """

    scheme: Scheme | None
    spelling: Spelling | None
    is_declared: bool
    illegal: dict[Scheme, int]

    def __str__(self) -> str:
        if self.spelling is None:
            return "no tags"
        return f"{self.spelling} ({'declared' if self.is_declared else 'inferred'})"


def find_scheme(tag_rows: Iterable[Sequence[str]], declared: Spelling | None = None) -> FoundScheme:
    """Infer the scheme of tags: the strictest one among those with the fewest illegal steps.

    Args:
        tag_rows: The tags of each sentence, as the file spells them.
        declared: The scheme that the user named. Then only the illegal steps are counted.

    >>> str(find_scheme([["I-PER", "I-PER", "O"], ["I-LOC", "B-LOC"]]))
    'IOB1 (inferred)'
    """
    normalize = normalizer()
    steps: Counter[Step] = Counter()
    spelt: Counter[str] = Counter()
    for tags in tag_rows:
        spelt.update(tags)
        steps.update(_steps(tags, normalize))
    illegal: dict[Scheme, int] = {
        scheme: sum(n for step, n in steps.items() if not _is_legal_step(step, scheme))
        for scheme in STRICTEST_FIRST
    }
    if declared is not None:
        return FoundScheme(SCHEME_SPELLINGS[declared][0], declared, True, illegal)
    if all(before == after == "O" for before, after in steps):
        return FoundScheme(None, None, False, illegal)
    scheme = min(STRICTEST_FIRST, key=lambda candidate: illegal[candidate])
    if scheme != "BIOES":
        return FoundScheme(scheme, scheme, False, illegal)
    spelling = max(FOUR_LETTERS, key=lambda candidate: _count_fitting(spelt, candidate))
    return FoundScheme(scheme, spelling, False, illegal)


def check_schemes(
    files: Sequence[CorpusFile], findings: Findings, declared: Spelling | None
) -> dict[str, FoundScheme]:
    """Find tags that break the scheme of their file, and files with another scheme than the first.

    Returns:
        The scheme of each file that has tags.
    """
    schemes = {
        file.name: find_scheme(file.tag_rows, declared)
        for file in files
        if file.tag_rows is not None
    }
    for file in files:
        if file.name in schemes:
            _check_file(file, schemes[file.name], findings)
    tagged = [file for file in files if file.name in schemes and schemes[file.name].spelling]
    for file in tagged[1:]:
        first, scheme = schemes[tagged[0].name], schemes[file.name]
        if first.spelling != scheme.spelling:
            findings.add(
                OTHER_SCHEME,
                file.name,
                file.place(file.sentences[0]),
                f"{scheme.spelling}, but {tagged[0].name} has {first.spelling}",
            )
    return schemes


def _check_file(file: CorpusFile, found: FoundScheme, findings: Findings) -> None:
    scheme, rows = found.scheme, file.tag_rows or ()
    if scheme is None:
        return
    _check_letters(file, found, findings)
    if not found.illegal[scheme]:
        return
    normalize = normalizer()
    other_schemes: list[Scheme] = [other for other in STRICTEST_FIRST if other != scheme]
    # The sentences that are legal only in another scheme, and the number of those legal only here.
    strays: list[tuple[str, str]] = []
    num_legal = 0
    for sentence, tags in zip(file.sentences, rows, strict=True):
        steps = list(_steps(tags, normalize))
        illegal = [i for i, step in enumerate(steps) if not _is_legal_step(step, scheme)]
        fitting = next((s for s in other_schemes if _are_legal(steps, s)), None)
        if not illegal:
            num_legal += fitting is None
            continue
        for i in illegal:
            token = min(i, len(tags) - 1)
            findings.add(
                ILLEGAL_TAGS,
                file.name,
                file.place(sentence, token),
                f"{sentence.tokens[token]!r}: {_shown_step(tags, i)} in {found.spelling}",
            )
        if fitting is not None:
            strays.append((file.place(sentence), f"legal in {fitting}, not in {found.spelling}"))
    counts = ", ".join(f"{count} in {name}" for name, count in found.illegal.items())
    findings.remark(ILLEGAL_TAGS, file.name, f"checked as {found}; illegal: {counts}")
    fewest = max(FEWEST_MIXED, SHARE_MIXED * (num_legal + len(strays)))
    if not found.is_declared and len(strays) >= fewest:
        for where, example in strays:
            findings.add(MIXED_SCHEMES, file.name, where, example)


def _check_letters(file: CorpusFile, found: FoundScheme, findings: Findings) -> None:
    """Find tags with letters of another spelling of BIOES than most tags have."""
    if found.scheme != "BIOES" or found.spelling is None:
        return
    letters = set(SCHEME_SPELLINGS[found.spelling][1])
    for sentence, tags in zip(file.sentences, file.tag_rows or (), strict=True):
        for i, tag in enumerate(tags):
            if tag[0] not in letters and tag != "O" and not is_partial(tag):
                findings.add(
                    MIXED_SCHEMES,
                    file.name,
                    file.place(sentence, i),
                    f"{tag} is not a tag of {found.spelling}",
                )


def _count_fitting(spelt: Counter[str], spelling: Spelling) -> int:
    """Count the tags whose letter a spelling has."""
    letters = SCHEME_SPELLINGS[spelling][1]
    return sum(count for tag, count in spelt.items() if tag[:1] in letters)


def _steps(tags: Sequence[str], normalize: Callable[[str], str | None]) -> Iterable[Step]:
    """Pair each tag with the next one. Both edges of the sentence count as O."""
    return pairwise(("O", *(normalize(tag) or "O" for tag in tags), "O"))


def _are_legal(steps: Iterable[Step], scheme: Scheme) -> bool:
    return all(_is_legal_step(step, scheme) for step in steps)


def _is_legal_step(step: Step, scheme: Scheme) -> bool:
    """Whether two tags may follow each other. A partial tag makes every step legal."""
    before, after = step
    if is_partial(before) or is_partial(after):
        return True
    return (after == "O" or after[0] in PREFIXES[scheme]) and is_legal(before, after, scheme)


def _shown_step(tags: Sequence[str], i: int) -> str:
    before = tags[i - 1] if i else "the start"
    after = tags[i] if i < len(tags) else "the end"
    return f"{after} after {before} is illegal"
