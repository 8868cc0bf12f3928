"""Tools for whole corpora: check, repair, count, split and sample."""
