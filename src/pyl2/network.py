"""Network: a multilayer perceptron, its parameters in one vector."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from pyl2 import _core, checks, files, generators, keywords, l2, threads
from pyl2.checks import Array, Items, Matrix
from pyl2.files import PathLike

ACTIVATIONS = _core.ACTIVATIONS
_LETTERS = {np.dtype(np.float32): "f", np.dtype(np.float64): "d"}


class Network:
    """A fully connected network with its output's loss.

    Each layer computes a' = f(a W + b).  The parameters are one contiguous vector W_1 … W_L,
    b_1 … b_L; ``weights`` and ``biases`` are views of it.

    Parameters
    ----------
    layer_sizes : sequence of int
        Inputs, units of each hidden layer, outputs; each at least 1.
    hidden : str or sequence of str, default="tanh"
        Activation of the hidden layers, one for all or one for each: "identity", "logistic",
        "tanh" or "relu".
    output : {"identity", "logistic", "softmax", "exp"}, default="identity"
        The output, and with it the loss of an item: identity with squared error, halved and summed
        over outputs; logistic with binary cross-entropy, summed over outputs; softmax with
        cross-entropy; exp with Poisson's loss (half the deviance).
    dtype : {numpy.float64, numpy.float32}, default=numpy.float64
        Type of the parameters and of all that is computed with them; sums for errors are float64.
    seed : None, int, numpy.random.Generator or numpy.random.RandomState, default=None
        Where the initial weights and biases come from: uniform within ±√(6 / (fan_in + fan_out)),
        for a logistic layer ±√(2 / (fan_in + fan_out)).

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
        If a size, an activation, the output, the dtype or the seed is not one of the above.
    MemoryError
        If the parameters do not fit in memory.

    References
    ----------
    X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks,
    AISTATS 2010, section 4.2 (the initial weights, in scikit-learn's form).

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
        hidden: str | Sequence[str] = "tanh",
        output: str = "identity",
        dtype: DTypeLike = np.float64,
        seed: Any = None,
    ) -> None:
        rng = generators.make(seed)
        self._shape(layer_sizes, hidden, output, dtype)
        self._initialise(rng, (*self.hidden, self.output))

    @classmethod
    def _made(
        cls,
        layer_sizes: Sequence[int],
        hidden: str | Sequence[str],
        output: str,
        dtype: DTypeLike,
    ) -> Network:
        """Make a network whose parameters are yet to be filled."""
        network = cls.__new__(cls)
        network._shape(layer_sizes, hidden, output, dtype)
        return network

    def _shape(
        self, layer_sizes: Sequence[int], hidden: str | Sequence[str], output: str, dtype: DTypeLike
    ) -> None:
        """Check the description of a network and make room for its parameters."""
        wanted = "a sequence of inputs, units of each hidden layer and outputs, such as (4, 3, 1)"
        given = checks.entries("layer_sizes", layer_sizes, wanted)
        sizes = tuple(checks.whole("layer_sizes", size, 1) for size in given)
        names = _activations(hidden, len(sizes) - 2)
        found = _dtype(dtype)
        checks.choice("output", output, _core.OUTPUTS)
        net = _core.Net(sizes, names, output, _LETTERS[found])
        self._adopt(net, np.empty(net.n_params, found))

    def _adopt(self, net: _core.Net, params: Array) -> None:
        """Take a shape and its vector of parameters, and lay out the views."""
        self._net = net
        self._params = params
        self._turn = _core.Turn()
        self._threads = threads.count(None)
        weights, biases = [], []
        weight, bias = 0, net.n_weights
        for fan_in, fan_out in pairwise(net.layer_sizes):
            weights.append(params[weight : weight + fan_in * fan_out].reshape(fan_in, fan_out))
            biases.append(params[bias : bias + fan_out])
            weight += fan_in * fan_out
            bias += fan_out
        self._weights, self._biases = tuple(weights), tuple(biases)

    def _initialise(self, rng: generators.Rng, activations: Sequence[str]) -> None:
        """Draw the parameters; each layer's bound goes by its entry of `activations`."""
        bounds = self._initial_bounds(activations)
        for W, b, bound in zip(self.weights, self.biases, bounds, strict=True):
            W[...] = rng.uniform(-bound, bound, W.shape)
            b[...] = rng.uniform(-bound, bound, b.shape)

    def _initial_bounds(self, activations: Sequence[str]) -> list[float]:
        """Return how large the initial parameters of each layer may be."""
        return [
            math.sqrt((2 if activation == "logistic" else 6) / sum(W.shape))
            for W, activation in zip(self.weights, activations, strict=True)
        ]

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Inputs, units of each hidden layer, outputs."""
        return self._net.layer_sizes

    @property
    def hidden(self) -> tuple[str, ...]:
        """The activation of each hidden layer."""
        return self._net.hidden

    @property
    def output(self) -> str:
        """The output, which goes with its loss."""
        return self._net.output

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
        array = checks.real("params", value, self.dtype, 1)
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
        net, params = self._net, self._params  # each a tenth of a microsecond less than a property
        x = checks.features(X, net.layer_sizes[0], params.dtype)
        out = np.empty((x.shape[0], net.layer_sizes[-1]), params.dtype)
        net.predict(params, x, out, n_threads=self._threads)
        return out

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
        x = checks.features(X, self.layer_sizes[0], self.dtype)
        units = self.layer_sizes[1:]
        ends = list(accumulate(x.shape[0] * count for count in units))
        out = np.empty(ends[-1], self.dtype)
        self._net.activations(self._params, x, out, self._threads)
        layers = zip(np.split(out, ends[:-1]), units, strict=True)
        return [part.reshape(x.shape[0], count) for part, count in layers]

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
        items, rates = self._penalized(X, Y, l2, n, sample_weight)
        return float(sum(self._errors(items, rates)))

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
        items, rates = self._penalized(X, Y, l2, n, sample_weight)
        grad = np.empty_like(self._params)
        self._net.gradient(self._params, *items, rates, grad, self._threads)
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
        x = checks.features(X, self.layer_sizes[0], self.dtype)
        out = np.empty((x.shape[0], self.layer_sizes[-1], self.layer_sizes[0]), self.dtype)
        self._net.input_gradient(self._params, x, out, self._threads)
        return out

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
        files.write(path, "network", *self._to_file())

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
        return cls._from_file(*files.read(path, "network"))

    def _to_file(self) -> tuple[dict[str, Array], dict[str, Any]]:
        meta = {
            "layer_sizes": list(self.layer_sizes),
            "hidden": list(self.hidden),
            "output": self.output,
        }
        return {"params": self._params}, meta

    @classmethod
    def _from_file(cls, arrays: dict[str, Array], meta: dict[str, Any]) -> Network:
        """Make the network that ``_to_file`` told of; the number of its parameters is checked."""
        try:
            params = checks.kept(arrays, "params", np.ndarray)
            sizes = tuple(checks.kept(meta, "layer_sizes", list))
            hidden = _activations(checks.kept(meta, "hidden", list), len(sizes) - 2)
            output = checks.kept(meta, "output", str)
            net = _core.Net(sizes, hidden, output, params.dtype.char)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the file's network is damaged: {error}") from None
        if params.shape != (net.n_params,):
            raise ValueError(
                f"the file's network is damaged: it has {params.shape} parameters, not"
                f" ({net.n_params},)"
            )
        network = cls.__new__(cls)
        network._adopt(net, params.copy())
        return network

    def __getstate__(self) -> dict[str, Any]:
        kept = {k: v for k, v in self.__dict__.items() if k not in _REBUILT}
        net = self._net
        return kept | {"_spec": (net.layer_sizes, net.hidden, net.output, net.dtype)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        net, params = _core.Net(*state.pop("_spec")), state.pop("_params")
        self.__dict__.update(state)
        self._adopt(net, params)

    def __repr__(self) -> str:
        return (
            f"Network({self.layer_sizes}, hidden={self.hidden}, output={self.output!r},"
            f" dtype={self.dtype})"
        )

    def _penalized(
        self, X: Matrix, Y: ArrayLike, lam: Any, n: Any, sample_weight: ArrayLike | None
    ) -> tuple[Items, Array]:
        """Check a data set and a penalty on it."""
        items = checks.items(X, Y, sample_weight, self)
        per_layer = l2.per_layer(lam, len(self._weights))
        return items, np.array(l2.rates(per_layer, l2.divisor(l2.check_n(n), items.mass)))

    def _errors(self, items: Items, rates: Array) -> tuple[float, float]:
        """Return E₀ and R on checked items, λ/n of each layer being in `rates`."""
        out = np.empty((1, 2))
        self._net.errors(self._params[None], *items, rates[None], out, self._threads)
        return float(out[0, 0]), float(out[0, 1])

    @contextmanager
    def _limited(self, n_threads: int | None = None) -> Iterator[None]:
        """Let a limit of threads hold for all that is computed."""
        before, self._threads = self._threads, threads.count(n_threads)
        try:
            yield
        finally:
            self._threads = before


def _activations(hidden: Any, layers: int) -> tuple[str, ...]:
    """Return the activation of each hidden layer, of one for all or one for each."""
    one = isinstance(hidden, str)
    wanted = "the name of an activation, or one for each hidden layer"
    names = [hidden] if one else checks.entries("hidden", hidden, wanted)
    checked = [checks.choice("hidden", name, ACTIVATIONS) for name in names]
    return tuple(checked * max(layers, 0) if one else checked)


def _dtype(dtype: Any) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype)
    except Exception:  # of many kinds: whatever a dtype may be made of can be wrong
        found = None
    if found not in _LETTERS:
        told = checks.shown(dtype) if found is None else str(found)
        raise ValueError(f"dtype must be float32 or float64, got {told}")
    return cast("np.dtype[Any]", found)


_REBUILT = ("_net", "_weights", "_biases", "_turn", "_threads")
