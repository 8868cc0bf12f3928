"""Sums and best paths over a linear chain of tags: numpy, with a compiled kernel; no torch."""
