/* Threads that live for one slice of work.  None is idle, so none spins and a fork is safe at any
   time; a slice is much longer than it takes to make them. */
#ifndef PL2_TEAM_H
#define PL2_TEAM_H

#include <stdint.h>

#if defined(__GNUC__) && !defined(_WIN32) && defined(__has_include)
#if __has_include(<pthread.h>)
#define PL2_THREADS
#endif
#endif

/* One of the threads at work on the same thing: rank 0 is the caller. */
typedef struct {
    int32_t rank, size;
    struct Meeting *meeting;
} Team;

extern const Team pl2_alone; /* rank 0 of one */

typedef void Member(const Team *team, void *task);

/* Calls member(team, task) for rank 0 here and for the others in threads of their own, and returns
   when all have returned.  `size` is what is wished for: a thread that cannot be had, or that the
   system starts too late to be of use, takes no part.  Not `together`: members begin as they come,
   and the size they are told is the wish.  Together: all begin at once, and the size is theirs. */
void pl2_team_run(int32_t size, int together, Member *member, void *task);

/* Waits until all of a team at work together are here: what one wrote before, all may read after. */
void pl2_team_wait(const Team *team);

/* A clock, in microseconds. */
double pl2_now(void);

/* How many threads a call may take whose user has not said.  Exported, for threadpoolctl. */
#ifdef __GNUC__
#define PL2_EXPORT __attribute__((visibility("default")))
#else
#define PL2_EXPORT
#endif
PL2_EXPORT int32_t pl2_get_num_threads(void);
PL2_EXPORT void pl2_set_num_threads(int32_t most); /* 0: as many as there are processors */

/* What members share without a lock: a counter of what is taken, and a flag. */
#ifdef PL2_THREADS
static inline int64_t pl2_take(int64_t *next) { return __atomic_fetch_add(next, 1, __ATOMIC_RELAXED); }
static inline int32_t pl2_look(const int32_t *flag) { return __atomic_load_n(flag, __ATOMIC_RELAXED); }
static inline void pl2_set(int32_t *flag, int32_t value) { __atomic_store_n(flag, value, __ATOMIC_RELAXED); }
#else
static inline int64_t pl2_take(int64_t *next) { return (*next)++; }
static inline int32_t pl2_look(const int32_t *flag) { return *flag; }
static inline void pl2_set(int32_t *flag, int32_t value) { *flag = value; }
#endif

#endif
