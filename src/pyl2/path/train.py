"""l2_path: one network trained at many λ together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from pyl2._common import penalty
from pyl2._common.dataset import Matrix
from pyl2._common.files import PathLike
from pyl2._common.finished import NOTHING, Finished, Stored
from pyl2._common.progress import Progress, progress, silent
from pyl2._common.validation import Array, check_flag, check_option
from pyl2.network import Network
from pyl2.path.diagnostics import describe
from pyl2.path.evidence import check_evidence, with_evidence
from pyl2.path.result import Interrupted, L2Path
from pyl2.path.source import PathSource, path_source
from pyl2.training.history import history_to_file
from pyl2.training.session import TrainingSession

STARTS = ("same", "warm")


def l2_path(
    model: Any,
    X: Matrix,
    y: ArrayLike,
    l2: Sequence[float] | ArrayLike | None = None,
    *,
    start: str = "same",
    test: float | tuple[Any, Any] | None = None,
    sample_weight: ArrayLike | None = None,
    n_threads: int | None = None,
    verbose: bool = False,
    evidence: bool = False,
    resume_dir: PathLike | None = None,
    **training: Any,
) -> L2Path:
    """Train one network at many λ, all else being equal: the same start, the same rows in order.

    By gradient descent all are trained together, an epoch of all being one call of the engine on
    one copy of the data; one that has ended, or diverged, leaves the rest to go on.

    Parameters
    ----------
    model : Network, MLPClassifier or MLPRegressor
        A network's present parameters are where each λ starts; λ is divided by N (``n="train"``).
        Of an estimator, fitted or not, the parameters count: each λ is what its clone with that
        alpha is after ``fit``, to rounding.  It is not changed.
    X : array-like or sparse matrix of shape (rows, inputs)
    y : array-like
        Targets as the model takes them.
    l2 : sequence of float, optional
        λs ≥ 0, all different; of an estimator its alphas.  By default 16, log-spaced, such that λ/n
        goes from 1e-6 to 10, or to 1/2η if that is less, n being what training divides by (a whole
        batch where it is "batch"; for ``decay="fraction"`` λ/η goes so far).  The path is
        ascending, whatever their order.
    start : {"same", "warm"}, default="same"
        "same": each λ from the same parameters.  "warm": in the order of ``l2``, each from those of
        the one before; from large to small only without hidden layers, because W = 0 is a saddle
        that a hidden layer does not leave.
    test : float or tuple (X, y), optional
        Fraction of the rows to hold out, drawn by the seed (classes in proportion), or other data.
    sample_weight : array-like of shape (rows,), optional
        Not negative; 1 each where not given.
    n_threads : int, optional
        Maximum number of threads, at least 1, as for the model.
    verbose : bool, default=False
        Show a progress bar on standard error, an epoch of each λ counting as one step.
    evidence : bool, default=False
        Whether to look for the log evidence and effective number of parameters of each λ, as
        ``Laplace`` does.  They are of minima of E, so train by "lbfgs" or "lm"; for dense X, at
        least 2 rows and at most 5,000 parameters.  Where the model is not nearly right, as often
        with relu, and for classifiers, the greatest evidence is not at a good λ: compare it with
        the scores of rows held out.
    resume_dir : str or path-like, optional
        Folder where fits are kept as they finish, made if there is none: after an interruption the
        same call goes on without training them again, and gives the same bits.  Fits that train
        together, as by adam, finish together.  Other settings or rows than it was begun with are
        an error.  Fits cut short by ``max_time`` are not kept.  It needs a seed, or of an estimator
        a ``random_state``.
    **training
        Of a Network alone, how it is trained: parameters of ``Backprop`` (``optimizer``, also
        "lbfgs" and "lm"; ``eta``, ``decay``, ``batch_size``, ``tol``, ``seed`` …; a generator is
        used by the first λ, copies of it by the others), or with ``optimizer="pso"`` of
        ``ParticleSwarm``; and ``epochs``, ``validation`` and ``max_time`` of ``train``, the time
        being that of all λs.

    Returns
    -------
    L2Path

    Raises
    ------
    ValueError, TypeError
        If shapes or types do not fit, numbers are not finite, or a parameter is out of range.
        A training that diverges raises nothing: see ``stopped``.
    KeyboardInterrupt
        On Ctrl-C; as ``pyl2.path.Interrupted``, with the ``path`` as far as it has come, if an
        epoch had been trained.

    References
    ----------
    J. Friedman, T. Hastie, R. Tibshirani, Regularization paths for generalized linear models via
    coordinate descent, J. Stat. Softw. 33 (2010) (the path).

    Examples
    --------
    >>> import numpy as np
    >>> from pyl2 import Network, l2_path
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> network = Network((1, 10, 1), seed=0)
    >>> path = l2_path(network, x, np.sin(3 * x), [0, 0.01, 1, 1000], optimizer="lbfgs")
    >>> bool((np.diff(path.data_error) > 0).all() and (np.diff(path.slope) < 0).all())
    True
    >>> bool(path.norms[-1].max() < 1e-3)
    True
    >>> y = np.sin(3 * x) + 0.1 * np.random.default_rng(0).normal(size=x.shape)
    >>> path = l2_path(network, x, y, [1e-3, 0.01, 1], optimizer="lbfgs", evidence=True)
    >>> float(path.l2[path.best_evidence]) < 1, bool((np.diff(path.n_effective) < 0).all())
    (True, True)
    """
    check_option("start", start, STARTS)
    if resume_dir is not None and getattr(model, "random_state", training.get("seed")) is None:
        needed = "random_state" if hasattr(model, "random_state") else "seed"
        raise ValueError(f"resume_dir needs a {needed}: resumed fits must begin as they first did")
    # Not called itself: a frame of functools between would be taken for the user's by a warning.
    source = path_source.dispatch(type(model))(
        model,
        X,
        y,
        sample_weight=sample_weight,
        test=test,
        n_threads=n_threads,
        training=training,
    )
    values = _check_l2(source.defaults if l2 is None else l2, start, source.template)
    if check_flag("evidence", evidence):
        check_evidence(source)
    settings = {} if resume_dir is None else {**source.settings(), "l2": values, "start": start}
    path = trace(source, values, start, verbose, Finished(resume_dir, settings))
    if not evidence:
        return path
    try:
        return with_evidence(path, source)
    except KeyboardInterrupt:
        raise Interrupted(path) from None


def trace(
    source: PathSource,
    values: list[float],
    start: str = "same",
    verbose: bool = False,
    kept: Finished = NOTHING,
) -> L2Path:
    """Train a source at each λ, but for the fits that are kept, and look at what λ has done."""
    try:
        with progress(verbose, len(values) * source.epochs) as advance:
            _train(source, values, start, advance, kept)
    except KeyboardInterrupt:
        if not any(session.over or len(session.history) for session in source.sessions):
            raise
        raise Interrupted(describe(source, values)) from None
    return describe(source, values)


def _check_l2(l2: Any, start: str, network: Network) -> list[float]:
    """Return the λs in the order of training."""
    values = penalty.check_l2_grid(l2)
    if start == "warm" and values != sorted(values):
        if values != sorted(values, reverse=True):
            raise ValueError("l2 must ascend or descend with start='warm'")
        if network.hidden:
            raise ValueError(
                "start='warm' must go from small to large l2 where there are hidden layers: at a"
                " large l2 all weights reach 0, a saddle point that training does not leave"
            )
    return values


def path_of(source: PathSource, values: list[float], fits: Sequence[Stored]) -> L2Path:
    """Return the path of fits that are finished, one for each λ."""
    source.train(values, None, silent, fits)
    return describe(source, values)


def kept_fit(kept: Finished, place: int) -> Stored | None:
    """Return the fit at a λ, by its place in the path; None if it is not finished."""
    return kept.load(f"l2-{place}")


def keep_fit(kept: Finished, place: int, fit: Stored) -> None:
    """Keep the fit at a λ, unless it was cut short by ``max_time``."""
    if fit[1]["stopped"] != "max_time":
        kept.save(f"l2-{place}", *fit)


def stored_fit(session: TrainingSession) -> Stored:
    """Return what a training has come to, as it is kept."""
    arrays, meta = history_to_file(session.history)
    diverged = "" if session.diverged is None else str(session.diverged)
    return {"params": session.network.params, **arrays}, {**meta, "diverged": diverged}


def _train(
    source: PathSource, values: list[float], start: str, advance: Progress, kept: Finished
) -> None:
    begin: Array | None = None
    for places in _groups(source, len(values), start, kept):
        fits = [kept_fit(kept, place) for place in places]
        finished = [fit for fit in fits if fit is not None]
        done = len(finished) == len(places)
        source.train([values[i] for i in places], begin, advance, finished if done else None)
        for place, session in zip(places, source.sessions[places.start :], strict=True):
            if not done:
                keep_fit(kept, place, stored_fit(session))
        if start == "warm":
            begin = source.sessions[-1].network.params


def _groups(source: PathSource, count: int, start: str, kept: Finished) -> list[range]:
    """Return which λs are set up at a time: all, unless one goes on from another, or is kept."""
    alone = start == "warm" or (kept.folder is not None and not source.together)
    return [range(i, i + 1) for i in range(count)] if alone else [range(count)]
