"""Actors of Ray do the work, and die."""

import pytest

import ner
from ner.errors import ConfigError
from tests.bulk.corpora import expected, results, rows, write_jsonl, write_parquet
from tests.failing_texts import FAILS, KillOnce, kill_on_mark

ray = pytest.importorskip("ray", reason="needs Ray")


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Start Ray for all tests here."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def tag(sources, out, model, **options):
    """Tag files in two actors."""
    return ner.tag_files(sources, out, model, engine="ray", workers=2, **options)


def test_actors_find_the_same_as_this_process(tiny_model, tmp_path):
    for i in range(3):
        write_parquet(tmp_path / "in" / f"{i}.parquet", rows(5, 5 * i))
    summary = tag(tmp_path / "in", tmp_path / "out", tiny_model)
    assert (summary.shards, summary.rows, summary.failed) == (3, 15, {})
    found = sorted(results(tmp_path / "out"), key=lambda row: row["id"])
    assert found == expected(tiny_model, rows(15))
    assert tag(tmp_path / "in", tmp_path / "out", tiny_model).present == 3


def test_an_actor_that_is_killed_once_costs_no_row(tiny_model, tmp_path):
    records = [*rows(4), {"id": 4, "text": FAILS}, *rows(3, 5)]
    write_jsonl(tmp_path / "a.jsonl", records)
    split = KillOnce(tmp_path / "killed")
    summary = tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model, split=split)
    assert (tmp_path / "killed").exists()
    assert (summary.errors, summary.killers) == (0, ())
    assert results(tmp_path / "out") == expected(tiny_model, records)


def test_a_row_that_kills_its_actor_is_found_and_spoils_no_other(tiny_model, tmp_path):
    records = [*rows(4), {"id": 4, "text": FAILS}, *rows(3, 5)]
    write_jsonl(tmp_path / "a.jsonl", records)
    summary = tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model, split=kill_on_mark)
    assert summary.killers == (f"{tmp_path / 'a.jsonl'}:5",)
    found, known = results(tmp_path / "out"), expected(tiny_model, records)
    assert found.pop(4)["error"].startswith("The text ended the process that tagged it: ")
    del known[4]
    assert found == known


def test_an_address_that_nobody_answers_is_told(tiny_model, tmp_path):
    write_jsonl(tmp_path / "a.jsonl", rows(1))
    ray.shutdown()
    with pytest.raises(ConfigError, match="address: must be a cluster of Ray"):
        tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model, address="auto")
