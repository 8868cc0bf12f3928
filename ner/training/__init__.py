"""From a corpus to a model folder: the loop, its optimizers, checkpoints and records."""
