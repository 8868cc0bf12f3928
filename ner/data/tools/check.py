"""Look for everything that is wrong, or looks wrong, with the files of a corpus."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner.choices import Spelling
from ner.data.formats.options import ReadOptions
from ner.data.tools.check_duplicates import check_duplicates
from ner.data.tools.check_labels import check_labels, check_surfaces
from ner.data.tools.check_schemes import FoundScheme, check_schemes
from ner.data.tools.check_text import check_characters, check_lengths, check_rows
from ner.data.tools.corpus_file import CorpusFile, read_parts
from ner.data.tools.findings import SPANS, UNREADABLE, Finding, Findings, Severity


@dataclass
class CheckReport:
    """What a check found.

    Args:
        parts: The files.
        schemes: The scheme of each file that has tags.
        findings: The worst first.
    """

    parts: Sequence[CorpusFile]
    schemes: Mapping[str, FoundScheme]
    findings: Sequence[Finding]

    def count(self, severity: Severity) -> int:
        """Count the problems of one weight."""
        return sum(len(f.places) for f in self.findings if f.kind.severity is severity)

    def passed(self, strict: bool = False) -> bool:
        """Whether there are no errors and, if strict, no warnings."""
        return not self.count(Severity.ERROR) and not (strict and self.count(Severity.WARNING))

    def to_dict(self, examples: int = 0) -> dict[str, Any]:
        """Give all of it for JSON, with so many places of each finding; 0 gives all."""
        return {
            "files": [self._facts(part) for part in self.parts],
            "errors": self.count(Severity.ERROR),
            "warnings": self.count(Severity.WARNING),
            "notes": self.count(Severity.NOTE),
            "findings": [finding.to_dict(examples) for finding in self.findings],
        }

    def lines(self, examples: int = 3) -> Iterator[str]:
        """Yield what is printed, with so many places of each finding; 0 prints all."""
        for part in self.parts:
            facts = self._facts(part)
            yield (
                f"{part.name}: {part.format.name}, {facts['sentences']} sentences, "
                f"{facts['tokens']} tokens, {facts['entities']} entities, "
                f"scheme: {self._scheme(part)}"
            )
            for kind, count in part.notes.ignored.items():
                yield f"        not looked at: {count} {kind}"
        for finding in self.findings:
            yield from finding.lines(examples)
        counts = [(self.count(severity), severity.value) for severity in Severity]
        yield ", ".join(f"{count} {name}{'s' * (count != 1)}" for count, name in counts) + "."

    def _facts(self, part: CorpusFile) -> dict[str, Any]:
        found = self.schemes.get(part.name)
        return {
            "name": part.name,
            "path": part.source,
            "format": part.format.name,
            "sentences": len(part.sentences),
            "tokens": sum(map(len, part.sentences)),
            "entities": sum(len(sentence.spans or ()) for sentence in part.sentences),
            "scheme": None if found is None else found.spelling,
            "scheme_declared": found is not None and found.is_declared,
            "illegal_steps": None if found is None else found.illegal,
            "ignored": part.notes.ignored,
        }

    def _scheme(self, part: CorpusFile) -> str:
        found = self.schemes.get(part.name)
        return "none, no column of tags" if found is None else str(found)


def check_corpus(
    sources: Mapping[str, str | Path] | Sequence[str | Path],
    options: ReadOptions | None = None,
    scheme: Spelling | None = None,
) -> CheckReport:
    """Check the files of a corpus, each by itself and against those before it.

    Args:
        sources: The files, by the names of their splits or as they are; train comes first.
        options: How they are read.
        scheme: Of their tags; by default each file's own is inferred.

    Raises:
        ConfigError: There is no such format or encoding.
        DataError: A file is not there, or is no corpus at all.
    """
    parts = read_parts(sources, options)
    findings = Findings()
    for part in parts:
        ragged = check_rows(part, findings)
        _check_reading(part, ragged, findings)
    schemes = check_schemes(parts, findings, scheme)
    for part in parts:
        check_characters(part, findings)
        check_lengths(part, findings)
    check_duplicates(parts, findings)
    check_labels(parts, findings)
    check_surfaces(parts, findings)
    return CheckReport(parts, schemes, findings.ordered())


def _check_reading(part: CorpusFile, ragged: set[str], findings: Findings) -> None:
    """List what could not be read, but for what is already listed as ragged."""
    for problem in part.problems:
        where, _, message = str(problem).partition(": ")
        if where not in ragged:
            findings.add(UNREADABLE, part.name, where, message)
    for change in part.notes.changes:
        where, _, message = change.partition(": ")
        findings.add(SPANS, part.name, where, message.removeprefix("dropped: "))
