"""train_many: networks of one shape, trained together on one copy of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any, cast

from numpy.typing import ArrayLike

from pyl2._common import keywords, threads
from pyl2._common.dataset import Dataset, Matrix, check_dataset, check_sample_weight
from pyl2._common.progress import progress
from pyl2._common.scaling import warn_if_unscaled
from pyl2._common.validation import as_array, check_entries, check_instance, shown
from pyl2.network import Network, engine_of
from pyl2.training.backprop import Backprop, Callback, run_of
from pyl2.training.descent import Descent, descend
from pyl2.training.history import History
from pyl2.training.session import TrainingSession, check_validation
from pyl2.training.solvers import SOLVERS


@keywords.checked
def train_many(
    trainers: Iterable[Backprop],
    X: Matrix,
    Y: ArrayLike,
    epochs: int | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    validation: Any = None,
    max_time: float | None = None,
    verbose: bool = False,
    callbacks: Callback | Iterable[Callback] = (),
    n_threads: int | None = None,
) -> list[History]:
    """Train networks of one shape together, each as its own ``train`` would, to rounding.

    Small networks lie in the lanes of vectors, one in each; and threads share them.  Each has its
    own λ, η, seed, row order and sample weights, ends when its own settings say so, and is left
    with its best parameters where it stops early.  Folds are weights of 0, and bootstraps weights
    that count how often a row was drawn.

    Parameters
    ----------
    trainers : iterable of Backprop
        At least one; of gradient descent, with distinct networks of one shape, output and dtype,
        the same optimizer and batch size, and all or none of them with an average.
    X : array-like or sparse matrix of shape (rows, inputs)
        As for ``Backprop.train``.
    Y : array-like of shape (rows, outputs), (rows,) with one output, or class indices (rows,)
        Targets.
    epochs : int, optional
        Maximum number of epochs for each, at least 1; by default 100.
    sample_weight : array-like of shape (rows,) or (trainers, rows), optional
        For all, or a row for each trainer; not negative, and none 0 everywhere.
    validation : tuple, callable, or list of these, optional
        As for ``Backprop.train``, for all, or one entry for each trainer.
    max_time : float, optional
        Seconds > 0 after which no further epoch begins.
    verbose : bool, default=False
        Show a progress bar on standard error, an epoch of each network counting as one step.
    callbacks : callable or iterable of callables, optional
        Each is called as ``f(trainer, history)`` at the end of each trainer's epochs; one that
        returns True ends that trainer's training.
    n_threads : int, optional
        Maximum number of threads, at least 1, as for ``Backprop``.  The results are the same bits
        for any number.

    Returns
    -------
    list of History
        One for each trainer, which keeps it as ``history``.  ``stopped`` is "diverged" where a
        network has diverged; the others go on.

    Raises
    ------
    ValueError, TypeError
        If the trainers do not match, shapes or types do not fit, numbers are not finite, or
        a parameter is out of range.
    RuntimeError
        If one of the networks is in training already.
    KeyboardInterrupt
        On Ctrl-C, with the parameters of the last batch in each network.

    Examples
    --------
    >>> import numpy as np
    >>> from pyl2 import Backprop, Network, train_many
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 2))
    >>> trainers = [Backprop(Network((2, 8, 1), seed=i), "adam", l2=0.1, seed=i) for i in range(16)]
    >>> drawn = np.stack([np.bincount(rng.integers(60, size=60), minlength=60) for _ in trainers])
    >>> histories = train_many(trainers, X, X[:, 0] * X[:, 1], epochs=20, sample_weight=drawn)
    >>> len(histories), len(histories[0])
    (16, 20)
    """
    found = check_trainers(trainers)
    first = found[0]
    weights, own = _own_weights(sample_weight, len(found))
    shared = check_dataset(X, Y, None if own else sample_weight, first.network)
    held_out = validation if isinstance(validation, list) else [validation] * len(found)
    if len(held_out) != len(found):
        raise ValueError(
            f"validation must have an entry for each of {len(found)} trainers, got {len(held_out)}"
        )
    limit = threads.count(n_threads)
    descents = []
    for trainer, weight, held in zip(found, weights, held_out, strict=True):
        session = TrainingSession(
            trainer,
            trainer.network,
            SOLVERS[trainer.optimizer].epochs if epochs is None else epochs,
            check_validation(held, trainer.network),
            max_time,
            callbacks,
            limit,
        )
        descent = cast(Descent, run_of(trainer, session))
        descent.dataset = shared
        if own:
            checked = check_sample_weight(weight, shared.rows, first.network.dtype)
            descent.dataset = shared._replace(sample_weight=checked)
        descents.append(descent)
    warn_if_unscaled(shared.x)
    _run(found, descents, shared, verbose)
    return [descent.session.history for descent in descents]


def _run(
    trainers: list[Backprop], descents: list[Descent], dataset: Dataset, verbose: bool
) -> None:
    steps = sum(descent.session.epochs for descent in descents)
    with ExitStack() as stack:
        for trainer in trainers:
            stack.enter_context(engine_of(trainer.network).training_lock)
        advance = stack.enter_context(progress(verbose, steps))
        for trainer, descent in zip(trainers, descents, strict=True):
            descent.session.advance = advance
            trainer.history = descent.session.history
        descend(descents, dataset, own_orders=True)


def check_trainers(trainers: Any) -> list[Backprop]:
    """Return trainers that can train together.

    Raises
    ------
    ValueError, TypeError
        That names what they differ in.
    """
    found: list[Backprop] = check_entries("trainers", trainers, "Backprops")
    if not found:
        raise ValueError("trainers must hold at least one Backprop, got none")
    wanted: dict[str, Any] = {}
    for i, trainer in enumerate(found):
        check_instance(f"trainers[{i}]", trainer, Backprop)
        trainer._check()
        if SOLVERS[trainer.optimizer].full_batch:
            raise ValueError(
                f"trainers[{i}] has optimizer={trainer.optimizer!r}, which trains one network at a"
                " time: call its train"
            )
        own = _alike(trainer)
        wanted = wanted or own
        for name, value in own.items():
            if value != wanted[name]:
                raise ValueError(
                    f"trainers must have one {name}, got {shown(wanted[name])} and, in"
                    f" trainers[{i}], {shown(value)}"
                )
    if len({id(trainer.network) for trainer in found}) < len(found):
        raise ValueError("trainers must have distinct networks, got the same one twice")
    return found


def _alike(trainer: Backprop) -> dict[str, Any]:
    """Return what trainers that train together have in common, by name."""
    network: Network = trainer.network
    engine = engine_of(network)
    return {
        "shape of networks": network.layer_sizes,
        "choice of activations": network.hidden,
        "output and loss": engine.objective,
        "dtype": network.dtype,
        "optimizer": trainer.optimizer,
        "batch_size": trainer.batch_size,
        "choice of average or none": trainer.average is not None,
    }


def _own_weights(sample_weight: Any, count: int) -> tuple[Sequence[Any], bool]:
    """Return the weights of each trainer, and whether they are its own."""
    if sample_weight is None or as_array("sample_weight", sample_weight).ndim < 2:
        return [sample_weight] * count, False
    if len(sample_weight) != count:
        raise ValueError(
            f"sample_weight must be (rows,), or have a row for each of {count} trainers, got"
            f" {len(sample_weight)}"
        )
    return list(sample_weight), True
