/* The inner loops over a linear chain, for ner/crf/kernel.py. Arrays are contiguous, float64 or
 * int64. B sentences, T tokens of the longest, C tags.
 *
 * Sums are in probability space: at each token the vector over tags is divided by its sum, and
 * the logs of these sums add up to the log partition. No number underflows where scores are within
 * reach of each other (see LEAST_FACTOR), however long the sentence is. Otherwise a beginning that
 * underflows, because it is e^-708 times as likely as the others, matters only if the others become
 * as unlikely later on. Where they might (see LIMIT), the partition is NaN, and the caller sums in
 * log space.
 *
 * Source: Rabiner, "A Tutorial on Hidden Markov Models", Proc. IEEE 77(2), 1989, section V.A.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

/* A sum over beginnings is the product of a sum, a step and an emission. If none of these is
 * smaller than this, unless it is zero because a score is -INFINITY, products are above 1e-300, and
 * none of them is lost. On the way back, only what is less likely than 1e-150 can be lost. */
#define LEAST_SUM 1e-150
#define LEAST_FACTOR 1e-75

/* Nats that the likely paths of other sentences may lose in total. Doubles reach down to e^-708; a
 * limit at least 50 nats above leaves errors of e^-50. */
#define LIMIT 600.0

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
#define FAST __attribute__((target_clones("avx512f", "avx2,fma", "default")))
#else
#define FAST
#endif
/* Inlined, so that it is compiled for each processor that FAST names. */
#define INLINE static inline __attribute__((always_inline))

int64_t ner_kernel_version(void) { return 3; }

INLINE double largest(const double *x, int64_t n) {
    double best = x[0];
    for (int64_t i = 1; i < n; i++) best = x[i] > best ? x[i] : best;
    return best;
}

/* Divide x by its sum, and return the log of the sum. */
INLINE double normalise(double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i];
    for (int64_t i = 0; i < n; i++) x[i] /= sum;
    return log(sum);
}

/* What is known about a sentence so far: the log of the sum over its beginnings, the nats that the
 * likely ones lost, and how many numbers are smaller than LEAST_SUM and LEAST_FACTOR. */
typedef struct {
    double total, lost;
    int64_t small;
} Progress;

/* Count the factors that are too small, though their scores do not forbid them. */
INLINE int64_t count_small(int64_t n, const double *scores, const double *factors) {
    int64_t found = 0;
    for (int64_t i = 0; i < n; i++) found += factors[i] < LEAST_FACTOR && scores[i] > -INFINITY;
    return found;
}

/* Sum over the beginnings of paths, token by token, for some tokens of a sentence. before (C) has
 * the vector over tags of the token before them; it is NULL where the sentence begins. Outputs:
 * p (T C), exp(emissions - the highest of the token); x (T C), the vectors over tags; norms (T),
 * the logs of their sums before division. */
INLINE void forward(int64_t length, int64_t C, double top, const double *emissions,
                    const double *start, const double *steps, const double *before, double *p,
                    double *x, double *norms, Progress *progress) {
    double *factors = p, *sums = x;
    for (int64_t t = 0; t < length; t++, p += C, x += C) {
        const double *e = emissions + t * C;
        double high = largest(e, C);
        for (int64_t j = 0; j < C; j++) p[j] = exp(e[j] - high);
        if (before) {
            for (int64_t j = 0; j < C; j++) x[j] = 0;
            for (int64_t i = 0; i < C; i++)
                for (int64_t j = 0; j < C; j++) x[j] += before[i] * steps[i * C + j];
            high += top;
        } else {
            double high_start = largest(start, C);
            for (int64_t j = 0; j < C; j++) x[j] = exp(start[j] - high_start);
            progress->small += count_small(C, start, x);
            high += high_start;
        }
        for (int64_t j = 0; j < C; j++) x[j] *= p[j];
        norms[t] = normalise(x, C);
        progress->lost += norms[t] < 0 ? -norms[t] : 0;
        progress->total += high + norms[t];
        before = x;
    }
    progress->small += count_small(length * C, emissions, factors);
    for (int64_t k = 0; k < length * C; k++) progress->small += sums[k] > 0 && sums[k] < LEAST_SUM;
}

/* Return the log partition, or NaN where an underflow may matter; x (C) is the last vector. */
INLINE double log_partition(int64_t C, const double *end, const double *x, Progress progress) {
    double top_end = largest(end, C), sum = 0;
    for (int64_t j = 0; j < C; j++) {
        double factor = exp(end[j] - top_end);
        progress.small += factor < LEAST_FACTOR && end[j] > -INFINITY;
        sum += x[j] * factor;
    }
    double total = progress.total + top_end + log(sum);
    progress.lost -= log(sum);
    /* The comparisons are false for NaN, too. */
    if (progress.small == 0 && total > -INFINITY) return total;
    return progress.lost < LIMIT ? total : NAN;
}

/* Sums over what follows each tag of the last token, scaled so that the sum of x * after is 1. */
INLINE void last_after(int64_t C, const double *end, const double *x, double *after) {
    double top_end = largest(end, C), sum = 0;
    for (int64_t j = 0; j < C; j++) {
        after[j] = exp(end[j] - top_end);
        sum += after[j] * x[j];
    }
    for (int64_t j = 0; j < C; j++) after[j] /= sum;
}

/* Go from the sums over what follows a token to those over what follows the token before it.
 * Output: arrived (C), the sums over what follows with the token itself included. */
INLINE void step_back(int64_t C, const double *p, double norm, const double *steps_transposed,
                      double *after, double *arrived) {
    double scale = exp(-norm);
    for (int64_t j = 0; j < C; j++) arrived[j] = p[j] * after[j] * scale;
    for (int64_t i = 0; i < C; i++) after[i] = 0;
    for (int64_t j = 0; j < C; j++)
        for (int64_t i = 0; i < C; i++) after[i] += arrived[j] * steps_transposed[j * C + i];
}

/* Log partitions and scores of paths. Inputs: steps, exp(transitions - top); tags (B T), the
 * paths, or NULL. Outputs: likelihoods (B T C), scaled (B T C) and norms (B T), which are p, x
 * and norms of `forward`; path_scores (B), 0 without paths; log_z (B). */
FAST void ner_forward(int64_t B, int64_t T, int64_t C, double top, const double *emissions,
                      const int64_t *lengths, const double *start, const double *transitions,
                      const double *end, const double *steps, const int64_t *tags,
                      double *likelihoods, double *scaled, double *norms, double *path_scores,
                      double *log_z) {
    int64_t small = count_small(C * C, transitions, steps);
    for (int64_t b = 0; b < B; b++) {
        int64_t first = b * T, before = 0, length = lengths[b];
        const double *e = emissions + first * C;
        double *x = scaled + first * C;
        Progress progress = {0, 0, small};
        forward(length, C, top, e, start, steps, NULL, likelihoods + first * C, x, norms + first,
                &progress);
        log_z[b] = length ? log_partition(C, end, x + (length - 1) * C, progress) : 0;
        double score = 0;
        for (int64_t t = 0; tags && t < length; t++) {
            int64_t tag = tags[first + t];
            score += e[t * C + tag] + (t == 0 ? start[tag] : transitions[before * C + tag]);
            before = tag;
        }
        path_scores[b] = tags && length > 0 ? score + end[before] : score;
    }
}

/* The gradient of the sum of weights[b] * (path_scores[b] - log_z[b]), none of them NaN.
 * Outputs, all zero before the call: the gradient by emissions (B T C), start (C), transitions
 * (C C), end (C). */
FAST void ner_backward(int64_t B, int64_t T, int64_t C, const int64_t *lengths, const double *end,
                       const double *steps, const double *steps_transposed,
                       const int64_t *tags, const double *likelihoods, const double *scaled,
                       const double *norms, const double *weights, double *to_emissions,
                       double *to_start, double *to_steps, double *to_end) {
    double after[C], arrived[C];
    for (int64_t b = 0; b < B; b++) {
        int64_t last = lengths[b] - 1;
        if (last < 0) continue;
        last_after(C, end, scaled + (b * T + last) * C, after);
        for (int64_t t = last; t >= 0; t--) {
            int64_t token = b * T + t;
            const double *x = scaled + token * C;
            double *gradient = to_emissions + token * C;
            for (int64_t j = 0; j < C; j++) gradient[j] = -weights[b] * x[j] * after[j];
            if (t == last)
                for (int64_t j = 0; j < C; j++) to_end[j] += gradient[j];
            if (t == 0) {
                for (int64_t j = 0; j < C; j++) to_start[j] += gradient[j];
                break;
            }
            step_back(C, likelihoods + token * C, norms[token], steps_transposed, after, arrived);
            for (int64_t i = 0; i < C; i++) {
                double before = -weights[b] * (x - C)[i];
                for (int64_t j = 0; j < C; j++) to_steps[i * C + j] += before * arrived[j];
            }
        }
    }
    for (int64_t k = 0; k < C * C; k++) to_steps[k] *= steps[k];
    for (int64_t b = 0; tags && b < B; b++)
        for (int64_t t = 0; t < lengths[b]; t++) {
            int64_t token = b * T + t, tag = tags[token];
            to_emissions[token * C + tag] += weights[b];
            if (t == 0) to_start[tag] += weights[b];
            else to_steps[tags[token - 1] * C + tag] += weights[b];
            if (t == lengths[b] - 1) to_end[tag] += weights[b];
        }
}

/* The scores (T C) of the best beginnings, for some tokens of a sentence. before (C) has those of
 * the token before them; it is NULL where the sentence begins. */
INLINE void climb(int64_t length, int64_t C, const double *e, const double *start,
                  const double *transitions, const double *before, double *scores) {
    for (int64_t t = 0; t < length; t++, e += C, scores += C) {
        if (!before) {
            for (int64_t j = 0; j < C; j++) scores[j] = start[j] + e[j];
            before = scores;
            continue;
        }
        for (int64_t j = 0; j < C; j++) scores[j] = -INFINITY;
        for (int64_t i = 0; i < C; i++)
            for (int64_t j = 0; j < C; j++) {
                double score = before[i] + transitions[i * C + j];
                scores[j] = score > scores[j] ? score : scores[j];
            }
        for (int64_t j = 0; j < C; j++) scores[j] += e[j];
        before = scores;
    }
}

/* The best path through some tokens, given the tag that follows them, or -1 where the sentence
 * ends; returns the score of its last tag with what follows. The way back looks only at the steps
 * along the best path. */
INLINE double descend(int64_t length, int64_t C, const double *scores, const double *transitions,
                      const double *end, int64_t tag, int64_t *path) {
    double best = 0;
    for (int64_t t = length - 1; t >= 0; t--) {
        int64_t winner = 0;
        double high = -INFINITY;
        for (int64_t i = 0; i < C; i++) {
            double onward = tag < 0 ? end[i] : transitions[i * C + tag];
            double score = scores[t * C + i] + onward;
            if (score > high) high = score, winner = i;
        }
        if (t == length - 1) best = high;
        path[t] = tag = winner;
    }
    return best;
}

/* Outputs: the best paths (B T), zero before the call, and the score of each (B). scores (T C) is a
 * buffer. */
FAST void ner_viterbi(int64_t B, int64_t T, int64_t C, const double *emissions,
                      const int64_t *lengths, const double *start, const double *transitions,
                      const double *end, double *scores, int64_t *paths, double *best) {
    for (int64_t b = 0; b < B; b++) {
        climb(lengths[b], C, emissions + b * T * C, start, transitions, NULL, scores);
        best[b] = descend(lengths[b], C, scores, transitions, end, -1, paths + b * T);
    }
}

/* Copy n numbers, which are doubles or floats. */
INLINE void copy(int64_t n, int64_t is_double, const void *from, int64_t first, double *to) {
    if (is_double) memcpy(to, (const double *)from + first, n * sizeof(double));
    else
        for (int64_t i = 0; i < n; i++) to[i] = ((const float *)from)[first + i];
}

/* The spans of the best paths, all sentences end to end, and the posterior probability of each
 * span, NaN where an underflow may matter. Returns the number of spans.
 *
 * A sentence is read in pieces of `piece` tokens, so that memory does not grow with its length but
 * for a few numbers a piece: forwards, which keeps the vectors before each piece; backwards for the
 * path; and backwards again for the probabilities.
 *
 * emissions: float or double.
 * fixed: start (C), transitions (C C), end (C), exp(transitions - top) (C C) and its transpose
 * (C C); then, as integers, whether each tag belongs to the span before it (C), and which tag
 * would continue a span after each tag, -1 where none would (C). O is tag `outside`.
 * integers: the number of spans of each sentence (B), -1 where no path is possible, -2 where a
 * score is NaN or infinite (-INFINITY forbids a tag); spans (B * T 3), each as its first token,
 * the token after its last and its first tag; a path (T), which is a buffer.
 * numbers: probabilities of the spans (B * T); then buffers: for each piece of T tokens 2 * C
 * numbers, then 4 * piece * C + piece + 2 * C numbers.
 */
FAST int64_t ner_decode(int64_t B, int64_t T, int64_t piece, int64_t is_double, int64_t C,
                        int64_t outside, double top, const double *fixed, const void *emissions,
                        const int64_t *lengths, int64_t *integers, double *numbers) {
    const double *start = fixed, *transitions = start + C, *end = transitions + C * C;
    const double *steps = end + C, *steps_transposed = steps + C * C;
    const int64_t *goes_on = (const int64_t *)(steps_transposed + C * C), *continuing = goes_on + C;
    int64_t *counts = integers, *spans = counts + B, *path = spans + 3 * B * T;
    double *probabilities = numbers, *sums_before = probabilities + B * T;
    double *scores_before = sums_before + (T + piece - 1) / piece * C;
    double *e = scores_before + (T + piece - 1) / piece * C, *p = e + piece * C;
    double *x = p + piece * C, *scores = x + piece * C, *norms = scores + piece * C;
    double *after = norms + piece, *arrived = after + C;
    int64_t found = 0, small = count_small(C * C, transitions, steps);
    for (int64_t b = 0; b < B; b++) {
        int64_t length = lengths[b], first = found, strange = 0;
        int64_t pieces = (length + piece - 1) / piece, size = 0;
        Progress progress = {0, 0, small};
        counts[b] = 0;
        if (length == 0) continue;
        /* Forwards. The vectors of the last piece stay in the buffers. */
        for (int64_t k = 0; k < pieces; k++) {
            double *sums = k ? sums_before + k * C : NULL;
            double *best = k ? scores_before + k * C : NULL;
            if (k) {
                memcpy(sums, x + (size - 1) * C, C * sizeof(double));
                memcpy(best, scores + (size - 1) * C, C * sizeof(double));
            }
            size = k == pieces - 1 ? length - k * piece : piece;
            copy(size * C, is_double, emissions, (b * T + k * piece) * C, e);
            for (int64_t i = 0; i < size * C; i++) strange += !(e[i] < INFINITY);
            climb(size, C, e, start, transitions, best, scores);
            if (pieces > 1) forward(size, C, top, e, start, steps, sums, p, x, norms, &progress);
        }
        /* Backwards along the best path. */
        double best = descend(size, C, scores, transitions, end, -1, path + length - size);
        for (int64_t k = pieces - 2; k >= 0; k--) {
            copy(piece * C, is_double, emissions, (b * T + k * piece) * C, e);
            climb(piece, C, e, start, transitions, k ? scores_before + k * C : NULL, scores);
            descend(piece, C, scores, transitions, end, path[(k + 1) * piece], path + k * piece);
        }
        counts[b] = strange ? -2 : best > -INFINITY ? 0 : -1;
        for (int64_t t = 0; counts[b] == 0 && t < length; t++) {
            int64_t *span = spans + 3 * found;
            if (path[t] == outside) continue;
            if (goes_on[path[t]] && found > first) {
                (span - 3)[1] = t + 1;
                continue;
            }
            span[0] = t, span[1] = t + 1, span[2] = path[t];
            found++;
        }
        if (found == first) continue;
        counts[b] = found - first;
        /* Backwards again: `share` is that of the paths with the span at hand, from its last token
         * to token t. */
        double log_z = 0, share = 0;
        int64_t next = found - 1;
        for (int64_t k = pieces - 1; k >= 0 && next >= first; k--) {
            int64_t begin = k * piece;
            if (k < pieces - 1 || pieces == 1) {
                Progress again = {0, 0, 0};
                size = pieces == 1 ? length : piece;
                if (pieces > 1) copy(size * C, is_double, emissions, (b * T + begin) * C, e);
                forward(size, C, top, e, start, steps, k ? sums_before + k * C : NULL, p, x, norms,
                        pieces == 1 ? &progress : &again);
            }
            if (k == pieces - 1) {
                log_z = log_partition(C, end, x + (size - 1) * C, progress);
                last_after(C, end, x + (size - 1) * C, after);
            }
            for (int64_t i = size - 1; i >= 0 && next >= first; i--) {
                int64_t t = begin + i, tag = path[t];
                if (t == spans[3 * next + 1] - 1) {
                    share = after[tag];
                    if (t < length - 1 && continuing[tag] >= 0) {
                        share = 0;
                        for (int64_t j = 0; j < C; j++)
                            if (j != continuing[tag]) share += steps[tag * C + j] * arrived[j];
                    }
                }
                if (t == spans[3 * next]) {
                    share *= x[i * C + tag];
                    probabilities[next--] = isnan(log_z) ? NAN : share < 1 ? share : 1;
                } else if (t < spans[3 * next + 1]) {
                    share *= steps[path[t - 1] * C + tag] * p[i * C + tag] * exp(-norms[i]);
                }
                if (next >= first)
                    step_back(C, p + i * C, norms[i], steps_transposed, after, arrived);
            }
        }
    }
    return found;
}
