"""Evaluate a model, or the predictions in a file; the arguments are those of `ner eval`.

python scripts/evaluate.py runs/sample/model sample:test
"""

import sys

from ner.cli import main

if __name__ == "__main__":
    main(["eval", *sys.argv[1:]])
