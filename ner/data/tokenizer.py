"""Cut raw text into tokens, each with its place in the text, by the rules of a convention."""

import json
from collections.abc import Callable, Iterable
from typing import Self

import tokenizers
from tokenizers import pre_tokenizers

from ner.data.lines import replace_surrogates
from ner.data.sentence import Sentence
from ner.data.token_patterns import PATTERNS
from ner.errors import ConfigError, DataError

DEFAULT = "conll"

# The name of rules that are none of ours.
CUSTOM = "custom"


class Tokenizer:
    """Cuts text into tokens with their character offsets.

    Args:
        rules: Whose convention: "conll" for that of CoNLL-2003 and the Penn Treebank, "ud" for
            that of Universal Dependencies' English Web Treebank.

    Raises:
        ConfigError: There are no such rules.

    >>> Tokenizer()("Ada's U.S. visit.")
    (['Ada', "'s", 'U.S.', 'visit', '.'], [(0, 3), (3, 5), (6, 10), (11, 16), (16, 17)])
    >>> Tokenizer("ud")("a two-day visit")[0]
    ['a', 'two', '-', 'day', 'visit']
    """

    def __init__(self, rules: str = DEFAULT) -> None:
        if rules not in PATTERNS:
            raise ConfigError(f"tokenizer: must be one of {', '.join(PATTERNS)}. Got {rules!r}.")
        whole = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
        whole.pre_tokenizer = pre_tokenizers.Split(
            tokenizers.Regex(PATTERNS[rules]), behavior="removed", invert=True
        )
        self._set(whole, rules)

    def _set(self, whole: tokenizers.Tokenizer, rules: str) -> None:
        self.rules = rules
        self._tokenizer = whole
        self._cut = whole.pre_tokenizer.pre_tokenize_str

    def __call__(self, text: str) -> tuple[list[str], list[tuple[int, int]]]:
        """Give the tokens and their half-open ranges in `text`.

        A token is `text[start:end]`, but for lone surrogates, which become U+FFFD in it.
        """
        text = replace_surrogates(text)
        offsets = [place for _, place in self._cut(text) if place[0] < place[1]]
        return [text[start:end] for start, end in offsets], offsets

    def to_json(self) -> str:
        """Write the rules as a `tokenizer.json` that Hugging Face's `tokenizers` reads."""
        return self._tokenizer.to_str(pretty=True)

    @classmethod
    def from_json(cls, text: str, where: str = "tokenizer.json") -> Self:
        """Read what `to_json` wrote, or a tokenizer of somebody else, which is called "custom".

        Raises:
            DataError: It is no tokenizer with rules for cutting; `where` is what messages call it.
        """
        # `tokenizers` raises bare exceptions, also for a pattern that does not compile.
        try:
            loaded = tokenizers.Tokenizer.from_str(text)
        except Exception as error:
            raise DataError(f"{where}: not a tokenizer. {str(error).splitlines()[0]}.") from None
        if loaded.pre_tokenizer is None:
            raise DataError(f"{where}: a pre_tokenizer is needed. Got none.")
        # The rules of an older version of ours may be others by now.
        pattern = json.loads(text)["pre_tokenizer"].get("pattern")
        names = [rules for rules in PATTERNS if pattern == {"Regex": PATTERNS[rules]}]
        self = cls.__new__(cls)
        self._set(loaded, names[0] if names else CUSTOM)
        return self


def agreement(
    tokenize: Callable[[str], tuple[list[str], list[tuple[int, int]]]],
    sentences: Iterable[Sentence],
) -> float:
    """Compare the tokens of sentences with those that their text is cut into.

    Returns:
        The F1 of character ranges, from 0 to 1; 1 where there are no tokens.

    >>> agreement(Tokenizer(), [Sentence(["a", "two", "-", "day", "visit"], text="a two-day visit",
    ...                                  offsets=[(0, 1), (2, 5), (5, 6), (6, 9), (10, 15)])])
    0.5
    """
    same = total = 0
    for sentence in sentences:
        given, found = set(sentence.offsets), set(tokenize(sentence.text)[1])
        same += len(given & found)
        total += len(given) + len(found)
    return 2 * same / total if total else 1.0
