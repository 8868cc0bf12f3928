"""The benchmark runs and writes its results. Tests do not check how fast anything is."""

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from itertools import islice

import pytest

import ner
from tests.scripts.running import SCRIPTS, import_script, run_script
from tests.tolerance import small_model_bound

PEERS = import_script("benchmark/peers.py").PEERS
LOWER_IS_BETTER = {
    "one sentence, p50",
    "one sentence, p95",
    "one raw text, p50",
    "cold start",
    "cold start, peak memory",
    "CRF loss and gradients",
    "CRF decoding",
    "memory, last epoch less first",
}
HIGHER_IS_BETTER = {"training", "tagging, first pass", "tagging, warm"}
# Trains a peer on eight sentences, saves and loads it, and tags them together and one by one. Each
# sentence occurs twice, because some peers leave out words seen once.
LEARNING = """
import json, sys
from pathlib import Path
import contenders, ner, peers, torch
from ner.data.sentence import Sentence
from ner.evaluation.span_metrics import f1

package, folder, facts, corpus = sys.argv[1:]
torch.set_num_threads(1)
peers.PEERS = {package: peers.PEERS[package]}
sentences = [s for s in ner.read_sentences("sample:train") if s.spans][:8]
(peer,), notes = peers.installed_peers(sentences * 2)
tokens, seconds = peer.train(0.01)
epochs = [peer.train_epoch() for _ in range(120)]
peer.save(Path(folder))
(loader,) = peer.taggers.values()
tagger = contenders.load(loader, Path(folder))
plain = [Sentence(s.tokens) for s in sentences]
spans = tagger.spans(tagger.tag(plain))
Path(corpus).write_text(json.dumps([s.tokens for s in plain]), encoding="utf-8")
found = {
    "notes": notes,
    "loader": loader,
    "learnt": tokens / sum(map(len, sentences * 2)),
    "seconds": [seconds, *epochs],
    "f1": f1([s.spans for s in sentences], spans),
    "alike": spans == [tagger.spans([tagger.tag_tokens(s.tokens)])[0] for s in plain],
}
Path(facts).write_text(json.dumps(found), encoding="utf-8")
"""


def write_corpus(path, split, count):
    lines = []
    for sentence in islice(ner.read_sentences(f"sample:{split}"), count):
        lines += [
            f"{t}\t{g}" for t, g in zip(sentence.tokens, sentence.columns["ner"], strict=True)
        ]
        lines.append("")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark")
    done = run_script(
        "benchmark/benchmark.py",
        write_corpus(folder / "train.conll", "train", 40),
        *("--dev", write_corpus(folder / "dev.conll", "dev", 10)),
        *("--sizes", 4),
        *("--rounds", 2),
        *("--seconds", 0.02),
        *("--threads", 1),
        *("--memory-epochs", 2),
        "--peers",
        *("--out", folder / "out"),
    )
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stdout


def facts_of(results):
    return json.loads((results[0] / "benchmark.json").read_text(encoding="utf-8"))


def test_every_measure_has_figures_of_both_sides(results):
    rows = facts_of(results)["results"]
    found = {(row["measure"], row["size"], row["contender"]) for row in rows}
    layers = {"CRF loss and gradients", "CRF decoding"}
    ours_alone = {"one raw text, p50"}
    for measure in (LOWER_IS_BETTER | HIGHER_IS_BETTER) - layers - ours_alone:
        assert {(measure, 4, "baseline"), (measure, 4, "ours")} <= found
    assert {(measure, None, "baseline") for measure in layers} <= found
    assert ("training", 4, "ours, bf16") in found


@pytest.mark.numeric
def test_both_runtimes_tag_alike(results):
    (found,) = facts_of(results)["agreement"]
    assert found["sentences"] == 10
    assert found["unlike"] == 0
    longest = max(map(len, islice(ner.read_sentences("sample:dev"), 10)))
    assert found["largest_difference_of_scores"] < small_model_bound(longest)


def test_each_measure_says_which_direction_is_better(results):
    for row in facts_of(results)["results"]:
        assert row["higher_is_better"] == (row["measure"] in HIGHER_IS_BETTER)
        assert row["unit"]


def test_a_value_a_round_and_their_median_inside_their_range(results):
    once = {"memory, last epoch less first"}
    for row in facts_of(results)["results"]:
        assert len(row["values"]) == (1 if row["measure"] in once else 2)
        assert row["low"] <= row["median"] <= row["high"]
        assert {row["low"], row["high"]} == {min(row["values"]), max(row["values"])}


def test_ratios_are_formed_round_by_round_against_the_baseline(results):
    rows = facts_of(results)["results"]
    base = next(r for r in rows if r["contender"] == "baseline" and r["measure"] == "training")
    ours = next(r for r in rows if r["contender"] == "ours" and r["measure"] == "training")
    ratios = [a / b for a, b in zip(ours["values"], base["values"], strict=True)]
    assert ours["times_better"]["low"] == pytest.approx(min(ratios))
    assert ours["times_better"]["high"] == pytest.approx(max(ratios))
    assert base["times_better"] is None


def test_machine_settings_and_versions_are_on_record(results):
    facts = facts_of(results)
    assert facts["settings"]["rounds"] == 2
    assert facts["machine"]["threads"] == 1
    assert {"torch", "pytorch-crf", "numpy"} <= set(facts["machine"]["versions"])
    assert len(facts["load_average"]["before"]) == len(facts["load_average"]["after"]) == 3
    assert facts["flags"] == []  # expected speeds are known for other sizes only


def test_the_memory_of_each_epoch_is_on_record(results):
    assert all(len(record["megabytes"]) == 2 for record in facts_of(results)["memory"])


def test_the_table_is_printed_and_written_and_the_picture_is_a_png(results):
    out, printed = results
    table = (out / "benchmark.md").read_text(encoding="utf-8")
    assert table == printed
    assert table.startswith("| measure | size | contender | median | range |")
    assert "Load average before:" in table
    assert (out / "benchmark.png").read_bytes().startswith(b"\x89PNG")


def test_a_corpus_that_is_not_there_is_one_line(tmp_path):
    done = run_script("benchmark/benchmark.py", tmp_path / "no.conll", "--dev", "sample:dev")
    assert done.returncode == 1
    assert done.stderr.strip() == f"{tmp_path / 'no.conll'}: no such file."


def test_the_profile_names_the_components_of_a_step(tmp_path):
    corpus = write_corpus(tmp_path / "train.conll", "train", 40)
    options = ("--size", 4, "--steps", 2, "--threads", 1)
    done = run_script("benchmark/profile_step.py", corpus, *options)
    assert done.returncode == 0, done.stderr
    assert " a step" in done.stdout.splitlines()[0]
    for part in ("embedder", "encoder", "head", "backward"):
        assert f"  {part}\n" in done.stdout


def released(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def test_each_peer_is_measured_or_said_to_be_left_out(results):
    facts = facts_of(results)
    for package in PEERS:
        release = released(package)
        left_out = f"{package}: not installed, left out."
        assert (f"{package} {release}" if release else left_out) in facts["notes"]
    measured = {row["contender"] for row in facts["results"] if row["measure"] == "tagging, warm"}
    measured -= {f"ours, {way}" for way in ("int8", "numpy", "torch")}
    assert len(measured) == 2 + sum(released(package) is not None for package in PEERS)


@pytest.mark.parametrize("package", PEERS)
def test_a_peer_learns_and_its_saved_model_tags(package, tmp_path):
    if released(package) is None:
        pytest.skip(f"needs {package}, a tool to compare with; not among our dependencies")
    model, facts, corpus = (tmp_path / name for name in ("model", "facts.json", "corpus.json"))
    program = [sys.executable, "-c", LEARNING, package, model, facts, corpus]
    folder = SCRIPTS / "benchmark"
    done = subprocess.run(program, capture_output=True, text=True, timeout=200, cwd=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(facts.read_text(encoding="utf-8"))
    assert found["notes"] == [f"{package} {released(package)}"]
    # A batch has all sentences; CRFsuite learns in passes.
    assert found["learnt"] > 0
    assert found["learnt"] == int(found["learnt"])
    assert min(found["seconds"]) > 0
    assert found["f1"] > 0.9
    assert found["alike"]
    # In a process of its own, which must print nothing else.
    sentences = json.loads(corpus.read_text(encoding="utf-8"))
    inputs = {"first": sentences[0], "many": sentences, "sample": sentences[:3]}
    corpus.write_text(json.dumps(inputs), encoding="utf-8")
    done = run_script("benchmark/fresh_process.py", "tag", found["loader"], model, corpus, 0.01)
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [list(facts) for facts in said] == [
        ["megabytes"],
        ["first_pass", "spans"],
        ["warm", "one"],
    ]
    assert len(said[1]["spans"]) == len(sentences)
    assert len(said[2]["one"]) == 3
