"""What the ensembles share: candidates, their selection, and the networks that it leads to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, NamedTuple, cast

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.model_selection import KFold, StratifiedKFold, check_cv
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from pyl2._common import threads
from pyl2._common.dataset import check_features
from pyl2._common.progress import progress
from pyl2._common.scaling import warn_if_unscaled
from pyl2._common.validation import Array, check_integer, check_pair, check_real, shown
from pyl2._common.warn import warn
from pyl2.ensemble import Ensemble
from pyl2.estimators._sklearn_compat import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    check_parameters,
)
from pyl2.estimators.base import (
    BaseMLP,
    FitRows,
    check_numbers,
    named_error,
    refuse_lost,
    validated_inputs,
    validated_rows,
)
from pyl2.estimators.callbacks import Trainings
from pyl2.estimators.candidates import Candidate, Split, Task, Trained, pack_size, train_all
from pyl2.estimators.ensemble_selection import Selection, greedy, mean_error
from pyl2.estimators.exports import Exports
from pyl2.export.layers import Model, layers
from pyl2.network import Network

SELECTIONS = ("greedy", "equal", "bagging")
SOLVERS = ("lbfgs", "sgd", "adam", "adamw", "rmsprop", "nadam")

_FOLDS = 5
_STAGES = 2  # candidates, members
_MOST_SEED = 2**31 - 1
_MOST = 10**6  # candidates, members of one, rounds
# The least that is left of the out-of-fold error where a spread is taken off.
LEAST_NOISE = 0.2

# What a candidate's training depends on, but for the rows.
_OF_TRAINING = (
    "hidden_layer_sizes",
    "activation",
    "alphas",
    "folds",
    "solver",
    "learning_rate_init",
    "batch_size",
    "max_iter",
    "tol",
    "init",
    "dropout",
    "input_dropout",
)


@dataclass
class Library:
    """Candidates that have been trained, and what the further ones will be.

    Attributes
    ----------
    seeds : tuple of int
        Of the folds or bootstraps, the λs, the candidates, the members.
    parameters : dict
        What the trainings depended on, as text.
    y : ndarray
        The targets.
    columns : int
        Of X.
    trained : dict
        The networks of each candidate, one for each split.
    """

    seeds: tuple[int, ...]
    parameters: dict[str, str]
    y: Array
    columns: int
    trained: dict[int, list[Trained | None]] = field(default_factory=dict)


class Chosen(NamedTuple):
    """Candidates after the selection: the error of each, and of the mean with their shares."""

    errors: list[float]
    shares: Array
    prediction: Array
    path: Array


class BaseEnsemble(Exports, CallbackSupportMixin, BaseEstimator):  # type: ignore[misc]
    """What the two estimators share; each says how targets become numbers and back."""

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 (scikit-learn's convention)
        **{
            name: BaseMLP._parameter_constraints[name]
            for name in (
                "hidden_layer_sizes",
                "activation",
                "batch_size",
                "learning_rate_init",
                "max_iter",
                "random_state",
                "tol",
                "init",
                "dropout",
                "input_dropout",
                "verbose",
                "max_time",
                "n_threads",
            )
        },
        "candidates": [Interval(Integral, 1, None, closed="left")],
        "alphas": ["array-like"],
        "folds": ["cv_object"],
        "members": [Interval(Integral, 0, None, closed="left")],
        "select": [StrOptions(set(SELECTIONS))],
        "rounds": [Interval(Integral, 1, None, closed="left")],
        "solver": [StrOptions(set(SOLVERS))],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
    }

    networks_: list[Network]
    weights_: Array
    _library: Library
    _numeric_targets = False
    _plain_class: Any

    def __init__(
        self,
        *,
        hidden_layer_sizes: Any,
        activation: Any,
        candidates: int,
        alphas: Any,
        folds: Any,
        members: int,
        select: str,
        rounds: int,
        solver: str,
        learning_rate_init: float,
        batch_size: Any,
        max_iter: int,
        tol: float,
        init: Any,
        dropout: Any,
        input_dropout: float,
        max_time: float | None,
        warm_start: bool,
        random_state: Any,
        n_threads: int | None,
        n_jobs: int | None,
        verbose: Any,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.candidates = candidates
        self.alphas = alphas
        self.folds = folds
        self.members = members
        self.select = select
        self.rounds = rounds
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.init = init
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.max_time = max_time
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_threads = n_threads
        self.n_jobs = n_jobs
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _validate_params(self) -> None:
        check_numbers(self)
        super()._validate_params()

    # What each estimator says.

    def _targets(self, model: BaseMLP, labels: Array, weight: Array | None, dtype: Any) -> Array:
        """Return the targets as networks take them."""
        raise NotImplementedError

    def _conclude(self, rows: FitRows, chosen: Chosen, of_folds: bool) -> None:
        """Set the attributes that the two do not share."""
        raise NotImplementedError

    # Fitting.

    def _fit(self, X: Any, y: Any, sample_weight: Any, groups: Any) -> None:
        model, limits = self._model(), self._limits()
        first = not (self.warm_start and hasattr(self, "_library"))
        X, labels, sample_weight = validated_rows(
            self, X, y, sample_weight, first, self._numeric_targets
        )
        targets = self._targets(model, labels, sample_weight, X.dtype)
        model._set_outputs(targets)
        rows = FitRows(X, targets, labels, sample_weight, None, True)
        library = self._begun(rows, first)
        splits = self._splits(rows, library, groups)
        candidates = self._drawn(library, limits)
        warn_if_unscaled(check_features(rows.X, rows.X.shape[1], rows.X.dtype))
        report = Trainings(self, X, y, sample_weight, _STAGES)
        interrupted = self._train_candidates(model, rows, library, splits, candidates, report)
        chosen = self._choose(model, rows, library, splits)
        members: list[tuple[Trained, float]] = []
        if not (interrupted or report.stopped or self.select == "bagging"):
            members = self._train_members(model, rows, library, candidates, chosen, report)
        self._publish(library, candidates, chosen, members or _of_folds(library, chosen))
        self._conclude(rows, chosen, of_folds=not members)
        self.__dict__.pop("_library", None)
        if self.warm_start:
            self._library = library
        report.finish()

    def _model(self) -> BaseMLP:
        """Return the estimator of one network, λ and seed aside, with its parameters checked."""
        model: BaseMLP = self._plain_class(
            hidden_layer_sizes=self.hidden_layer_sizes,
            activation=self.activation,
            solver=self.solver,
            learning_rate_init=self.learning_rate_init,
            batch_size=self.batch_size,
            max_iter=self.max_iter,
            tol=self.tol,
            init=self.init,
            dropout=self.dropout,
            input_dropout=self.input_dropout,
            n_threads=self.n_threads,
            n="train",
        )
        check_parameters(model)
        threads.count(self.n_threads)
        for name in ("candidates", "members", "rounds"):
            check_integer(name, getattr(self, name), 0, _MOST)
        return model

    def _limits(self) -> tuple[float, float]:
        low, high = check_pair("alphas", _listed(self.alphas), "a pair (least, most) of λs")
        least = check_real("alphas[0]", low, 0, open_low=True)
        return least, check_real("alphas[1]", high, least)

    def _begun(self, rows: FitRows, first: bool) -> Library:
        """Return the candidates that go on, or none as yet."""
        parameters = {name: repr(getattr(self, name)) for name in _OF_TRAINING}
        parameters["bagging"] = repr(self.select == "bagging")
        if first:
            rng = check_random_state(self.random_state)
            seeds = tuple(int(seed) for seed in rng.randint(_MOST_SEED, size=4))
            return Library(seeds, parameters, rows.y, rows.X.shape[1])
        library = self._library
        for name, value in parameters.items():
            if library.parameters[name] != value:
                raise ValueError(
                    f"warm_start keeps candidates that were trained with {name}="
                    f"{library.parameters[name]}, got {value}: set warm_start=False to start afresh"
                )
        if not np.array_equal(library.y, rows.y):
            raise ValueError("warm_start adds candidates on the same rows: y has changed")
        if len(library.trained) > self.candidates:
            raise ValueError(
                f"candidates must be at least the {len(library.trained)} that warm_start keeps,"
                f" got {self.candidates}"
            )
        return library

    def _drawn(self, library: Library, limits: tuple[float, float]) -> list[tuple[float, int]]:
        """Return λ and seed of each candidate; the first are the same however many there are."""
        count = self.candidates
        _, of_alphas, of_candidates, _ = library.seeds
        low, high = np.log(limits)
        alphas = np.exp(np.random.RandomState(of_alphas).uniform(low, high, count))
        seeds = np.random.RandomState(of_candidates).randint(_MOST_SEED, size=count)
        return list(zip(alphas.clip(*limits).tolist(), seeds.tolist(), strict=True))

    def _splits(self, rows: FitRows, library: Library, groups: Any) -> list[Split]:
        """Return the folds, or for bagging a bootstrap for each candidate."""
        count, seed = rows.X.shape[0], library.seeds[0]
        if self.select == "bagging":
            rng = np.random.RandomState(seed)
            return [_bootstrap(rng, count) for _ in range(self.candidates)]
        given = shown(self.folds)
        with named_error(f"folds={given}"):
            splitter = self._splitter(rows, seed)
            found = list(splitter.split(np.zeros(count), rows.labels, groups))
        held_out = [np.arange(count)[test] for _, test in found]
        every = np.sort(np.concatenate([[], *held_out]))
        if not np.array_equal(every, np.arange(count)):
            raise ValueError(f"folds must hold out each row once, which folds={given} does not")
        return [
            Split(np.arange(count)[train], None, test)
            for (train, _), test in zip(found, held_out, strict=True)
        ]

    def _splitter(self, rows: FitRows, seed: int) -> Any:
        folds = _FOLDS if self.folds is None else self.folds
        if not isinstance(folds, Integral):
            return check_cv(folds, rows.labels, classifier=is_classifier(self))
        stratified = is_classifier(self) and rows.labels.ndim == 1
        kind = StratifiedKFold if stratified else KFold
        return kind(int(folds), shuffle=True, random_state=seed)

    def _train_candidates(
        self,
        model: BaseMLP,
        rows: FitRows,
        library: Library,
        splits: list[Split],
        candidates: list[tuple[float, int]],
        report: Trainings,
    ) -> bool:
        """Train those that are missing; return whether they were interrupted."""
        missing = [i for i in range(len(candidates)) if i not in library.trained]
        bagging = self.select == "bagging"
        packs = _packs(missing, 1 if bagging else pack_size(model))
        own = [[splits[pack[0]]] if bagging else splits for pack in packs]
        tasks, places = [], []
        for number, pack in enumerate(packs):
            alphas, seeds = zip(*(candidates[i] for i in pack), strict=True)
            for split in own[number]:
                tasks.append(Task(alphas, seeds, split))
                places.append(number)
        found: dict[int, list[Trained | None]] = {}
        interrupted = False
        try:
            begins = _Clock(self.max_time, places, report).begins
            self._train(model, rows, tasks, found, begins, report, "candidates")
        except KeyboardInterrupt:
            interrupted = True
        at = 0
        for pack, its_splits in zip(packs, own, strict=True):
            parts = [found.get(place) for place in range(at, at + len(its_splits))]
            at += len(its_splits)
            if all(part is not None for part in parts):
                for j, i in enumerate(pack):
                    library.trained[i] = [part[j] for part in parts if part is not None]
        if interrupted and not library.trained:
            raise KeyboardInterrupt
        if interrupted:
            warn(
                f"Training interrupted by user: the ensemble is of the {len(library.trained)}"
                " candidates that were trained."
            )
        return interrupted

    def _train(
        self,
        model: BaseMLP,
        rows: FitRows,
        tasks: list[Task],
        found: dict[int, list[Trained | None]],
        begins: Callable[[int], bool],
        report: Trainings,
        stage: str,
    ) -> None:
        count = sum(len(task.seeds) for task in tasks)
        with progress(self.verbose, count, unit="training") as advance, report.stage(stage, count):

            def ended(error: float) -> None:
                advance(error)
                report.ended()

            train_all(model, rows, tasks, found, begins, ended, self.n_jobs)

    def _choose(
        self, model: BaseMLP, rows: FitRows, library: Library, splits: list[Split]
    ) -> Chosen:
        """Select, by the predictions of the rows held out."""
        output = str(model.out_activation_)

        def error(predicted: Array, known: Any = slice(None)) -> float:
            weight = None if rows.sample_weight is None else rows.sample_weight[known]
            return mean_error(predicted, rows.y[known], output, weight)

        shape = rows.X.shape[0], int(model.n_outputs_)
        indices = sorted(library.trained)
        if self.select == "bagging":
            parts = [[splits[i]] for i in indices]
        else:
            parts = [splits] * len(indices)
        predictions = [
            _held_out(shape, library.trained[i], own) for i, own in zip(indices, parts, strict=True)
        ]
        sound = [None not in library.trained[i] for i in indices]
        if not any(sound):
            raise ValueError(
                f"the training of every candidate has diverged, with alphas={self.alphas} and"
                f" learning_rate_init={self.learning_rate_init}: scaled inputs (StandardScaler)"
                " or a smaller learning rate help"
            )
        errors = [
            _error_of(one, error) if good else np.nan
            for one, good in zip(predictions, sound, strict=True)
        ]
        if self.select == "greedy":
            picked: Selection = greedy(predictions, error, self.rounds)
            shares, path = picked.counts / picked.counts.sum(), picked.errors
            mean = sum(share * one for share, one in zip(shares, predictions, strict=True) if share)
        else:
            shares = np.array(sound) / sum(sound)
            mean = _mean_known([one for one, good in zip(predictions, sound, strict=True) if good])
            path = np.array([_error_of(mean, error)])
        every = np.zeros(self.candidates)
        every[indices] = shares
        of_every = np.full(self.candidates, np.nan)
        of_every[indices] = errors
        return Chosen(of_every.tolist(), every, np.asarray(mean), path)

    def _train_members(
        self,
        model: BaseMLP,
        rows: FitRows,
        library: Library,
        candidates: list[tuple[float, int]],
        chosen: Chosen,
        report: Trainings,
    ) -> list[tuple[Trained, float]]:
        """Train what was selected on all rows; return nothing where the folds' networks stay."""
        if not self.members:
            return []
        rng = np.random.RandomState(library.seeds[3])
        seeds = rng.randint(_MOST_SEED, size=(self.candidates, self.members))
        wanted = [
            (candidates[i][0], int(seed), chosen.shares[i] / self.members)
            for i in np.flatnonzero(chosen.shares)
            for seed in seeds[i]
        ]
        packs = _packs(wanted, pack_size(model))
        tasks = [Task([one[0] for one in pack], [one[1] for one in pack], None) for pack in packs]
        found: dict[int, list[Trained | None]] = {}
        try:
            self._train(model, rows, tasks, found, lambda _: not report.stopped, report, "members")
        except KeyboardInterrupt:
            warn("Training interrupted by user: the networks of the folds are the ensemble.")
            return []
        if len(found) < len(tasks):  # a callback has asked to stop
            return []
        made = [fitted for place in range(len(tasks)) for fitted in found[place]]
        kept = [
            (fitted, share)
            for fitted, (_, _, share) in zip(made, wanted, strict=True)
            if fitted is not None
        ]
        if len(kept) < len(wanted):
            warn(f"{len(wanted) - len(kept)} of {len(wanted)} networks diverged and are left out")
        return kept

    def _publish(
        self,
        library: Library,
        candidates: list[tuple[float, int]],
        chosen: Chosen,
        networks: Sequence[tuple[Trained, float]],
    ) -> None:
        weights = np.array([share for _, share in networks])
        self.networks_ = [fitted.network for fitted, _ in networks]
        self.weights_ = weights / weights.sum()
        self.score_path_ = -chosen.path
        self.candidates_ = [
            Candidate(*candidates[i], float(-np.nan_to_num(chosen.errors[i], nan=np.inf)), share)
            for i, share in enumerate(chosen.shares.tolist())
            if i in library.trained
        ]
        trained = [fitted for row in library.trained.values() for fitted in row if fitted]
        trained += [fitted for fitted, _ in networks]
        self.n_iter_ = max(fitted.iterations for fitted in trained)

    # Predicting.

    def _exported(self) -> Model:
        check_is_fitted(self, "networks_")
        members = [layers(network) for network in self.networks_]
        return Model(members, self.weights_.tolist())

    def _moments(self, X: Any) -> tuple[Array, Array]:
        """Return mean and variance of the networks' outputs."""
        check_is_fitted(self, "networks_")
        ensemble = Ensemble(self.networks_, self.weights_)
        X = validated_inputs(self, X, ensemble.dtype)
        with np.errstate(all="ignore"):  # what overflows is NaN, and an error of its own
            mean, spread = ensemble.moments(X, threads.count(self.n_threads))
        return refuse_lost(mean), spread


class _Clock:
    """Which tasks begin in time, and before a callback asks to stop.

    Of a pack all or none do; of the first pack all.
    """

    def __init__(self, max_time: float | None, places: list[int], report: Trainings) -> None:
        self._report = report
        self._end = np.inf if max_time is None else time.perf_counter() + max_time
        self._places = places
        self._begun: dict[int, bool] = {}

    def begins(self, place: int) -> bool:
        """Return whether a task may begin; asked again, of a pack, the answer is the same."""
        pack = self._places[place]
        in_time = time.perf_counter() < self._end and not self._report.stopped
        return self._begun.setdefault(pack, pack == 0 or in_time)


def _listed(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _packs(entries: Sequence[Any], size: int) -> list[Any]:
    return [entries[at : at + size] for at in range(0, len(entries), size)]


def _bootstrap(rng: Any, rows: int) -> Split:
    """Return rows drawn with replacement, each once with its count, and those not drawn."""
    counts = np.bincount(rng.randint(rows, size=rows), minlength=rows)
    train = np.flatnonzero(counts)
    return Split(train, counts[train], np.flatnonzero(counts == 0))


def _held_out(shape: tuple[int, int], trained: list[Trained | None], splits: list[Split]) -> Array:
    """Return a candidate's predictions of the rows that it was not trained on; NaN elsewhere."""
    found = np.full(shape, np.nan)
    for fitted, split in zip(trained, splits, strict=True):
        if fitted is not None:
            found[split.test] = fitted.outputs
    return found


def _mean_known(predictions: list[Array]) -> Array:
    """Return the mean of predictions where there are any; NaN where there are none."""
    known = sum(~np.isnan(one[:, :1]) for one in predictions)
    total = sum(np.where(np.isnan(one), 0.0, one) for one in predictions)
    with np.errstate(invalid="ignore"):
        return cast(Array, total / known)


def _error_of(predicted: Array, error: Callable[..., float]) -> float:
    """Return the error on the rows that have a prediction."""
    known = ~np.isnan(predicted).any(axis=1)
    if known.all():
        return error(predicted)
    try:
        return error(predicted[known], known)
    except (ValueError, ZeroDivisionError):  # none, or none of them with a weight
        return float("nan")


def _of_folds(library: Library, chosen: Chosen) -> list[tuple[Trained, float]]:
    """Return the networks of the folds, or of the bootstraps, with their shares."""
    return [
        (fitted, chosen.shares[i] / len(library.trained[i]))
        for i in np.flatnonzero(chosen.shares).tolist()
        for fitted in library.trained[i]
        if fitted is not None
    ]
