"""Compare a model's predictions, or those in a file, with gold tags; arguments as for `ner eval`.

python scripts/evaluate.py runs/sample/model sample:test
"""

import sys

from ner.cli import main

if __name__ == "__main__":
    main(["eval", *sys.argv[1:]])
