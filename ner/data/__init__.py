"""Corpora and raw text to `Sentence`, and back. Nothing in this package uses tensors."""
