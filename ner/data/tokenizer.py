"""Cut raw text into tokens with their places in the text, by the rules of a convention."""

import json
from collections.abc import Callable, Sequence
from typing import Self

import tokenizers
from tokenizers import pre_tokenizers

from ner.data.lines import reason, replace_surrogates
from ner.data.long_texts import BLOCK, cut_long_text
from ner.data.token_patterns import PATTERNS
from ner.errors import ConfigError, DataError

# Cuts a text into tokens and their half-open ranges in it.
Tokenize = Callable[[str], tuple[list[str], Sequence[tuple[int, int]]]]

DEFAULT = "conll"

# The name of rules that are not in `PATTERNS`.
CUSTOM = "custom"


class Tokenizer:
    """Cuts text into tokens with their character offsets.

    Args:
        rules: The convention: "conll" for that of CoNLL-2003 and the Penn Treebank, "ud" for that
            of Universal Dependencies' English Web Treebank, "character" for a token a character.

    Raises:
        ConfigError: No rules have this name.

    >>> Tokenizer()("Ada's U.S. visit.")
    (['Ada', "'s", 'U.S.', 'visit', '.'], [(0, 3), (3, 5), (6, 10), (11, 16), (16, 17)])
    >>> Tokenizer("ud")("a two-day visit")[0]
    ['a', 'two', '-', 'day', 'visit']
    >>> Tokenizer("character")("生于1963年")[0]
    ['生', '于', '1', '9', '6', '3', '年']
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

    def __call__(self, text: str) -> tuple[list[str], Sequence[tuple[int, int]]]:
        """Return the tokens and their half-open ranges in `text`.

        A token is `text[start:end]`, in which lone surrogates become U+FFFD.
        """
        text = replace_surrogates(text)
        if len(text) > BLOCK and self.rules != CUSTOM:
            return cut_long_text(text, self._places)
        offsets = self._places(text)
        return [text[start:end] for start, end in offsets], offsets

    def _places(self, text: str) -> list[tuple[int, int]]:
        return [place for _, place in self._cut(text) if place[0] < place[1]]

    def to_json(self) -> str:
        """Return the rules as a `tokenizer.json`, which Hugging Face's `tokenizers` can read."""
        return self._tokenizer.to_str(pretty=True)

    @classmethod
    def from_json(cls, text: str, where: str = "tokenizer.json") -> Self:
        """Read what `to_json` wrote, or another tokenizer, whose rules are called "custom".

        Args:
            text: The content of a `tokenizer.json`.
            where: What messages call it.

        Raises:
            DataError: The text is not a tokenizer with rules for cutting.
        """
        # `tokenizers` raises bare exceptions, also for a pattern that cannot be compiled.
        try:
            loaded = tokenizers.Tokenizer.from_str(text)
        except Exception as error:
            raise DataError(f"{where}: must be a tokenizer. {reason(error)}.") from None
        if loaded.pre_tokenizer is None:
            raise DataError(f"{where}: must have a pre_tokenizer. Got none.")
        # The rules of a name may differ in another version of this package.
        pattern = json.loads(text)["pre_tokenizer"].get("pattern")
        names = [rules for rules in PATTERNS if pattern == {"Regex": PATTERNS[rules]}]
        self = cls.__new__(cls)
        self._set(loaded, names[0] if names else CUSTOM)
        return self
