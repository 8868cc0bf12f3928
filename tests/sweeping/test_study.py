"""Settings by the number of a trial, and a study on the disk."""

import json

import optuna
import pytest
from optuna.pruners import NopPruner
from optuna.trial import TrialState

from ner.errors import ConfigError
from ner.sweeping import study as study_module
from ner.sweeping.sampling import NumberedSampler, decode, distributions
from ner.sweeping.space import Choices, Range
from ner.sweeping.study import MOST_STARTS, SweepStudy, counted, mend

SPACE = {"rate": Range(1e-4, 1e-2, log=True), "size": Range(1, 9, whole=True)}
SPACE["betas"] = Choices(([0.9, 0.99], [0.8, 0.9]))


def opened(folder, *, method="tpe", seed=1, own=None, identity=None):
    sampler = NumberedSampler(SPACE, method, seed, own)
    return SweepStudy(folder, sampler, NopPruner(), identity or {"seed": 1})


def finish(sweep, count, value=1.0):
    """Take and finish trials; return their settings."""
    found = []
    for _ in range(count):
        with sweep.next_trial(distributions(SPACE), 100) as trial:
            found.append(decode(SPACE, trial.params))
            sweep.study.tell(trial, value + found[-1]["size"])
    return found


@pytest.mark.parametrize("method", ["tpe", "random"])
def test_a_study_that_is_opened_again_chooses_as_if_it_had_gone_on(tmp_path, method):
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = finish(opened(tmp_path / "whole", method=method), 14)
    parts = [finish(opened(tmp_path / "parts", method=method), 1)[0] for _ in range(14)]
    assert whole == parts
    assert len({json.dumps(settings) for settings in whole}) == 14
    assert all(1e-4 <= s["rate"] <= 1e-2 and type(s["size"]) is int for s in whole)
    assert {str(s["betas"]) for s in whole} == {"[0.9, 0.99]", "[0.8, 0.9]"}


def test_another_seed_chooses_other_settings(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = (finish(opened(tmp_path / n, seed=s), 1) for n, s in (("a", 1), ("b", 2)))
    assert first != second


def test_the_first_trial_has_the_own_settings_and_a_grid_all_points(tmp_path):
    own = {"rate": 0.002, "size": 3, "betas": [0.9, 0.99]}
    assert finish(opened(tmp_path, own=own), 2)[0] == own
    space = {"a": Choices(("x", [1])), "b": Choices((True, 2))}
    study = optuna.create_study(sampler=NumberedSampler(space, "grid", 1, None))
    params = [study.ask(distributions(space)).params for _ in range(4)]
    points = [tuple(decode(space, each).values()) for each in params]
    assert points == [("x", True), ("x", 2), ([1], True), ([1], 2)]


def test_two_processes_never_have_the_same_trial_and_a_left_one_is_taken_first(tmp_path):
    one, two = opened(tmp_path), opened(tmp_path)
    with one.next_trial(distributions(SPACE), 2) as first:
        with two.next_trial(distributions(SPACE), 2) as second:
            assert (first.number, second.number) == (0, 1)
            second.report(0.5, 0)
            with opened(tmp_path).next_trial(distributions(SPACE), 2) as third:
                assert third is None
        with opened(tmp_path).next_trial(distributions(SPACE), 2) as again:
            assert (again.number, again.params) == (1, second.params)
            one.study.tell(again, 0.5)
    assert [t.state for t in one.study.trials] == [TrialState.RUNNING, TrialState.COMPLETE]


def test_the_journal_is_json_and_an_unfinished_line_does_no_harm(tmp_path):
    finish(opened(tmp_path), 2)
    journal = tmp_path / study_module.JOURNAL
    lines = journal.read_bytes()
    assert all(isinstance(json.loads(line), dict) for line in lines.splitlines())
    journal.write_bytes(lines + b'{"op_code": 5, "wor')
    again = opened(tmp_path)
    finish(again, 1)
    assert [t.state.name for t in opened(tmp_path).study.trials] == ["COMPLETE"] * 3
    assert all(json.loads(line) for line in journal.read_bytes().splitlines())


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"", b""), (b"a\n", b"a\n"), (b"a\nb", b"a\n"), (b"b", b"")],
    ids=["empty", "whole", "torn", "torn at the start"],
)
def test_mending_removes_a_last_line_without_an_end(tmp_path, content, expected):
    path = tmp_path / "journal"
    path.write_bytes(content)
    mend(path)
    assert path.read_bytes() == expected


def test_a_folder_with_another_sweep_is_refused(tmp_path):
    opened(tmp_path, identity={"seeds": 1, "search": "x"})
    opened(tmp_path, identity={"seeds": 1, "search": "x"})
    with pytest.raises(ConfigError, match=r"Got one with another seeds\."):
        opened(tmp_path, identity={"seeds": 2, "search": "x"})


def test_a_trial_that_gets_no_further_may_not_begin_for_ever(tmp_path):
    sweep = opened(tmp_path)

    def begin(progress=0, error=None):
        with sweep.next_trial(distributions(SPACE), 1) as trial, counted(trial, progress) as may:
            if error:
                raise error
            return may

    with pytest.raises(KeyboardInterrupt):
        begin(error=KeyboardInterrupt)  # in an orderly way, so it does not count
    assert [begin() for _ in range(MOST_STARTS + 1)] == [True] * MOST_STARTS + [False]
    assert begin(progress=1)
