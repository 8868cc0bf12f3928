import io
import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

# Shapes in signatures are checked from here on, which is why this precedes any import of ner.nn.
install_import_hook(["ner.nn", "ner.forecasting.network"], "beartype.beartype")
settings.register_profile("ner", deadline=None)
settings.load_profile("ner")
# The order of sums depends on the number of threads: one, unless the environment asks for more.
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Replace what is not UTF-8 in the output of a test: workers send their reports as UTF-8."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.fixture
def bfloat16():
    """Skip where oneDNN is held below the instruction set by which torch decides to ask it."""
    try:
        with torch.autocast("cpu", torch.bfloat16):
            torch.nn.LSTM(1, 1)(torch.zeros(1, 1, 1))
    except RuntimeError as error:
        pytest.skip(f"needs an LSTM in bfloat16: {error}")


@pytest.fixture
def shared_data():
    """Give the path of a development corpus, or skip where there is none."""

    def path(name):
        if not (SHARED_DATA / name).exists():
            pytest.skip(f"needs the corpus {name} in ../shared/data")
        return SHARED_DATA / name

    return path


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """Train a small tagger on a few sentences of the sample, and give the folder of the run."""
    import ner

    out = tmp_path_factory.mktemp("tiny") / "run"
    ner.train(
        train=[s for s in ner.read_sentences("sample:train") if s.spans][:20],
        dev=[s for s in ner.read_sentences("sample:dev") if s.spans][:5],
        out=out,
        progress=False,
        words={"size": 8},
        characters={"size": 4, "output_size": 8},
        shape={"size": 4},
        affixes={"rows": 64, "size": 4},
        embedder={"dropout": 0.0, "word_dropout": 0.0},
        encoder={"size": 8, "dropout": 0.0},
        training={"epochs": 40, "batch_size": 4, "learning_rate": 0.02, "ema": 0.0},
    )
    return out


@pytest.fixture(scope="session")
def tiny_model(tiny_run):
    """Give the model folder of the small tagger; a test that changes it makes a copy first."""
    return tiny_run / "model"


@pytest.fixture(scope="session")
def tiny_tagger(tiny_model):
    """Load the small tagger."""
    import ner

    return ner.load(tiny_model)


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder; returns its exit code and what it wrote."""
    from ner.cli import main

    monkeypatch.chdir(tmp_path)

    def call(*arguments, stdin=b""):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return exit_.value.code, out, err

    return call
