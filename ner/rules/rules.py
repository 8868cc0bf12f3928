"""Rules: what they find in texts, as labels with scores, as a column, or as constraints."""

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any, Self

from ner.data.formats.jsonl import jsonl_record
from ner.data.schemes import Span
from ner.data.sentence import PredictedSentence, Prediction, Sentence
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, suggestion
from ner.files import sha256
from ner.rules.constraints import Constraints
from ner.rules.matching import Matcher
from ner.rules.rule import Rule, read_rule
from ner.rules.settling import Match, settle, token_matches

NOTHING = Constraints()


class Rules:
    """Word lists and patterns that label texts, or bind a model.

    `Rules.load` reads them from a file. They pickle, and may be used by several threads.

    Args:
        rules: The rules. Of two equal ones, the first one wins.
        where: What messages call their file.

    Raises:
        ConfigError: There are no rules, two have the same name, or a pattern is broken.
        MissingExtraError: A rule has words, and the extra `rules` is not installed.

    >>> rules = Rules.from_dict(
    ...     {"rules": [{"name": "years", "label": "DATE", "patterns": ["(19|20)[0-9]{2}"]}]}
    ... )
    >>> rules.tag("Born in 1815, famous since 1953.").entities[0].text
    '1953'
    """

    def __init__(self, rules: Sequence[Rule], where: str = "rules") -> None:
        if not rules:
            raise ConfigError(f"{where}: must have at least one [[rules]]. Got none.")
        names = [rule.name for rule in rules]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise ConfigError(f"{where}: rule {name!r}: name: must be unique. Got two of it.")
        self.rules = tuple(rules)
        self.where = where
        self._matcher = Matcher(self.rules, where)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.rules, self.where)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.where}: {', '.join(self.sources)}>"

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a TOML file with a table `[[rules]]` for each rule.

        Args:
            path: The file. Files of words are named relative to its folder.

        Raises:
            ConfigError: It is missing, is no TOML, or a rule is wrong; the message names the rule.
            MissingExtraError: A rule has words, and the extra `rules` is not installed.
        """
        path = Path(path)
        return cls.from_dict(_read_tree(path), where=str(path), folder=path.parent)

    @classmethod
    def from_dict(
        cls, tree: Mapping[str, Any], *, where: str = "rules", folder: str | Path = "."
    ) -> Self:
        """Read rules from what a TOML file holds.

        Args:
            tree: The list `rules`, with the keys of each rule.
            where: What messages call it.
            folder: The folder in which files of words are.

        Raises:
            ConfigError: A rule is wrong; the message names it.
            MissingExtraError: A rule has words, and the extra `rules` is not installed.
        """
        for key in tree:
            if key != "rules":
                hint = suggestion(key, ["rules"]) or " Known keys: rules."
                raise ConfigError(f"{where}: {key}: unknown key.{hint}")
        listed = tree.get("rules", [])
        if not isinstance(listed, list):
            raise ConfigError(f"{where}: rules: must be tables [[rules]]. Got {listed!r}.")
        numbered = enumerate(listed, 1)
        rules = [read_rule(fields, where, i, Path(folder)) for i, fields in numbered]
        return cls(rules, where)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the rules that label texts."""
        return tuple(rule.name for rule in self.rules if not rule.never)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the rules give, in the order of the file."""
        labels = [rule.label for rule in self.rules if not rule.never and rule.label is not None]
        return tuple(dict.fromkeys(labels))

    @property
    def digest(self) -> str:
        """The SHA-256 of all rules with their words, in hexadecimal."""
        return sha256(json.dumps(astuple(rule)).encode("ascii") for rule in self.rules)

    def check_labels(self, known: Sequence[str]) -> None:
        """Refuse a label that a model does not have.

        Args:
            known: The labels of the model.

        Raises:
            ConfigError: A rule has another one.
        """
        for rule in self.rules:
            if rule.label is not None and rule.label not in known:
                raise ConfigError(
                    f"{self.where}: rule {rule.name!r}: label: must be one of the model's labels "
                    f"{', '.join(known)}. Got {rule.label!r}."
                )

    def find(self, sentence: Sentence, given: Constraints = NOTHING) -> list[Match]:
        """Return the matches in a text that do not contradict each other, in its order.

        Args:
            sentence: The text, with its tokens.
            given: What holds already: matches that contradict it are left out.

        Raises:
            DataError: A pattern needs too much time.
        """
        places = self._matcher.find(sentence.text, sentence.source)
        matches = token_matches(places, sentence, self.rules)
        return settle(matches, given) if matches else matches

    def constraints(self, sentence: Sentence, given: Constraints = NOTHING) -> Constraints:
        """Return what the rules say of a text, together with what is given."""
        found = self.find(sentence, given)
        if not found:
            return given
        return Constraints(
            [*given.required, *_spans(found)],
            [*given.forbidden, *((m.start, m.end, m.rule.label) for m in found if m.rule.never)],
        )

    def tag(self, text: str | Sentence) -> PredictedSentence:
        """Label a text; the score of an entity is that of its rule. See `pipe`."""
        return next(self.pipe([text]))

    def pipe(self, items: Iterable[str | Sentence]) -> Iterator[PredictedSentence]:
        """Label texts or sentences, one after the other.

        Args:
            items: Texts, which are cut into tokens by `ner.data.tokenizer.Tokenizer()`; or
                sentences.

        Raises:
            DataError: A pattern needs too much time.
        """
        tokenizer = Tokenizer()
        for item in items:
            if isinstance(item, str):
                tokens, offsets = tokenizer(item)
                item = Sentence(tokens, text=item, offsets=offsets)
            yield self._labelled(item)[0]

    def tags(self, sentence: Sentence) -> tuple[str, ...]:
        """Return the tag of each token (T) in the scheme BIO, as a column for a model to read."""
        return tuple(self.tag(sentence).tags("BIO"))

    def record(self, sentence: Sentence, teacher: str | None = None) -> dict[str, Any]:
        """Return the labels of a text as a record of JSON lines, which `ner.merge` takes.

        Args:
            sentence: The text, with its tokens; its annotation does not count.
            teacher: The name of one teacher, who has read all of the text. By default each rule is
                a teacher by its name, and says nothing of the tokens that it does not match.
        """
        bare = sentence.replace(spans=None, allowed=None, labels=None, prediction=None, columns={})
        labelled, found = self._labelled(bare)
        record = jsonl_record(labelled)
        spans = record.pop("spans")
        if teacher is not None:
            return {**record, "source": teacher, "types": self.labels, "spans": spans}
        for span, match in zip(spans, found, strict=True):
            span["source"] = match.rule.name
        return {**record, "sources": self.sources, "partial": True, "spans": spans}

    def _labelled(self, sentence: Sentence) -> tuple[PredictedSentence, list[Match]]:
        """Return a sentence with its entities, and the matches that they are from."""
        found = [match for match in self.find(sentence) if not match.rule.never]
        scores = tuple(match.rule.score for match in found)
        return sentence.predicted(Prediction(tuple(_spans(found)), scores)), found


def files_of(path: Path) -> list[Path]:
    """List a file of rules and the files of words that it names, whether they are there or not."""
    try:
        listed = _read_tree(path).get("rules", [])
    except ConfigError:
        return [path]
    rules = listed if isinstance(listed, list) else []
    named = [rule.get("file") for rule in rules if isinstance(rule, Mapping)]
    return [path, *(path.parent / name for name in named if isinstance(name, str))]


def _read_tree(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: It is missing, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        problem = (error.strerror or "cannot be read").lower()
        raise ConfigError(f"{path}: {problem}.") from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise ConfigError(f"{path}: must be TOML. Got an error: {error}.") from None


def _spans(matches: Iterable[Match]) -> Iterator[Span]:
    """Yield the entities among matches."""
    for start, end, rule, _ in matches:
        if not rule.never:
            yield Span(start, end, rule.label or "")
