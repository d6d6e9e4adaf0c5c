from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol, TypeAlias

from numpy import float64, int64
from numpy.typing import NDArray

ACTIVATIONS: tuple[str, ...]
OUTPUTS: tuple[str, ...]
LOSSES: tuple[tuple[str, str], ...]
OPTIMIZERS: tuple[str, ...]
DECAYS: tuple[str, ...]
BOUNDARIES: tuple[str, ...]
TOPOLOGIES: tuple[str, ...]
STATES: dict[str, int]
ISAS: tuple[str, ...]

def get_num_threads() -> int: ...
def set_num_threads(most: int) -> None: ...

_Array: TypeAlias = NDArray[Any]

class _Csr(Protocol):
    @property
    def data(self) -> _Array: ...
    @property
    def indices(self) -> _Array: ...
    @property
    def indptr(self) -> _Array: ...
    @property
    def shape(self) -> tuple[int, ...]: ...

_Features: TypeAlias = _Array | _Csr

def shuffle(order: NDArray[int64], uniform: NDArray[float64]) -> None: ...
def follow(
    topology: str, values: NDArray[float64], links: NDArray[int64], leader: NDArray[int64]
) -> None: ...
def add_parts(parts: NDArray[float64], errors: NDArray[float64]) -> float: ...

class Update:
    layers: int
    def __init__(
        self,
        optimizer: str,
        decay: str,
        eta: float,
        l2: tuple[float, ...],
        n: float = 0.0,
        *,
        momentum: float = 0.9,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        clip_norm: float = 0.0,
        clip_value: float = 0.0,
        average: float = 0.0,
        eta_factors: NDArray[float64] | None = None,
        l2_factors: NDArray[float64] | None = None,
        dropout: tuple[float, ...] | None = None,
        seed: int = 0,
    ) -> None: ...

class Net:
    layer_sizes: tuple[int, ...]
    hidden: tuple[str | tuple[str, float], ...]
    output: str
    dtype: Literal["f", "d"]
    isa: str
    def __init__(
        self,
        layer_sizes: tuple[int, ...],
        hidden: tuple[str | tuple[str, float], ...],
        output: str,
        dtype: str,
        isa: str | None = None,
        *,
        loss: str | tuple[str, float] | None = None,
        label_smoothing: float = 0.0,
    ) -> None: ...
    @property
    def item_bytes(self) -> int: ...
    @property
    def n_params(self) -> int: ...
    @property
    def n_weights(self) -> int: ...
    def predicted(
        self,
        params: _Array,
        x: object,
        make: Callable[..., _Array],
        kind: object,
        n_threads: int = 0,
    ) -> _Array | None: ...
    def predict(self, params: _Array, x: _Features, out: _Array, n_threads: int = 0) -> None: ...
    def activations(
        self, params: _Array, x: _Features, out: _Array, n_threads: int = 0
    ) -> None: ...
    def errors(
        self,
        params: _Array,
        x: _Features,
        y: _Array,
        sample_weight: _Array | None,
        rates: NDArray[float64],
        out: NDArray[float64],
        n_threads: int = 0,
    ) -> None: ...
    def gradient(
        self,
        params: _Array,
        x: _Features,
        y: _Array,
        sample_weight: _Array | None,
        rates: NDArray[float64],
        grad: _Array,
        n_threads: int = 0,
    ) -> tuple[float, float]: ...
    def input_gradient(
        self, params: _Array, x: _Features, out: _Array, n_threads: int = 0
    ) -> None: ...
    def jacobian(self, params: _Array, x: _Features, out: _Array, n_threads: int = 0) -> None: ...
    def gauss_newton(
        self,
        params: _Array,
        x: _Features,
        sample_weight: _Array | None,
        out: _Array,
        n_threads: int = 0,
    ) -> None: ...
    def epoch(
        self,
        params: _Array,
        state: _Array,
        steps: NDArray[int64],
        x: _Features,
        y: _Array,
        sample_weight: _Array | None,
        order: NDArray[int64] | None,
        batch_size: int,
        updates: Iterable[Update],
        out: NDArray[float64],
        n_threads: int = 0,
    ) -> bool: ...

class Mover:
    dtype: Literal["f", "d"]
    isa: str
    def __init__(self, dtype: str, isa: str | None = None) -> None: ...
    def keep(
        self,
        found: NDArray[float64],
        x: _Array,
        values: NDArray[float64],
        bests: _Array,
        best: int,
    ) -> int: ...
    def move(
        self,
        x: _Array,
        v: _Array,
        best: _Array,
        leader: NDArray[int64],
        centre: _Array,
        distance: NDArray[float64],
        inertia: float,
        c1: float,
        c2: float,
        seed: int,
        iteration: int,
        *,
        v_max: _Array | None = None,
        boundary: str = "none",
        lower: _Array | None = None,
        upper: _Array | None = None,
    ) -> float: ...

class TrainingLock:
    def __enter__(self) -> None: ...
    def __exit__(self, *raised: object) -> None: ...
