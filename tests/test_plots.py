import matplotlib.figure
import pytest

from ner.plots import (
    data_curve_plot,
    forecast_plot,
    labels_and_lengths,
    learning_curve,
    replay_plot,
    scatter_plot,
)

HISTORY = [
    {"epoch": 1, "loss": 3.0, "f1": 0.5, "perplexity": 9.0},
    {"epoch": 2, "loss": 2.0, "f1": 0.8, "perplexity": 4.0},
    {"epoch": 3, "loss": 1.0, "f1": 0.7, "perplexity": 5.0},
]


@pytest.fixture
def drawn(monkeypatch):
    """Collect the figures that are saved."""
    figures = []
    save = matplotlib.figure.Figure.savefig

    def spy(figure, *args, **kwargs):
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", spy)
    return figures


def curves(figure):
    return {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata()))
        for axis in figure.axes
        for line in axis.lines
    }


def test_a_learning_curve_is_a_png_file_and_nothing_else(tmp_path):
    path = tmp_path / "curve.png"
    path.write_text("an older one")
    learning_curve(HISTORY, path)
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert list(tmp_path.iterdir()) == [path]


def test_loss_and_metric_have_labelled_axes_and_the_best_epoch_a_mark(tmp_path, drawn):
    learning_curve(HISTORY, tmp_path / "curve.png")
    (figure,) = drawn
    assert curves(figure) == {
        "training loss": ([1, 2, 3], [3.0, 2.0, 1.0]),
        "development f1": ([1, 2, 3], [0.5, 0.8, 0.7]),
        "best: 0.8000 in epoch 2": ([2], [0.8]),
    }
    labels = [(axis.get_xlabel(), axis.get_ylabel()) for axis in figure.axes]
    assert labels == [("epoch", "training loss"), ("", "development f1")]


def test_the_best_epoch_can_be_the_lowest_one(tmp_path, drawn):
    learning_curve(HISTORY, tmp_path / "c.png", metric="perplexity", higher_is_better=False)
    assert "best: 4.0000 in epoch 2" in curves(drawn[0])


def test_epochs_without_evaluation_show_their_loss_alone(tmp_path, drawn):
    learning_curve(
        [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0, "f1": None}], tmp_path / "c"
    )
    assert curves(drawn[0]) == {"training loss": ([1, 2], [2.0, 1.0])}


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "curve.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        learning_curve(HISTORY, path)
    assert path.read_bytes() == b"old"


def test_labels_and_lengths_of_a_corpus_are_shares(tmp_path, drawn):
    labels = {"train": {"PER": 3, "LOC": 1}, "dev": {"LOC": 1, "ORG": 1}}
    lengths = {"train": [1, 2, 2, 3], "dev": [2, 2]}
    labels_and_lengths(labels, lengths, tmp_path / "a.png")
    label_axis, length_axis = drawn[0].axes
    shown = [label.get_text() for label in label_axis.get_yticklabels()]
    shares = [[bar.get_width() for bar in bars] for bars in label_axis.containers]
    assert [dict(zip(shown, some, strict=True)) for some in shares] == [
        {"PER": 75, "LOC": 25, "ORG": 0},
        {"PER": 0, "LOC": 50, "ORG": 50},
    ]
    assert [text.get_text() for text in length_axis.get_legend().get_texts()] == ["train", "dev"]
    heights = [max(y for _, y in patch.get_xy()) for patch in length_axis.patches]
    assert heights == [50, 100]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_picture_shows_the_most_frequent_labels_and_counts_the_others(tmp_path, drawn):
    labels = {"train": {f"L{i}": 100 - i for i in range(50)}}
    labels_and_lengths(labels, {"train": []}, tmp_path / "a.png")
    axis = drawn[0].axes[0]
    assert len(axis.get_yticks()) == 20
    assert axis.get_xlabel() == "% of labels (30 more labels)"


def test_forecasts_are_drawn_where_they_begin(tmp_path, drawn):
    forecast_plot([1.0, 2.0, 4.0], 7, {8: [2.5, 3.5], 9: [4.5]}, tmp_path / "a.png", "OT")
    axis = drawn[0].axes[0]
    assert [(list(line.get_xdata()), list(line.get_ydata())) for line in axis.lines] == [
        ([7, 8, 9], [1.0, 2.0, 4.0]),
        ([8, 9], [2.5, 3.5]),
        ([9], [4.5]),
    ]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == [
        "actual values",
        "forecasts",
    ]
    assert axis.get_ylabel() == "OT"
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_estimates_are_drawn_against_the_truth(tmp_path, drawn):
    scatter_plot([1.0, 2.0], [1.5, 1.8], tmp_path / "a.png", "price")
    axis = drawn[0].axes[0]
    line = axis.lines[0]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([1.0, 2.0], [1.5, 1.8])
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("price, actual", "price, estimated")


CURVE = {
    "baseline": "a dictionary",
    "points": [
        {"sentences": 10, "mean": 0.5, "sd": 0.02, "baseline": 0.2},
        {"sentences": 100, "mean": 0.75, "sd": None, "baseline": 0.4},
    ],
    "forecast": {"law": {"floor": 0.25, "factor": 2.5, "power": 1.0}, "sentences": 200},
}


def test_the_curve_of_a_corpus_has_scores_baseline_and_forecast(tmp_path, drawn):
    data_curve_plot(CURVE, tmp_path / "curve.png", "F1")
    shown = curves(drawn[0])
    assert shown["a dictionary"] == ([10, 100], [20, 40])
    sizes, scores = shown["fitted curve"]
    assert (sizes[0], sizes[-1]) == (10, pytest.approx(200))
    assert (scores[0], scores[-1]) == (pytest.approx(50), pytest.approx(73.75))
    assert drawn[0].axes[0].get_xscale() == "log"
    assert "F1" in drawn[0].axes[0].get_legend_handles_labels()[1]


def test_the_curve_of_a_corpus_needs_no_forecast(tmp_path, drawn):
    data_curve_plot(CURVE | {"forecast": None}, tmp_path / "curve.png", "F1")
    assert "fitted curve" not in curves(drawn[0])


def test_a_replay_has_a_line_of_means_for_each_way_to_choose(tmp_path, drawn):
    points = [
        {"by": by, "size": size, "tokens": tokens, "f1": f1}
        for by, size, tokens, f1 in [
            ("random", 100, 98, 0.4),
            ("random", 100, 100, 0.5),
            ("random", 50, 50, 0.2),
            ("entropy", 50, 50, 0.2),
        ]
    ]
    replay_plot({"points": points}, tmp_path / "replay.png")
    shown = curves(drawn[0])
    assert shown["random"] == ([50, 99], [20, pytest.approx(45)])
    assert shown["entropy"] == ([50], [20])
    assert drawn[0].axes[0].get_xscale() == "log"
