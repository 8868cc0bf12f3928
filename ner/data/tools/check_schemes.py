"""The scheme of a file's tags, which is declared or inferred, and the steps that break it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ner.choices import Scheme, Spelling
from ner.data.partial import is_partial
from ner.data.schemes import PREFIXES, SCHEME_SPELLINGS, is_legal
from ner.data.tools.corpus_file import CorpusFile, normalizer
from ner.data.tools.findings import ILLEGAL, MIXED_SCHEMES, OTHER_SCHEME, Findings

# The strictest first: what is legal in one of them may be legal in those after it.
STRICTEST_FIRST: tuple[Scheme, ...] = ("BIOES", "BIO", "IOB1")

# The spellings of BIOES, the usual one first.
FOUR_LETTERS: tuple[Spelling, ...] = ("BIOES", "BMES", "BILOU")

# Sentences of another scheme are a part of the file, not slips, if they are so many and such a
# share of those that follow one scheme and break the other.
FEWEST, SHARE = 5, 0.05

Step = tuple[str, str]


@dataclass(frozen=True)
class FoundScheme:
    """The scheme of a file, and how it came about.

    Args:
        scheme: The one that decides what is legal; None where no token is tagged.
        spelling: As it is called with the letters that the file uses.
        is_declared: Whether the user named it.
        illegal: How many steps break each scheme.
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
    """Infer the scheme of tags: the strictest that allows all, else the one broken least often.

    Args:
        tag_rows: The tags of each sentence, as the file spells them.
        declared: The scheme that the user named; it is counted how often each one is broken.

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
        scheme: sum(n for step, n in steps.items() if not _is_step(step, scheme))
        for scheme in STRICTEST_FIRST
    }
    if declared is not None:
        return FoundScheme(SCHEME_SPELLINGS[declared][0], declared, True, illegal)
    if all(before == after == "O" for before, after in steps):
        return FoundScheme(None, None, False, illegal)
    scheme = min(STRICTEST_FIRST, key=lambda one: illegal[one])
    if scheme != "BIOES":
        return FoundScheme(scheme, scheme, False, illegal)
    spelling = max(
        FOUR_LETTERS,
        key=lambda one: sum(n for tag, n in spelt.items() if tag[:1] in SCHEME_SPELLINGS[one][1]),
    )
    return FoundScheme(scheme, spelling, False, illegal)


def check_schemes(
    parts: Sequence[CorpusFile], findings: Findings, declared: Spelling | None
) -> dict[str, FoundScheme]:
    """Find tags that break the scheme of their file, and files of another scheme than the first.

    Returns:
        The scheme of each file that has tags.
    """
    found = {
        part.name: find_scheme(part.tag_rows, declared)
        for part in parts
        if part.tag_rows is not None
    }
    for part in parts:
        if part.name in found:
            _check_part(part, found[part.name], findings)
    named = [part for part in parts if part.name in found and found[part.name].spelling]
    for part in named[1:]:
        first, other = found[named[0].name], found[part.name]
        if first.spelling != other.spelling:
            findings.add(
                OTHER_SCHEME,
                part.name,
                part.place(part.sentences[0]),
                f"{other.spelling}, but {named[0].name} has {first.spelling}",
            )
    return found


def _check_part(part: CorpusFile, found: FoundScheme, findings: Findings) -> None:
    scheme, rows = found.scheme, part.tag_rows or ()
    if scheme is None:
        return
    _check_letters(part, found, findings)
    if not found.illegal[scheme]:
        return
    normalize = normalizer()
    others: list[Scheme] = [other for other in STRICTEST_FIRST if other != scheme]
    strays: list[tuple[str, str]] = []
    keeping = 0
    for sentence, spelt in zip(part.sentences, rows, strict=True):
        steps = list(_steps(spelt, normalize))
        bad = [i for i, step in enumerate(steps) if not _is_step(step, scheme)]
        other = next((o for o in others if all(_is_step(step, o) for step in steps)), None)
        if not bad:
            keeping += other is None
            continue
        for i in bad:
            token = min(i, len(spelt) - 1)
            findings.add(
                ILLEGAL,
                part.name,
                part.place(sentence, token),
                f"{sentence.tokens[token]!r}: {_shown(spelt, i)} in {found.spelling}",
            )
        if other is not None:
            strays.append((part.place(sentence), f"legal in {other}, not in {found.spelling}"))
    counts = ", ".join(f"{count} in {name}" for name, count in found.illegal.items())
    findings.remark(ILLEGAL, part.name, f"checked as {found}; illegal are {counts}")
    if not found.is_declared and len(strays) >= max(FEWEST, SHARE * (keeping + len(strays))):
        for where, example in strays:
            findings.add(MIXED_SCHEMES, part.name, where, example)


def _check_letters(part: CorpusFile, found: FoundScheme, findings: Findings) -> None:
    """Find letters of another spelling than most tags of a scheme with four letters have."""
    if found.scheme != "BIOES" or found.spelling is None:
        return
    own = set(SCHEME_SPELLINGS[found.spelling][1])
    for sentence, tags in zip(part.sentences, part.tag_rows or (), strict=True):
        for i, tag in enumerate(tags):
            if tag[0] not in own and tag != "O" and not is_partial(tag):
                findings.add(
                    MIXED_SCHEMES,
                    part.name,
                    part.place(sentence, i),
                    f"{tag} is not spelt as in {found.spelling}",
                )


def _steps(tags: Sequence[str], normalize: Callable[[str], str | None]) -> Iterable[Step]:
    """Pair each tag with the next, edges of the sentence as O."""
    return pairwise(("O", *(normalize(tag) or "O" for tag in tags), "O"))


def _is_step(step: Step, scheme: Scheme) -> bool:
    """Whether two tags may follow each other; one that is left open breaks nothing."""
    before, after = step
    if is_partial(before) or is_partial(after):
        return True
    return (after == "O" or after[0] in PREFIXES[scheme]) and is_legal(before, after, scheme)


def _shown(tags: Sequence[str], i: int) -> str:
    before = tags[i - 1] if i else "the start"
    after = tags[i] if i < len(tags) else "the end"
    return f"{after} after {before} is illegal"
