/* Threads by pthreads; elsewhere the caller is the whole team. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* CPU_COUNT */
#endif
#include "team.h"

#include "costs.h"

#include <stddef.h>

const Team pl2_alone = {0, 1, NULL};

#ifdef PL2_THREADS
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#define PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE() __asm__ volatile("yield")
#else
#define PAUSE() ((void)0)
#endif

/* What a team shares.  It is given back by the last to leave, which may be a thread that came too
   late: the caller waits for those at work, and for no thread that the system has yet to start. */
struct Meeting {
    Member *member;
    void *task;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int32_t known;   /* threads that have not left, the caller among them */
    int32_t at_work; /* the same, but only those that are in `member` or wait for it to begin */
    int32_t closed;  /* who comes now is too late */
    int32_t size, came;
    int32_t waiting, turn; /* members in pl2_team_wait; how often all have met there */
};

/* So many teams at one time; who finds no room works alone, to the same bits.  It is no memory of the
   caller's, for it may outlast the call, and nothing here is allocated.  The owner is the process that
   holds it, for a child inherits what other threads of its parent held, and nobody gives it back. */
#define MEETINGS 64
static struct Meeting meetings[MEETINGS];
static pid_t owners[MEETINGS];

static struct Meeting *take_meeting(void)
{
    const pid_t here = getpid();
    for (int i = 0; i < MEETINGS; i++) {
        pid_t owner = __atomic_load_n(&owners[i], __ATOMIC_RELAXED);
        if (owner != here
            && __atomic_compare_exchange_n(&owners[i], &owner, here, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return &meetings[i];
    }
    return NULL;
}

static void give_back(const struct Meeting *m)
{
    __atomic_store_n(&owners[m - meetings], 0, __ATOMIC_RELEASE);
}

/* Whether *what becomes `wanted` while one looks. */
static int seen(const int32_t *what, int32_t wanted)
{
    double end = 0;
    for (;;) {
        for (int look = 0; look < PL2_LOOKS; look++) {
            if (__atomic_load_n(what, __ATOMIC_ACQUIRE) == wanted) return 1;
            PAUSE();
        }
        const double now = pl2_now();
        if (end == 0) end = now + PL2_LOOKING;
        if (now > end) return 0;
    }
}

/* Waits for the turn after `last`; the lock is free. */
static void wait_for_turn(struct Meeting *m, int32_t last)
{
    if (seen(&m->turn, last + 1)) return;
    pthread_mutex_lock(&m->lock);
    while (pl2_look(&m->turn) == last) pthread_cond_wait(&m->changed, &m->lock);
    pthread_mutex_unlock(&m->lock);
}

static void next_turn(struct Meeting *m, int32_t last)
{
    pthread_mutex_lock(&m->lock);
    __atomic_store_n(&m->turn, last + 1, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

void pl2_team_wait(const Team *team)
{
    struct Meeting *m = team->meeting;
    if (team->size == 1) return;
    const int32_t last = pl2_look(&m->turn);
    if (__atomic_add_fetch(&m->waiting, 1, __ATOMIC_ACQ_REL) < team->size) {
        wait_for_turn(m, last);
        return;
    }
    pl2_set(&m->waiting, 0);
    next_turn(m, last);
}

/* Gives back the lock. */
static void leave(struct Meeting *m)
{
    const int32_t last = --m->known == 0;
    pthread_mutex_unlock(&m->lock);
    if (!last) return;
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->changed);
    give_back(m);
}

static void *come(void *meeting)
{
    struct Meeting *m = meeting;
    pthread_mutex_lock(&m->lock);
    if (!m->closed) {
        const int32_t rank = m->came;
        __atomic_store_n(&m->came, rank + 1, __ATOMIC_RELEASE);
        m->at_work++;
        pthread_mutex_unlock(&m->lock);
        wait_for_turn(m, -1);
        m->member(&(Team){rank, m->size, m}, m->task);
        pthread_mutex_lock(&m->lock);
        m->at_work--;
        pthread_cond_broadcast(&m->changed);
    }
    leave(m);
    return NULL;
}

/* They begin on other processors than the caller's, where there are some: the system often puts a new thread
   beside the one that has made it when others are at work elsewhere, and moves it later than it lives. */
static void keep_apart(pthread_attr_t *attributes)
{
#if defined(__GLIBC__) && defined(CPU_COUNT)
    cpu_set_t others;
    const int here = sched_getcpu();
    if (here < 0 || sched_getaffinity(0, sizeof others, &others)) return;
    CPU_CLR(here, &others);
    if (CPU_COUNT(&others)) pthread_attr_setaffinity_np(attributes, sizeof others, &others);
#else
    (void)attributes;
#endif
}

/* Tries to make the other threads.  Signals are left to the threads that were there before: the
   handler of Ctrl-C runs there. */
static void call(struct Meeting *m, int32_t size)
{
    pthread_attr_t detached;
    pthread_t thread;
    sigset_t all, found;
    if (pthread_attr_init(&detached)) return;
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    keep_apart(&detached);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &found);
    pthread_mutex_lock(&m->lock);
    while (m->known < size && !pthread_create(&thread, &detached, come, m)) m->known++;
    pthread_mutex_unlock(&m->lock);
    pthread_sigmask(SIG_SETMASK, &found, NULL);
    pthread_attr_destroy(&detached);
}

void pl2_team_run(int32_t size, int together, Member *member, void *task)
{
    struct Meeting *m = size > 1 ? take_meeting() : NULL;
    if (!m) {
        member(&(Team){0, 1, NULL}, task);
        return;
    }
    *m = (struct Meeting){.member = member, .task = task, .known = 1, .size = size, .came = 1, .turn = -1};
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, NULL);
    call(m, size);
    if (together) {
        seen(&m->came, m->known);
        pthread_mutex_lock(&m->lock);
        m->closed = 1;
        m->size = m->came;
        pthread_mutex_unlock(&m->lock);
    }
    next_turn(m, -1);
    member(&(Team){0, m->size, m}, task);
    pthread_mutex_lock(&m->lock);
    m->closed = 1;
    while (m->at_work) pthread_cond_wait(&m->changed, &m->lock);
    leave(m);
}

double pl2_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Those that this process may run on, where the system tells. */
static int32_t processors(void)
{
#ifdef CPU_COUNT
    cpu_set_t mine;
    if (!sched_getaffinity(0, sizeof mine, &mine)) return CPU_COUNT(&mine);
#endif
    const long found = sysconf(_SC_NPROCESSORS_ONLN);
    return found < 1 ? 1 : (int32_t)found;
}
#else
void pl2_team_wait(const Team *team) { (void)team; }

void pl2_team_run(int32_t size, int together, Member *member, void *task)
{
    (void)size, (void)together;
    member(&(Team){0, 1, 0}, task);
}

double pl2_now(void) { return 0; }

static int32_t processors(void) { return 1; }
#endif

static int32_t limit; /* 0: none.  One of the whole process, like BLAS's. */

int32_t pl2_get_num_threads(void)
{
    const int32_t most = pl2_look(&limit), here = processors();
    return most > 0 && most < here ? most : here;
}

void pl2_set_num_threads(int32_t most) { pl2_set(&limit, most); }
