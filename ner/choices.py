"""The fixed choices that settings, options and functions share, each defined once.

This module imports nothing else, so that `ner --help` can show them at once.
"""

from typing import Literal

# The rules by which raw text is cut into tokens, each a pattern in `ner.data.token_patterns`.
TokenRules = Literal["conll", "ud", "character"]

# What a model predicts: spans, a label for each token, or labels of a text.
TaskName = Literal["ner", "tag", "classify"]

# A scheme of tags, and its spellings in files.
Scheme = Literal["IOB1", "BIO", "BIOES"]
Spelling = Literal["IOB1", "BIO", "IOB2", "BIOES", "BILOU", "BMES"]

# The shapes of other libraries in which entities are returned.
EntityStyle = Literal["gliner", "huggingface"]

# What happens to spans that do not start and end at token boundaries.
Misaligned = Literal["refuse", "snap", "split", "drop"]

# What the offsets of a file count. For "crlf", line breaks in the text and in the count differ.
OffsetUnit = Literal["characters", "utf16", "bytes", "crlf"]

# What happens to spans that overlap, nest or have gaps.
Overlapping = Literal["refuse", "drop"]

# Where equal names get the same placeholder: in the whole run, or in one text or record.
RedactionScope = Literal["run", "document"]

# What happens to a sentence that cannot be read.
OnError = Literal["raise", "skip"]

# What is drawn for intervals and tests.
Unit = Literal["sentence", "document"]

# What runs a network; "auto" takes ONNX Runtime where it can.
RuntimeName = Literal["auto", "onnx", "torch"]

# The numbers that a model computes with: float32, or recurrent layers in eight bits.
Precision = Literal["fp32", "int8"]

# Bytes of a line of a corpus at most, unless an option says otherwise. A corpus may be a single
# line of JSON, but a small packed file may also hold a line of many gigabytes.
MAX_LINE = 1 << 28

# How the settings of a search are chosen: near to good ones, at random, or all combinations.
SearchMethod = Literal["tpe", "random", "grid"]

# What tags many files, the format of the results, and what happens to a row that fails.
Engine = Literal["local", "ray"]
BulkOutput = Literal["parquet", "jsonl"]
OnRowError = Literal["column", "raise"]

# How labels of several teachers become one annotation, and which occurrences of its words a span
# without a place means.
MergeBy = Literal["vote", "weight", "union", "strict"]
Occurrences = Literal["all", "first"]

# What makes a text worth the annotation: an unsure sequence of tags, two sequences that are nearly
# equally probable, or nothing.
SuggestBy = Literal["entropy", "margin", "random"]
