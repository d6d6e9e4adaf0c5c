/* What the engine believes of machines: every number that was measured or chosen for speed, in one table.

   They decide how work is laid out, in blocks, panels, parts and teams, and never what is computed; but a sum
   that is cut elsewhere is rounded elsewhere: those with a star change the last bits of results.

   "Zen 4" is a server's core with AVX-512 in two halves, 32 KB of first cache, 1 MB of second, 32 MB shared, of
   which there were two; "Zen 3" a virtual machine of two processors with AVX2.  "Chosen" is what follows from a
   promise, a layout or a count.  "?" was measured, and it was not written down where.

   To measure one again: change it, build, and time old and new in turn by the bench that stands beside it, and
   with PYL2_ISA=avx2 once more. */
#ifndef PL2_COSTS_H
#define PL2_COSTS_H

/* clang-format off */

/* --- Caches. */

/* A cache line, or a part of one. */
#define PL2_LINE 64                         /* bytes       chosen */
/* Rows that are a multiple of it apart share few cache sets, and get a line more; rows of packed W, which optimizers
   pass through, only at a larger one. */
#define PL2_ALIAS_BYTES 512                 /* bytes       Zen 4    scaling.py --cases width --isa avx2 */
#define PL2_PACKED_ALIAS_BYTES 1024         /* bytes       Zen 4    run.py --cases W4 */
/* A panel of a packed matrix in gemm.h has so many at most, and a row of it: the widest tile of AVX-512, 4
   vectors. */
#define PL2_PANEL_BYTES 131072              /* bytes *     Zen 4    run.py --cases W6,W7 */
#define PL2_PANEL_ROW_BYTES 256             /* bytes *     chosen */
/* From so many on a layer is "large": its products are made of packed panels; the first with vectors of a whole
   cache line, the second with shorter ones.  Then it is "far": of several panels at a time, the next being fetched. */
#define PL2_LARGE_BYTES 1200000             /* bytes of W  ?        scaling.py --cases width */
#define PL2_LARGE_BYTES_SHORT 1000000       /* bytes of W  Zen 4    scaling.py --cases width --isa avx2 */
#define PL2_FAR_BYTES 6000000               /* bytes of W  Zen 4    scaling.py --cases width */
/* With vectors of a whole cache line, batches of so many rows pay for putting a large layer's inputs in strips. */
#define PL2_STRIPS_ROWS 256                 /* rows        Zen 4    run.py --cases W6,W7 */
/* Networks whose padded parameters and optimizer's state take no more are packed in training: half of a
   second cache. Without state up to 9 % faster, with as much of it again and more up to 5 % slower. */
#define PL2_PACKED_BYTES 524288             /* bytes       Zen 4    run.py --cases W3,W4,W5 */

/* Weights whose squares are added up without a stop, and come just before their update: so many at most, or twice
   as many that are all; and of rows a multiple, where they are so many: whole tiles of every instruction set. */
#define PL2_SEGMENT 4096                    /* weights *   Zen 4    run.py --cases W5 */
#define PL2_BAND_ROWS 12                    /* rows *      chosen */

/* --- Blocks: rows that pass through all layers together. */

/* Few enough for activations to stay in the cache. */
#define PL2_BLOCK_ROWS 256                  /* rows *      Zen 4    scaling.py --cases batch */
/* Of networks with a large layer: a panel sums over all of them at once, and in each block W, and its
   gradient, comes from afar once. */
#define PL2_LARGE_BLOCK_ROWS (PL2_PANEL_BYTES / PL2_PANEL_ROW_BYTES) /* rows *  Zen 4    run.py --cases W7 */
/* So few take dot products on the way back; more transpose W. */
#define PL2_FEW_ROWS 4                      /* rows        Zen 4    scaling.py --cases batch */
/* So many pay for packing a large layer. */
#define PL2_PACKING_ROWS 32                 /* rows        ?        run.py --cases W6, batches of 16 to 64 */
/* So few, and a packed last layer is held as W^T. */
#define PL2_NARROW_OUTPUTS 4                /* outputs     Zen 4    run.py --cases W2 */

/* --- Items in columns (feature_major.h), where layers are no wider than this, and there are rows enough. */

/* On the way forward alone; and back, where rows of deltas are dear. */
#define PL2_FEATURE_MAJOR_UNITS 128         /* units       Zen 4    scaling.py --cases width */
#define PL2_FEATURE_MAJOR_UNITS_BACK 32     /* units       Zen 4    scaling.py --cases width */
#define PL2_FEATURE_MAJOR_INPUTS 64         /* inputs      Zen 4    scaling.py --cases width */
/* Of a batch, at least. */
#define PL2_FEATURE_MAJOR_ROWS 64           /* rows        Zen 4    scaling.py --cases batch */
/* Of a block, at least, on the way forward alone and back, where each dot product is added up across lanes
   once a block; and at most: as many as stay in the nearest cache. */
#define PL2_FEATURE_MAJOR_BLOCK 128         /* rows *      Zen 4    swarm.py */
#define PL2_FEATURE_MAJOR_BLOCK_BACK 192    /* rows *      Zen 4    run.py --cases W12 */
#define PL2_FEATURE_MAJOR_MOST 256          /* rows *      Zen 4    run.py --cases W12, swarm.py */
#define PL2_FEATURE_MAJOR_BYTES 32768       /* bytes       Zen 4    run.py --cases W12, swarm.py */

/* --- A hidden layer and one output together (fused.h), where inputs are few. */

/* The deltas are made anew for each eight of them: with 30 up to 7 % faster, with 100 10 to 17 % slower. */
#define PL2_FUSED_INPUTS 32                 /* inputs      Zen 4    run.py --cases W2 */
/* Where items could lie in columns, units fill so much of their vectors: 32 units take 0.75 to 0.9 times as long,
   24 with AVX-512 1.15. */
#define PL2_FUSED_FILL 0.875                /* of them *   Zen 4    scaling.py --cases width */

/* --- Networks in the lanes of vectors (interleaved.h). */

/* So much more of the vectors is filled; parameters and state at most; a block. */
#define PL2_INTERLEAVED_GAIN 1.125          /* times       Zen 4    path.py */
#define PL2_INTERLEAVED_BYTES 4194304       /* bytes       Zen 4    path.py */
#define PL2_INTERLEAVED_ROWS 32             /* rows *      Zen 4    path.py */

/* --- Operations, the unit of slices and shares: roughly, and at most. */

/* A weight and an item, forward, back and in the gradient. */
#define PL2_PRODUCT_COST 6.0                /* operations  chosen */
/* A unit and an item. */
#define PL2_ACTIVATION_COST 60.0            /* operations  Zen 4    run.py --cases W12 */
/* A parameter and an update. */
#define PL2_UPDATE_COST 20.0                /* operations  Zen 4    run.py --cases W3 */
/* A value of a sparse row, and each unit of it, for each number that a vector holds: the row of W that it
   meets may come from anywhere in memory, and wider vectors do not hasten that. */
#define PL2_SPARSE_COST 80.0                /* operations  Zen 4    tests/test_interrupts.py */
#define PL2_SPARSE_UNIT_COST 3.0            /* operations  Zen 4    tests/test_interrupts.py */

/* --- Slices: Ctrl-C is to be seen within 0.1 s on a slow machine, and a verb returns between blocks only,
   or in an epoch between the stages of a block, each a third of it. */

/* For each number that a vector holds, before it looks: some 3 ms.  Where the clock tells that so many times as many
   take less than that time, it goes on for longer.  In a block or stage at most. */
#define PL2_SLICE 2e7                       /* operations  chosen */
#define PL2_LONG_SLICE 4                    /* slices      Zen 4    run.py --cases W5 */
#define PL2_SLICE_TIME 10000.0              /* us          chosen */
#define PL2_BLOCK_SLICES 16                 /* slices      chosen */

/* --- Parts: chunks of rows that threads take in turn. */

/* Many, for threads need not be equally fast; */
#define PL2_CHUNKS 64                       /* chunks *    chosen */
/* but few where each has a gradient of its own, and fewer still where that has so many numbers; */
#define PL2_GRADIENTS 8                     /* chunks *    chosen   footprint.py */
#define PL2_LARGE_GRADIENTS 4               /* chunks *    chosen   footprint.py */
#define PL2_LARGE_GRADIENT 100000           /* parameters  chosen   footprint.py */
/* below so many those of the only batch of an epoch are in chunks, too, for they take no room. */
#define PL2_SMALL_GRADIENT 10000            /* parameters  chosen   footprint.py */
/* In a chunk of the outputs of input_gradient at least, for each chunk needs a pass forward. */
#define PL2_CHUNK_OUTPUTS 16                /* outputs     chosen */
/* second_order.h: rows of the Jacobian at hand, and columns of its panels: whole slabs of every instruction
   set. */
#define PL2_JACOBIAN_ROWS 128               /* rows *      Zen 4    second_order.py */
#define PL2_JACOBIAN_COLUMNS 96             /* columns     chosen */
/* In a strip of gauss_newton, each of which makes the Jacobian anew. */
#define PL2_STRIP_PANELS 3                  /* panels      Zen 4    second_order.py */

/* --- Threads and teams.  Their bench is two threads beside one, in pairs on two free processors:
   `n_threads` of Backprop on the networks of "Threads" in docs/speed.rst. */

/* Of a slice, after each of which a thread looks whether another has come to the end of its own. */
#define PL2_SLICE_STEPS 8                   /* steps       chosen */
/* Of all work a thread, at least: many times what it takes to make one. */
#define PL2_MIN_SHARE 0.125                 /* slices      Zen 4    two threads beside one */
/* Of a block a member of a team, at least: many times what it takes to meet. */
#define PL2_MIN_TEAM_SHARE 0.015            /* slices      Zen 4    two threads beside one */
#define PL2_TEAM_ROWS 32                    /* rows        Zen 4    two threads beside one */
#define PL2_TEAM_UNITS 64                   /* units       chosen */
/* From one trial of the other way, all threads or one, to the next: after a change, and then four times as many
   each time that what is known is confirmed; at most. */
#define PL2_PATIENCE 16                     /* slices      chosen */
#define PL2_MOST_PATIENCE 1024              /* slices      chosen   some 10 s */
/* A trial takes so many, but ends where it costs so much more; it has won where it costs so much less. */
#define PL2_TRIAL 2                         /* slices      chosen */
#define PL2_LOST 1.25                       /* times       chosen */
#define PL2_GAIN 0.97                       /* times       chosen */
/* For so long one looks for another, before it waits asleep: to be woken takes longer than most waits last,
   but whoever shares the processor may be the one that is waited for. */
#define PL2_LOOKING 300.0                   /* us          Zen 3    two threads beside one */
/* Looks between two at the clock. */
#define PL2_LOOKS 64                        /* looks       chosen */

/* clang-format on */

#endif
