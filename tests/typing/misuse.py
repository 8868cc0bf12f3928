"""Mistakes that type checkers must find; a comment that has nothing to ignore is a mistake, too."""

import ner

model = ner.load("runs/mine/model")
a: object = ner.lode  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
b: object = model.tag(["Ada"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
gold = ner.read_sentences("sample:train")[0].entities[0]
c: object = gold.score  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
