"""Word lists and patterns: labels of texts, input columns, and constraints on models."""
