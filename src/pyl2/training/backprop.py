"""Backprop: training by backpropagation, an epoch a call of the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, fields
from functools import partial
from typing import Any

from numpy.typing import ArrayLike

from pyl2._common import files, keywords, random, threads
from pyl2._common.dataset import Matrix, check_dataset
from pyl2._common.files import PathLike
from pyl2._common.one_line import one_line
from pyl2._common.progress import progress
from pyl2._common.scaling import warn_if_unscaled
from pyl2._common.validation import check_instance, check_option, kept
from pyl2.network import Network, engine_of, from_file, to_file
from pyl2.training.course import Course
from pyl2.training.descent import Descent, Run
from pyl2.training.history import History
from pyl2.training.lbfgs import Minimisation
from pyl2.training.levenberg import LevenbergMarquardt
from pyl2.training.policy import Policy
from pyl2.training.schedule import Progress
from pyl2.training.session import TrainingSession, check_validation
from pyl2.training.settings import BY_STEP, Settings
from pyl2.training.solvers import OPTIMIZERS, SOLVERS
from pyl2.training.state import OptimizerState

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
        "sgd" (plain), "momentum", "nesterov", "adam" (these as scikit-learn writes them), "adamw",
        "rmsprop", "nadam" and "rprop" (as PyTorch computes them), "lbfgs" (SciPy's, on E over the
        whole set) or "lm" (Levenberg–Marquardt, for a squared error, dense rows and at most 5,000
        parameters: smooth units, a small λ and a tight fit are what it is for).
    eta : float, optional
        Learning rate η > 0; by default 0.001 for adam and adamw, 0.002 for nadam, else 0.01.  For
        rprop the size of the first steps.  lbfgs and lm have none.
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
        rprop needs all rows in one batch.
    shuffle : bool, default=True
        Whether each epoch takes the rows in a new order.
    momentum : float, default=0.9
        μ in [0, 1) of momentum and nesterov.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates in [0, 1) of the moments of adam, adamw and nadam; rmsprop has beta_2 alone,
        which PyTorch calls alpha and sets to 0.99.
    epsilon : float, default=1e-8
        ε > 0 in the denominator of adam, adamw, rmsprop and nadam; for these at least the smallest
        normal number of the network's dtype.
    schedule : str, pair of str and float, or callable, default="constant"
        By the epoch, as scikit-learn has them: "constant"; "invscaling",
        η / (1 + items seen)^power_t; "adaptive", η divided by 5 whenever training stalls, until it
        is 1e-6.  By the update, over all T = epochs × batches: "cosine" falls from η to 0
        (``("cosine", 0.1)``: to 0.1 η); "one_cycle" rises from η/25 to η in the first 0.3 (or
        another part) of them and falls to 4e-6 η, as PyTorch's OneCycleLR; "step" multiplies η by
        0.1 (or another factor) after each third; "exponential" falls to 0.01 η (or another part)
        by the same factor at each update; ``f(t, T)`` returns the factor of η in update
        t = 1, …, T.  A further ``train`` goes on at t and adds its epochs to T: a training that was
        broken off, and is given the epochs left, ends as planned.
    power_t : float, default=0.5
        Exponent of "invscaling".
    tol : float, optional
        An epoch that does not lower the error by more than this stalls.  By default training ends
        after its epochs alone, and "adaptive" and early stopping take 0.  For lbfgs the largest
        component of the gradient to reach; by default it goes on to the limit of precision.  lm
        ends when two steps in a row have lowered E by less than this share of it, by default 1e-10.
    n_iter_no_change : int, default=10
        More stalled epochs than this one after another end the training.
    warmup : float, default=0
        The learning rate rises linearly over the first updates: their number, or below 1 their
        share of all; the schedule follows, laid over the rest.
    l2_schedule : str, pair of str and float, or callable, default="constant"
        The same for λ, by the update and without a warm-up: "constant", "cosine", "one_cycle",
        "step", "exponential" or ``f(t, T)``.
    clip_norm, clip_value : float, optional
        One of them, > 0: the gradient of E₀ is scaled so that its norm over all parameters is at
        most clip_norm, or each of its components is cut off at ±clip_value.  The penalty is added
        afterwards: the decay is never clipped.
    average : float, optional
        β in (0, 1): after each update θ̄ ← β θ̄ + (1 − β) θ, corrected for its beginning.  Validation
        sees the average, and the network has it after ``train``; further training goes on from θ.
    dropout : float or sequence of float, default=0.0
        p in [0, 1), one for all hidden layers or one for each: in each update a hidden unit is left
        out with probability p, for each row anew, and else counts 1/(1 − p) times.  Predictions
        and validation take all units; E₀ of the history is what the updates saw, with units left
        out.  Masks follow from ``seed``, the update, the row's place in its batch and the unit.
    input_dropout : float, default=0.0
        The same for the inputs.
    early_stopping : bool, default=False
        Judge by E₀ (without R) on the ``validation`` data of ``train`` instead of by E, and leave
        the network with the best parameters.
    seed : None, int, numpy.random.Generator or numpy.random.RandomState, default=None
        Where the orders come from, and what dropout leaves out.
    n_threads : int, optional
        Maximum number of threads, at least 1; small work takes one.  By default as many
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
    I. Loshchilov, F. Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017
    (cosine).
    L. Smith, N. Topin, Super-Convergence, 2019 (one_cycle).
    R. Pascanu, T. Mikolov, Y. Bengio, On the Difficulty of Training Recurrent Neural Networks, ICML
    2013 (clip_norm).
    B. Polyak, A. Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992 (average).
    N. Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, JMLR 15
    (2014).
    D. Kingma, J. Ba, Adam: A Method for Stochastic Optimization, ICLR 2015 (adam).
    T. Dozat, Incorporating Nesterov Momentum into Adam, ICLR workshop 2016 (nadam).
    C. Igel, M. Hüsken, Improving the Rprop Learning Algorithm, NC 2000 (rprop, their iRprop⁻).
    M. Hagan, M. Menhaj, Training feedforward networks with the Marquardt algorithm, IEEE
    Transactions on Neural Networks 5 (1994) (lm).

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
        schedule: Course = "constant",
        power_t: float = 0.5,
        tol: float | None = None,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        warmup: float = 0,
        l2_schedule: Course = "constant",
        clip_norm: float | None = None,
        clip_value: float | None = None,
        average: float | None = None,
        dropout: float | Sequence[float] = 0.0,
        input_dropout: float = 0.0,
        seed: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.network = check_instance("network", network, Network)
        self.optimizer = check_option("optimizer", optimizer, OPTIMIZERS)
        self.eta = SOLVERS[optimizer].eta if eta is None else eta
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
        self.warmup = warmup
        self.l2_schedule = l2_schedule
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.average = average
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.n_threads = n_threads
        self.history = History()
        self._check()
        self._state = OptimizerState.begin(
            optimizer, network.params, random.make_rng(seed), self.average
        )
        self._policy = Policy()

    def _check(self) -> None:
        """Check the parameters, public attributes, which may change between trainings.

        What is a number or a flag of any type becomes a plain one, that a file can hold.
        """
        threads.count(self.n_threads)
        for name, value in vars(Settings.of(self).checked(self.network)).items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        return one_line(self)

    @keywords.checked
    def train(
        self,
        X: Matrix,
        Y: ArrayLike,
        epochs: int | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        validation: tuple[Any, ...] | Callable[[Network], float] | None = None,
        max_time: float | None = None,
        verbose: bool = False,
        callbacks: Callback | Iterable[Callback] = (),
    ) -> History:
        """Train for a number of epochs; a further call continues where the last one stopped.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (rows, inputs)
            No copy is made of rows that are contiguous and of the network's dtype, nor of CSR of
            that dtype; any other sparse matrix is converted to CSR.  It is never made dense.
        Y : array-like of shape (rows, outputs), (rows,) with one output, or class indices (rows,)
            Targets; class indices are whole numbers and go with softmax.
        epochs : int, optional
            Maximum number of epochs, at least 1 (of iterations for lbfgs and lm).  By default 100,
            for lm 200.
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
            epoch that was finite, and the optimizer's moments start afresh.
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
        dataset = check_dataset(X, Y, sample_weight, self.network)
        session = TrainingSession(
            self,
            self.network,
            SOLVERS[self.optimizer].epochs if epochs is None else epochs,
            check_validation(validation, self.network),
            max_time,
            callbacks,
            threads.count(self.n_threads),
        )
        run = run_of(self, session)
        if not self._policy.progress.items_seen:
            warn_if_unscaled(dataset.x)
        with (
            engine_of(self.network).training_lock,
            progress(verbose, session.epochs) as session.advance,
        ):
            self.history = session.history
            run.run(dataset)
        return session.history

    def save(self, path: PathLike) -> None:
        """Write the training, its network included, to a file, whole or not at all.

        Training goes on from it with the same bits as one that never stopped (lbfgs and lm apart,
        which start afresh from the present parameters).

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
        for name in ("schedule", "l2_schedule"):
            if callable(getattr(self, name)):
                raise TypeError(f"{name} is a function, which cannot be saved to a file")
        self._state.serve(self.optimizer, self.average is not None, self.network.params)
        arrays, meta = to_file(self.network)
        meta |= {
            "parameters": asdict(Settings.of(self)),
            "schedule": self._policy.progress.to_json(),
            "rng": random.to_json(self._state.rng),
        }
        files.write(path, "backprop", arrays | self._state.to_arrays(), meta)

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
        network = from_file(arrays, meta)
        try:
            parameters = kept(meta, "parameters", dict)
            values: dict[str, Any] = {
                name: kept(parameters, name, object) for name in _FIRST_SETTINGS
            }
            values |= {name: parameters[name] for name in _SETTINGS if name in parameters}
            trainer = cls(network, **values, seed=random.from_json(kept(meta, "rng", dict)))
            trainer._state.take_arrays(arrays, network.params)
            trainer._policy = Policy(Progress.from_json(kept(meta, "schedule", dict)))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: the training is damaged: {error}") from None
        return trainer


_SETTINGS = tuple(field.name for field in fields(Settings))
# A file of version 1 has these alone: the others have their defaults.
_FIRST_SETTINGS = tuple(name for name in _SETTINGS if name not in BY_STEP)


def run_of(trainer: Backprop, session: TrainingSession) -> Run:
    """Return the training that ``train`` does in this session, ready to go.

    Raises
    ------
    ValueError
        If early stopping has nothing to judge by.
    """
    settings, state, policy = Settings.of(trainer), trainer._state, trainer._policy
    if settings.early_stopping and session.validation is None:
        raise ValueError("early_stopping needs validation=(X, Y)")
    if settings.optimizer == "lm":
        return LevenbergMarquardt(session, settings.l2, settings.n, settings.tol)
    if SOLVERS[settings.optimizer].full_batch:
        return Minimisation(session, settings.l2, settings.n, settings.tol)
    refresh = partial(Settings.of, trainer) if session.callbacks else None
    return Descent(settings, state, policy, session, refresh)
