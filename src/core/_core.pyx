# cython: language_level=3, freethreading_compatible=True
"""The binding: checks every array, borrows it, releases the GIL, listens for Ctrl-C.

After its checks nothing can fail: the engine (core.h) allocates nothing and returns no status.
Arrays are anything with the buffer protocol; nothing is converted or copied here.  What a check was
of is what is used: lengths are those of the buffers that were borrowed, numbers are C's, sequences
are tuples; nothing that a user's class can answer is asked twice.
"""

import os
import sys
from _thread import allocate_lock

from cpython.buffer cimport (
    PyBUF_FORMAT,
    PyBUF_STRIDES,
    PyBUF_WRITABLE,
    PyBuffer_Release,
    PyObject_CheckBuffer,
    PyObject_GetBuffer,
)
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_RawFree, PyMem_RawMalloc
from libc.string cimport memset
from libc.stdint cimport int32_t, int64_t, uint64_t, uintptr_t

from core cimport (
    CNet,
    CSwarm,
    CUpdate,
    Data,
    GAUSS_NEWTON,
    JACOBIAN,
    Job,
    Kernels,
    LINE,
    Layer,
    Run,
    SecondOrder,
    Verb,
    pl2_activation_numbers,
    pl2_activations,
    pl2_add_parts,
    pl2_among,
    pl2_begin,
    pl2_best,
    pl2_boundaries,
    pl2_decays,
    pl2_finite,
    pl2_follow,
    pl2_get_num_threads,
    pl2_go_on,
    pl2_index,
    pl2_isas,
    pl2_keep,
    pl2_kernels,
    pl2_loss_numbers,
    pl2_loss_outputs,
    pl2_losses,
    pl2_mean,
    pl2_optimizers,
    pl2_outputs,
    pl2_pace,
    pl2_plan,
    pl2_runs,
    pl2_second_order,
    pl2_set_num_threads,
    pl2_settle,
    pl2_shuffle,
    pl2_state_vectors,
    pl2_states,
    pl2_topologies,
)


cdef tuple names(const char *const *rows):
    cdef list found = []
    while rows[len(found)] != NULL:
        found.append(rows[len(found)].decode())
    return tuple(found)


ACTIVATIONS = names(pl2_activations)
OUTPUTS = names(pl2_outputs)
# Each with its output; the outputs' own come first, in their order.
LOSSES = tuple((OUTPUTS[pl2_loss_outputs[row]], name) for row, name in enumerate(names(pl2_losses)))
OPTIMIZERS = names(pl2_optimizers)
DECAYS = names(pl2_decays)
BOUNDARIES = names(pl2_boundaries)
TOPOLOGIES = names(pl2_topologies)
STATES = {name: pl2_states[row] for row, name in enumerate(OPTIMIZERS)}
ISAS = tuple(isa for isa in names(pl2_isas) if pl2_runs(isa.encode()))


def get_num_threads():
    """Return how many threads a verb takes at most that is not told: a limit, or the processors."""
    return pl2_get_num_threads()


def set_num_threads(int32_t most):
    """Limit the threads of the whole process; 0: as many as there are processors."""
    pl2_set_num_threads(max(most, 0))


# What a verb does with an array: reads it by rows, which may lie anywhere; reads it as one piece
# in C order; writes it, also as one piece.
cdef enum Access:
    ROWS
    DENSE
    WRITTEN


# Offsets of a larger network would not fit the engine's arithmetic of sizes.
cdef int64_t MOST_PARAMS = 2**44
cdef int64_t MOST_UNITS = 2**31 - 1

# Entries of an array that are gone through between two looks at the signals.
cdef int64_t ENTRIES_AT_ONCE = 2**20


cdef int row_of(str parameter, object name, tuple allowed) except -1:
    if name not in allowed:
        raise ValueError(f"{parameter} must be one of {', '.join(allowed)}; got {name!r}")
    return allowed.index(name)


# The lengths of an array's axes, -1 for any; a C struct, because a call checks up to ten of them.
cdef struct Shape:
    int axes
    Py_ssize_t length[3]


cdef Shape vector(Py_ssize_t length) noexcept:
    return Shape(1, [length, 0, 0])


cdef Shape matrix(Py_ssize_t rows, Py_ssize_t columns) noexcept:
    return Shape(2, [rows, columns, 0])


cdef Shape block(Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t deep) noexcept:
    return Shape(3, [rows, columns, deep])


cdef str isa_of(object isa):
    """The instruction set that was asked for, by name or by the environment, else the fastest."""
    cdef str found = isa or os.environ.get("PYL2_ISA") or ISAS[-1]
    row_of("PYL2_ISA" if isa is None else "isa", found, ISAS)
    return found


cdef class Loan:
    """Buffers borrowed for the length of a call, each checked as it is taken."""

    cdef Py_buffer views[10]  # what epoch takes, the verb with most arrays, when X is CSR
    cdef int count

    def __dealloc__(self):
        for i in range(self.count):
            PyBuffer_Release(&self.views[i])

    cdef Py_buffer *take(self, str name, object array, char letter, Shape shape, Access access) except NULL:
        """The buffer of `array`: type `letter`, `shape` (-1: any length), laid out as `access` needs."""
        cdef Py_buffer *view = &self.views[self.count]
        if not PyObject_CheckBuffer(array):
            raise TypeError(f"{name} must be an array, got {type(array).__name__}")
        try:
            PyObject_GetBuffer(array, view, PyBUF_FORMAT | PyBUF_STRIDES | (PyBUF_WRITABLE if access == WRITTEN else 0))
        except (ValueError, BufferError) as error:
            raise ValueError(f"{name}: {error}") from None
        self.count += 1
        check_type(name, view, letter)
        check_shape(name, view, shape)
        check_layout(name, view, access)
        return view

    cdef Py_buffer *rows(self, object array, char letter, Py_ssize_t columns) except? NULL:
        """The buffer of `array` where that is rows of so many numbers of the type, else NULL."""
        cdef Py_buffer *view = &self.views[self.count]
        if not PyObject_CheckBuffer(array):
            return NULL
        try:
            PyObject_GetBuffer(array, view, PyBUF_FORMAT | PyBUF_STRIDES)
        except (ValueError, BufferError):
            return NULL
        self.count += 1
        fits = letter_of(view) == letter and has_shape(view, matrix(-1, columns)) and lies_well(view, ROWS)
        return view if fits else NULL


cdef char NATIVE = c"<" if sys.byteorder == "little" else c">"


cdef const char *format_of(const Py_buffer *view) noexcept:
    """The type's format; a byte order in front of it stays unless it is the machine's own."""
    if view.format == NULL:
        return "B"
    return view.format + (view.format[0] in (c"@", c"=", NATIVE))


cdef char letter_of(const Py_buffer *view) noexcept:
    """The type as one of TYPES' letters; 0 if it is none of these."""
    cdef const char *found = format_of(view)
    if found[0] == 0 or found[1] != 0:
        return 0
    if view.itemsize == 4:
        return c"f" if found[0] == c"f" else c"i" if found[0] in (c"i", c"l") else 0
    if view.itemsize == 8:
        return c"d" if found[0] == c"d" else c"l" if found[0] in (c"l", c"q") else 0
    return 0


cdef int check_type(str name, const Py_buffer *view, char letter) except -1:
    cdef char found = letter_of(view)
    if found != letter:
        got = TYPES[found] if found else format_of(view).decode()
        raise TypeError(f"{name} must be an array of {TYPES[letter]}, got {got}")
    return 0


TYPES = {ord("f"): "float32", ord("d"): "float64", ord("i"): "int32", ord("l"): "int64"}


cdef bint has_shape(const Py_buffer *view, Shape shape) noexcept:
    cdef int i
    cdef bint fits = view.ndim == shape.axes
    for i in range(shape.axes):
        fits = fits and (shape.length[i] == -1 or shape.length[i] == view.shape[i])
    return fits


cdef int check_shape(str name, const Py_buffer *view, Shape shape) except -1:
    if not has_shape(view, shape):
        wanted = tuple("any" if length == -1 else length for length in shape.length[:shape.axes])
        found = tuple(view.shape[i] for i in range(view.ndim))
        raise ValueError(f"{name} must have shape {str(wanted).replace(repr('any'), 'any')}, got {found}")
    return 0


cdef bint lies_well(const Py_buffer *view, Access access) noexcept:
    """Whether its numbers lie as `access` needs them."""
    cdef Py_ssize_t expected = view.itemsize
    cdef int i
    cdef bint dense = <uintptr_t> view.buf % view.itemsize == 0
    for i in range(view.ndim - 1, -1, -1):
        if access != ROWS or i == view.ndim - 1:
            dense = dense and (view.strides[i] == expected or view.shape[i] <= 1)
        dense = dense and (view.strides[i] % view.itemsize == 0 or view.shape[i] <= 1)
        expected *= view.shape[i]
    return dense or view.len == 0


cdef int check_layout(str name, const Py_buffer *view, Access access) except -1:
    if not lies_well(view, access):
        raise ValueError(f"{name} must be {'contiguous along its last axis' if access == ROWS else 'C-contiguous'}")
    return 0


cdef int check_indices(str name, const void *index, int32_t index_bytes, int64_t count, int64_t limit,
                       int64_t least=0) except -1:
    cdef int64_t i, first = 0, last
    cdef bint inside = True
    while first < count:
        last = min(count, first + ENTRIES_AT_ONCE)
        with nogil:
            for i in range(first, last):
                inside &= least <= pl2_index(index, index_bytes, i) < limit
        if not inside:
            raise ValueError(f"{name} must lie between {least} and {limit - 1}")
        PyErr_CheckSignals()
        first = last
    return 0


cdef int64_t check_indptr(str name, const void *indptr, int32_t index_bytes, int64_t rows, int64_t values) except -1:
    """Return the number of values of the fullest row."""
    cdef int64_t i = 0, last = 0, end, fullest = 0, start = pl2_index(indptr, index_bytes, 0)
    if start != 0:
        raise ValueError(f"{name} must begin with 0, got {start}")
    while last < rows:
        last = min(rows, last + ENTRIES_AT_ONCE)
        with nogil:
            while i < last:
                end = pl2_index(indptr, index_bytes, i + 1)
                if end < start:
                    break
                fullest = max(fullest, end - start)
                start = end
                i += 1
        if i < last:
            raise ValueError(f"{name} must not fall, but does at row {i}, from {start} to {end}")
        PyErr_CheckSignals()
    if start > values:
        raise ValueError(f"{name} ends at {start}, but there are {values} values")
    return fullest


cdef int64_t stride_of(const Py_buffer *view) noexcept:
    """Elements from one row to the next."""
    return view.strides[0] // view.itemsize if view.shape[0] > 1 else 0


cdef class Update:
    """How one network is trained: a rule, its constants, and lambda of each layer.

    ``n`` is what lambda is divided by; 0 means the sum of the sample weights of each batch.  The
    gradient of E0 is clipped by its norm or by its components, for 0 not at all.  ``average`` is the
    beta of an average of the parameters, which is one more state vector; 0: there is none.
    ``eta_factors`` and ``l2_factors`` hold factors of eta and lambda for each batch of an epoch.
    ``dropout`` tells for each layer what part of that which goes into it is left out; which these are
    follows from the ``seed``, the update and the place.
    """

    cdef CUpdate update
    cdef double *l2  # and behind it dropout, of each layer
    cdef readonly Py_ssize_t layers
    cdef Py_ssize_t batches  # of the factors, or -1
    cdef Loan loan  # of the factors

    def __cinit__(self, str optimizer not None, str decay not None, double eta, tuple l2 not None, double n=0.0, *,
                  double momentum=0.9, double beta_1=0.9, double beta_2=0.999, double epsilon=1e-8,
                  double clip_norm=0.0, double clip_value=0.0, double average=0.0, eta_factors=None, l2_factors=None,
                  tuple dropout=None, uint64_t seed=0):
        self.layers = len(l2)
        self.l2 = <double *> PyMem_Calloc(2 * self.layers + 1, sizeof(double))
        if self.l2 == NULL:
            raise MemoryError()
        for i in range(self.layers):
            self.l2[i] = l2[i]
        self.update = CUpdate(
            row_of("optimizer", optimizer, OPTIMIZERS), row_of("decay", decay, DECAYS),
            eta, n, momentum, beta_1, beta_2, epsilon, self.l2, clip_norm, clip_value, average, NULL, NULL, NULL, seed,
        )
        self.update.dropout = self.parts(dropout or ())
        self.loan, self.batches = Loan(), -1
        self.update.eta_factors = self.factors("eta_factors", eta_factors)
        self.update.l2_factors = self.factors("l2_factors", l2_factors)

    cdef const double *parts(self, tuple dropout) except? NULL:
        """Keep what each layer is to leave out; NULL where that is nothing."""
        cdef double *kept = self.l2 + self.layers
        cdef Py_ssize_t i
        if len(dropout) not in (0, self.layers):
            raise ValueError(f"dropout must have {self.layers} entries, got {len(dropout)}")
        for i in range(len(dropout)):
            kept[i] = dropout[i]
            if not 0 <= kept[i] < 1:
                raise ValueError(f"dropout must lie in [0, 1), got {kept[i]}")
        return kept if any(dropout) else NULL

    cdef const double *factors(self, str name, object given) except? NULL:
        """Borrow factors for each batch; NULL where there are none."""
        cdef Py_buffer *view
        if given is None:
            return NULL
        view = self.loan.take(name, given, c"d", vector(self.batches), DENSE)
        self.batches = view.shape[0]
        return <const double *> view.buf

    def __dealloc__(self):
        PyMem_Free(self.l2)


cdef class Net:
    """A shape of networks for one dtype and instruction set, and the verbs on networks of it.

    A verb takes at most `n_threads` threads, and fewer for little work; 0 is get_num_threads().
    The numbers are the same bits for any of them.

    Parameters
    ----------
    layer_sizes : tuple of int
        Inputs, hidden layers, outputs.
    hidden : tuple of str or of tuple (str, float)
        An activation for each hidden layer, with its number, or without it the usual one.
    output : str
    dtype : {"f", "d"}
        float32 or float64.
    isa : str, optional
        One of ISAS; by default the environment's PYL2_ISA, else the fastest.
    loss : str or tuple (str, float), optional
        With its number, or without it the usual one; by default the output's own.
    label_smoothing : float, default=0.0
    """

    cdef CNet net
    cdef char letter  # of dtype
    cdef const Kernels *kernels
    cdef const SecondOrder *second_order
    cdef readonly tuple layer_sizes, hidden
    cdef readonly str output, dtype, isa

    def __cinit__(self, tuple layer_sizes not None, tuple hidden not None, str output not None, str dtype not None,
                  str isa=None, *, loss=None, double label_smoothing=0.0):
        cdef int64_t layers = len(layer_sizes) - 1
        self.layer_sizes, self.hidden, self.output, self.dtype = layer_sizes, hidden, output, dtype
        if layers < 1:
            raise ValueError(f"layer_sizes must have at least inputs and outputs, got {layer_sizes}")
        if len(hidden) != layers - 1:
            raise ValueError(f"hidden must name {layers - 1} activations, one per hidden layer; got {len(hidden)}")
        if dtype not in ("f", "d"):
            raise ValueError(f"dtype must be 'f' (float32) or 'd' (float64), got {dtype!r}")
        self.letter = c"f" if dtype == "f" else c"d"
        self.isa = isa_of(isa)
        self.kernels = pl2_kernels(self.item_bytes, self.isa.encode())
        self.second_order = pl2_second_order(self.isa.encode())
        self.net.layers = layers
        self.net.output = row_of("output", output, OUTPUTS)
        self.net.loss = self.net.output
        if loss is not None:
            self.set_loss(loss)
        self.net.label_smoothing = label_smoothing
        self.net.layer = <Layer *> PyMem_Calloc(layers, sizeof(Layer))
        if self.net.layer == NULL:
            raise MemoryError()
        set_sizes(self.net.layer, layer_sizes)
        for i in range(layers - 1):
            self.set_activation(&self.net.layer[i], hidden[i])
        pl2_plan(&self.net, self.item_bytes, self.kernels.width)

    cdef int set_activation(self, Layer *layer, object activation) except -1:
        name, number = (activation, None) if isinstance(activation, str) else activation
        layer.activation = row_of("hidden", name, ACTIVATIONS)
        layer.number = pl2_activation_numbers[layer.activation] if number is None else number
        return 0

    cdef int set_loss(self, object loss) except -1:
        name, number = (loss, None) if isinstance(loss, str) else loss
        row_of("loss", name, tuple(known for output, known in LOSSES if output == self.output))
        self.net.loss = LOSSES.index((self.output, name))
        self.net.loss_number = pl2_loss_numbers[self.net.loss] if number is None else number
        return 0

    def __dealloc__(self):
        PyMem_Free(self.net.layer)

    @property
    def item_bytes(self):
        """Bytes of a number."""
        return 4 if self.dtype == "f" else 8

    @property
    def n_params(self):
        """Weights and biases: the length of a vector of parameters."""
        return self.net.params

    @property
    def n_weights(self):
        """Weights alone, the prefix of a vector of parameters that decays."""
        return self.net.weights

    def predict(self, params, x, out, int32_t n_threads=0):
        """Write the outputs for each row of x into `out` (rows, outputs)."""
        cdef Loan loan = Loan()
        cdef Job job = self.job(loan, params, vector(self.net.params), DENSE)
        self.take_x(loan, &job.data, x)
        job.result = loan.take("out", out, self.letter, matrix(job.data.rows, self.net.outputs), WRITTEN).buf
        self.run(self.kernels.predict, &job, job.data.rows, n_threads)

    def predicted(self, params, x, make, kind, int32_t n_threads=0):
        """Return the outputs for each row of x, in an array that `make((rows, outputs), kind)` returns.

        None where `predict` would not take x as it is, dense and of the type.
        """
        cdef Loan loan = Loan()
        cdef Py_buffer *view = loan.rows(x, self.letter, self.net.inputs)
        if view == NULL:
            return None
        cdef Job job = self.job(loan, params, vector(self.net.params), DENSE)
        job.data.x, job.data.rows, job.data.x_stride = view.buf, view.shape[0], stride_of(view)
        out = make((view.shape[0], self.net.outputs), kind)
        job.result = loan.take("out", out, self.letter, matrix(job.data.rows, self.net.outputs), WRITTEN).buf
        self.run(self.kernels.predict, &job, job.data.rows, n_threads)
        return out

    def activations(self, params, x, out, int32_t n_threads=0):
        """Write the outputs of each layer, (rows, units), one after another into the vector `out`.

        The last are those of `predict`.
        """
        cdef Loan loan = Loan()
        cdef Job job = self.job(loan, params, vector(self.net.params), DENSE)
        self.take_x(loan, &job.data, x)
        cdef Py_buffer *view = loan.take("out", out, self.letter, vector(-1), WRITTEN)
        cdef int64_t units = self.net.params - self.net.weights
        if view.shape[0] % units or view.shape[0] // units != job.data.rows:
            raise ValueError(f"out must have room for {units} units of {job.data.rows} rows, got {view.shape[0]}")
        job.result, job.every_layer = view.buf, True
        self.run(self.kernels.predict, &job, job.data.rows, n_threads)

    def errors(self, params, x, y, sample_weight, rates, out, int32_t n_threads=0):
        """Write E0 and R of each of P networks on all rows into `out` (P, 2)."""
        cdef Loan loan = Loan()
        cdef Job job = self.job(loan, params, matrix(-1, self.net.params), DENSE)
        self.take_items(loan, &job.data, x, y, sample_weight)
        shape = matrix(job.networks, self.net.layers)
        job.rates = <const double *> loan.take("rates", rates, c"d", shape, DENSE).buf
        job.sums = <double *> loan.take("out", out, c"d", matrix(job.networks, 2), WRITTEN).buf
        self.run(self.kernels.errors, &job, job.data.rows, n_threads)

    def gradient(self, params, x, y, sample_weight, rates, grad, int32_t n_threads=0):
        """Write dE/dparams on all rows into `grad`, and return E0 and R."""
        cdef Loan loan = Loan()
        cdef double sums[2]
        cdef Job job = self.job(loan, params, vector(self.net.params), DENSE)
        self.take_items(loan, &job.data, x, y, sample_weight)
        job.rates = <const double *> loan.take("rates", rates, c"d", vector(self.net.layers), DENSE).buf
        job.sums = sums
        job.result = loan.take("grad", grad, self.letter, vector(self.net.params), WRITTEN).buf
        self.run(self.kernels.gradient, &job, job.data.rows, n_threads)
        return sums[0], sums[1]

    def input_gradient(self, params, x, out, int32_t n_threads=0):
        """Write the derivative of each row's outputs by its inputs into `out` (rows, outputs, inputs)."""
        cdef Loan loan = Loan()
        cdef Job job = self.job(loan, params, vector(self.net.params), DENSE)
        self.take_x(loan, &job.data, x)
        job.to_inputs = True
        cdef Shape shape = block(job.data.rows, self.net.outputs, self.net.inputs)
        job.result = loan.take("out", out, self.letter, shape, WRITTEN).buf
        self.run(self.kernels.input_gradient, &job, job.data.rows, n_threads)

    def jacobian(self, params, x, out, int32_t n_threads=0):
        """Write the derivative of each row's outputs, before their link, by params: `out` (rows, outputs, d)."""
        cdef Loan loan = Loan()
        cdef Job job = self.second_order_job(loan, params, x, "jacobian")
        cdef Shape shape = block(job.data.rows, self.net.outputs, self.net.params)
        job.second_order = JACOBIAN
        job.result = loan.take("out", out, self.letter, shape, WRITTEN).buf
        self.run(self.second_order.jacobian, &job, job.data.rows, n_threads)

    def gauss_newton(self, params, x, sample_weight, out, int32_t n_threads=0):
        """Write the Gauss-Newton matrix of E0 on all rows, whatever their targets, into `out` (d, d)."""
        cdef Py_buffer *view
        cdef Loan loan = Loan()
        cdef Job job = self.second_order_job(loan, params, x, "gauss_newton")
        if job.data.rows == 0:
            raise ValueError("X has no rows")
        if sample_weight is not None:
            view = loan.take("sample_weight", sample_weight, self.letter, vector(job.data.rows), DENSE)
            job.data.sample_weight = view.buf
        job.second_order = GAUSS_NEWTON
        job.result = loan.take("out", out, self.letter, matrix(self.net.params, self.net.params), WRITTEN).buf
        self.run(self.second_order.gauss_newton, &job, job.data.rows, n_threads)

    cdef Job second_order_job(self, Loan loan, object params, object x, str verb) except *:
        """params and dense x of a float64 network."""
        if self.letter != c"d":
            raise TypeError(f"{verb} is computed in float64 alone; a float32 network is one of float64 too")
        cdef Job job = self.job(loan, params, vector(self.net.params), DENSE)
        self.take_x(loan, &job.data, x)
        if job.data.indptr != NULL:
            raise TypeError(f"{verb} takes a dense X, got a sparse matrix")
        job.to_inputs = True
        return job

    def epoch(self, params, state, steps, x, y, sample_weight, order, Py_ssize_t batch_size, updates, out,
              int32_t n_threads=0):
        """Train P networks for one epoch; write the sums of rows E0 and rows R into `out` (P, 2).

        Returns whether all parameters are finite afterwards.
        When an exception (Ctrl-C) comes between, parameters, state and steps are those of the
        last whole batch.
        """
        cdef Loan loan = Loan()
        cdef Job job = self.job(loan, params, matrix(-1, self.net.params), WRITTEN)
        cdef int64_t networks = job.networks
        cdef CUpdate *plan
        cdef tuple held = tuple(updates)  # and with them the memory of each one's l2, to the end
        self.take_items(loan, &job.data, x, y, sample_weight, networks)
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        job.training.batch_rows = min(batch_size, job.data.rows)
        self.take_order(loan, &job, order)
        job.training.steps = <int64_t *> loan.take("steps", steps, c"l", vector(networks), WRITTEN).buf
        job.sums = <double *> loan.take("out", out, c"d", matrix(networks, 2), WRITTEN).buf
        for i in range(2 * networks):
            job.sums[i] = 0
        plan = <CUpdate *> PyMem_Calloc(networks + 1, sizeof(CUpdate))
        if plan == NULL:
            raise MemoryError()
        try:
            states = self.fill_plan(plan, held, networks, -(-job.data.rows // job.training.batch_rows))
            job.training.updates = plan
            shape = matrix(networks, states * self.net.params)
            job.training.state = loan.take("state", state, self.letter, shape, WRITTEN).buf
            self.run(self.kernels.epoch, &job, job.training.batch_rows, n_threads)
        finally:
            PyMem_Free(plan)
        return pl2_finite(job.params, networks * self.net.params, self.item_bytes)

    cdef Job job(self, Loan loan, object params, Shape shape, Access access) except *:
        """One network's params, a vector, or those of many, a matrix."""
        cdef Job job
        memset(&job, 0, sizeof(job))
        cdef Py_buffer *view = loan.take("params", params, self.letter, shape, access)
        job.params = view.buf
        job.networks = view.shape[0] if shape.axes == 2 else 1
        return job

    cdef int take_x(self, Loan loan, Data *data, object x) except -1:
        """x as an array, or anything with the data, indices, indptr and shape of a CSR matrix."""
        if not PyObject_CheckBuffer(x) and hasattr(x, "indptr"):
            return self.take_csr(loan, data, x)
        cdef Py_buffer *view = loan.take("X", x, self.letter, matrix(-1, self.net.inputs), ROWS)
        data.x, data.rows, data.x_stride = view.buf, view.shape[0], stride_of(view)
        return 0

    cdef int take_csr(self, Loan loan, Data *data, object x) except -1:
        """Every index is looked at, once a call: a bad one is an error here, not another number."""
        indptr, shape = x.indptr, tuple(x.shape)
        cdef Py_ssize_t rows = -1, inputs = -1
        if len(shape) == 2:
            rows, inputs = shape
        if rows < 0 or inputs != self.net.inputs:
            raise ValueError(f"X must have shape (any, {self.net.inputs}), got {shape}")
        cdef char letter = c"i" if getattr(indptr, "itemsize", 8) == 4 else c"l"
        cdef Py_buffer *starts = loan.take("X.indptr", indptr, letter, vector(rows + 1), DENSE)
        cdef Py_buffer *values = loan.take("X.data", x.data, self.letter, vector(-1), DENSE)
        cdef Py_buffer *columns = loan.take("X.indices", x.indices, letter, vector(values.shape[0]), DENSE)
        data.rows, data.index_bytes, data.stored = rows, starts.itemsize, values.shape[0]
        data.x, data.indptr, data.indices = values.buf, starts.buf, columns.buf
        data.fullest = check_indptr("X.indptr", data.indptr, data.index_bytes, data.rows, data.stored)
        stored = pl2_among(pl2_index(data.indptr, data.index_bytes, data.rows), data.stored + 1)
        check_indices("X.indices", data.indices, data.index_bytes, stored, inputs)
        return 0

    cdef int take_items(self, Loan loan, Data *data, object x, object y, object sample_weight,
                        int64_t networks=1) except -1:
        """x, its targets and its sample weights, (rows,), or (P, rows) with those of each network."""
        cdef Shape shape
        cdef Py_buffer *view
        self.take_x(loan, data, x)
        if data.rows == 0:
            raise ValueError("X has no rows")
        if getattr(y, "ndim", 2) == 1:
            if self.output != "softmax":
                raise ValueError(f"class indices go with softmax outputs; {self.output} takes Y (rows, outputs)")
            view = loan.take("Y", y, c"l", vector(data.rows), DENSE)
            data.labels = <const int64_t *> view.buf
            check_indices("class indices in Y", data.labels, 8, data.rows, self.net.outputs)
        else:
            view = loan.take("Y", y, self.letter, matrix(data.rows, self.net.outputs), ROWS)
            data.y, data.y_stride = view.buf, stride_of(view)
        if sample_weight is not None:
            shared = networks == 1 or getattr(sample_weight, "ndim", 1) == 1
            shape = vector(data.rows) if shared else matrix(networks, data.rows)
            data.sample_weight = loan.take("sample_weight", sample_weight, self.letter, shape, DENSE).buf
            data.weight_stride = 0 if shared else data.rows
        return 0

    cdef int take_order(self, Loan loan, Job *job, object order) except -1:
        """One order (rows,) for all networks, or (P, rows) with one for each."""
        cdef Py_buffer *view
        if order is None:
            return 0
        shared = getattr(order, "ndim", 1) == 1
        shape = vector(job.data.rows) if shared else matrix(job.networks, job.data.rows)
        view = loan.take("order", order, c"l", shape, DENSE)
        job.training.order = <const int64_t *> view.buf
        job.training.order_stride = 0 if shared else job.data.rows
        check_indices("order", job.training.order, 8, view.len // view.itemsize, job.data.rows)
        return 0

    cdef int fill_plan(self, CUpdate *plan, tuple updates, int64_t networks, int64_t batches) except -1:
        """Copy the updates, and return the number of state vectors of a network."""
        cdef Update update
        cdef int64_t i
        if len(updates) != networks:
            raise ValueError(f"updates must hold {networks} entries, one per network; got {len(updates)}")
        for i in range(networks):
            if not isinstance(updates[i], Update):
                raise TypeError(f"updates must hold an Update for each network, got {type(updates[i]).__name__}")
            update = updates[i]
            if update.layers != self.net.layers:
                raise ValueError(f"updates: l2 must have {self.net.layers} entries, got {update.layers}")
            if update.batches not in (-1, batches):
                raise ValueError(f"updates: factors must be given for {batches} batches, got {update.batches}")
            plan[i] = update.update
            if plan[i].optimizer != plan[0].optimizer or (plan[i].average > 0) != (plan[0].average > 0):
                raise ValueError("updates: all networks must have the same optimizer, and an average or none")
        return pl2_state_vectors(&plan[0]) if networks else 0

    cdef int run(self, Verb *verb, Job *job, int64_t batch_rows, int32_t n_threads) except -1:
        """Run the verb slice by slice in one piece of memory, looking for signals between slices."""
        cdef Run run
        if n_threads < 0:
            raise ValueError(f"n_threads must not be negative, got {n_threads}")
        run.net, run.job, run.kernels, run.verb = &self.net, job, self.kernels, verb
        run.item_bytes = self.item_bytes
        cdef int64_t size = pl2_settle(&run, batch_rows, n_threads)
        run.pace = pl2_pace(&run, batch_rows)
        cdef char *memory = <char *> PyMem_RawMalloc(size + LINE)
        if memory == NULL:
            raise MemoryError(f"{size} bytes of work for layers of {self.layer_sizes} units")
        pl2_begin(&run, memory + (LINE - <uintptr_t> memory % LINE))
        try:
            while not run.done:
                PyErr_CheckSignals()
                with nogil:
                    pl2_go_on(&run)
        finally:
            PyMem_RawFree(memory)
        return 0


cdef class TrainingLock:
    """The lock of a network: one training holds it at a time, from `with` to the end of its block.

    It is here, not in Python, because Ctrl-C comes between any two steps of Python's: after a lock
    is taken, say, and before the block that would give it back.
    """

    cdef object lock

    def __cinit__(self):
        self.lock = allocate_lock()

    def __enter__(self):
        if not self.lock.acquire(False):
            raise RuntimeError("this network is being trained already, by another thread or call")

    def __exit__(self, kind, error, traceback):  # *raised would be a tuple, which memory can be short of
        self.lock.release()


def shuffle(order, uniform):
    """Permute `order` in its place by as many numbers from [0, 1), uniform and independent."""
    cdef Loan loan = Loan()
    cdef Py_buffer *view = loan.take("order", order, c"l", vector(-1), WRITTEN)
    cdef int64_t *items = <int64_t *> view.buf
    cdef int64_t count = view.shape[0], i
    cdef const double *numbers = <const double *> loan.take("uniform", uniform, c"d", vector(count), DENSE).buf
    cdef int64_t first = 0, last = 0
    cdef bint inside = True
    while last < count:
        first, last = last, min(count, last + ENTRIES_AT_ONCE)
        with nogil:
            for i in range(first, last):
                inside &= 0 <= numbers[i] < 1
        if not inside:
            raise ValueError("uniform must lie in [0, 1)")
        PyErr_CheckSignals()
    while last > 0:
        first, last = max(<int64_t> 0, last - ENTRIES_AT_ONCE), last
        with nogil:
            pl2_shuffle(items, numbers, first, last)
        PyErr_CheckSignals()
        last = first


def follow(str topology not None, values, links, leader):
    """Write the best informant of each particle, itself among them, into `leader` (P,).

    With random `links` (P, K), whom each informs, a particle that knows of none better than itself
    follows nobody, -1: so Standard PSO 2007.  With the other topologies it follows itself, as where
    they were first described.
    """
    cdef Loan loan = Loan()
    cdef Py_buffer *view = loan.take("values", values, c"d", vector(-1), DENSE)
    cdef int64_t particles = view.shape[0]
    cdef const double *compared = <const double *> view.buf
    view = loan.take("links", links, c"l", matrix(particles, -1), DENSE)
    cdef int64_t neighbours = view.shape[1]
    cdef const int64_t *informed = <const int64_t *> view.buf
    check_indices("links", informed, 8, particles * neighbours, particles)
    cdef int64_t *found = <int64_t *> loan.take("leader", leader, c"l", vector(particles), WRITTEN).buf
    pl2_follow(row_of("topology", topology, TOPOLOGIES), compared, particles, informed, neighbours, found)


# Coordinates that move between two looks at the signals.
cdef int64_t MOVED_AT_ONCE = 2**22


def add_parts(parts, errors):
    """Write E0 + R of each particle, its `parts` (P, 2), into `errors` (P,); return their mean."""
    cdef Loan loan = Loan()
    cdef Py_buffer *view = loan.take("parts", parts, c"d", matrix(-1, 2), DENSE)
    cdef double *sums = <double *> loan.take("errors", errors, c"d", vector(view.shape[0]), WRITTEN).buf
    return pl2_add_parts(<const double *> view.buf, view.shape[0], sums)


cdef class Mover:
    """The step of a swarm for one dtype and instruction set.

    Parameters
    ----------
    dtype : {"f", "d"}
        float32 or float64.
    isa : str, optional
        One of ISAS; by default the environment's PYL2_ISA, else the fastest.
    """

    cdef const Kernels *kernels
    cdef readonly str dtype, isa
    cdef char letter

    def __cinit__(self, str dtype not None, str isa=None):
        if dtype not in ("f", "d"):
            raise ValueError(f"dtype must be 'f' (float32) or 'd' (float64), got {dtype!r}")
        self.dtype, self.isa = dtype, isa_of(isa)
        self.letter = c"f" if dtype == "f" else c"d"
        self.kernels = pl2_kernels(4 if dtype == "f" else 8, self.isa.encode())

    def __reduce__(self):
        return Mover, (self.dtype, self.isa)

    def keep(self, found, x, values, bests, int64_t best):
        """Keep what was `found` at x where it is better than `values` at `bests`; return the best of all.

        That is particle `best`, as before, unless another is better.
        """
        cdef Loan loan = Loan()
        cdef Py_buffer *view = loan.take("x", x, self.letter, matrix(-1, -1), DENSE)
        cdef int64_t particles = view.shape[0], row_bytes = view.shape[1] * view.itemsize
        if not 0 <= best < particles:
            raise ValueError(f"best must lie between 0 and {particles - 1}, got {best}")
        cdef Shape shape = matrix(particles, view.shape[1])
        cdef const double *new = <const double *> loan.take("found", found, c"d", vector(particles), DENSE).buf
        cdef double *old = <double *> loan.take("values", values, c"d", vector(particles), WRITTEN).buf
        cdef void *places = loan.take("bests", bests, self.letter, shape, WRITTEN).buf
        with nogil:
            pl2_keep(new, view.buf, particles, row_bytes, old, places)
        return pl2_best(old, particles, best)

    def move(self, x, v, best, leader, centre, distance, double inertia, double c1, double c2, uint64_t seed,
             uint64_t iteration, *, v_max=None, str boundary not None="none", lower=None, upper=None):
        """Move all particles one step; write the squared distance of each from `centre` into `distance`.

        Returns the mean of these.
        When an exception (Ctrl-C) comes between, each particle has moved or not.
        """
        cdef Loan loan = Loan()
        cdef CSwarm swarm
        memset(&swarm, 0, sizeof(swarm))
        cdef Py_buffer *view = loan.take("x", x, self.letter, matrix(-1, -1), WRITTEN)
        cdef int64_t particles = view.shape[0]
        swarm.x, swarm.particles, swarm.size = view.buf, particles, view.shape[1]
        cdef Shape shape = matrix(particles, swarm.size), size = vector(swarm.size)
        swarm.v = loan.take("v", v, self.letter, shape, WRITTEN).buf
        swarm.best = loan.take("best", best, self.letter, shape, DENSE).buf
        swarm.leader = <const int64_t *> loan.take("leader", leader, c"l", vector(particles), DENSE).buf
        check_indices("leader", swarm.leader, 8, particles, particles, least=-1)
        swarm.centre = loan.take("centre", centre, self.letter, size, DENSE).buf
        swarm.distance = <double *> loan.take("distance", distance, c"d", vector(particles), WRITTEN).buf
        if v_max is not None:
            swarm.v_max = loan.take("v_max", v_max, self.letter, size, DENSE).buf
        swarm.boundary = row_of("boundary", boundary, BOUNDARIES)
        if swarm.boundary:
            swarm.lower = loan.take("lower", lower, self.letter, size, DENSE).buf
            swarm.upper = loan.take("upper", upper, self.letter, size, DENSE).buf
        swarm.inertia, swarm.c1, swarm.c2 = inertia, c1, c2
        swarm.seed, swarm.iteration = seed, iteration
        self.run(&swarm)
        return pl2_mean(swarm.distance, particles)

    cdef int run(self, CSwarm *swarm) except -1:
        """Move a range of particles at a time, looking for signals between them."""
        cdef int64_t first = 0, last = 0, particles = swarm.particles
        cdef int64_t at_once = max(<int64_t> 1, MOVED_AT_ONCE // max(<int64_t> 1, swarm.size))
        while first < particles:
            PyErr_CheckSignals()
            last = min(particles, first + at_once)
            with nogil:
                self.kernels.move(swarm, first, last)
            first = last
        return 0


cdef int set_sizes(Layer *layer, tuple layer_sizes) except -1:
    """The inputs and outputs of each layer."""
    cdef int64_t i, count = 0
    for i in range(len(layer_sizes) - 1):
        layer[i].inputs, layer[i].outputs = size_of(layer_sizes[i]), size_of(layer_sizes[i + 1])
        count += (layer[i].inputs + 1) * layer[i].outputs
        if count > MOST_PARAMS:
            raise ValueError(f"layer_sizes={layer_sizes} ask for more than {MOST_PARAMS} parameters")
    return 0


cdef int64_t size_of(object size) except -1:
    cdef int64_t found = 0
    if isinstance(size, int) and not isinstance(size, bool):
        try:
            found = size
        except OverflowError:
            pass
    if not 1 <= found <= MOST_UNITS:
        raise ValueError(f"layer_sizes must be whole numbers from 1 to {MOST_UNITS}, got {size!r}")
    return found
