"""Mistakes that type checkers must find; a comment that has nothing to ignore is a mistake, too."""

import ner

model = ner.load("runs/mine/model")
unknown: object = ner.lode  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
doc = model.tag(["Ada"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
gold = ner.Entity("Ada", "PER", 0, 3, 0.5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
