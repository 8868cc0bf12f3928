"""Model folders that somebody has changed and signed again: refused in a line, or answering."""

import json
import multiprocessing
import random
import shutil
import sys
from pathlib import Path

import pytest

import ner
from ner.errors import NerError
from tests.signing import MANIFEST, sign
from tests.test_testing import GOLDEN, SENTENCES

resource = pytest.importorskip("resource")

CHANGES = 20
ODD = (
    None,
    True,
    -1,
    0,
    3,
    10**9,
    10**30,
    0.5,
    float("nan"),
    "",
    "x",
    "\ud800",
    [],
    ["a"],
    {},
    {"a": 1},
)

# Bytes of memory that a changed model may ask for, beside those of the process.
ROOM = 3 << 30


def places(tree, at=()):
    """Yield the way to each value of a tree but the digests."""
    for key in tree if isinstance(tree, dict) else range(min(len(tree), 8)):
        if key not in ("files", "digest"):
            yield (*at, key)
            if isinstance(tree[key], dict | list):
                yield from places(tree[key], (*at, key))


def change_json(tree, draw):
    """Replace, remove or add a value."""
    *way, key = draw.choice(list(places(tree)))
    for step in way:
        tree = tree[step]
    kind = draw.random()
    if kind < 0.7:
        tree[key] = draw.choice(ODD)
    elif kind < 0.85 or isinstance(tree, list):
        del tree[key]
    else:
        tree[f"{key}-x"] = draw.choice(ODD)


def change_manifest(folder, draw):
    sign(folder, lambda manifest: change_json(manifest, draw))


def change_texts(folder, draw):
    path = draw.choice(sorted(p for p in folder.rglob("*.json") if p.name != MANIFEST))
    tree = json.loads(path.read_text(encoding="utf-8"))
    if tree and isinstance(tree, dict | list):
        change_json(tree, draw)
    path.write_text(json.dumps(tree), encoding="utf-8")
    sign(folder)


def change_bits(folder, draw):
    path = draw.choice(sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST))
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)
    sign(folder)


def use(folder):
    """Load a model and label sentences, with each runtime; return what went wrong."""
    for runtime in ("onnx", "torch"):
        try:
            model = ner.load(folder, runtime=runtime, threads=1)
            results = model.tag_sentences(SENTENCES)
            results += list(model.pipe(["Ada met Bob.", ""]))
            assert len(results) == len(SENTENCES) + 2
        except NerError as error:
            assert "\n" not in str(error), str(error)


def use_each(kind, place, report):
    """Change a model in many ways, and use each of them; in a process that may crash."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        taken = pages * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, taken + ROOM))
    for change in (change_manifest, change_texts, change_bits):
        for case in range(CHANGES):
            report.put(f"{change.__name__} {case}")
            folder = shutil.copytree(GOLDEN / kind / "model", place / "model")
            change(folder, random.Random(case))
            use(folder)
            shutil.rmtree(folder)
    report.put("whole")


@pytest.mark.parametrize("kind", ["spans", "texts", "tokens"])
def test_a_folder_that_was_changed_and_signed_is_refused_in_a_line_or_answers(kind, tmp_path):
    context = multiprocessing.get_context("spawn")
    report = context.SimpleQueue()
    process = context.Process(target=use_each, args=(kind, tmp_path, report))
    process.start()
    process.join(300)
    last = None
    while not report.empty():
        last = report.get()
    process.kill()
    process.join()
    assert (process.exitcode, last) == (0, "whole")
