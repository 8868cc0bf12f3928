"""The rules by which raw text is cut into tokens: one regular expression for each convention.

At every position, the first alternative that fits is the next token. White space and invisible
characters between tokens are skipped. Every repetition is possessive (`++`, `(?>...)`: nothing is
given back) or bounded, so that time grows no faster than the length of any text. The syntax is that
of the package `regex`, with the operations on sets of its version 1: `&&` is an intersection.
Case is ignored by single characters (`(?i-f:...)`).

The first test of a rule is a character wherever it can be: it takes far less time than to look
ahead or behind. `(?<!x.)` after one character asks what is before that character.

What most tokens are is in `ner.data.first_rules`. Rules that cut other tokens for a text are a new
`VERSION` of `ner.data.tokenizer`.

A token that begins inside a word is what an earlier rule left of the word: a rule that cuts a word
matches its first part, and sees the rest in a lookahead.
"""

from html.entities import name2codepoint

from ner.data.first_rules import AT_END, FUSED_ENDS, PLAIN, first_rules

# Scripts without blanks between words: each character is a token.
UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
    r"\u30FC\uFF70"  # the mark of long vowels, which belongs to no script in Unicode
)

# A soft hyphen, a zero-width joiner and similar characters stay inside their word.
JOINERS = r"\xAD\u200C\u200D\u2060"
ALNUM = rf"[\p{{L}}\p{{N}}&&[^{UNSPACED}]]"
IN_WORD = rf"[\p{{L}}\p{{N}}\p{{M}}_{JOINERS}&&[^{UNSPACED}]]"
RUN = rf"{ALNUM}{IN_WORD}*+"
STARTS = rf"(?<!{IN_WORD})"
ENDS = rf"(?!{IN_WORD})"

# The largest number of parts of one token, which bounds what a match keeps in memory.
MOST_PARTS = 1000

# HTML entities, as they are written. One for a letter is part of its word, one for an apostrophe is
# read as an apostrophe, and each of the others is a token.
NAMED = {name: chr(code) for name, code in name2codepoint.items()} | {"apos": "'"}
# The lists that patterns name as `\L<letters>` and `\L<marks>`.
NAMES = {
    "letters": [name for name, character in NAMED.items() if character.isalpha()],
    "marks": [name for name, character in NAMED.items() if not character.isalpha()],
}

# The numbers from À (192) up to 7999 are letters, with few exceptions.
HEX = "[0-9A-Fa-f]"
LETTER_NUMBER = (
    r"(?!215|247)(?:19[2-9]|[2-9]\d\d|[1-7]\d{3})"
    rf"|[xX]0?(?:[C-Fc-f]{HEX}|[1-9A-Fa-f]{HEX}{{2}})"
)
LETTER_ENTITY = rf"&(?:\L<letters>|\#(?:{LETTER_NUMBER}));"
MARK = rf"&(?:\L<marks>|\#(?!(?:{LETTER_NUMBER});)(?:\d{{2,7}}|[xX]{HEX}{{2,6}}));"
APOSTROPHE = r"(?:['’]|&(?:apos|rsquo|\#0?39|\#8217|\#[xX](?:27|2019));)"
CLITIC_LETTERS = rf"(?i-f:s|m|d|re|ve|ll){ENDS}"
CLITIC = rf"{APOSTROPHE}{CLITIC_LETTERS}"
NOT = rf"[Nn]{APOSTROPHE}[Tt]{ENDS}"

ABBREVIATIONS = (
    "Adm|Assn|Attn|Ave|Blvd|Bros|Capt|Cmdr|Co|Col|Corp|Cos|Dept|Drs?|Ft|Gen|Gov|Hon|Inc|Jr|Lt|Ltd|"
    "Maj|Messrs|Mr|Mrs|Ms|Mt|Nos|Pres|Prof|Reps?|Rev|Sen|Sgt|Sr|St|Ste|Sts|Univ|"
    "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|"
    "Ala|Ariz|Ark|Calif|Colo|Conn|Del|Fla|Ga|Ind|Kan|Ky|La|Mass|Md|Mich|Minn|Mo|Mont|Neb|Nev|"
    "Okla|Ore|Pa|Tenn|Tex|Va|Vt|Wash|Wis|Wyo|"
    "approx|cf|dept|etc|ext|vol|vs"
)

# What follows an address, a name or a tag without a blank: the next sentence in scripts without
# blanks, and a particle in Korean. They are no part of it.
NAME = rf"[\p{{L}}\p{{N}}&&[^{UNSPACED}\p{{Hangul}}]]"
IN_NAME = rf"[\p{{L}}\p{{N}}\p{{M}}_{JOINERS}&&[^{UNSPACED}\p{{Hangul}}]]"

# What no address holds, as it is: quotes, wide punctuation, emoji and invisible characters.
NOT_IN_ADDRESS = (
    rf"\s\p{{Cc}}<>\"“”„‟‘’‚‛«»‹›…{UNSPACED}\p{{Hangul}}\u3000-\u303F\uFE30-\uFE4F"
    rf"\uFF01-\uFF65\p{{Extended_Pictographic}}\p{{Regional_Indicator}}"
    rf"[\p{{Cf}}&&[^{JOINERS}]]"
)

# Closing punctuation belongs to an address only if the address continues after it, and a bracket
# only if its partner does.
CLOSING = rf"(?:[.,;:!?*`|]|'(?!(?i-f:s){ENDS})|&amp;|(?!{MARK})&)"
BRACKETED = (
    rf"\([^(){NOT_IN_ADDRESS}]{{0,{MOST_PARTS}}}\)|\[[^\[\]{NOT_IN_ADDRESS}]{{0,{MOST_PARTS}}}\]"
)
STRETCH = rf"(?>(?:[^.,;:!?*`|'&()\[\]{NOT_IN_ADDRESS}]++|{BRACKETED}){{1,{MOST_PARTS}}})"
ADDRESS = rf"{STRETCH}(?>(?:(?>{CLOSING}{{1,9}}){STRETCH}){{0,100000}})"
SCHEME = r"(?i-f:https?|ftp)://"
WWW = rf"(?i-f:www)\.(?={ALNUM})"
FOREIGN_HOST = rf"(?>(?:[\p{{L}}\p{{N}}\-]{{1,63}}\.(?={ALNUM})){{0,9}})"
URL = rf"(?:{SCHEME}{FOREIGN_HOST}|{WWW}(?<!{IN_NAME}....)){ADDRESS}"
LABEL = rf"(?>[\p{{L}}\p{{N}}\-&&[^{UNSPACED}\p{{Hangul}}]]{{1,63}})"
HOST = rf"(?>(?:\.{LABEL}){{0,9}})"
# A period before the @ belongs to an address with a whole host only: groups shorten ad...@x.org.
IN_MAIL = rf"[\p{{L}}\p{{N}}._%+\-&&[^{UNSPACED}\p{{Hangul}}]]"
EMAIL = rf"(?:{NAME}|_)(?>{IN_MAIL}{{0,63}})(?:(?<!\.)@|@(?={LABEL}\.{NAME})){LABEL}{HOST}"
HANDLE = (
    rf"@(?<!{IN_NAME}.)(?:{IN_NAME}++|{IN_WORD}++){HOST}|\#(?<!{IN_WORD}.)(?=[\p{{L}}_]){IN_WORD}++"
)
BEFORE_ADDRESS = rf"\p{{Hangul}}++(?={SCHEME}|{WWW}|{EMAIL})"

# The last parts of names of files, and of hosts in capitals.
NAME_ENDINGS = "com|net|org|edu|gov|docx?|xlsx?|ppt|pdf|rtf|txt|csv|html?|exe|zip|jpe?g|gif|png|mp3"
NAME_ENDING = rf"(?i-f:{NAME_ENDINGS}){ENDS}"

# The start of a word before "n't". The English words with such an ending are short.
NEGATED = rf"(?=(?>\p{{L}}{{2,13}}){APOSTROPHE})\p{{L}}{{1,12}}?(?={NOT})"

# U.S., a.m., J.; but an initial at the end of the text is a word and a period.
MORE_LETTERS = rf"(?>(?:\p{{L}}\.){{1,{MOST_PARTS}}})"
LETTERS = rf"\p{{L}}\.{MORE_LETTERS}"
INITIALS = rf"\p{{L}}\.(?<!{IN_WORD}..)(?:{MORE_LETTERS}|(?<=\p{{Lu}}.)(?!{AT_END}))"
SLASHED = (
    rf"(?:[Bb]/[Cc]|[WwCc]/[Oo]|[Nn]/[Aa]|[Aa]/[Cc])(?<!{IN_WORD}...){ENDS}"
    rf"|[Ww]/(?<!{IN_WORD}..)(?!\p{{L}})"
)
CURRENCY = r"\p{Lu}(?<!\p{L}.)\p{Lu}{0,2}+\$"
NUMBER = rf"[+\-−](?<!{IN_WORD}.)(?=\.?\p{{Nd}})\.?{RUN}|\.(?<![.\p{{L}}\p{{N}}].)(?=\p{{Nd}}){RUN}"

# What joins two runs of letters and digits into one word.
LINK = (
    rf"(?:&(?=\p{{L}})(?<=\p{{L}}.)(?!\L<marks>;)"
    rf"|(?=['’&])(?<=\p{{L}}){APOSTROPHE}(?=\p{{L}})(?!{CLITIC_LETTERS})"
    r"|(?<=\p{N})[.,:/](?=\p{N})"
    rf"|\.(?=[\p{{Ll}}\p{{Nd}}]|{NAME_ENDING}))"
)

HYPHEN = rf"[-‐‑·](?={ALNUM})"

EMOJI = (
    r"\p{Regional_Indicator}{2}"
    r"|\p{Extended_Pictographic}[\p{M}\p{Emoji_Modifier}\U000E0020-\U000E007F]*+"
    r"(?>(?:\u200D\p{Extended_Pictographic}[\p{M}\p{Emoji_Modifier}]*+){0,9})"
)

EMOTICON = (
    rf"[:;=]['’]?-?[()\[\]|]{{1,3}}{ENDS}|[:;=](?<!{IN_WORD}.)-?[DPp]{ENDS}"
    rf"|\(-?[:;]|\^_*+\^|<3{ENDS}"
)

# Repeated marks that are one token: ends of sentences, drawn lines, quotes.
REPEATED = (
    r"[.,:]?[!?][.!?]*+(?<=[.,:!?][.!?])|\.\.++|[\-=+~_*<>|][\-=+~_*<>|]++"
    r"|\#\#++|\$\$++|//++|\\\\++|``|''|’’"
)

SYMBOL = r"[^\s\p{Cc}\p{Cf}]\p{M}*+"

# Words that become two tokens: the first token, with the second one in a lookahead.
FUSED = rf"wan(?=na{ENDS})|(?:got|out)(?=ta{ENDS})|(?:gim|lem)(?=me{ENDS})"
FUSED_NOT = "are|could|did|does|had|has|have|is|should|was|were|would"


def _pattern(
    *, fused: str, ends: str, special: str, clitic: str, abbreviations: str, ordinal: str, link: str
) -> str:
    """Return the pattern of a convention, from the rules in which conventions differ.

    Args:
        fused: Words that become two tokens: the first token.
        ends: Their last letters, for speed.
        special: Tokens that take precedence over addresses and words.
        clitic: What is cut off the end of a word.
        abbreviations: Words whose period is part of them.
        ordinal: The number of an item in a list.
        link: What joins a run of letters and digits to the word before it.
    """
    escaped = rf"{LETTER_ENTITY}{IN_WORD}*+"
    of_words = [
        rf"(?=(?>[A-Za-z]{{2,8}})(?<={ends}){ENDS}){STARTS}(?i-f:{fused})",
        PLAIN,
        rf"[{UNSPACED}]\p{{M}}*+",
        URL,
        special,
        EMAIL,
        BEFORE_ADDRESS,
        NOT,
        NEGATED,
        CURRENCY,
        ordinal,
    ]
    tail = rf"(?=[-‐‑·&'’.,:/])(?<!\.)(?>(?:{escaped}|{link}){{1,{MOST_PARTS}}})"
    words = [
        rf"{INITIALS}(?:-?{RUN})?+",
        rf"(?=(?>[A-Za-z]{{2,8}})\.){STARTS}(?:{abbreviations})\.(?!{AT_END}|\.)(?:-{RUN})?+",
        NUMBER,
        RUN,
        escaped,
    ]
    rules = [
        first_rules(f"(?<!{ends})"),
        rf"(?=[\p{{L}}\p{{N}}_])(?:{'|'.join(of_words)})",
        rf"\.{NAME_ENDING}",
        HANDLE,
        rf"(?:(?<={IN_WORD}|\.)|(?<=\s)(?={clitic}(?=\s|\Z))){clitic}",
        # Nothing is joined to initials and abbreviations that end with their period.
        rf"(?:{'|'.join(words)})(?:{tail})?+",
        MARK,
        EMOJI,
        EMOTICON,
        REPEATED,
        SYMBOL,
    ]
    return rf"(?V1)(?!\s)(?:{'|'.join(rules)})"


# Words with these prefixes are not cut at their hyphen, by the guidelines of the English Web
# Treebank.
PREFIXES = (
    "a|ante|anti|arch|be|bi|bio|co|counter|cross|cyber|de|e|eco|ex|extra|inter|intra|macro|mega|"
    "micro|mid|mini|mis|multi|neo|non|over|pan|para|peri|post|pre|pro|pseudo|psycho|quasi|re|semi|"
    "sub|super|tri|ultra|un|uni|vice"
)

PREFIXED = (
    rf"(?=(?>[A-Za-z]{{1,7}})-){STARTS}(?i-f:{PREFIXES})-{RUN}"
    rf"(?>(?:(?!{LETTER_ENTITY}){LINK}{RUN}){{0,{MOST_PARTS}}})"
)

# The numbers of that treebank: telephone numbers and dates, numbers before a unit (5pm is two
# tokens), decades.
DIGITS = r"\p{Nd}++"

NUMBERED = (
    rf"(?=\p{{Nd}}){STARTS}(?:"
    rf"\p{{Nd}}{{1,4}}-\p{{Nd}}{{2,4}}-\p{{Nd}}{{2,5}}(?>(?:-\p{{Nd}}{{2,5}}){{0,2}}){ENDS}"
    rf"|\p{{Nd}}{{1,3}}-\p{{Nd}}{{4}}{ENDS}"
    rf"|{DIGITS}(?>(?:[.,:]{DIGITS}){{0,9}})"
    rf"(?=(?i-f:am|pm|[ap]\.m\.|mm|cm|km|kg|ft|lbs?|hrs?|gb|mb|bn|[kmbp]){ENDS})"
    rf"|{DIGITS}(?<=0)['’]s{ENDS})"
)

# The pattern of each convention.
PATTERNS = {
    # As in the Penn Treebank and CoNLL-2003. No rule does harm in other languages.
    "conll": _pattern(
        fused=rf"{FUSED}|(?:{FUSED_NOT})(?=nt{ENDS})",
        ends=FUSED_ENDS["conll"],
        special=SLASHED,
        clitic=CLITIC,
        abbreviations=ABBREVIATIONS,
        ordinal=r"(?m:^)\d{1,3}\.(?=[ \t]++\S)",
        link=rf"-{LETTERS}|(?:{HYPHEN}|{LINK}){RUN}",
    ),
    # As in Universal Dependencies' English Web Treebank: cut at hyphens, and into syntactic words.
    "ud": _pattern(
        fused=(
            rf"{FUSED}|gon(?=na{ENDS})|can(?=not{ENDS})|a(?=lot{ENDS})|i(?=(?:m|ve){ENDS})"
            rf"|(?:ai|ar|ca|do|wo|{FUSED_NOT})(?=nt{ENDS})|you(?=re{ENDS})"
            rf"|(?:that|there|he|she|what|let|who)(?=s{ENDS})"
            rf"|it(?=s (?:an?|the|not|been|just|really|so|too){ENDS})"
        ),
        ends=FUSED_ENDS["ud"],
        special=rf"{SLASHED}|{NUMBERED}|{PREFIXED}",
        clitic=rf"(?:{APOSTROPHE}|`)(?i-f:s|m|d|re|ve|ll){ENDS}",
        abbreviations=(
            rf"{ABBREVIATIONS}|Mon|Tues?|Wed|Thurs?|Fri|Sat|Sun|[Aa]rrv|[Oo]z|[Ll]bs?|[Ll]v|Fax"
            r"|No(?=\.\s*+\p{Nd})"
        ),
        ordinal=r"(?!)",
        link=rf"{LINK}{RUN}",
    ),
    # As corpora of Chinese are cut: one character, also of digits and Latin words.
    "character": rf"(?V1)(?!\s)(?:{EMOJI}|{SYMBOL})",
}
