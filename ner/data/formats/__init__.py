"""Corpora as files: each format has a reader, a writer and an entry in the registry."""
