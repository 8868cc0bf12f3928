"""Cut raw text into tokens close to those of CoNLL-2003, each with its place in the text.

The rules are one regular expression: at every position the first of its alternatives that fits is
the next token, and white space and invisible characters between tokens are skipped. Every
repetition is possessive (`++`, `(?>...)`: never given back) or bounded, so that time grows with
the length of the text and no faster, whatever the text is. The syntax is Oniguruma's, in which
`{1,9}+` is not possessive.
"""

from typing import Self

import tokenizers
from tokenizers import pre_tokenizers

from ner.data.lines import replace_surrogates
from ner.errors import DataError

# Scripts written without blanks between words: one character is one token.
UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
    r"\x{30FC}\x{FF70}"  # the mark of long vowels, which Unicode counts to no script
)
# Soft hyphen, zero-width joiners and non-joiners and the like stay inside their word.
JOINERS = r"\x{AD}\x{200C}\x{200D}\x{2060}"
ALNUM = rf"[\p{{L}}\p{{N}}&&[^{UNSPACED}]]"
IN_WORD = rf"[\p{{L}}\p{{N}}\p{{M}}_{JOINERS}&&[^{UNSPACED}]]"
RUN = rf"{ALNUM}{IN_WORD}*+"
# Nothing but white space up to the end of the text: a period here ends a sentence.
AT_END = r"\s*+\z"
# Parts of one token: Oniguruma gives up (and `tokenizers` panics) after ten million steps in one.
MOST = 1000
CLITIC = rf"['’](?i:s|m|d|re|ve|ll)(?!{IN_WORD})"
NOT = rf"(?i:n['’]t)(?!{IN_WORD})"

ABBREVIATIONS = (
    "Adm|Assn|Ave|Blvd|Bros|Capt|Cmdr|Co|Col|Corp|Cos|Dept|Dr|Ft|Gen|Gov|Hon|Inc|Jr|Lt|Ltd|Maj|"
    "Messrs|Mr|Mrs|Ms|Mt|Nos|Pres|Prof|Rep|Rev|Sen|Sgt|Sr|St|Ste|Univ|"
    "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|"
    "Ala|Ariz|Ark|Calif|Colo|Conn|Del|Fla|Ga|Ind|Kan|Ky|La|Mass|Md|Mich|Minn|Mo|Mont|Neb|Nev|"
    "Okla|Ore|Pa|Tenn|Tex|Va|Vt|Wash|Wis|Wyo|"
    "approx|cf|dept|etc|vol|vs"
)

URL = (
    rf"(?:(?i:https?|ftp)://|(?<!{IN_WORD})(?i:www)\.(?={ALNUM}))"
    # Closing punctuation belongs to the address only if more of it follows.
    rf"(?>(?:[^\s\p{{Cc}}<>\"'.,;:!?)\]]++|['.,;:!?)\]]++(?=[^\s\p{{Cc}}<>\"'.,;:!?)\]])){{1,{MOST}}})"
)
LABEL = rf"(?>(?:{ALNUM}|-){{1,63}})"
EMAIL = rf"(?>(?:{ALNUM}|[._%+\-]){{1,64}})@{LABEL}(?>(?:\.{LABEL}){{1,9}})"
HANDLE = rf"(?<!{IN_WORD})(?:@{IN_WORD}++|\#(?=[\p{{L}}_]){IN_WORD}++)"
# The head of a word before "n't"; the words of the language that have one are short.
NEGATED = rf"\p{{L}}{{1,12}}?(?={NOT})"
# U.S., a.m., J.; an initial at the end of the text is a word and a period.
LETTERS = rf"\p{{L}}\.(?>(?:\p{{L}}\.){{1,{MOST}}})"
INITIALS = rf"(?<!{IN_WORD})(?:{LETTERS}|\p{{Lu}}\.(?!{AT_END}))"
ABBREVIATION = rf"(?<!{IN_WORD})(?:{ABBREVIATIONS})\.(?!{AT_END})"
# The number of a list: 1. at the start of a line.
ORDINAL = r"^\d{1,3}\.(?=[ \t]++\S)"
CURRENCY = r"(?<!\p{L})\p{Lu}{1,3}\$"
NUMBER = rf"(?<!{IN_WORD})[+\-−](?=\.?\p{{Nd}})\.?{RUN}|(?<![.\p{{L}}\p{{N}}])\.(?=\p{{Nd}}){RUN}"
# What joins two runs of letters and digits into one word.
LINK = (
    rf"(?:[-‐‑·](?={ALNUM})"
    rf"|(?<=\p{{L}})&(?=\p{{L}})"
    rf"|(?!{CLITIC})(?<=\p{{L}})['’](?=\p{{L}})"
    rf"|(?<=\p{{N}})[.,:/](?=\p{{N}})"
    rf"|\.(?=[\p{{Ll}}\p{{Nd}}]))"
)
TAIL = rf"(?>(?:-{LETTERS}|{LINK}{RUN}){{0,{MOST}}})"
EMOJI = (
    r"\p{Regional_Indicator}{2}"
    r"|\p{Extended_Pictographic}[\p{M}\p{Emoji_Modifier}\x{E0020}-\x{E007F}]*+"
    r"(?>(?:\x{200D}\p{Extended_Pictographic}[\p{M}\p{Emoji_Modifier}]*+){0,9})"
)
REPEATED = r"\.\.++|--++|==++|\*\*++|__++|``|''"
SYMBOL = r"[^\s\p{Cc}\p{Cf}]\p{M}*+"

TOKENS = "|".join(
    [
        r"[A-Za-z]++(?=[ ])",  # most words: the alternatives below agree, but take longer
        rf"[{UNSPACED}]\p{{M}}*+",
        URL,
        EMAIL,
        HANDLE,
        NOT,
        NEGATED,
        rf"(?<={IN_WORD}|\.){CLITIC}",
        CURRENCY,
        ORDINAL,
        rf"{INITIALS}(?:-?{RUN}{TAIL})?+",
        rf"{ABBREVIATION}(?:-{RUN}{TAIL})?+",
        rf"(?:{NUMBER}){TAIL}",
        rf"{RUN}{TAIL}",
        EMOJI,
        REPEATED,
        SYMBOL,
    ]
)

PATTERN = rf"(?!\s)(?:{TOKENS})"


class Tokenizer:
    """Cuts text into tokens with their character offsets.

    >>> Tokenizer()("Ada's U.S. visit.")
    (['Ada', "'s", 'U.S.', 'visit', '.'], [(0, 3), (3, 5), (6, 10), (11, 16), (16, 17)])
    """

    def __init__(self, pattern: str = PATTERN) -> None:
        self._tokenizer = tokenizers.Tokenizer(
            tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")
        )
        self._tokenizer.pre_tokenizer = pre_tokenizers.Split(
            tokenizers.Regex(pattern), behavior="removed", invert=True
        )

    def __call__(self, text: str) -> tuple[list[str], list[tuple[int, int]]]:
        """Give the tokens and their half-open ranges in `text`.

        A token is `text[start:end]`, but for lone surrogates, which become U+FFFD in it.
        """
        text = replace_surrogates(text)
        pieces = self._tokenizer.pre_tokenizer.pre_tokenize_str(text)
        offsets = [(start, end) for _, (start, end) in pieces if start < end]
        return [text[start:end] for start, end in offsets], offsets

    def to_json(self) -> str:
        """Write the rules as a `tokenizer.json` that Hugging Face's `tokenizers` reads."""
        return self._tokenizer.to_str(pretty=True)

    @classmethod
    def from_json(cls, json: str, where: str = "tokenizer.json") -> Self:
        """Read what `to_json` wrote.

        Raises:
            DataError: It is no tokenizer with rules for cutting; `where` is what messages call it.
        """
        # `tokenizers` raises bare exceptions, also for a pattern that does not compile.
        try:
            loaded = tokenizers.Tokenizer.from_str(json)
        except Exception as error:
            raise DataError(f"{where}: not a tokenizer. {str(error).splitlines()[0]}.") from None
        if loaded.pre_tokenizer is None:
            raise DataError(f"{where}: a pre_tokenizer is needed. Got none.")
        self = cls.__new__(cls)
        self._tokenizer = loaded
        return self
