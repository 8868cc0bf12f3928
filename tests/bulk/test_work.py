"""One unit of work, and the rows of it that need caution."""

import ner
from ner.bulk.places import Place
from ner.bulk.sources import find_files
from ner.bulk.units import Unit
from ner.bulk.work import Caution, Done, Job, attempt
from ner.inference.rows import RowTagger
from tests.bulk.corpora import expected, results, rows, write_jsonl


def try_again(model, folder, caution, count=9):
    """Attempt a unit of a few rows; return what the attempt says."""
    write_jsonl(folder / "a.jsonl", rows(count))
    out = Place.find(folder / "out")
    (source,) = find_files(folder / "a.jsonl", out)
    digest = ner.load(model).origin.digest
    job = Job(RowTagger(str(model)), digest, "text", None, out.name, "parquet", "column")
    return list(attempt(Unit.of(source), job, caution))


def test_suspected_rows_are_tried_before_the_others(tiny_model, tmp_path):
    said = try_again(tiny_model, tmp_path, Caution(frozenset({(4, 7)})))
    alone = [(4, 5), (5, 6), (6, 7)]
    assert said == [*alone, (0, 4), *alone, (7, 9), Done(None)]
    assert results(tmp_path / "out") == expected(tiny_model, rows(9))


def test_a_row_that_ends_its_process_is_not_tried_again(tiny_model, tmp_path):
    caution = Caution(frozenset({(4, 7)}), {5: "It ended."})
    said = try_again(tiny_model, tmp_path, caution)
    assert said[-1] == Done(None)
    found = results(tmp_path / "out")
    assert [row["error"] for row in found] == [None] * 5 + ["It ended."] + [None] * 3
    assert found[5]["entities"] is None
