"""Check the files of a corpus for everything that is wrong, or looks wrong."""

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
from ner.data.tools.check_tokens import check_tokens
from ner.data.tools.corpus_file import CorpusFile, read_corpus_files
from ner.data.tools.findings import (
    LEFT_OUT,
    MISREAD_COLUMNS,
    UNFITTING_SPANS,
    UNREADABLE,
    Finding,
    Findings,
    Severity,
)


@dataclass
class CheckReport:
    """What a check found.

    Args:
        files: The files.
        schemes: The scheme of each file that has tags.
        findings: The findings, the worst first.
    """

    files: Sequence[CorpusFile]
    schemes: Mapping[str, FoundScheme]
    findings: Sequence[Finding]

    def count(self, severity: Severity) -> int:
        """Count the problems of one severity."""
        return sum(len(f.places) for f in self.findings if f.kind.severity is severity)

    def passed(self, strict: bool = False) -> bool:
        """Whether there are no errors and, if strict, no warnings."""
        return not self.count(Severity.ERROR) and not (strict and self.count(Severity.WARNING))

    def to_dict(self, examples: int = 0) -> dict[str, Any]:
        """Return the report for JSON, with this number of places of each finding; 0 means all."""
        return {
            "files": [self._facts(file) for file in self.files],
            "errors": self.count(Severity.ERROR),
            "warnings": self.count(Severity.WARNING),
            "notes": self.count(Severity.NOTE),
            "findings": [finding.to_dict(examples) for finding in self.findings],
        }

    def lines(self, examples: int = 3) -> Iterator[str]:
        """Yield the lines to print, with this number of places of each finding; 0 means all."""
        for file in self.files:
            facts = self._facts(file)
            partial = f"{facts['partial']} partly annotated, " if facts["partial"] else ""
            yield (
                f"{file.name}: {file.format.name}, {facts['sentences']} sentences, {partial}"
                f"{facts['tokens']} tokens, {facts['entities']} entities, "
                f"scheme: {self._scheme(file)}"
            )
            for guess in file.notes.guesses:
                yield f"        {guess}"
            for kind, count in file.notes.ignored.items():
                yield f"        not checked: {count} {kind}"
        for finding in self.findings:
            yield from finding.lines(examples)
        counts = [(self.count(severity), severity.value) for severity in Severity]
        yield ", ".join(f"{count} {name}{'s' * (count != 1)}" for count, name in counts) + "."

    def _facts(self, file: CorpusFile) -> dict[str, Any]:
        found = self.schemes.get(file.name)
        return {
            "name": file.name,
            "path": file.source,
            "format": file.format.name,
            "sentences": len(file.sentences),
            "tokens": sum(map(len, file.sentences)),
            "entities": sum(len(sentence.spans or ()) for sentence in file.sentences),
            "partial": sum(sentence.allowed is not None for sentence in file.sentences),
            "scheme": None if found is None else found.spelling,
            "scheme_declared": found is not None and found.is_declared,
            "illegal_steps": None if found is None else found.illegal,
            "guesses": file.notes.guesses,
            "ignored": file.notes.ignored,
        }

    def _scheme(self, file: CorpusFile) -> str:
        found = self.schemes.get(file.name)
        return "none, no column of tags" if found is None else str(found)


def check_corpus(
    sources: Mapping[str, str | Path] | Sequence[str | Path],
    options: ReadOptions | None = None,
    scheme: Spelling | None = None,
) -> CheckReport:
    """Check the files of a corpus, each one alone and against the files before it.

    Args:
        sources: The files, by the names of their splits or by their paths alone; train comes first.
        options: How the files are read.
        scheme: The scheme of their tags; by default the scheme of each file is inferred.

    Raises:
        ConfigError: The format or encoding does not exist.
        DataError: A file does not exist, or is not a corpus at all.
    """
    files = read_corpus_files(sources, options)
    findings = Findings()
    for file in files:
        ragged = check_rows(file, findings)
        _check_reading(file, ragged, findings)
    schemes = check_schemes(files, findings, scheme)
    for file in files:
        check_characters(file, findings)
        check_lengths(file, findings)
        if not findings.has(MISREAD_COLUMNS, file.name):
            check_tokens(file, findings)
    check_duplicates(files, findings)
    check_labels(files, findings)
    check_surfaces(files, findings)
    return CheckReport(files, schemes, findings.ordered())


def _check_reading(file: CorpusFile, ragged: set[str], findings: Findings) -> None:
    """Report what could not be read, except rows that are already reported as ragged."""
    for warning in file.notes.warnings:
        where, _, message = warning.partition(": ")
        findings.add(MISREAD_COLUMNS, file.name, where, message)
    for problem in file.problems:
        where, _, message = str(problem).partition(": ")
        if where not in ragged:
            findings.add(UNREADABLE, file.name, where, message)
    for change in file.notes.changes:
        where, _, message = change.partition(": ")
        kind = LEFT_OUT if message.startswith("left out: ") else UNFITTING_SPANS
        example = message.removeprefix("left out: ").removeprefix("dropped: ")
        findings.add(kind, file.name, where, example)
