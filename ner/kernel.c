/* The inner loops over a linear chain, for ner/kernel.py. Arrays are contiguous, float64 and int64.
 *
 * Sums are in probability space: at each token the vector over tags is divided by its sum, and what
 * was divided by adds up to the log partition. A beginning that is lost this way, because it is
 * e^-708 times as likely as the others, cannot come back unless the others lose as much later on.
 * Where they might (see LIMIT), the partition is NaN, and the caller sums in log space.
 *
 * Source: Rabiner, "A Tutorial on Hidden Markov Models", Proc. IEEE 77(2), 1989, section V.A.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Nats that the likely paths of a sentence may lose in all; 50 less than what the range of a double
 * allows leaves errors of e^-50. */
#define LIMIT 600.0

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__)
#define FAST __attribute__((target_clones("avx512f", "avx2,fma", "default")))
#else
#define FAST
#endif

int64_t ner_kernel_version(void) { return 1; }

static double largest(const double *x, int64_t n) {
    double best = x[0];
    for (int64_t i = 1; i < n; i++) best = x[i] > best ? x[i] : best;
    return best;
}

/* Divide x by its sum; give the log of the sum. */
static double normalise(double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i];
    for (int64_t i = 0; i < n; i++) x[i] /= sum;
    return log(sum);
}

/* steps: exp(transitions - top). likelihoods (B T C): exp(emissions - their highest). scaled
 * (B T C): the vectors over tags. norms (B T): logs of their sums before. tags (B T): paths, or NULL.
 * path_scores (B): of those paths, or 0. log_z (B). */
FAST void ner_forward(int64_t B, int64_t T, int64_t C, double top, const double *emissions,
                      const int64_t *lengths, const double *start, const double *transitions,
                      const double *end, const double *steps, const int64_t *tags,
                      double *likelihoods, double *scaled, double *norms, double *path_scores,
                      double *log_z) {
    double top_end = largest(end, C);
    for (int64_t b = 0; b < B; b++) {
        double total = 0, lost = 0, score = 0;
        for (int64_t t = 0; t < lengths[b]; t++) {
            int64_t token = b * T + t;
            const double *e = emissions + token * C;
            double *p = likelihoods + token * C, *x = scaled + token * C;
            double high = largest(e, C);
            for (int64_t j = 0; j < C; j++) p[j] = exp(e[j] - high);
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
            double norm = normalise(x, C);
            norms[token] = norm;
            lost += norm < 0 ? -norm : 0;
            total += high + norm;
            if (tags) {
                int64_t tag = tags[token];
                score += e[tag] + (t == 0 ? start[tag] : transitions[tags[token - 1] * C + tag]);
            }
        }
        if (lengths[b] > 0) {
            const double *x = scaled + (b * T + lengths[b] - 1) * C;
            double sum = 0;
            for (int64_t j = 0; j < C; j++) sum += x[j] * exp(end[j] - top_end);
            lost -= log(sum);
            total += top_end + log(sum);
            if (tags) score += end[tags[b * T + lengths[b] - 1]];
        }
        path_scores[b] = score;
        /* A NaN anywhere makes the comparison false, too. */
        log_z[b] = lost < LIMIT ? total : NAN;
    }
}

/* The gradient of the sum of weights[b] * (path_scores[b] - log_z[b]), none of them NaN, by emissions
 * (B T C), start (C), transitions (C C) and end (C), all of them zero before. */
FAST void ner_backward(int64_t B, int64_t T, int64_t C, const int64_t *lengths, const double *end,
                       const double *steps, const double *steps_transposed,
                       const int64_t *tags, const double *likelihoods, const double *scaled, const double *norms,
                       const double *weights, double *to_emissions, double *to_start,
                       double *to_steps, double *to_end) {
    double after[C], arrived[C];
    double top_end = largest(end, C);
    for (int64_t b = 0; b < B; b++) {
        int64_t last = lengths[b] - 1;
        if (last < 0) continue;
        double sum = 0;
        for (int64_t j = 0; j < C; j++) {
            after[j] = exp(end[j] - top_end);
            sum += after[j] * scaled[(b * T + last) * C + j];
        }
        for (int64_t j = 0; j < C; j++) after[j] /= sum;
        for (int64_t t = last; t >= 0; t--) {
            int64_t token = b * T + t;
            const double *x = scaled + token * C, *p = likelihoods + token * C;
            double *gradient = to_emissions + token * C;
            for (int64_t j = 0; j < C; j++) gradient[j] = -weights[b] * x[j] * after[j];
            if (t == last)
                for (int64_t j = 0; j < C; j++) to_end[j] += gradient[j];
            if (t == 0) {
                for (int64_t j = 0; j < C; j++) to_start[j] += gradient[j];
                break;
            }
            double scale = exp(-norms[token]);
            for (int64_t j = 0; j < C; j++) arrived[j] = p[j] * after[j] * scale;
            for (int64_t i = 0; i < C; i++) {
                double before = -weights[b] * (x - C)[i];
                for (int64_t j = 0; j < C; j++) to_steps[i * C + j] += before * arrived[j];
            }
            for (int64_t i = 0; i < C; i++) after[i] = 0;
            for (int64_t j = 0; j < C; j++)
                for (int64_t i = 0; i < C; i++) after[i] += arrived[j] * steps_transposed[j * C + i];
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

/* Best paths (B T), zero before; the score of each (B). scores (T C) is room to work in. */
FAST void ner_viterbi(int64_t B, int64_t T, int64_t C, const double *emissions,
                      const int64_t *lengths, const double *start, const double *transitions,
                      const double *end, double *scores, int64_t *paths, double *best) {
    for (int64_t b = 0; b < B; b++) {
        int64_t last = lengths[b] - 1, tag = 0;
        best[b] = 0;
        if (last < 0) continue;
        const double *e = emissions + b * T * C;
        for (int64_t j = 0; j < C; j++) scores[j] = start[j] + e[j];
        for (int64_t t = 1; t <= last; t++) {
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
        for (int64_t t = last; t >= 0; t--) {
            /* Only the steps along the best path need to be found: given the tag that follows. */
            int64_t winner = 0;
            double high = -INFINITY;
            for (int64_t i = 0; i < C; i++) {
                double onward = t == last ? end[i] : transitions[i * C + tag];
                double score = scores[t * C + i] + onward;
                if (score > high) high = score, winner = i;
            }
            if (t == last) best[b] = high;
            paths[b * T + t] = tag = winner;
        }
    }
}
