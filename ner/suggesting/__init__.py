"""Which texts of a pool a person should annotate next, and how much such a choice saves."""
