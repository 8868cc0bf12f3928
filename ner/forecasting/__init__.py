"""Numeric series: the encoder, the trainer and the checkpoints of taggers, on real values.

A table of numbers is cut into windows, which are scaled and given to the network; its forecasts
are turned back into the units of the table and compared with those of plain methods.
"""
