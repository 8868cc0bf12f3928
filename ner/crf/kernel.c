/* The inner loops over a linear chain, for ner/crf/kernel.py. Arrays are contiguous, float64 or
 * int64. B sentences, T tokens of the longest, C tags.
 *
 * Sums are in probability space: at each token the vector over tags is divided by its sum, and
 * the logs of these sums add up to the log partition. A beginning that underflows, because it is
 * e^-708 times as likely as the others, matters only if the others become as unlikely later on.
 * Where they might (see LIMIT), the partition is NaN, and the caller sums in log space.
 *
 * Source: Rabiner, "A Tutorial on Hidden Markov Models", Proc. IEEE 77(2), 1989, section V.A.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Nats that the likely paths of a sentence may lose in total. Doubles reach down to e^-708; a limit
 * at least 50 nats above leaves errors of e^-50. */
#define LIMIT 600.0

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
#define FAST __attribute__((target_clones("avx512f", "avx2,fma", "default")))
#else
#define FAST
#endif
/* Inlined, so that it is compiled for each processor that FAST names. */
#define INLINE static inline __attribute__((always_inline))

int64_t ner_kernel_version(void) { return 2; }

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

/* Sum over the beginnings of the paths of one sentence, token by token, and return the log
 * partition, or NaN where an underflow may matter. Outputs: p (T C), exp(emissions - the highest
 * of the token); x (T C), the vectors over tags; norms (T), the logs of their sums before
 * division. */
INLINE double forward(int64_t length, int64_t C, double top, const double *emissions,
                      const double *start, const double *end, const double *steps, double *p,
                      double *x, double *norms) {
    double total = 0, lost = 0, sum = 0;
    for (int64_t t = 0; t < length; t++, emissions += C, p += C, x += C) {
        double high = largest(emissions, C);
        for (int64_t j = 0; j < C; j++) p[j] = exp(emissions[j] - high);
        if (t == 0) {
            double high_start = largest(start, C);
            for (int64_t j = 0; j < C; j++) x[j] = exp(start[j] - high_start);
            high += high_start;
        } else {
            for (int64_t j = 0; j < C; j++) x[j] = 0;
            for (int64_t i = 0; i < C; i++)
                for (int64_t j = 0; j < C; j++) x[j] += (x - C)[i] * steps[i * C + j];
            high += top;
        }
        for (int64_t j = 0; j < C; j++) x[j] *= p[j];
        norms[t] = normalise(x, C);
        lost += norms[t] < 0 ? -norms[t] : 0;
        total += high + norms[t];
    }
    if (length == 0) return 0;
    double top_end = largest(end, C);
    for (int64_t j = 0; j < C; j++) sum += (x - C)[j] * exp(end[j] - top_end);
    lost -= log(sum);
    /* The comparison is false for NaN, too. */
    return lost < LIMIT ? total + top_end + log(sum) : NAN;
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
    for (int64_t b = 0; b < B; b++) {
        int64_t first = b * T, before = 0;
        const double *e = emissions + first * C;
        log_z[b] = forward(lengths[b], C, top, e, start, end, steps, likelihoods + first * C,
                           scaled + first * C, norms + first);
        double score = 0;
        for (int64_t t = 0; tags && t < lengths[b]; t++) {
            int64_t tag = tags[first + t];
            score += e[t * C + tag] + (t == 0 ? start[tag] : transitions[before * C + tag]);
            before = tag;
        }
        path_scores[b] = tags && lengths[b] > 0 ? score + end[before] : score;
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

/* The best path of one sentence; returns its score. scores (T C) is a buffer. */
INLINE double best_path(int64_t length, int64_t C, const double *e, const double *start,
                        const double *transitions, const double *end, double *scores,
                        int64_t *path) {
    if (length == 0) return 0;
    double best = 0;
    int64_t tag = 0;
    for (int64_t j = 0; j < C; j++) scores[j] = start[j] + e[j];
    for (int64_t t = 1; t < length; t++) {
        const double *before = scores + (t - 1) * C;
        double *here = scores + t * C;
        for (int64_t j = 0; j < C; j++) here[j] = -INFINITY;
        for (int64_t i = 0; i < C; i++)
            for (int64_t j = 0; j < C; j++) {
                double score = before[i] + transitions[i * C + j];
                here[j] = score > here[j] ? score : here[j];
            }
        for (int64_t j = 0; j < C; j++) here[j] += e[t * C + j];
    }
    for (int64_t t = length - 1; t >= 0; t--) {
        /* The way back looks only at the steps along the best path, given the tag that follows. */
        int64_t winner = 0;
        double high = -INFINITY;
        for (int64_t i = 0; i < C; i++) {
            double onward = t == length - 1 ? end[i] : transitions[i * C + tag];
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
    for (int64_t b = 0; b < B; b++)
        best[b] = best_path(lengths[b], C, emissions + b * T * C, start, transitions, end, scores,
                            paths + b * T);
}

/* The spans of the best paths, all sentences end to end, and the posterior probability of each
 * span, NaN where an underflow may matter. Returns the number of spans.
 *
 * fixed: start (C), transitions (C C), end (C), exp(transitions - top) (C C) and its transpose
 * (C C); then, as integers, whether each tag belongs to the span before it (C), and which tag
 * would continue a span after each tag, -1 where none would (C). O is tag `outside`.
 * integers: the number of spans of each sentence (B), -1 where no path is possible, -2 where a
 * score is NaN or infinite (-INFINITY forbids a tag); spans (B * T 3), each as its first token,
 * the token after its last and its first tag; a path (T), which is a buffer.
 * numbers: probabilities of the spans (B * T); then 3 * T * C + T numbers of buffers.
 */
FAST int64_t ner_decode(int64_t B, int64_t T, int64_t C, int64_t outside, double top,
                        const double *fixed, const double *emissions, const int64_t *lengths,
                        int64_t *integers, double *numbers) {
    const double *start = fixed, *transitions = start + C, *end = transitions + C * C;
    const double *steps = end + C, *steps_transposed = steps + C * C;
    const int64_t *goes_on = (const int64_t *)(steps_transposed + C * C), *continuing = goes_on + C;
    int64_t *counts = integers, *spans = counts + B, *path = spans + 3 * B * T;
    double *probabilities = numbers, *p = probabilities + B * T;
    double *x = p + T * C, *scores = x + T * C, *norms = scores + T * C;
    double after[C], arrived[C];
    int64_t found = 0;
    for (int64_t b = 0; b < B; b++) {
        int64_t length = lengths[b], first = found;
        const double *e = emissions + b * T * C;
        int64_t strange = 0;
        for (int64_t k = 0; k < length * C; k++) strange += !(e[k] < INFINITY);
        double best = best_path(length, C, e, start, transitions, end, scores, path);
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
        double log_z = forward(length, C, top, e, start, end, steps, p, x, norms);
        last_after(C, end, x + (length - 1) * C, after);
        int64_t at = length - 1;
        for (int64_t k = found - 1; k >= first; k--) {
            int64_t from = spans[3 * k], last = spans[3 * k + 1] - 1, tag = path[last];
            for (; at > last; at--)
                step_back(C, p + at * C, norms[at], steps_transposed, after, arrived);
            double share = after[tag];
            if (last < length - 1 && continuing[tag] >= 0) {
                share = 0;
                for (int64_t j = 0; j < C; j++)
                    if (j != continuing[tag]) share += steps[tag * C + j] * arrived[j];
            }
            for (int64_t t = last; t > from; t--)
                share *= steps[path[t - 1] * C + path[t]] * p[t * C + path[t]] * exp(-norms[t]);
            share *= x[from * C + path[from]];
            probabilities[k] = isnan(log_z) ? NAN : share < 1 ? share : 1;
        }
    }
    return found;
}
