"""BayesianMLPRegressor: λ by the evidence, and predictions with error bars."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from pyl2._common import files, penalty, threads
from pyl2._common.dataset import check_dataset
from pyl2._common.scaling import warn_if_unscaled
from pyl2._common.validation import Array, check_flag, check_integer, check_real, kept
from pyl2._common.warn import warn
from pyl2.bayes.error_bars import variances
from pyl2.bayes.evidence import BIAS_PRECISION, check_size
from pyl2.estimators._sklearn_compat import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    check_parameters,
    checks_parameters,
)
from pyl2.estimators.base import (
    BaseMLP,
    FitRows,
    check_numbers,
    refuse_lost,
    validated_inputs,
    validated_rows,
)
from pyl2.estimators.callbacks import Trainings
from pyl2.estimators.conversion import to_sklearn
from pyl2.estimators.estimator_file import check_kind, described, restored, vectors
from pyl2.estimators.exports import ExportsNetwork
from pyl2.estimators.regressor import MLPRegressor
from pyl2.estimators.targets import as_targets, by_output, units
from pyl2.estimators.trials import Found, Posterior, Trials
from pyl2.export.layers import Model, layers
from pyl2.network import Network, copy_network, engine_of, from_file, in_float64, to_file

_GRID = np.logspace(-3, 2, 6)
_MOST_SEED = 2**31 - 1
_MOST_RESTARTS = 10**6
# Beyond this share of the targets' number too many parameters are determined by them.
_FEW_LEFT = 0.8

_KIND = "bayesian_regressor"
_F64 = np.dtype(np.float64)


class BayesianMLPRegressor(
    RegressorMixin,  # type: ignore[misc]
    ExportsNetwork,
    CallbackSupportMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Multilayer perceptron regressor whose λ is chosen by the evidence, with error bars.

    For smooth units (tanh), few rows, or where error bars are wanted.  With relu, or where there
    are seconds to spare for folds, ``MLPRegressorCV`` chooses a better λ: the evidence ranks λ as
    the test does only if the model is nearly right, and it prefers too large a λ elsewhere.

    L2 is a Gaussian prior of the weights.  From the same initial weights a network is trained at
    each λ of a grid, then at √10 times the best λ and at the best λ/√10, and where a parabola
    through these three is highest; that of the greatest log evidence is the model.  No rows are set
    aside.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(20,)
        Units of each hidden layer; () is a linear model.  At most 5,000 parameters.
    activation : str or sequence of str, default="tanh"
        Of the hidden layers, one for all or one for each: "identity", "logistic", "tanh", "relu" or
        another of ``Network``, alone or with its number, such as ("leaky_relu", 0.1).
    alphas : array-like of shape (n_alphas,), default=None
        Grid of λ > 0, which is divided by the sum of the sample weights; None is 6 values from 1e-3
        to 100.  A grid of one λ is that λ, without a search.
    per_layer : bool, default=False
        Whether each layer has a λ of its own, searched by coordinates on the same grid: several
        times as many trainings.  It gains where there are inputs that do not matter.
    solver : {"lbfgs", "lm"}, default="lbfgs"
        As for MLPRegressor; "lm" (Levenberg–Marquardt) is faster for few weights and a tight fit.
    n_restarts : int, default=1
        Number of initial weights the search is repeated from; the best by evidence is kept.
        It is not for choosing widths: the evidence prefers few units.
    max_iter : int, default=500
        Most iterations of each training.
    tol : float, default=1e-4
        Largest component of the gradient to reach.
    init : {"glorot", "he", "lecun"} or callable, default="glorot"
        The rule for initial weights and biases, as for MLPRegressor.  Its loss is the squared
        error, of which the evidence is.
    bias_precision : float, default=0.1
        Precision > 0 of a prior of the hidden biases, in the evidence alone: training knows none.
        In the units of standardised inputs.
    normalize_y : bool, default=True
        Whether the network learns (y − mean) / standard deviation; what is said of predictions,
        noise and evidence is in the units of y all the same.
    random_state : None, int or numpy.random.RandomState, default=None
        Where initial weights come from.  With an int those of the first start are MLPRegressor's.
    n_threads : int, optional
        Maximum number of threads: trainings are spread over them, as many at a time as have their
        matrices in 500 MB.  By default as for MLPRegressor.  The results are the same bits for any
        number.
    n_jobs : int, optional
        Trainings at a time, by joblib: None leaves them to the threads, unless
        ``joblib.parallel_config`` says more; -1 is all processors, which the jobs then share.
        Processes pay where a training takes tenths of a second or more, and Python much of it, as
        with lbfgs.  The results are the same bits for any number.
    verbose : bool or int, default=False
        Whether to print λ, log evidence and effective number of parameters of each training.

    Attributes
    ----------
    alpha_ : float, or ndarray of shape (n_layers,) with ``per_layer``
        λ of the greatest log evidence: MLPRegressor's alpha with ``n="train"``, for normalised y.
    noise_variance_ : float, or ndarray of shape (n_outputs,)
        σ², the variance of the noise.
    log_marginal_likelihood_value_ : float
        The log evidence, a natural logarithm.
    n_effective_params_ : float
        γ, the effective number of parameters, biases included.
    alphas_ : ndarray of shape (n_tried,), or (n_tried, n_layers) with ``per_layer``
        Every λ tried from the initial weights that were best, ascending (by the first layer, then
        the second ...).
    log_marginal_likelihood_path_ : ndarray of shape (n_tried,)
        Log evidence of each of these; -inf where training diverged.
    coefs_, intercepts_ : list of ndarray
        Weights (fan_in, fan_out) and biases (fan_out,) of each layer, for normalised y; read-only.
    n_iter_ : int
        Iterations of the training that stayed.
    target_mean_, target_scale_ : ndarray of shape (n_outputs,)
        0 and 1 without ``normalize_y``.
    n_features_in_, feature_names_in_ : int, ndarray of str
        Of the X that it was fitted to; names if it had such.

    See Also
    --------
    Laplace : Evidence and error bars of a network trained by anything.
    MLPRegressorCV : λ by cross-validation.
    MLPRegressorEnsemble : More networks, and smaller errors.

    References
    ----------
    D. MacKay, A practical Bayesian framework for backpropagation networks, Neural Computation 4
    (1992), 448–472.

    Examples
    --------
    >>> import numpy as np
    >>> from pyl2 import BayesianMLPRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (60, 1))
    >>> y = np.sin(3 * X[:, 0]) + rng.normal(0, 0.1, 60)
    >>> model = BayesianMLPRegressor(random_state=0).fit(X, y)
    >>> 0.08 < model.noise_variance_**0.5 < 0.12
    True
    >>> mean, std = model.predict([[0.5], [3.0]], return_std=True)
    >>> bool(abs(mean[0] - np.sin(1.5)) < 2 * std[0]), bool(std[1] > 2 * std[0])
    (True, True)
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 (scikit-learn's convention)
        **{
            name: BaseMLP._parameter_constraints[name]
            for name in (
                "hidden_layer_sizes",
                "activation",
                "max_iter",
                "tol",
                "init",
                "random_state",
                "n_threads",
                "verbose",
            )
        },
        "alphas": ["array-like", None],
        "per_layer": ["boolean"],
        "solver": [StrOptions({"lbfgs", "lm"})],
        "n_restarts": [Interval(Integral, 1, None, closed="left")],
        "bias_precision": [Interval(Real, 0, None, closed="neither")],
        "normalize_y": ["boolean"],
        "n_jobs": [Integral, None],
    }

    _posterior: Posterior

    def __init__(
        self,
        hidden_layer_sizes: Any = (20,),
        activation: Any = "tanh",
        *,
        alphas: Any = None,
        per_layer: bool = False,
        solver: str = "lbfgs",
        n_restarts: int = 1,
        max_iter: int = 500,
        tol: float = 1e-4,
        init: Any = "glorot",
        bias_precision: float = BIAS_PRECISION,
        normalize_y: bool = True,
        random_state: Any = None,
        n_threads: int | None = None,
        n_jobs: int | None = None,
        verbose: Any = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.alphas = alphas
        self.per_layer = per_layer
        self.solver = solver
        self.n_restarts = n_restarts
        self.max_iter = max_iter
        self.tol = tol
        self.init = init
        self.bias_precision = bias_precision
        self.normalize_y = normalize_y
        self.random_state = random_state
        self.n_threads = n_threads
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _validate_params(self) -> None:
        check_numbers(self)
        super()._validate_params()

    @property
    def coefs_(self) -> list[Array]:
        """Weights of each layer."""
        return [_read_only(W) for W in self._model_network().weights]

    @property
    def intercepts_(self) -> list[Array]:
        """Biases of each layer."""
        return [_read_only(b) for b in self._model_network().biases]

    def _model_network(self) -> Network:
        if not hasattr(self, "_posterior"):  # as of any attribute that only a fit sets
            raise AttributeError(f"this {type(self).__name__} is not fitted yet")
        return self._posterior.network

    # Fitting.

    @checks_parameters
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> BayesianMLPRegressor:
        """Fit the model, and choose its λ.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Dense, at least 2 rows.  float32 stays float32, all else becomes float64; the evidence
            is of float64 either way.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n_samples,), optional
            Not negative; 1 each where not given.

        Returns
        -------
        BayesianMLPRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            If the data or a parameter do not fit, the network has more than 5,000 parameters, or
            there is no evidence at any λ because trainings diverge.
        KeyboardInterrupt
            On Ctrl-C; an earlier fit is then as it was, but for its number of features.
        """
        self._fit(X, y, sample_weight)
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
        grid, model = self._grid(), self._model()
        X, labels, sample_weight = validated_rows(
            self, X, y, sample_weight, True, True, accept_sparse=False, ensure_min_samples=2
        )
        targets = labels.astype(np.float64).reshape(len(labels), -1)
        mean, scale = units(targets, sample_weight, self.normalize_y)
        normalised = ((targets - mean) / scale).astype(X.dtype)
        model._set_outputs(normalised)
        model._start(X.shape[1], model._hidden_sizes(), np.float64, check_random_state(0))
        dataset = check_dataset(X, normalised, sample_weight, model._network)
        check_size(model._network, dataset)
        warn_if_unscaled(X)
        rows = FitRows(X, normalised, labels, sample_weight, None, True)
        report = Trainings(self, X, y, sample_weight, None)
        trials = Trials(model, rows, dataset, float(self.bias_precision), self.n_jobs, report)
        with threads.one_blas_thread():
            found = trials.search(grid, self.per_layer, self._seeds(), self.verbose)
            posterior = trials.posterior(found)
        self._take(found, posterior, (mean, scale), dataset.weight_sum)
        self._warn(found, grid, dataset.weight_sum * len(scale))
        report.finish()

    def _grid(self) -> list[float]:
        if self.alphas is None:
            return cast(list[float], _GRID.tolist())
        listed = penalty.check_l2_grid(self.alphas, "alphas")
        return sorted(check_real("alphas", value, 0, open_low=True) for value in listed)

    def _model(self) -> MLPRegressor:
        """Return the estimator of one network, λ and seed aside, with its parameters checked."""
        model = MLPRegressor(
            hidden_layer_sizes=self.hidden_layer_sizes,
            activation=self.activation,
            solver=self.solver,
            max_iter=self.max_iter,
            tol=self.tol,
            init=self.init,
            n_threads=self.n_threads,
            n="train",
        )
        check_parameters(model)
        threads.count(self.n_threads)
        check_integer("n_restarts", self.n_restarts, 1, _MOST_RESTARTS)
        check_real("bias_precision", self.bias_precision, 0, open_low=True)
        return model

    def _seeds(self) -> list[int]:
        """Return where the initial weights of each start come from."""
        rng = check_random_state(self.random_state)
        seeds = [int(seed) for seed in rng.randint(_MOST_SEED, size=self.n_restarts)]
        if isinstance(self.random_state, Integral):
            seeds[0] = int(self.random_state)
        return seeds

    def _take(
        self, found: Found, posterior: Posterior, unit: tuple[Array, Array], mass: float
    ) -> None:
        """Set all that the fit has led to."""
        tried = sorted(found.tried)
        best = found.tried[found.best]
        self.target_mean_, self.target_scale_ = unit
        with np.errstate(all="ignore"):
            self.noise_variance_ = by_output(posterior.noise * self.target_scale_**2)
        # The density of y is that of the normalised targets in other units; of each output one
        # degree of freedom, the flat intercept's, has none.
        shift = (mass - 1) * float(np.log(self.target_scale_).sum())
        self.alpha_ = np.array(found.best) if self.per_layer else found.best[0]
        self.alphas_ = np.array(tried) if self.per_layer else np.array([one[0] for one in tried])
        self.log_marginal_likelihood_path_ = np.array([found.tried[p].score for p in tried]) - shift
        self.log_marginal_likelihood_value_ = best.score - shift
        self.n_effective_params_ = best.n_effective
        self.n_iter_ = best.iterations
        self._posterior = posterior

    def _warn(self, found: Found, grid: list[float], targets: float) -> None:
        best = found.tried[found.best]
        alpha = ", ".join(f"{value:.3g}" for value in dict.fromkeys(found.best))
        if not best.converged:
            warn(
                f"{self.solver} had not converged after {best.iterations} iterations at the alpha"
                f" chosen, {alpha}, and the evidence is of a minimum: more iterations (max_iter="
                f"{self.max_iter}) or scaled data (StandardScaler) may help.",
                ConvergenceWarning,
            )
        edges = [value for value in found.best if not grid[0] < value < grid[-1]]
        if edges and len(grid) > 1:
            warn(
                f"the alpha chosen, {alpha}, is at the edge of alphas, {grid[0]:.3g} to"
                f" {grid[-1]:.3g}: a wider grid may hold a better one"
            )
        if best.n_effective > _FEW_LEFT * targets:
            warn(
                f"{best.n_effective:.1f} effective parameters are determined by {targets:g}"
                " targets: noise_variance_ and error bars rest on few degrees of freedom"
            )

    # Predicting.

    def predict(self, X: ArrayLike, return_std: bool = False) -> Any:
        """Predict targets, with standard deviations if asked for.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Dense.
        return_std : bool, default=False
            Whether to return standard deviations, too.  They hold the noise, √(j A⁻¹ jᵀ + σ²), as
            GaussianProcessRegressor's and BayesianRidge's do.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        std : ndarray of float64, of the same shape
            Where ``return_std``.

        Raises
        ------
        ValueError
            If X does not fit, or holds numbers so large that predictions would be NaN.
        """
        check_is_fitted(self, "alpha_")
        check_flag("return_std", return_std)
        posterior, n_threads = self._posterior, threads.count(self.n_threads)
        network = posterior.network
        X = validated_inputs(self, X, network.dtype, accept_sparse=False)
        outputs = refuse_lost(engine_of(network).predict(network.params, X, n_threads))
        mean = as_targets(outputs * self.target_scale_ + self.target_mean_, network.dtype)
        if not return_std:
            return mean
        spread = variances(in_float64(network), posterior.factor, X, n_threads=n_threads)
        std = np.sqrt(spread + posterior.noise) * self.target_scale_
        return mean, as_targets(std, std.dtype)

    # Out and in.

    def _exported(self) -> Model:
        check_is_fitted(self, "alpha_")
        unit = self.target_mean_, self.target_scale_
        member = layers(self._posterior.network).of_raw_outputs(*unit)
        return Model([member], kind="regressor")

    def to_sklearn(self) -> Any:
        """Convert to scikit-learn's own fitted MLPRegressor.

        Its predictions are the mean's, to rounding: the units of y are folded into the last layer.
        It has no error bars, and is not for further training: ``alpha`` there is ``alpha_``, which
        belongs to normalised targets.

        Returns
        -------
        sklearn.neural_network.MLPRegressor

        Raises
        ------
        ValueError
            If it is not fitted, or has what scikit-learn lacks: an activation or a λ for each
            layer.
        """
        check_is_fitted(self, "alpha_")
        network = self._posterior.network
        folded = copy_network(network, network.params)
        folded.weights[-1][...] *= self.target_scale_
        folded.biases[-1][...] = folded.biases[-1] * self.target_scale_ + self.target_mean_
        model = MLPRegressor(
            hidden_layer_sizes=self.hidden_layer_sizes,
            activation=self.activation,
            solver="lbfgs",
            alpha=self.alpha_,
            max_iter=self.max_iter,
            tol=self.tol,
            random_state=self.random_state,
        )
        model._set_outputs(folded.biases[-1][None])
        model._expose(folded)
        model.n_layers_, model.n_iter_, model.t_ = len(folded.layer_sizes), self.n_iter_, 0
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(model, name, getattr(self, name))
        return to_sklearn(model)

    def save(self, path: files.PathLike) -> None:
        """Write the fitted estimator to a file, whole or not at all.

        Predictions and error bars of what ``load`` reads from it have the same bits.  A parameter
        that is no plain value, as a generator of random numbers, is left out.

        Parameters
        ----------
        path : str or path-like
            A safetensors file; what it held is replaced, its permissions are kept.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        check_is_fitted(self, "alpha_")
        posterior = self._posterior
        arrays, network = to_file(posterior.network)
        arrays |= {
            "factor": posterior.factor[np.tri(len(posterior.factor), dtype=bool)],
            "alphas": np.atleast_2d(self.alphas_.T).T,
            "path": self.log_marginal_likelihood_path_,
            "alpha": np.atleast_1d(self.alpha_),
            "target_mean": self.target_mean_,
            "target_scale": self.target_scale_,
        }
        meta = {
            "network": network,
            "noise": posterior.noise,
            "log_evidence": self.log_marginal_likelihood_value_,
            "n_effective": self.n_effective_params_,
        }
        files.write(path, _KIND, arrays, described(self) | meta)

    @classmethod
    def load(cls, path: files.PathLike) -> BayesianMLPRegressor:
        """Read an estimator from a file that ``save`` wrote; no code of the file is run.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        BayesianMLPRegressor

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            If it is no file of such an estimator, or is damaged.
        """
        arrays, meta = files.read(path, _KIND)
        check_kind(path, cls, meta)
        try:
            network = from_file(arrays, kept(meta, "network", dict))
            found = restored(cls, meta, network.layer_sizes[0])
            found._restore(network, arrays, meta)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: the estimator is damaged: {error}") from None
        return cast(BayesianMLPRegressor, found)

    def _restore(self, network: Network, arrays: dict[str, Array], meta: dict[str, Any]) -> None:
        d, layers, outputs = network.params.size, len(network.weights), network.layer_sizes[-1]
        if network.output != "identity":
            raise ValueError(f"the network's output is {network.output!r}")
        width = layers if self.per_layer else 1
        packed = files.saved_array(arrays, "factor", _F64, (d * (d + 1) // 2,))
        factor = np.zeros((d, d))
        factor[np.tri(d, dtype=bool)] = packed
        if not (np.isfinite(packed).all() and (np.diag(factor) > 0).all()):
            raise ValueError("factor is malformed")
        path = vectors(arrays, "path", 1)
        alphas = files.saved_array(arrays, "alphas", _F64, (len(path), width))
        alpha = files.saved_array(arrays, "alpha", _F64, (width,))
        self.target_mean_ = files.saved_array(arrays, "target_mean", _F64, (outputs,))
        self.target_scale_ = files.saved_array(arrays, "target_scale", _F64, (outputs,))
        noise = check_real("noise", kept(meta, "noise", float), 0, open_low=True)
        with np.errstate(all="ignore"):
            self.noise_variance_ = by_output(noise * self.target_scale_**2)
        self.log_marginal_likelihood_path_ = path
        self.log_marginal_likelihood_value_ = kept(meta, "log_evidence", float)
        self.n_effective_params_ = kept(meta, "n_effective", float)
        self.alphas_ = alphas if self.per_layer else alphas[:, 0]
        self.alpha_ = alpha if self.per_layer else float(alpha[0])
        self._posterior = Posterior(network, factor, noise)


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view
