"""Data sets of Ray."""

import pyarrow as pa
import pytest

from ner.arrow import TagTable
from tests.bulk.corpora import expected, rows

data = pytest.importorskip("ray.data", reason="needs Ray")
tag_dataset = pytest.importorskip("ner.ray", reason="needs Ray").tag_dataset


# Ray Data warns of its own settings.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Start Ray for all tests here."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


def test_a_data_set_gets_the_columns_of_results(tiny_model):
    dataset = data.from_arrow(pa.Table.from_pylist(rows(12)))
    found = tag_dataset(dataset, tiny_model, workers=1, batch_size=5).take_all()
    assert sorted(found, key=lambda row: row["id"]) == expected(tiny_model, rows(12))


def test_a_table_tagger_says_more(tiny_model):
    dataset = data.from_arrow(pa.table({"id": [7], "body": ["Awa Badjie left."]}))
    tag = TagTable(tiny_model, "body", keep=["id"], min_score=1.0)
    assert tag_dataset(dataset, tag).take_all() == [{"id": 7, "entities": [], "error": None}]
