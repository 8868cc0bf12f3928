"""Write the Python examples in README and docs to files, for type checkers.

python scripts/docs_examples.py build/examples
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(\w*)$")
NOT_RUN = re.compile(r"^<!-- not run: (.+) -->$")


@dataclass(frozen=True)
class Example:
    """A fenced block of a page.

    Args:
        page: Path of the Markdown file, relative to the root of the repository.
        line: Number of the first line of the content, from 1.
        language: The word after the fence.
        text: The content.
        not_run: Why a test cannot run it; None if it can.
    """

    page: str
    line: int
    language: str
    text: str
    not_run: str | None


def pages() -> list[Path]:
    """List README and the pages of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def examples(page: Path) -> Iterator[Example]:
    """Yield the fenced blocks of a page.

    A block that cannot run in a test is preceded by a comment such as
    `<!-- not run: needs CoNLL-2003 -->`.
    """
    before, language, start = "", None, 0
    block: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = FENCE.match(line)
        if language is None and fence:
            language, start, block = fence[1], number + 1, []
        elif language is not None and fence:
            reason = NOT_RUN.match(before)
            name = page.relative_to(ROOT).as_posix()
            yield Example(name, start, language, "\n".join(block), reason[1] if reason else None)
            before, language = "", None
        elif language is not None:
            block.append(line)
        elif line.strip():
            before = line.strip()


def write_python(out: Path) -> list[Path]:
    """Write the Python blocks of each page to a file, on the same lines as in the page."""
    out.mkdir(parents=True, exist_ok=True)
    blocks = [e for page in pages() for e in examples(page) if e.language == "python"]
    paths: list[Path] = []
    for name, group in groupby(blocks, key=lambda example: example.page):
        lines: list[str] = []
        for example in group:
            lines += [""] * (example.line - 1 - len(lines)) + example.text.splitlines()
        path = out / f"example_{Path(name).stem.lower()}.py"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        paths.append(path)
    return paths


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the files, and print their paths."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="folder to write to")
    for path in write_python(parser.parse_args(arguments).out):
        print(path)


if __name__ == "__main__":
    main()
