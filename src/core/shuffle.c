/* The order of an epoch. */
#include "core.h"

/* Fisher and Yates, from the end (Knuth, TAOCP 2, algorithm 3.4.2P).  uniform holds a number from
   [0, 1) for each item, of which the first is not used; (i + 1) u, rounded, stays below i + 1. */
void pl2_shuffle(int64_t *order, const double *uniform, int64_t first, int64_t last)
{
    for (int64_t i = last - 1; i >= first && i > 0; i--) {
        const double place = (double)(i + 1) * uniform[i];
        const int64_t j = place >= 0 && place < (double)(i + 1) ? (int64_t)place : 0, item = order[i];
        order[i] = order[j];
        order[j] = item;
    }
}
