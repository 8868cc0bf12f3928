from pathlib import Path

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

# Shapes in signatures are checked from here on, which is why this precedes any import of ner.nn.
install_import_hook("ner.nn", "beartype.beartype")
settings.register_profile("ner", deadline=None)
settings.load_profile("ner")
# The order of sums depends on the number of threads.
torch.set_num_threads(1)

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def shared_data():
    """Give the path of a development corpus, or skip where there is none."""

    def path(name):
        if not (SHARED_DATA / name).exists():
            pytest.skip(f"needs the corpus {name} in ../shared/data")
        return SHARED_DATA / name

    return path
