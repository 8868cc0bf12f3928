import json

import pytest

from ner.training.seeds import SeedSummary

RUNS = [{"seed": 1, "dev": 0.8, "test": 0.7}, {"seed": 2, "dev": 0.9, "test": 0.7}]


def test_the_summary_has_mean_deviation_and_t_interval_of_each_split():
    facts = json.loads(json.dumps(SeedSummary(RUNS, "f1").to_dict()))
    assert (facts["metric"], facts["runs"]) == ("f1", RUNS)
    dev = facts["dev"]
    # 12.706 is the quantile 0.975 of Student's t with 1 degree of freedom.
    assert (dev["mean"], dev["sd"], dev["level"]) == pytest.approx((0.85, 0.05 * 2**0.5, 0.95))
    assert (dev["low"], dev["high"]) == pytest.approx((0.85 - 0.6353, 0.85 + 0.6353), abs=1e-4)
    assert [facts["test"][name] for name in ("mean", "sd", "low", "high")] == [0.7, 0, 0.7, 0.7]


def test_the_summary_is_a_table():
    shown = str(SeedSummary(RUNS, "accuracy")).splitlines()
    assert shown[:5] == [
        "                  dev accuracy   test accuracy",
        "seed 1                   80.00           70.00",
        "seed 2                   90.00           70.00",
        "mean ± sd         85.00 ± 7.07    70.00 ± 0.00",
        "95 % interval  21.47 to 148.53  70.00 to 70.00",
    ]
    assert "Student's t interval of the mean over seeds" in shown[6]


def test_a_run_without_test_data_has_one_column():
    runs = [{"seed": run["seed"], "dev": run["dev"]} for run in RUNS]
    assert str(SeedSummary(runs, "f1")).splitlines()[0].split() == ["dev", "F1"]
