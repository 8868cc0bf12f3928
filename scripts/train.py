"""Train a model; the arguments are those of `ner train`.

python scripts/train.py configs/sample.toml --out runs/sample
"""

import sys

from ner.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
