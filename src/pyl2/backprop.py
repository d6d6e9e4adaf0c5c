"""Backprop: training by backpropagation, an epoch a call of the engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyl2 import _core, checks, files, generators, keywords, l2, threads
from pyl2.abreast import Training, descend
from pyl2.checks import Array, Items, Matrix
from pyl2.course import Course, held_out
from pyl2.files import PathLike
from pyl2.history import GRADIENT, History
from pyl2.network import Network
from pyl2.progress import progress
from pyl2.scaling import warn_if_unscaled
from pyl2.schedule import SCHEDULES, Schedule
from pyl2.warn import warn

OPTIMIZERS = (*_core.OPTIMIZERS, "lbfgs")
_WITH_EPSILON = ("adam", "adamw")  # the others do not look at it
_DEFAULT_ETA = {"adam": 0.001, "adamw": 0.001}

Callback = Callable[["Backprop", History], Any]


class Backprop:
    """Train a network by gradient descent on E = E₀ + R, with the L2 decay done exactly.

    Under plain gradient descent each batch does W ← (1 − ηλ/n) W − η ∂E₀/∂W and b ← b − η ∂E₀/∂b.
    Biases are in no decay and no penalty.

    Parameters
    ----------
    network : Network
        Trained in place.
    optimizer : str, default="sgd"
        "sgd" (plain), "momentum", "nesterov", "adam" (these as scikit-learn writes them), "adamw"
        (as PyTorch computes it) or "lbfgs" (SciPy's, on E over the whole set).
    eta : float, optional
        Learning rate η > 0; by default 0.001 for adam and adamw, else 0.01.  lbfgs has none.
    l2 : float or sequence of float, default=0.0
        λ ≥ 0, one for all layers or one for each.
    n : {"batch", "train"} or float, default="batch"
        What λ is divided by: the sum of the sample weights of each batch (its number of rows) or
        of the training set, or a number > 0.
    decay : {None, "l2", "decoupled", "fraction"}, default=None
        "l2": (λ/n) W is added to the gradient.  "decoupled": W loses η(λ/n) W, and the optimizer
        does not see it.  "fraction": W loses λ W; neither η nor n is in it.  None is "decoupled"
        for adamw and "l2" for the rest.
    batch_size : int or None, default=32
        Rows of a batch, at least 1; None is all rows.  The last batch of an epoch may be smaller.
    shuffle : bool, default=True
        Whether each epoch takes the rows in a new order.
    momentum : float, default=0.9
        μ in [0, 1) of momentum and nesterov.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates in [0, 1) of the moments of adam and adamw.
    epsilon : float, default=1e-8
        ε > 0 in the denominator of adam and adamw; for these at least the smallest normal number of
        the network's dtype.
    schedule : {"constant", "invscaling", "adaptive"}, default="constant"
        Learning rate of an epoch: η; η / (1 + items seen)^power_t; or η, divided by 5 whenever
        training stalls, until it is 1e-6.
    power_t : float, default=0.5
        Exponent of "invscaling".
    tol : float, optional
        An epoch that does not lower the error by more than this stalls.  By default training ends
        after its epochs alone, and "adaptive" and early stopping take 0.  For lbfgs the largest
        component of the gradient to reach; by default it goes on to the limit of precision.
    n_iter_no_change : int, default=10
        More stalled epochs than this one after another end the training.
    early_stopping : bool, default=False
        Judge by E₀ (without R) on the ``validation`` data of ``train`` instead of by E, and leave
        the network with the best parameters.
    seed : None, int, numpy.random.Generator or numpy.random.RandomState, default=None
        Where the orders come from.
    n_threads : int, optional
        At most so many threads, at least 1; work too small for them takes one.  By default as many
        as there are processors for this process, or fewer where OMP_NUM_THREADS, threadpoolctl or
        joblib say so.  The results are the same bits for any number; it is not saved.

    Attributes
    ----------
    network : Network
    history : History
        Of the last call of ``train``, also of one that an exception ended.

    Raises
    ------
    ValueError, TypeError
        If a parameter is out of range, or the optimizer does not know the decay.

    References
    ----------
    M. Nielsen, Neural Networks and Deep Learning, 2015, chapter 3 (the update).
    I. Loshchilov, F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019 (decoupled).
    D. Kingma, J. Ba, Adam: A Method for Stochastic Optimization, ICLR 2015 (adam).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from pyl2 import Backprop, Network
    >>> X, y = load_iris(return_X_y=True)
    >>> network = Network((4, 7, 3), output="softmax", seed=0)
    >>> trainer = Backprop(network, eta=0.05, l2=0.1, n="train", batch_size=10, seed=0)
    >>> history = trainer.train(X - X.mean(axis=0), y, epochs=100)
    >>> bool((network.predict(X - X.mean(axis=0)).argmax(axis=1) == y).mean() > 0.95)
    True
    """

    @keywords.checked
    def __init__(
        self,
        network: Network,
        optimizer: str = "sgd",
        eta: float | None = None,
        l2: float | Sequence[float] = 0.0,
        n: str | float = "batch",
        decay: str | None = None,
        batch_size: int | None = 32,
        shuffle: bool = True,
        *,
        momentum: float = 0.9,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        schedule: str = "constant",
        power_t: float = 0.5,
        tol: float | None = None,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        seed: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.network = checks.instance("network", network, Network)
        self.optimizer = checks.choice("optimizer", optimizer, OPTIMIZERS)
        self.eta = _DEFAULT_ETA.get(optimizer, 0.01) if eta is None else eta
        self.l2 = l2
        self.n = n
        self.decay = decay
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.momentum = momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.schedule = schedule
        self.power_t = power_t
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.n_threads = n_threads
        self.history = History()
        self._check()
        self._rng = generators.make(seed)
        states = _core.STATES.get(optimizer, 0)
        self._state = np.zeros((1, states * network.params.size), network.dtype)
        self._steps = np.zeros(1, np.int64)
        self._order: Array | None = None
        self._schedule = Schedule()
        self._best: Array | None = None  # parameters of the best validation error
        self._last: Array | None = None  # parameters to go on from where the best were restored

    def _check(self) -> None:
        """Check the parameters, public attributes, which may change between trainings.

        What is a number or a flag of any type becomes a plain one, that a file can hold.
        """
        self.eta = checks.number("eta", self.eta, 0, open_low=True)
        self.l2 = l2.plain(self.l2, len(self.network.weights))
        self.n = l2.check_n(self.n)
        l2.check_decay(self.decay, self.optimizer)
        if self.batch_size is not None:
            self.batch_size = checks.whole("batch_size", self.batch_size, 1)
        for name in ("shuffle", "early_stopping"):
            setattr(self, name, checks.flag(name, getattr(self, name)))
        for name in ("momentum", "beta_1", "beta_2"):
            setattr(self, name, checks.number(name, getattr(self, name), 0, 1, open_high=True))
        self.epsilon = checks.number("epsilon", self.epsilon, 0, open_low=True)
        self._check_epsilon()
        checks.choice("schedule", self.schedule, SCHEDULES)
        self.power_t = checks.number("power_t", self.power_t)
        if self.tol is not None:
            self.tol = checks.number("tol", self.tol, 0)
        self.n_iter_no_change = checks.whole("n_iter_no_change", self.n_iter_no_change, 1)
        threads.count(self.n_threads)
        if self.optimizer == "lbfgs" and (self.early_stopping or self.schedule != "constant"):
            raise ValueError("lbfgs has no learning rate: no schedule and no early_stopping")

    def _check_epsilon(self) -> None:
        """Check that epsilon is not 0 in the engine, for 0/0 is the step of a zero gradient."""
        if self.optimizer in _WITH_EPSILON:
            checks.normal("epsilon", self.epsilon, self.network.dtype)

    @keywords.checked
    def train(
        self,
        X: Matrix,
        Y: ArrayLike,
        epochs: int = 100,
        *,
        sample_weight: ArrayLike | None = None,
        validation: tuple[Any, ...] | Callable[[Network], float] | None = None,
        max_time: float | None = None,
        verbose: bool = False,
        callbacks: Callback | Iterable[Callback] = (),
    ) -> History:
        """Train for some epochs; a further call goes on where the last one stopped.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (rows, inputs)
            No copy is made of rows that are contiguous and of the network's dtype, nor of CSR of
            that dtype; any other sparse matrix is converted to CSR.  It is never made dense.
        Y : array-like of shape (rows, outputs), (rows,) with one output, or class indices (rows,)
            Targets; class indices are whole numbers and go with softmax.
        epochs : int, default=100
            At most so many; for lbfgs iterations.  At least 1.
        sample_weight : array-like of shape (rows,), optional
            Not negative; 1 each where not given.
        validation : tuple (X, Y) or (X, Y, sample_weight), or callable, optional
            Held-out data; E₀ on it is kept in the history.  Or ``f(network)``, called after each
            epoch: the number it returns is kept, and judged by early stopping, in place of E₀;
            lower is better.
        max_time : float, optional
            Seconds > 0 after which no further epoch begins.
        verbose : bool, default=False
            Show a progress bar on standard error.
        callbacks : callable or iterable of callables, optional
            Each is called as ``f(trainer, history)`` at the end of an epoch; one that returns True
            ends the training.

        Returns
        -------
        History

        Raises
        ------
        ValueError, TypeError
            If shapes or types do not fit, numbers are not finite, or a parameter is out of range.
            ValueError, too, if training diverges; the network then has the parameters of the last
            epoch that was finite, and the optimizer's moments begin anew.
        RuntimeError
            If the network is in training already.
        KeyboardInterrupt
            On Ctrl-C, with the parameters of the last batch.

        Notes
        -----
        The arrays are read where they lie, while other Python threads run.  What one of those
        writes into them meanwhile changes numbers, but no memory that is not theirs is touched,
        even if it is an index.  Only freeing the memory of an array in use is not safe: NumPy lets
        ``X.resize(..., refcheck=False)`` do that.
        """
        self._check()
        items = checks.items(X, Y, sample_weight, self.network)
        if self.early_stopping and validation is None:
            raise ValueError("early_stopping needs validation=(X, Y)")
        validated = held_out(validation, self.network)
        course = Course(self, self.network, epochs, validated, max_time, callbacks)
        if not self._schedule.items_seen:
            warn_if_unscaled(items.x)
        with (
            self.network._turn,
            self.network._limited(self.n_threads),
            progress(verbose, course.epochs) as course.advance,
        ):
            self.history = course.history
            self._run(items, course)
        return course.history

    def _run(self, items: Items, course: Course) -> None:
        """Train until the course is over."""
        if self.optimizer == "lbfgs":
            self._minimise(items, course)
            return
        training = Training(self, course)
        descend([training], items)
        if training.diverged is not None:
            raise training.diverged

    def _minimise(self, items: Items, course: Course) -> None:
        from pyl2.lbfgs import minimise

        per_layer = l2.per_layer(self.l2, len(self.network.weights))
        minimise(self.network, items, per_layer, self.n, self.tol, course)

    def _go_on(self, items: Items) -> None:
        """Take up where the last training stopped."""
        params = self.network.params
        if self._last is not None and self._best is not None and np.array_equal(params, self._best):
            params[...] = self._last
        self._last = None
        self._schedule.go_on(self.n_iter_no_change)
        if self._order is None or len(self._order) != items.rows:
            self._order = np.arange(items.rows)

    def _may_change(self, course: Course) -> bool:
        """Whether somebody may set a parameter while training goes on."""
        return bool(course.callbacks)

    def _steady(self, course: Course) -> bool:
        """Whether nobody looks at an epoch, and none changes the rate of the next."""
        return not (self._judges() or self.schedule != "constant" or course.watched)

    def _judges(self) -> bool:
        return self.early_stopping or self.schedule == "adaptive" or self.tol is not None

    def _skip(
        self, sums: list[list[float]], times: list[float], items: Items, course: Course
    ) -> None:
        """Enter epochs of a steady training: E₀ and R of each, and when it ended."""
        self._schedule.items_seen += items.rows * len(times)
        course.history.evaluations += GRADIENT * len(times)
        course.enter(sums, times)

    def _conclude(self, data_error: float, penalty: float, items: Items, course: Course) -> None:
        """Enter an epoch, judge it, and see whether it was the last."""
        self._schedule.items_seen += items.rows
        course.history.evaluations += GRADIENT
        loss = self._loss(data_error, penalty)
        validation = course.record(data_error, penalty)
        if self._judges():
            self._judge(loss if validation is None or not self.early_stopping else validation)
        course.over()
        if self._stalled():
            course.history.stopped = "early_stopping" if self.early_stopping else "tol"

    def _eta(self) -> float:
        """Return the learning rate of the coming epoch."""
        return self._schedule.eta(self.schedule, self.eta, self.power_t)

    def _loss(self, data_error: float, penalty: float) -> float:
        """Return the number of an epoch that tol judges: E."""
        return data_error + penalty

    def _next_order(self, whole: bool) -> Array | None:
        """Shuffle the order in use: with a RandomState the orders are scikit-learn's.

        An epoch that is one whole batch needs no order, but a RandomState goes on all the same.
        """
        legacy = isinstance(self._rng, np.random.RandomState)
        if not self.shuffle or self._order is None or (whole and not legacy):
            return None
        generators.shuffle(self._rng, self._order)
        return None if whole else self._order

    def _update(self, eta: float, items: Items, order: Array | None, batch: int) -> _core.Update:
        decay = l2.check_decay(self.decay, self.optimizer)
        per_layer = l2.per_layer(self.l2, len(self.network.weights))
        n = 0.0 if self.n == "batch" else l2.divisor(self.n, items.mass)
        if not self._schedule.items_seen:
            smallest = n or _smallest_batch(items, order, batch)
            l2.warn_if_too_large(decay, self.optimizer, eta, per_layer, smallest)
        return _core.Update(
            self.optimizer,
            l2.engine_decay(decay, self.optimizer),
            eta,
            per_layer,
            n,
            momentum=self.momentum,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
        )

    def _judge(self, error: float) -> None:
        better = self._schedule.judge(error, self.tol or 0.0)
        if not (better and self.early_stopping):
            return
        if self._best is None:
            self._best = np.empty_like(self.network.params)
        self._best[...] = self.network.params

    def _stalled(self) -> bool:
        patience = self.n_iter_no_change
        return self._judges() and self._schedule.exhausted(self.schedule, self.eta, patience)

    def _restore_best(self) -> None:
        """Leave the network with the best parameters, and keep the last to go on from."""
        if self.early_stopping and self._schedule.items_seen and self._schedule.best == math.inf:
            warn(
                "no epoch had a finite validation value: early stopping had nothing to judge by,"
                " and the network has the parameters of the last"
            )
        if self.early_stopping and self._best is not None:
            self._last = self.network.params.copy()
            self.network.params[...] = self._best

    def save(self, path: PathLike) -> None:
        """Write the training, its network included, to a file, whole or not at all.

        Training goes on from it with the same bits as one that never stopped (lbfgs apart, which
        starts afresh from the present parameters).

        Parameters
        ----------
        path : str or path-like
            A safetensors file; what it held is replaced, its permissions are kept.

        Raises
        ------
        OSError
            If it cannot be written.
        ValueError, TypeError
            If the random number generator is of a kind that cannot be saved, or a parameter has
            been set to what ``train`` would refuse.

        Examples
        --------
        >>> import os, tempfile
        >>> from pyl2 import Backprop, Network
        >>> X = [[0.0], [1.0], [2.0]]
        >>> trainer = Backprop(Network((1, 1), seed=0), "adam", seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     trainer.save(os.path.join(folder, "training.pyl2"))
        ...     again = Backprop.load(os.path.join(folder, "training.pyl2"))
        >>> histories = trainer.train(X, X, epochs=5), again.train(X, X, epochs=5)
        >>> bool((trainer.network.params == again.network.params).all())
        True
        """
        self._check()
        arrays, meta = self.network._to_file()
        optional = {"order": self._order, "best": self._best, "last": self._last}
        arrays |= {"state": self._state, "steps": self._steps}
        arrays |= {name: array for name, array in optional.items() if array is not None}
        values = {name: getattr(self, name) for name in _SAVED}
        rng = generators.to_json(self._rng)
        meta |= {"parameters": values, "schedule": self._schedule.to_json(), "rng": rng}
        files.write(path, "backprop", arrays, meta)

    @classmethod
    def load(cls, path: PathLike) -> Backprop:
        """Read a training, with its network, from a file that ``save`` wrote.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        Backprop

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            If it is no file of a training, or is damaged.
        """
        arrays, meta = files.read(path, "backprop")
        network = Network._from_file(arrays, meta)
        try:
            parameters = checks.kept(meta, "parameters", dict)
            values: dict[str, Any] = {
                name: checks.kept(parameters, name, object) for name in _SAVED
            }
            rng = generators.from_json(checks.kept(meta, "rng", dict))
            trainer = cls(network, **values, seed=rng)
            trainer._take_up(arrays)
            trainer._schedule = Schedule.from_json(checks.kept(meta, "schedule", dict))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: the training is damaged: {error}") from None
        return trainer

    def _take_up(self, arrays: dict[str, Array]) -> None:
        """Take the saved arrays of the training, each checked by type and shape."""
        params = self.network.params
        self._state = checks.expect(arrays, "state", self._state.dtype, self._state.shape)
        self._steps = checks.expect(arrays, "steps", self._steps.dtype, self._steps.shape)
        checks.whole("steps", self._steps[0], 0, _MOST_STEPS)
        if "order" in arrays:
            self._order = checks.expect(
                arrays, "order", np.dtype(np.int64), arrays["order"].shape[:1]
            )
            if not np.array_equal(np.sort(self._order), np.arange(len(self._order))):
                raise ValueError("order is not a permutation")
        if "best" in arrays:
            self._best = checks.expect(arrays, "best", params.dtype, params.shape)
        if "last" in arrays:
            self._last = checks.expect(arrays, "last", params.dtype, params.shape)


# A counter of a file may stand as high, and training can still go on from it.
_MOST_STEPS = 2**62

# The parameters of Backprop that its file holds: all but the network and the seed.
_SAVED = (
    "optimizer",
    "eta",
    "l2",
    "n",
    "decay",
    "batch_size",
    "shuffle",
    "momentum",
    "beta_1",
    "beta_2",
    "epsilon",
    "schedule",
    "power_t",
    "tol",
    "n_iter_no_change",
    "early_stopping",
)


def _smallest_batch(items: Items, order: Array | None, batch_size: int) -> float:
    """Return the smallest m of the batches of an epoch; a batch of weight 0 updates nothing."""
    if items.sample_weight is None:
        return items.rows % batch_size or batch_size
    weight = items.sample_weight if order is None else items.sample_weight[order]
    masses = np.add.reduceat(weight, np.arange(0, items.rows, batch_size), dtype=np.float64)
    return float(masses[masses > 0].min())
