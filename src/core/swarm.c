/* The swarm between two moves: which places are kept, and who follows whom. */
#include <string.h>

#include "core.h"

#define STRING(name) #name,
#define TOPOLOGIES(row) row(random) row(global) row(ring)
#define ENUM(name) TOPOLOGY_##name,
enum { TOPOLOGIES(ENUM) };
const char *const pl2_topologies[] = {TOPOLOGIES(STRING) NULL};

int64_t pl2_best(const double *values, int64_t particles, int64_t best)
{
    for (int64_t p = 0; p < particles; p++)
        if (values[p] < values[best]) best = p;
    return best;
}

double pl2_mean(const double *values, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += values[i];
    return sum / (double)count;
}

double pl2_add_parts(const double *parts, int64_t particles, double *errors)
{
    for (int64_t p = 0; p < particles; p++) errors[p] = parts[2 * p] + parts[2 * p + 1];
    return pl2_mean(errors, particles);
}

void pl2_keep(const double *found, const void *x, int64_t particles, int64_t row_bytes, double *values,
              void *bests)
{
    for (int64_t p = 0; p < particles; p++) {
        if (!(found[p] < values[p])) continue; /* nor is NaN better */
        values[p] = found[p];
        memcpy((char *)bests + p * row_bytes, (const char *)x + p * row_bytes, (size_t)row_bytes);
    }
}

/* p informs q, who then follows the better one; the first of those that are equal. */
static void inform(const double *values, int64_t particles, int64_t p, int64_t q, int64_t *leader)
{
    const int64_t found = pl2_among(pl2_once(&leader[q]), particles);
    const double ours = values[p], theirs = values[found];
    if (ours < theirs || (ours == theirs && p < found)) leader[q] = p;
}

void pl2_follow(int32_t topology, const double *values, int64_t particles, const int64_t *links,
                int64_t neighbours, int64_t *leader)
{
    const int64_t best = topology == TOPOLOGY_global ? pl2_best(values, particles, 0) : 0;
    for (int64_t p = 0; p < particles; p++) leader[p] = topology == TOPOLOGY_global ? best : p;
    if (topology == TOPOLOGY_ring)
        for (int64_t p = 0; p < particles; p++) {
            inform(values, particles, p, p ? p - 1 : particles - 1, leader);
            inform(values, particles, p, p + 1 < particles ? p + 1 : 0, leader);
        }
    if (topology != TOPOLOGY_random) return;
    for (int64_t k = 0; k < particles * neighbours; k++)
        inform(values, particles, k / neighbours, pl2_among(pl2_once(&links[k]), particles), leader);
    for (int64_t p = 0; p < particles; p++)
        if (leader[p] == p) leader[p] = -1;
}
