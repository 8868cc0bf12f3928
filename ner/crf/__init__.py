"""A linear-chain conditional random field without torch: sums over paths, best paths, posteriors.

Three implementations compute the same sums, and each has its own use:

* `ner.crf.kernel` (C) serves the CPU: the loss and its gradient in training, best paths, and spans
  and tags with their probabilities. It is compiled at installation where there is a C compiler. It
  works in probability space, and leaves sentences whose scores are too far apart to numpy, and
  training with hundreds of tags.
* `ner.crf.forward_backward` and `ner.crf.paths` (numpy) serve the CPU wherever the kernel does not:
  n-best, random paths, marginals, entropy and posteriors of given spans always, and everything else
  where there is no kernel or where it leaves a sentence to them. They work in log space and are
  exact for all scores. One exception, `RelativeSums`, makes single sentences fast without a
  compiler: it saves a third of the time of tagging one.
* `ner.nn.crf_scan` (torch) serves GPUs: the loss and its gradient. It multiplies matrices along a
  tree, which is C times the work of a loop over tokens in a handful of calls. On a CPU it takes 40
  times as long as numpy with 17 tags, and 700 times with 73.

A training step (loss and gradients of 32 sentences of 14 tokens with 17 tags, on one core of a Zen
4) takes 3.3 ms in pytorch-crf, 1.2 ms in numpy and 0.6 ms with the kernel, most of it calls into
torch; decoding takes 1.7, 0.56 and 0.27 ms. One battery of tests holds all three equal to each
other and to sums over paths that are listed one by one.
"""
