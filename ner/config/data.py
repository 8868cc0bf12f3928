"""Settings of the corpora."""

from typing import Literal

from pydantic import Field

from ner.choices import MAX_LINE, Misaligned, OffsetUnit, OnError, Overlapping, TokenRules
from ner.config.base import Names, Section


class DataConfig(Section):
    """Where the sentences are, and how they are read.

    A corpus is a file or a folder in any format that `ner data convert` reads, plain or packed
    (`.gz`, `.bz2`, `.xz`, `.zst`); `hub:NAME` or `hub:NAME:SPLIT` for a data set of Hugging Face;
    or `sample:train`, `sample:dev` and `sample:test` for the sample corpus inside the package.
    """

    train: str = ""
    """Corpus to learn from. It must be given, here or with `--train`."""

    dev: str = ""
    """Development corpus. After each epoch the model is scored on it, and the best weights are
    kept. Empty: a tenth of the training sentences, chosen by `seed`, is held out for this."""

    test: str = ""
    """Test corpus. It is scored once, after training, and has no influence on the model. Empty:
    there is no test report."""

    format: str | None = None
    """Format of the files, by its name in `ner data convert`, such as `conll`, `conllu`, `jsonl`,
    `csv` or `labels`. Unset: it is detected, and the log names it. Set it when the detection is
    wrong."""

    encoding: str = "utf-8"
    """Character encoding of text files, by its Python name, such as `utf-8`, `latin-1` or `cp1252`.
    Change it when a file is refused because it is not UTF-8."""

    max_line: int = Field(default=MAX_LINE, ge=1)
    """Longest line of a corpus, in bytes. A longer one is refused before it fills the memory, as in
    a small packed file with a line of many gigabytes. Raise it for a corpus that is one line of
    JSON."""

    columns: Names = ()
    """Names of the columns of a CoNLL file, or of a CSV or TSV file without a header, in order; `-`
    ignores a column. Example: `["token", "pos", "-", "ner"]`. Empty: the first column is `token`
    and the last holds what is learned. Set it when that is wrong, or to name a column for
    `inputs.columns`. For a table with a header, JSON, or a data set of Hugging Face, it may
    say what columns hold, such as `["text=review", "label=stars"]`; usual names are known."""

    tags: str | None = None
    """Column of the entity tags in CoNLL, CSV and TSV files, or their key in the MISC column of
    CoNLL-U. Unset: `ner`. Set it when the entities have another name there, such as `chunk`."""

    target: str | None = None
    """Column of the labels that task `tag` learns, one plain label per token, such as `upos`. Task
    `tag` needs it; other tasks refuse it."""

    misaligned: Misaligned = "refuse"
    """What happens to an annotated span that does not start and end at token boundaries: `refuse`
    reports an error, `snap` widens it to the tokens that it touches, `split` splits the tokens that
    it cuts, `drop` leaves it out. Changes are listed. Change it when a few spans of a corpus cut
    through tokens."""

    overlapping: Overlapping = "refuse"
    """What happens to spans that overlap, nest or have gaps, which tags cannot express: `refuse`
    reports an error, `drop` keeps the longest of those that overlap and leaves out spans with gaps.
    Dropped spans are listed."""

    offsets: OffsetUnit = "characters"
    """What the offsets of annotated spans count: `characters`, `utf16` for UTF-16 units, as in
    JavaScript and Java, `bytes` for bytes of UTF-8, or `crlf` for characters counted with other
    line breaks than the text has. Set it when spans are refused because they are elsewhere."""

    label_separator: str | None = None
    """What separates several labels in one cell of a CSV or TSV file, such as `|`. Unset: a cell is
    one label, or a list in JSON. Set it together with `head.multi_label`."""

    tokenizer: TokenRules | Literal["auto"] = "auto"
    """Rules that split raw text into tokens, in training and later when the model tags: `conll` as
    in CoNLL-2003 and the Penn Treebank, `ud` as in the English Web Treebank of Universal
    Dependencies, `character` a token a character, as in many Chinese corpora. `auto` takes
    `character` if that agrees better with the training tokens, and else `conll`. Choose the rules
    that your corpus follows; `ner info MODEL` shows how well they agree with its tokens."""

    hub_tokens: str | None = None
    """Column of the tokens, or of the texts, in a data set of Hugging Face. Unset: the usual names
    are tried, such as `tokens`, `words` and `text`. Set it when the column has another name."""

    hub_tags: str | None = None
    """Column of the tags, or of the labels of texts, in a data set of Hugging Face. Unset: the
    usual names are tried, such as `ner_tags`, `tags` and `label`. Set it when the column has
    another name."""

    on_error: OnError = "raise"
    """What happens to a sentence that cannot be read: `raise` stops with the file and line, `skip`
    lists it and goes on without it. Use `skip` when a corpus has a few broken records."""

    storage: Literal["auto", "memory", "disk"] = "auto"
    """Where the encoded training sentences are kept: `memory`, `disk` (in the run folder, while
    training runs), or `auto`, which takes the disk for a training file of 256 MB or more with a
    development corpus. The model is the same. Choose `disk` when memory is short: 5 million tokens
    then take 0.8 GB instead of 1.9 GB."""
