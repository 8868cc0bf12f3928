"""Show where the time of a training step goes: by component, then by operation of torch.

python scripts/benchmark/profile_step.py eng.train --size 100 --steps 100
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ner  # before torch, so that its settings for threads hold

# isort: split
import torch
from ours import Ours
from torch.profiler import ProfilerActivity, profile, record_function

WARM_UP = 10


def main() -> None:
    """Time the components of some training steps, then profile as many steps with torch."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("train", help="training sentences: any corpus that `ner train` reads")
    parser.add_argument(
        "--size", type=int, default=100, help="width of one direction (%(default)s)"
    )
    parser.add_argument(
        "--steps", type=int, default=100, help="steps of each measurement (%(default)s)"
    )
    parser.add_argument("--rows", type=int, default=20, help="operations to show (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (%(default)s)")
    parser.add_argument("--bf16", action="store_true", help="train in bfloat16")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    precision = "bf16" if options.bf16 else "fp32"
    trainer = Ours(ner.read_sentences(options.train), options.size, precision).trainer
    events = trainer.run()
    run_steps(events, WARM_UP)
    seconds: defaultdict[str, float] = defaultdict(float)
    with timed_components(trainer, seconds):
        began, tokens = time.perf_counter(), trainer.state.tokens
        run_steps(events, options.steps)
        spent, learnt = time.perf_counter() - began, trainer.state.tokens - tokens
    per_step = 1e3 / options.steps
    print(f"{learnt / spent:,.0f} tokens/s, {spent * per_step:.2f} ms a step")
    seconds["everything else"] = spent - sum(seconds.values())
    for name, own in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"{own * per_step:8.2f} ms {own / spent:6.1%}  {name}")
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        run_steps(events, options.steps)
    print(
        profiler.key_averages().table(
            sort_by="self_cpu_time_total", row_limit=options.rows, max_name_column_width=40
        )
    )


def run_steps(events: Iterator[Any], count: int) -> None:
    """Train for some steps."""
    for _ in range(count):
        next(events)


@contextmanager
def timed_components(trainer: Any, seconds: dict[str, float]) -> Iterator[None]:
    """Add up the time of each component of a step while the context lasts."""
    model, optimizers = trainer.model, trainer.optimizers
    places = [
        (trainer.batches, "batch", "batch"),
        (trainer, "to_tensors", "tensors"),
        (model.embedder, "forward", "embedder"),
        (model.encoder, "forward", "encoder"),
        (model.head, "loss", "head"),
        (torch.Tensor, "backward", "backward"),
        (trainer.average, "before_step", "average"),
        (trainer.average, "after_step", "average"),
        *((optimizer, "step", type(optimizer).__name__) for optimizer in optimizers),
    ]
    before = [getattr(owner, name) for owner, name, _ in places]
    for (owner, name, label), function in zip(places, before, strict=True):
        setattr(owner, name, _timed(function, label, seconds))
    try:
        yield
    finally:
        for (owner, name, _), function in zip(places, before, strict=True):
            setattr(owner, name, function)


def _timed(
    function: Callable[..., Any], label: str, seconds: dict[str, float]
) -> Callable[..., Any]:
    def timed(*arguments: Any, **settings: Any) -> Any:
        began = time.perf_counter()
        with record_function(label):
            result = function(*arguments, **settings)
        seconds[label] += time.perf_counter() - began
        return result

    return timed


if __name__ == "__main__":
    main()
