"""How good predictions are: figures, reports, calibration, and the baselines to beat."""
