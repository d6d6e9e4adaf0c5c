"""What the binding needs of the C headers of this folder."""

from libc.stdint cimport int32_t, int64_t, uint64_t


cdef extern from "core.h" nogil:
    ctypedef struct Layer:
        int64_t inputs "in"
        int64_t outputs "out"
        int32_t activation
        double number

    ctypedef struct CNet "Net":
        int64_t layers, inputs, outputs, weights, params
        int32_t output, loss
        double loss_number, label_smoothing
        Layer *layer

    ctypedef struct CUpdate "Update":
        int32_t optimizer, decay
        double eta, n, momentum, beta_1, beta_2, epsilon
        const double *l2
        double clip_norm, clip_value, average
        const double *eta_factors
        const double *l2_factors
        const double *dropout
        uint64_t seed

    ctypedef struct Data:
        int64_t rows
        const void *x
        int64_t x_stride
        const void *indptr
        const void *indices
        int32_t index_bytes
        int64_t stored
        int64_t fullest
        const void *y
        int64_t y_stride
        const int64_t *labels
        const void *sample_weight
        int64_t weight_stride

    ctypedef struct Training:
        const int64_t *order
        int64_t order_stride, batch_rows
        const CUpdate *updates
        void *state
        int64_t *steps

    ctypedef struct Job:
        int64_t networks
        void *params
        Data data
        Training training
        int32_t to_inputs
        int32_t second_order
        int32_t every_layer
        const double *rates
        double *sums
        void *result

    ctypedef void Verb(const CNet *, const Job *, void *, void *) noexcept

    ctypedef struct CSwarm "Swarm":
        int64_t particles
        int64_t size
        void *x
        void *v
        const void *best
        const int64_t *leader
        const void *centre
        double *distance
        const void *v_max
        const void *lower
        const void *upper
        double inertia, c1, c2
        uint64_t seed, iteration
        int32_t boundary

    ctypedef void Move(const CSwarm *, int64_t, int64_t) noexcept

    ctypedef struct Kernels:
        int64_t width
        Verb *predict
        Verb *errors
        Verb *gradient
        Verb *input_gradient
        Verb *epoch
        Move *move

    ctypedef struct SecondOrder:
        Verb *gauss_newton
        Verb *jacobian

    int64_t pl2_state_vectors(const CUpdate *)
    int64_t pl2_index(const void *, int32_t, int64_t)
    int64_t pl2_among(int64_t, int64_t)
    void pl2_plan(CNet *, int64_t, int64_t)
    bint pl2_finite(const void *, int64_t, int64_t)
    void pl2_shuffle(int64_t *, const double *, int64_t, int64_t)
    int64_t pl2_best(const double *, int64_t, int64_t)
    double pl2_mean(const double *, int64_t)
    double pl2_add_parts(const double *, int64_t, double *)
    void pl2_keep(const double *, const void *, int64_t, int64_t, double *, void *)
    void pl2_follow(int32_t, const double *, int64_t, const int64_t *, int64_t, int64_t *)
    const char *const *pl2_isas
    const char *const *pl2_activations
    const double *pl2_activation_numbers
    const char *const *pl2_outputs
    const char *const *pl2_optimizers
    const char *const *pl2_decays
    const char *const *pl2_boundaries
    const char *const *pl2_topologies
    const int32_t *pl2_states
    const char *const *pl2_losses
    const int32_t *pl2_loss_outputs
    const double *pl2_loss_numbers
    bint pl2_runs(const char *)
    const Kernels *pl2_kernels(int64_t, const char *)
    const SecondOrder *pl2_second_order(const char *)
    enum:
        LINE "PL2_LINE"
        JACOBIAN "PL2_JACOBIAN"
        GAUSS_NEWTON "PL2_GAUSS_NEWTON"

cdef extern from "parts.h" nogil:
    ctypedef struct Pace:
        pass

    ctypedef struct Run:
        const CNet *net
        Job *job
        const Kernels *kernels
        Verb *verb
        int64_t item_bytes
        Pace *pace
        int32_t done

    int64_t pl2_settle(Run *, int64_t, int32_t)
    Pace *pl2_pace(const Run *, int64_t)
    void pl2_begin(Run *, void *)
    void pl2_go_on(Run *)

cdef extern from "team.h" nogil:
    int32_t pl2_get_num_threads()
    void pl2_set_num_threads(int32_t)
