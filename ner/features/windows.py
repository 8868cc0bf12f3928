"""Long sequences as windows that overlap, so that nothing is cut off."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def cut_windows(length: int, size: int, overlap: int) -> Ints:
    """Give the starts of as few windows as cover a sequence, evenly spread.

    Args:
        length: Of the sequence, more than `size`.
        size: Of each window.
        overlap: What neighbouring windows share at least; less than `size`.

    >>> cut_windows(20, size=8, overlap=2).tolist()
    [0, 6, 12]
    """
    count = 1 + -(-(length - size) // (size - overlap))
    return np.arange(count) * (length - size) // (count - 1)


def handovers(starts: Ints, size: int, word_starts: Ints) -> Ints:
    """Give the places from which on the next window has the say: where it is the more central one.

    They are moved back to the start of the word that they would cut, unless the next window does
    not hold this start. So all of a word comes from one window, if it fits.

    Args:
        starts: Of the windows (M).
        size: Of each window.
        word_starts: Places of the sequence where words start, ascending.

    Returns:
        One place less than there are windows, ascending.

    >>> handovers(np.array([0, 6, 12]), size=8, word_starts=np.array([0, 9, 13])).tolist()
    [7, 13]
    """
    # Between the centres of both windows; a place that is as far from one as from the other is
    # left to the first.
    middles = (starts[:-1] + starts[1:] + size + 1) // 2
    words = word_starts[np.maximum(np.searchsorted(word_starts, middles, "right") - 1, 0)]
    return np.where((words >= starts[1:]) & (words <= middles), words, middles)
