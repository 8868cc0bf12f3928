"""Forecasts of numbers with the encoders, the trainer and the checkpoints of the taggers.

A table of numbers is cut into windows, which are scaled and read by a network. Its forecasts are
converted back to the units of the table and compared with those of plain methods.
"""
