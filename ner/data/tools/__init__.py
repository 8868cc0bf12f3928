"""Corpora as a whole: what is wrong with them, what they hold, and parts of them."""
