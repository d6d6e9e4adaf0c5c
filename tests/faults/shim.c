/* Preloaded (LD_PRELOAD), makes calls to the system fail by their number: those of the thread that
   attached, of one kind at a time.  It also counts the blocks that the process holds. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

enum { ALLOCATION, THREAD, WRITE, SHORT_WRITE, SYNC }; /* as in injection.py */

/* In memory shared with who watches: it outlives a crash, and setting it allocates nothing. */
static struct Control {
    long on, kind;
    long first, last; /* which calls fail, the next one being 1 */
    long seen;        /* calls so far */
    long blocks;      /* held now, by the whole process, beside a constant */
    char caller[160]; /* of the first call that failed: libraries */
} nobody, *control = &nobody;

static __thread int mine; /* in other threads nothing fails */

/* The calling thread is the one to fail. */
void faults_attach(struct Control *shared)
{
    control = shared;
    mine = 1;
}

/* The library of an address, up to its name's first dot; NULL for this file, libc and Python. */
static const char *library(const void *address, int *length)
{
    Dl_info found;
    if (!dladdr(address, &found) || !found.dli_fname) return NULL;
    const char *slash = strrchr(found.dli_fname, '/'), *name = slash ? slash + 1 : found.dli_fname;
    *length = (int)strcspn(name, ".");
    const int known = !strncmp(name, "shim.", 5) || !strncmp(name, "libc.", 5) || !strncmp(name, "ld-", 3)
                      || !strncmp(name, "python", 6) || !strncmp(name, "libpython", 9);
    return known ? NULL : name;
}

/* Writes the libraries of the calling functions, the innermost first; "python" where it is alone. */
static void name_callers(char *to, size_t bytes)
{
    void *frames[64];
    const int depth = backtrace(frames, 64);
    const char *last = NULL;
    size_t used = 0;
    int length;
    for (int i = 0; i < depth; i++) {
        const char *name = library(frames[i], &length);
        if (!name || name == last || used + length + 2 > bytes || !strncmp(name, "_ctypes", 7)) continue;
        used += snprintf(to + used, bytes - used, "%s%.*s", used ? "<" : "", length, name);
        last = name;
    }
    if (!used) snprintf(to, bytes, "python");
}

static int fails(int kind)
{
    struct Control *c = control;
    if (!mine || !c->on || c->kind != kind) return 0;
    c->seen++;
    if (c->seen < c->first || c->seen > c->last) return 0;
    if (!c->caller[0]) {
        c->on = 0; /* the backtrace allocates */
        name_callers(control->caller, sizeof control->caller);
        c->on = 1;
    }
    return 1;
}

static void *held(void *block)
{
    if (block) __atomic_add_fetch(&control->blocks, 1, __ATOMIC_RELAXED);
    return block;
}

static int no_memory(void)
{
    if (!fails(ALLOCATION)) return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return no_memory() ? NULL : held(__libc_malloc(size)); }

void *calloc(size_t count, size_t size) { return no_memory() ? NULL : held(__libc_calloc(count, size)); }

void *realloc(void *block, size_t size)
{
    if (no_memory()) return NULL;
    return block ? __libc_realloc(block, size) : held(__libc_realloc(block, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return no_memory() ? NULL : held(__libc_memalign(alignment, size));
}

void *memalign(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }

int posix_memalign(void **block, size_t alignment, size_t size)
{
    void *found = aligned_alloc(alignment, size);
    if (found) *block = found;
    return found ? 0 : ENOMEM;
}

void free(void *block)
{
    if (block) __atomic_sub_fetch(&control->blocks, 1, __ATOMIC_RELAXED);
    __libc_free(block);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*begin)(void *), void *of)
{
    static int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (fails(THREAD)) return EAGAIN;
    if (!create)
        create = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(
            RTLD_NEXT, "pthread_create");
    return create(thread, attributes, begin, of);
}

ssize_t write(int file, const void *bytes, size_t count)
{
    if (fails(WRITE)) {
        errno = ENOSPC;
        return -1;
    }
    if (fails(SHORT_WRITE) && count > 1) count = 1;
    return syscall(SYS_write, file, bytes, count);
}

int fsync(int file)
{
    if (fails(SYNC)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, file);
}
