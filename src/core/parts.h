/* Who does the parts of a job (core.h, net.c).

   The parts follow from the data alone, and so do all sums: the number of threads changes no bit.
   Each thread takes the next part when it has finished one, so that a slow or busy processor does
   less. */
#ifndef PL2_PARTS_H
#define PL2_PARTS_H

#include "core.h"

/* Where a thread works: the part it is at, which may last for several slices, and its own work. */
typedef struct {
    Cursor at;
    int32_t busy;
    double spent; /* operations, in this slice */
    void *work;
} Seat;

/* Whether trainings of one shape go faster with one thread or with all that they may take, as far as earlier slices
   have told: where others are at work on the processors, a team waits for those of its members that have
   none.  Now and then the other way is tried, for others come and go.  Begins with zeros: all. */
typedef struct {
    int32_t cost[2]; /* nanoseconds for 2^20 operations, of all threads, of one alone; 0: not known */
    int32_t alone;   /* which of them is in use */
    int32_t slices;  /* until the other is tried */
    int32_t patience;
} Pace;

/* A job on its way. */
typedef struct {
    const Net *net;
    Job *job; /* part_sums and part_gradients are set here */
    const Kernels *kernels;
    Verb *verb;
    int64_t item_bytes;
    int64_t threads, parts;
    int32_t together; /* the threads are a team, at the only part */
    Pace *pace;       /* or NULL: never alone; may be shared by runs at the same time */
    double slice;     /* operations of a thread in the coming slice */
    char *seats;      /* (threads) a Seat each, in cache lines of its own; then a work each, of a team one */
    int64_t work_bytes;
    int64_t next; /* the part that is taken next */
    int64_t seat; /* the seat that is taken next in this slice */
    int32_t stop; /* whether the slice is over for all */
    int32_t done;
} Run;

/* Settles the parts and the threads, at most so many, or for 0 pl2_get_num_threads(); `run` has
   net, job, kernels, verb and item_bytes set.  Returns the bytes of memory to hand to pl2_begin. */
int64_t pl2_settle(Run *run, int64_t batch_rows, int32_t most_threads);
/* The pace of all runs of this process that are like this one; NULL where there is no choice. */
Pace *pl2_pace(const Run *run, int64_t batch_rows);
/* memory: aligned to PL2_LINE. */
void pl2_begin(Run *run, void *memory);
/* Works for a slice of time; call it again until `done`. */
void pl2_go_on(Run *run);

#endif
