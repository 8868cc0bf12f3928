"""Samples of a corpus are trained on one after the other, with the settings that they get."""

from tests.scripts.running import import_script

SMALL = ["words.size=4", "characters.size=4", "affixes.rows=8", "encoder.size=4"]


def test_a_row_has_the_chosen_settings_and_the_scores_of_all_seeds(capsys):
    settings = [*SMALL, "training.epochs=1", "training.threads=1"]
    words = ["sample:train", "--dev", "sample:dev", "--dev-sentences", "20"]
    words += ["--sizes", "8", "300", "--seeds", "2"]
    words += [word for setting in settings for word in ("--set", setting)]
    import_script("small_corpora.py").main(words)
    header, rule, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in capsys.readouterr().out.splitlines()
    )
    assert {len(header)} == {len(cells) for cells in (rule, *rows)}
    assert [cells[:3] for cells in rows] == [["8", "4", "1"], ["300", "8", "1"]]
    assert all(cells[4].count(", ") == 1 for cells in rows)
    assert float(rows[0][5]) < float(rows[1][5])  # a dictionary of more names finds more
