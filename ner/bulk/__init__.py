"""Tag many files at once: sources, units of work, shards, engines."""
