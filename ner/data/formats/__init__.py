"""The formats of corpora: one file for each format, with its reader and its writer."""
