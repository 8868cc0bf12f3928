import json

import pytest

from ner.data.sentence import Sentence
from ner.errors import ConfigError, TaskError
from ner.suggesting import replay as replaying
from ner.suggesting.replay import replay
from ner.suggesting.replay_result import Replay, ReplayPoint, Saving

TINY = {
    "words.size": 4,
    "characters.size": 2,
    "characters.output_size": 2,
    "affixes.rows": 8,
    "encoder.size": 4,
    "training.epochs": 1,
    "training.threads": 1,
    "training.device": "cpu",
}
NAMES = ["Ada", "Bob", "Eve", "Joe"]
TRAIN = [
    Sentence([name, f"left{chr(97 + i)}", f"home{chr(97 + i)}"], spans=[(0, 1, "PER")])
    for i, name in enumerate(NAMES * 5)
]
DEV = TRAIN[:4]


@pytest.fixture
def trained(monkeypatch):
    """Note the splits of each training."""
    calls = []
    train = replaying.run_training

    def spy(config, **arguments):
        calls.append(arguments["sources"])
        return train(config, **arguments)

    monkeypatch.setattr(replaying, "run_training", spy)
    return calls


def run(out, **options):
    settings = TINY | options.pop("set", {})
    sources = {"train": TRAIN, "dev": DEV}
    return replay(out=out, sources=sources, set=settings, notify=lambda _: None, **options)


def test_each_round_adds_texts_up_to_its_tokens(tmp_path, trained):
    found = run(tmp_path / "replay", tokens=[13, 6], by=["random", "entropy-diverse"])
    assert found.strategies == ["random", "entropy-diverse"]
    assert [(p.size, p.tokens, p.texts) for p in found.points] == [
        (6, 6, 2),
        (13, 12, 4),
    ] * 2
    rounds = [[s.tokens for s in call["train"]] for call in trained]
    # Each training has the texts of the one before; the first texts are the same for all.
    assert rounds[0] == rounds[2] == rounds[1][:2] == rounds[3][:2]
    assert all([s.tokens for s in call["test"]] == [s.tokens for s in DEV] for call in trained)
    saved = json.loads((tmp_path / "replay" / "replay.json").read_text("utf-8"))
    assert saved == json.loads(json.dumps(found.to_dict()))
    assert (tmp_path / "replay" / "replay.png").exists()


def test_a_finished_training_is_not_repeated(tmp_path, trained):
    # The corpus has no 1000 tokens.
    options = {"tokens": [6, 9, 1000], "by": ["margin"], "seeds": 1}
    first = run(tmp_path / "replay", **options)
    count = len(trained)
    assert run(tmp_path / "replay", **options) == first
    assert len(trained) == count == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokens": [1000]}, r"--tokens: must be at most those of the corpus, 60\. Got \[1000\]\."),
        ({"tokens": []}, r"--tokens, --seeds: must be at least 1\. Got \[\], 1\."),
        ({"seeds": 0, "tokens": [6]}, r"--tokens, --seeds: must be at least 1\. Got \[6\], 0\."),
        ({"by": ["luck"]}, r"--by: must be one of random, entropy, .*Got 'luck'\."),
    ],
    ids=["too many tokens", "no tokens", "no seeds", "unknown way"],
)
def test_what_cannot_be_replayed_is_refused(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        run(tmp_path / "replay", **options)


def test_a_corpus_of_other_labels_is_refused(tmp_path):
    with pytest.raises(TaskError, match=r"replay: needs a corpus of labelled spans\. Got .* tag\."):
        run(tmp_path / "replay", tokens=[6], set={"task": "tag", "data.target": "ner"})


def points(by, *pairs, seed=1):
    return [ReplayPoint(by, seed, tokens, tokens, tokens // 10, f1) for tokens, f1 in pairs]


def test_a_saving_is_where_the_curve_reaches_the_score_of_random_sampling():
    found = Replay(
        [
            *points("random", (1000, 0.2), (2000, 0.4), (4000, 0.6), (8000, 0.9)),
            *points("entropy", (1000, 0.2), (2000, 0.3), (4000, 0.6), (8000, 0.8)),
        ]
    )
    assert found.savings() == [
        # A third of the way from 2000 to 4000, on a logarithmic scale.
        Saving("entropy", 0.4, 2000, pytest.approx(2000 * 2 ** (1 / 3))),
        Saving("entropy", 0.6, 4000, 4000),
        Saving("entropy", 0.9, 8000, None),
    ]
    assert str(found).splitlines()[-1] == (
        "90.00 takes random sampling 8,000 tokens, entropy no size of this replay."
    )
    assert "40.00 takes random sampling 2,000 tokens, entropy 2,520, 126 %." in str(found)


def test_several_seeds_are_averaged():
    found = Replay(
        [
            *points("random", (1000, 0.1), (2000, 0.4)),
            *points("random", (1000, 0.3), (2000, 0.6), seed=2),
            *points("entropy", (1000, 0.5), (2000, 0.8)),
            *points("entropy", (1000, 0.7), (2000, 0.9), seed=2),
        ]
    )
    assert found.curve("random") == [(1000, 0.2), (2000, 0.5)]
    assert found.savings() == [Saving("entropy", 0.5, 2000, 1000)]
    assert str(found).splitlines()[1] == "1,000   20.00 ± 14.14  60.00 ± 14.14"
    assert "50.00 takes random sampling 2,000 tokens, entropy 1,000, 50 %." in str(found)
