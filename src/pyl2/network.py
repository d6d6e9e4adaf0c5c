"""Network: a multilayer perceptron, its parameters in one vector."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from pyl2._common import files, initial, keywords, penalty, random
from pyl2._common.activations import check_activations, is_one
from pyl2._common.dataset import Dataset, Matrix, check_dataset
from pyl2._common.files import PathLike
from pyl2._common.initial import Initial, check_init
from pyl2._common.named import Named, name_of
from pyl2._common.outputs import Objective, check_objective
from pyl2._common.validation import (
    Array,
    check_array,
    check_dtype,
    check_entries,
    check_integer,
    kept,
)
from pyl2._engine import Engine
from pyl2.export.c import to_c
from pyl2.export.layers import Model, layers
from pyl2.export.onnx import to_onnx
from pyl2.export.torch import from_torch, to_torch


class Network:
    """A fully connected network with its output's loss.

    Each layer computes a' = f(a W + b).  The parameters are one contiguous vector W_1 … W_L,
    b_1 … b_L; ``weights`` and ``biases`` are views of it.

    Parameters
    ----------
    layer_sizes : sequence of int
        Inputs, units of each hidden layer, outputs; each at least 1.
    hidden : str, tuple (str, float) or sequence of such, default="tanh"
        Activation of the hidden layers, one for all or one for each: "identity", "logistic",
        "tanh", "relu", "leaky_relu" (slope 0.01), "elu" (α = 1), "selu", "softplus", "silu",
        "gelu", "gelu_tanh" or "mish".  The number in brackets is given with the name:
        ("leaky_relu", 0.1), with a slope from 0 to 1, or α from 0 to 1000.
    output : {"identity", "logistic", "softmax", "exp"}, default="identity"
        The output, and with it the loss of an item: identity with squared error, halved and summed
        over outputs; logistic with binary cross-entropy, summed over outputs; softmax with
        cross-entropy; exp with Poisson's loss (half the deviance).
    dtype : {numpy.float64, numpy.float32}, default=numpy.float64
        Type of the parameters and of all that is computed with them; sums for errors are float64.
    seed : None, int, numpy.random.Generator or numpy.random.RandomState, default=None
        Where the initial weights and biases come from.
    loss : str or tuple (str, float), optional
        A loss by its name, or with its number a pair; by default the output's own: "squared_error",
        "log_loss" or "poisson".  Of numbers y with predictions ŷ, r = y − ŷ, summed over outputs:
        with identity "huber" (δ = 1: ½r² where ``|r| ≤ δ``, else ``δ(|r| − ½δ)``),
        "absolute_error" (``|r|``) and "quantile" (q = 0.5: q r where r ≥ 0, else (q − 1) r); with
        exp "gamma" (y/ŷ − log(y/ŷ) − 1, half the deviance, for y > 0).
    label_smoothing : float, default=0.0
        ε in [0, 1): targets y of softmax are taken for (1 − ε) y + ε/k, k being the classes; of
        logistic outputs for (1 − ε) y + ε/2.
    init : {"glorot", "he", "lecun"} or callable, default="glorot"
        The rule for them.  "glorot": weights and biases uniform within ±√(6 / (fan_in + fan_out)),
        for a logistic layer ±√(2 / (fan_in + fan_out)).  "he" and "lecun": weights normal of
        variance 2 / fan_in and 1 / fan_in, biases 0; the first suits the relu family, the second
        selu.  Or ``f(layer, fan_in, fan_out, rng)``, layers counted from 0, that returns (W, b) of
        shapes (fan_in, fan_out) and (fan_out,).

    Attributes
    ----------
    params : ndarray of shape (n_params,)
        All parameters.  Assigning copies into it, so views stay views.
    weights : tuple of ndarray, each of shape (fan_in, fan_out)
        Writable views of ``params``.
    biases : tuple of ndarray, each of shape (fan_out,)
        Writable views of ``params``.

    Raises
    ------
    ValueError, TypeError
        If a size, an activation or its number, the output, the loss, the dtype, the seed or the
        rule of the initial weights is not one of the above.
    MemoryError
        If the parameters do not fit in memory.

    References
    ----------
    X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks,
    AISTATS 2010, section 4.2 (the initial weights, in scikit-learn's form).
    K. He, X. Zhang, S. Ren, J. Sun, Delving deep into rectifiers, ICCV 2015, equation 10 ("he").
    D. Hendrycks, K. Gimpel, Gaussian error linear units, arXiv 1606.08415 (gelu, silu).
    G. Klambauer et al., Self-normalizing neural networks, NIPS 2017 (selu, with "lecun").
    D. Misra, Mish: a self regularized non-monotonic activation function, BMVC 2020.
    P. Huber, Robust estimation of a location parameter, Ann. Math. Statistics 35 (1964).
    R. Koenker, G. Bassett, Regression quantiles, Econometrica 46 (1978).
    C. Szegedy et al., Rethinking the Inception architecture, CVPR 2016 (label smoothing).
    Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, Efficient BackProp, 1998, section 4.6 ("lecun").

    Examples
    --------
    >>> from pyl2 import Network
    >>> network = Network((2, 3, 1), hidden="relu", seed=0)
    >>> network.params.shape, [W.shape for W in network.weights]
    ((13,), [(2, 3), (3, 1)])
    >>> network.predict([[0.5, -0.5], [1.0, 2.0]]).shape
    (2, 1)
    """

    @keywords.checked
    def __init__(
        self,
        layer_sizes: Sequence[int],
        hidden: Named | Sequence[Named] = "tanh",
        output: str = "identity",
        dtype: DTypeLike = np.float64,
        seed: Any = None,
        *,
        loss: Named | None = None,
        label_smoothing: float = 0.0,
        init: Initial = "glorot",
    ) -> None:
        rng, self._init = random.make_rng(seed), check_init(init)
        engine = _check_shape(layer_sizes, hidden, (output, loss, label_smoothing), dtype)
        self._adopt(engine, engine.empty_params())
        initialise(self, rng, (*self.hidden, self.output), init)

    _init: Initial = "glorot"

    def _adopt(self, engine: Engine, params: Array) -> None:
        """Take a shape and its vector of parameters, and lay out the views."""
        self._engine, self._params = engine, params
        weights, biases = [], []
        weight, bias = 0, engine.n_weights
        for fan_in, fan_out in pairwise(engine.layer_sizes):
            weights.append(params[weight : weight + fan_in * fan_out].reshape(fan_in, fan_out))
            biases.append(params[bias : bias + fan_out])
            weight += fan_in * fan_out
            bias += fan_out
        self._weights, self._biases = tuple(weights), tuple(biases)

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Inputs, units of each hidden layer, outputs."""
        return self._engine.layer_sizes

    @property
    def hidden(self) -> tuple[Named, ...]:
        """The activation of each hidden layer, with its number where that is not the usual one."""
        return self._engine.hidden

    @property
    def output(self) -> str:
        """The output."""
        return self._engine.objective.output

    @property
    def loss(self) -> Named:
        """The loss, with its number where that is not the usual one."""
        return self._engine.objective.loss

    @property
    def label_smoothing(self) -> float:
        """How far labels are smoothed, from 0 to 1."""
        return self._engine.objective.label_smoothing

    @property
    def init(self) -> Initial:
        """The rule for initial parameters, by which networks of this shape begin anew too."""
        return self._init

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the parameters."""
        return self._params.dtype

    @property
    def params(self) -> Array:
        """All parameters, W_1 … W_L, then b_1 … b_L."""
        return self._params

    @params.setter
    def params(self, value: ArrayLike) -> None:
        array = check_array("params", value, self.dtype, 1)
        if array.shape != self._params.shape:
            raise ValueError(f"params must have shape {self._params.shape}, got {array.shape}")
        self._params[...] = array

    @property
    def weights(self) -> tuple[Array, ...]:
        """Views of the weights of each layer, (fan_in, fan_out)."""
        return self._weights

    @property
    def biases(self) -> tuple[Array, ...]:
        """Views of the biases of each layer, (fan_out,)."""
        return self._biases

    def predict(self, X: Matrix) -> Array:
        """Return the outputs for each row of X.

        The fast path for a few rows: X is converted if it must be, but not searched for NaN,
        which passes on to the outputs.  So does what overflows: inputs near the largest number of
        the type may come out as infinity or NaN.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (rows, inputs)
            May have no rows.

        Returns
        -------
        ndarray of shape (rows, outputs)
            Predictions of the network's dtype: means, or probabilities.

        Raises
        ------
        ValueError, TypeError
            If X has another shape or no real numbers.

        Examples
        --------
        >>> from pyl2 import Network
        >>> Network((2, 3), output="softmax", seed=0).predict([[0.0, 1.0]]).sum().round(12)
        np.float64(1.0)
        """
        return self._engine.predict(self._params, X)

    def activations(self, X: Matrix) -> list[Array]:
        """Return the output of each layer for each row of X; the last is ``predict(X)``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (rows, inputs)

        Returns
        -------
        list of ndarray, each of shape (rows, units)

        Raises
        ------
        ValueError, TypeError
            As ``predict``.

        Examples
        --------
        >>> from pyl2 import Network
        >>> [a.shape for a in Network((2, 5, 1), seed=0).activations([[0.0, 1.0]])]
        [(1, 5), (1, 1)]
        """
        return self._engine.activations(self._params, X)

    def error(
        self,
        X: Matrix,
        Y: ArrayLike,
        l2: float | Sequence[float] = 0.0,
        n: str | float = "batch",
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return the penalized error E = E₀ + R on all rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (rows, inputs)
        Y : array-like of shape (rows, outputs), (rows,) with one output, or class indices (rows,)
            Targets; class indices are whole numbers and go with softmax.
        l2 : float or sequence of float, default=0.0
            λ ≥ 0, one for all layers or one for each.
        n : {"batch", "train"} or float, default="batch"
            What λ is divided by; "batch" and "train" both mean the sum of the sample weights here.
        sample_weight : array-like of shape (rows,), optional
            Not negative; 1 each where not given.

        Returns
        -------
        float
            E₀ + Σ_l λ_l ‖W_l‖² / 2n.  With ``l2=0`` it is E₀.

        Raises
        ------
        ValueError, TypeError
            If shapes or types do not fit, numbers are not finite, targets are none the loss can
            have, or λ or n are out of range.

        Examples
        --------
        >>> from pyl2 import Network
        >>> network = Network((1, 1), seed=0)
        >>> network.params = [2.0, 0.0]
        >>> network.error([[1.0], [1.0]], [1.0, 3.0]), network.error([[1.0]], [2.0], l2=0.1)
        (0.5, 0.2)
        """
        dataset, rates = self._penalized(X, Y, l2, n, sample_weight)
        return float(sum(self._engine.error(self._params, dataset, rates)))

    def gradient(
        self,
        X: Matrix,
        Y: ArrayLike,
        l2: float | Sequence[float] = 0.0,
        n: str | float = "batch",
        sample_weight: ArrayLike | None = None,
    ) -> Array:
        """Return ∂E/∂params of ``error`` with the same arguments, laid out as ``params``.

        Parameters
        ----------
        X, Y, l2, n, sample_weight
            As for ``error``.

        Returns
        -------
        ndarray of shape (n_params,)
            The penalty's part, (λ/n) W, is in the weights alone.

        Raises
        ------
        ValueError, TypeError
            As ``error``.

        Examples
        --------
        >>> from pyl2 import Network
        >>> network = Network((1, 1), seed=0)
        >>> network.params = [2.0, 0.0]
        >>> network.gradient([[1.0]], [1.0], l2=0.25)
        array([1.5, 1. ])
        """
        dataset, rates = self._penalized(X, Y, l2, n, sample_weight)
        grad = np.empty_like(self._params)
        self._engine.gradient(self._params, dataset, rates, grad)
        return grad

    def input_gradient(self, X: Matrix) -> Array:
        """Return the derivative of each output by each input, for each row of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (rows, inputs)

        Returns
        -------
        ndarray of shape (rows, outputs, inputs)
            ∂ŷ_j/∂x_i of the predictions (after softmax and the like).

        Raises
        ------
        ValueError, TypeError
            As ``predict``.

        Examples
        --------
        >>> from pyl2 import Network
        >>> network = Network((2, 1), seed=0)
        >>> bool((network.input_gradient([[0.0, 0.0]])[0] == network.weights[0].T).all())
        True
        """
        return self._engine.input_gradient(self._params, X)

    def jacobian(self, X: Matrix) -> Array:
        """Return the derivative of each output before its link by each parameter, row by row.

        Computed in float64.  It takes 8 · rows · outputs · n_params bytes: for few rows.

        Parameters
        ----------
        X : array-like of shape (rows, inputs)
            Dense.

        Returns
        -------
        ndarray of float64, of shape (rows, outputs, n_params)
            ∂z_j/∂params, z being the logits: predictions before softmax and the like.

        Raises
        ------
        ValueError, TypeError
            As ``predict``; TypeError, too, if X is sparse.

        Examples
        --------
        >>> from pyl2 import Network
        >>> Network((2, 1), seed=0).jacobian([[0.5, -2.0]])
        array([[[ 0.5, -2. ,  1. ]]])
        """
        wide = in_float64(self)
        return wide._engine.jacobian(wide.params, X)

    def gauss_newton(
        self, X: Matrix, Y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[float, Array, Array]:
        """Return E₀ on all rows, its gradient, and its Gauss–Newton matrix, in float64.

        The matrix is G = Σ sᵢ JᵢᵀΛᵢJᵢ / Σ sᵢ: J is the ``jacobian``, Λ the curvature of the loss in
        the logits.  It is the Hessian of E₀ without what the residuals add, and never indefinite.

        Parameters
        ----------
        X : array-like of shape (rows, inputs)
            Dense.
        Y : array-like of shape (rows, outputs), (rows,) with one output, or class indices (rows,)
        sample_weight : array-like of shape (rows,), optional
            Not negative; 1 each where not given.

        Returns
        -------
        error : float
        gradient : ndarray of float64, of shape (n_params,)
        matrix : ndarray of float64, of shape (n_params, n_params)
            Symmetric to the bit.

        Raises
        ------
        ValueError, TypeError
            As ``error``; TypeError, too, if X is sparse; ValueError, too, if the loss is none of
            "squared_error", "log_loss" and "poisson": those of the others have kinks, or a
            curvature that depends on the targets.
        MemoryError
            If 8 · n_params² bytes do not fit in memory.

        References
        ----------
        N. Schraudolph, Fast curvature matrix-vector products for second-order gradient descent,
        Neural Computation 14 (2002).

        Examples
        --------
        >>> from pyl2 import Network
        >>> network = Network((1, 1), seed=0)
        >>> network.params = [2.0, 0.0]
        >>> error, gradient, matrix = network.gauss_newton([[1.0], [3.0]], [2.0, 7.0])
        >>> error, gradient
        (0.25, array([-1.5, -0.5]))
        >>> matrix
        array([[5., 2.],
               [2., 1.]])
        """
        wide = in_float64(self)
        dataset = check_dataset(X, Y, sample_weight, wide)
        gradient, matrix = np.empty(wide.params.size), np.empty((wide.params.size,) * 2)
        rates = np.zeros(len(self._weights))
        error, _ = wide._engine.gauss_newton(wide.params, dataset, rates, gradient, matrix)
        return error, gradient, matrix

    def save(self, path: PathLike) -> None:
        """Write the network to a file, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            A safetensors file; what it held is replaced, its permissions are kept.

        Raises
        ------
        OSError
            If it cannot be written.

        Examples
        --------
        >>> import tempfile, os
        >>> from pyl2 import Network
        >>> network = Network((2, 1), seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     network.save(os.path.join(folder, "net.pyl2"))
        ...     again = Network.load(os.path.join(folder, "net.pyl2"))
        >>> bool((again.params == network.params).all())
        True
        """
        files.write(path, "network", *to_file(self))

    @classmethod
    def load(cls, path: PathLike) -> Network:
        """Read a network from a file that ``save`` wrote; no code of the file is run.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        Network

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            If it is no file of a network, or is damaged.
        """
        return from_file(*files.read(path, "network"))

    def to_onnx(self, path: PathLike | None = None) -> Any:
        """Return the network as an ONNX model, or write it to a file.

        It needs onnx: ``pip install 'pyl2[onnx]'``.

        Parameters
        ----------
        path : str or path-like, optional
            What it held is replaced.

        Returns
        -------
        onnx.ModelProto or None
            Of opset 13, from "X" (rows, inputs) to "Y" (rows, outputs), both of the network's type;
            None where ``path`` is given.

        Raises
        ------
        ImportError
            If onnx is not installed.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> from pyl2 import Network
        >>> model = Network((2, 3, 1), seed=0).to_onnx()  # doctest: +SKIP
        """
        return to_onnx(Model([layers(self)]), path)

    def to_torch(self) -> Any:
        """Return the network as a module of PyTorch, which must be installed.

        Returns
        -------
        torch.nn.Sequential
            Linear layers and activations in turn, the output's (softmax and the like) last, with
            copies of the parameters, in evaluation mode.

        Raises
        ------
        ImportError
            If PyTorch is not installed.

        Examples
        --------
        >>> from pyl2 import Network
        >>> module = Network((2, 3, 1), seed=0).to_torch()  # doctest: +SKIP
        """
        return to_torch(layers(self))

    @classmethod
    def from_torch(cls, module: Any) -> Network:
        """Convert a PyTorch module to a network.

        Parameters
        ----------
        module : torch.nn.Module
            A Linear layer, or a Sequential of such and activations that there are here, nested or
            not; all of float32 or float64.  Dropout, which does nothing in prediction, is left out.
            A last layer without activation is an identity output; Sigmoid is "logistic", Softmax
            over the columns "softmax".

        Returns
        -------
        Network
            With copies of the parameters; biases are 0 where a layer has none.

        Raises
        ------
        ImportError
            If PyTorch is not installed.
        TypeError
            If it is no module.
        ValueError
            If a module in it has no equivalent in pyl2; the message names it.

        Examples
        --------
        >>> from pyl2 import Network
        >>> network = Network((2, 3, 1), seed=0)
        >>> again = Network.from_torch(network.to_torch())  # doctest: +SKIP
        """
        found = from_torch(module)
        hidden = cast("tuple[str, ...]", found.hidden)
        network = empty_network(found.sizes, hidden, check_objective(found.output), found.dtype)
        network.params = found.params
        return network

    def to_c(self, path: PathLike | None = None, name: str | None = None) -> str | None:
        """Return the network as the text of a C header, or write it to a file.

        It is C99 with the parameters as constants, needs math.h alone, allocates nothing and fits
        small machines; it computes one row in the network's type.

        Parameters
        ----------
        path : str or path-like, optional
            What it held is replaced.
        name : str, optional
            What all names in it begin with; by default the file's, or "model".

        Returns
        -------
        str or None
            None where ``path`` is given.  ``NAME_predict(x, y)`` takes ``NAME_INPUTS`` numbers and
            sets ``NAME_OUTPUTS``.

        Raises
        ------
        ValueError
            If a parameter is not finite, or C does not allow the name.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> from pyl2 import Network
        >>> header = Network((2, 1), seed=0).to_c(name="sum")
        >>> "static inline void sum_predict(const double x[2], double y[1])" in header
        True
        """
        return to_c(Model([layers(self)]), path, name)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_weights", "_biases")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._adopt(self._engine, self._params)

    def _repr_html_(self) -> str:
        from pyl2._common import text_table

        grid = text_table.table_with("layer", "inputs", "units", "function", "parameters", "‖W‖")
        parts = zip(self.weights, self.biases, (*self.hidden, self.output), strict=True)
        for layer, (W, b, name) in enumerate(parts):
            norm = float(np.linalg.norm(W.astype(np.float64)))
            numbers = (W.shape[0], W.shape[1], name, f"{W.size + b.size:,}", f"{norm:.4g}")
            grid.add_row(str(layer + 1), *map(str, numbers))
        return text_table.notebook(repr(self), grid)

    def __repr__(self) -> str:
        objective = self._engine.objective
        more = "" if objective.canonical else f" loss={self.loss!r},"
        if self.label_smoothing:
            more += f" label_smoothing={self.label_smoothing},"
        return (
            f"Network({self.layer_sizes}, hidden={self.hidden}, output={self.output!r},{more}"
            f" dtype={self.dtype})"
        )

    def _penalized(
        self, X: Matrix, Y: ArrayLike, lam: Any, n: Any, sample_weight: ArrayLike | None
    ) -> tuple[Dataset, Array]:
        """Check a data set and a penalty on it; return it with λ/n of each layer."""
        dataset = check_dataset(X, Y, sample_weight, self)
        per_layer = penalty.per_layer(lam, len(self._weights))
        divisor = penalty.divisor(penalty.check_n(n), dataset.weight_sum)
        return dataset, np.array(penalty.rates(per_layer, divisor))


def engine_of(network: Network) -> Engine:
    """Return the engine of a network's shape, for all that is computed with other parameters."""
    return network._engine


def empty_network(
    layer_sizes: Sequence[int],
    hidden: Named | Sequence[Named],
    objective: Objective,
    dtype: DTypeLike,
) -> Network:
    """Return a network whose parameters are yet to be filled."""
    return _of_engine(_check_shape(layer_sizes, hidden, objective, dtype))


def _of_engine(engine: Engine, init: Initial = "glorot") -> Network:
    network = Network.__new__(Network)
    network._init = init
    network._adopt(engine, engine.empty_params())
    return network


def fresh_network(template: Network, seed: Any) -> Network:
    """Return a network of the same shape that begins anew."""
    network = _of_engine(template._engine.renewed(), template.init)
    activations = *network.hidden, network.output
    initialise(network, random.make_rng(seed), activations, network.init)
    return network


def copy_network(template: Network, params: Array) -> Network:
    """Return a network of the same shape with a copy of the parameters."""
    network = _of_engine(template._engine.renewed(), template.init)
    network.params = params
    return network


def logits_network(template: Network) -> Network:
    """Return a copy in float64 whose predictions are the outputs before their link."""
    objective = check_objective("identity")
    return _renewed(template, objective=objective, dtype=np.float64)


def _renewed(template: Network, **changes: Any) -> Network:
    network = _of_engine(template._engine.renewed(**changes), template.init)
    network.params = template.params
    return network


def in_float64(network: Network) -> Network:
    """Return the network, or a copy of float64 of one of float32."""
    if network.dtype == np.float64:
        return network
    return _renewed(network, dtype=np.float64)


def _check_shape(
    layer_sizes: Sequence[int],
    hidden: Named | Sequence[Named],
    objective: tuple[Any, Any, Any],
    dtype: DTypeLike,
) -> Engine:
    """Check the description of a network, and return the engine for it."""
    wanted = "a sequence of inputs, units of each hidden layer and outputs, such as (4, 3, 1)"
    given = check_entries("layer_sizes", layer_sizes, wanted)
    sizes = tuple(check_integer("layer_sizes", size, 1) for size in given)
    names = _activations(hidden, len(sizes) - 2)
    number = check_dtype("dtype", dtype)
    return Engine(sizes, names, check_objective(*objective), number)


def _activations(hidden: Any, layers: int) -> tuple[Named, ...]:
    """Return the activation of each hidden layer, of one for all or one for each."""
    checked = check_activations("hidden", hidden)
    return tuple(checked * max(layers, 0) if is_one(hidden) else checked)


def initialise(
    network: Network, rng: random.Rng, activations: Sequence[Named], init: Initial = "glorot"
) -> None:
    """Draw the parameters; each layer's bound goes by its entry of `activations`."""
    layers = zip(network.weights, network.biases, activations, strict=True)
    for layer, (W, b, activation) in enumerate(layers):
        initial.draw(init, rng, layer, W, b, name_of(activation))


def initial_bounds(network: Network, activations: Sequence[Named]) -> list[float]:
    """Return how large the initial parameters of each layer may be by scikit-learn's rule."""
    layers = zip(network.weights, activations, strict=True)
    return [initial.bound(W, name_of(activation)) for W, activation in layers]


def to_file(network: Network) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays and the JSON values of a network's file."""
    meta = {
        "layer_sizes": list(network.layer_sizes),
        "hidden": files.plain(network.hidden),
        "output": network.output,
        "loss": files.plain(network.loss),
        "label_smoothing": network.label_smoothing,
        "init": network.init if isinstance(network.init, str) else None,
    }
    return {"params": network.params}, meta


def from_file(arrays: dict[str, Array], meta: dict[str, Any]) -> Network:
    """Return the network that ``to_file`` describes; the number of its parameters is checked.

    Raises
    ------
    ValueError
        If the description is damaged.
    """
    try:
        params = kept(arrays, "params", np.ndarray)
        sizes = tuple(kept(meta, "layer_sizes", list))
        hidden = _activations(kept(meta, "hidden", list), len(sizes) - 2)
        # The first files held no loss and no rule; a function that is one stays in its process.
        init = check_init(meta.get("init") or "glorot")
        objective = check_objective(
            kept(meta, "output", str), meta.get("loss"), meta.get("label_smoothing", 0.0)
        )
        engine = Engine(sizes, hidden, objective, check_dtype("dtype", params.dtype))
    except (TypeError, ValueError) as error:
        raise ValueError(f"the file's network is damaged: {error}") from None
    if params.shape != (engine.n_params,):
        raise ValueError(
            f"the file's network is damaged: it has {params.shape} parameters, not"
            f" ({engine.n_params},)"
        )
    network = _of_engine(engine, init)
    network.params[...] = params
    return network
