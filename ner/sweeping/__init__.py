"""Search for good settings: many runs, chosen by Optuna, in one folder."""
