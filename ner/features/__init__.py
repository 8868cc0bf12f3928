"""Strings to arrays: vocabularies, pretrained vectors, batches; nothing here knows of torch."""
