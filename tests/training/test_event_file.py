import pytest

from ner.training.event_file import EventFile
from tests.failing_disk import FailingDisk, failing


def scalars(folder, name):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder))
    found.Reload()
    return [(event.step, event.value) for event in found.Scalars(name)]


def test_tensorboard_reads_what_was_written(tmp_path):
    file = EventFile(tmp_path / "tensorboard", 1)
    file.append(1, {"f1": 0.25, "loss": 2.0})
    file.append(2, {"f1": 0.5, "loss": 1.0})
    assert scalars(tmp_path / "tensorboard", "f1") == [(1, 0.25), (2, 0.5)]
    assert scalars(tmp_path / "tensorboard", "loss") == [(1, 2.0), (2, 1.0)]


def test_a_resumed_run_replaces_later_epochs(tmp_path):
    file = EventFile(tmp_path, 1)
    for epoch in (1, 2, 3):
        file.append(epoch, {"f1": 0.25})
    EventFile(tmp_path, 2).append(2, {"f1": 0.5})
    assert scalars(tmp_path, "f1") == [(1, 0.25), (2, 0.5)]


def test_a_full_disk_is_named(tmp_path):
    file = EventFile(tmp_path, 1)
    # Opening is the first operation, and writing the second.
    with failing(FailingDisk(tmp_path, 2)), pytest.raises(OSError) as error:
        file.append(1, {"f1": 0.25})
    assert error.value.filename == str(file.path)
