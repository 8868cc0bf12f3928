from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def shared_data():
    """Give the path of a development corpus, or skip where there is none."""

    def path(name):
        if not (SHARED_DATA / name).exists():
            pytest.skip(f"needs the corpus {name} in ../shared/data")
        return SHARED_DATA / name

    return path
