/* The order of an epoch. */
#include "core.h"

/* Fisher and Yates, from the end (Knuth, TAOCP 2, algorithm 3.4.2P).  uniform holds a number from
   [0, 1) for each item, of which the first is not used; (i + 1) u, rounded, stays below i + 1. */
void pl2_shuffle(int64_t *order, const double *uniform, int64_t count)
{
    for (int64_t i = count - 1; i > 0; i--) {
        const int64_t j = (int64_t)((double)(i + 1) * uniform[i]), item = order[i];
        order[i] = order[j];
        order[j] = item;
    }
}
