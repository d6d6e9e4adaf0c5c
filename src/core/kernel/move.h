/* move: one step of a swarm, and what becomes of a particle that crosses a bound.

   Standard PSO 2007 (Clerc): coordinate by coordinate v <- w v + U(0, c1) (p - x) + U(0, c2) (l - x),
   the last term dropped where a particle follows nobody, then x <- x + v. */
#ifndef BOUNDARIES
/* absorb: at the bound, at rest.  reflect: as far inside as it was outside, flying back.  periodic: in at
   the other bound, flying on. */
#define BOUNDARIES(row) row(none) row(absorb) row(reflect) row(periodic)
#define BOUNDARY_ENUM(name) BOUNDARY_##name,
enum { BOUNDARIES(BOUNDARY_ENUM) };
#endif

#ifdef R

PL2_INLINE V NAME(clamp)(V v, V low, V high)
{
    v = NAME(pick)(NAME(less)(v, low), low, v);
    return NAME(pick)(NAME(less)(high, v), high, v);
}

PL2_INLINE V NAME(wrapped)(V x, V low, V high)
{
    const V turns = (x - low) / (high - low);
    R lane[LANES];
    NAME(store)(lane, turns);
    for (int l = 0; l < LANES; l++) lane[l] = (R)floor((double)lane[l]);
    return x - NAME(load)(lane) * (high - low);
}

/* Brings x between its bounds; what rounding or a far flight leaves outside is put on the bound. */
PL2_INLINE void NAME(confine)(int boundary, V low, V high, V *x, V *v)
{
    const M below = NAME(less)(*x, low), above = NAME(less)(high, *x);
    if (boundary == BOUNDARY_absorb) *v = NAME(pick)(below | above, NAME(splat)(0), *v);
    if (boundary == BOUNDARY_reflect) {
        *x = NAME(pick)(below, low + (low - *x), NAME(pick)(above, high - (*x - high), *x));
        *v = NAME(pick)(below | above, -*v, *v);
    }
    if (boundary == BOUNDARY_periodic) *x = NAME(pick)(below | above, NAME(wrapped)(*x, low, high), *x);
    *x = NAME(clamp)(*x, low, high);
}

/* The particles [first, last); positions and velocities of the others are not looked at.  x and v are
   written, and the squared distance of each from the centre. */
static void NAME(move)(const Swarm *s, int64_t first, int64_t last)
{
    const int64_t d = s->size;
    const R *best = s->best, *centre = s->centre, *lower = s->lower, *upper = s->upper, *fastest = s->v_max;
    const V inertia = NAME(splat)((R)s->inertia), c1 = NAME(splat)((R)s->c1);
    const pl2_flush found = pl2_flush_on();
    for (int64_t p = first; p < last; p++) {
        const Stream stream = NAME(stream)(s->seed, s->iteration, p);
        const int64_t told = pl2_once(&s->leader[p]), leader = told < 0 ? p : pl2_among(told, s->particles);
        const V c2 = NAME(splat)(told < 0 ? 0 : (R)s->c2);
        const R *own = best + p * d, *followed = best + leader * d;
        R *position = (R *)s->x + p * d, *velocity = (R *)s->v + p * d;
        V sum = NAME(splat)(0);
        V u[PL2_INTERLEAVED], w[PL2_INTERLEAVED];
        for (int64_t i = 0; i < d; i += LANES) {
            const int lanes = (int)(d - i < LANES ? d - i : LANES), k = (int)(i / LANES % PL2_INTERLEAVED);
            if (!k) NAME(two_uniforms)(&stream, i, u, w);
            V x = NAME(load_part)(position + i, lanes), v = NAME(load_part)(velocity + i, lanes);
            v = inertia * v + (c1 * u[k]) * (NAME(load_part)(own + i, lanes) - x)
                + (c2 * w[k]) * (NAME(load_part)(followed + i, lanes) - x);
            if (fastest) {
                const V most = NAME(load_part)(fastest + i, lanes);
                v = NAME(clamp)(v, -most, most);
            }
            x = x + v;
            if (s->boundary != BOUNDARY_none)
                NAME(confine)(s->boundary, NAME(load_part)(lower + i, lanes),
                              NAME(load_part)(upper + i, lanes), &x, &v);
            const V away = x - NAME(load_part)(centre + i, lanes);
            sum += away * away; /* 0 beyond the last coordinate, as all that is read there */
            NAME(store_part)(position + i, x, lanes);
            NAME(store_part)(velocity + i, v, lanes);
        }
        s->distance[p] = (double)NAME(total)(sum);
    }
    pl2_flush_restore(found);
}
#endif
