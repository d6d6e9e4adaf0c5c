"""ParticleSwarm: the error it minimises, resuming, stopping, topologies, interrupts."""

import copy
import math
import pickle

import numpy as np
import pytest
from sklearn.datasets import load_iris
from test_backprop import interrupted_after

from pyl2 import Backprop, History, Network, ParticleSwarm, _core
from pyl2.swarm import CONSTRICTION, TOPOLOGIES
from pyl2.swarm.particles import StoppingCriteria, Swarm, SwarmParams, draw_links
from pyl2.swarm.trainer import _Errors


def data(rows=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 3))
    return X, np.sin(X.sum(axis=1))


def trainer(dtype=np.float64, **kwargs):
    network = Network((3, 4, 1), dtype=dtype, seed=2)
    return ParticleSwarm(network, **{"particles": 12, "l2": 0.3, "seed": 5} | kwargs)


def iris():
    X, y = load_iris(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


# The error.


@pytest.mark.parametrize("output", ["identity", "logistic", "softmax", "exp"])
@pytest.mark.parametrize("l2", [0.0, 0.7, (0.5, 0.0, 2.0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_error_of_a_particle_is_the_networks(output, l2, weighted):
    rng = np.random.default_rng(1)
    network = Network((4, 5, 3, 3), output=output, seed=0)
    X, Y = rng.normal(size=(40, 4)), rng.dirichlet(np.ones(3), size=40)
    weight = rng.uniform(0.5, 2, 40) if weighted else None
    swarm = ParticleSwarm(network, particles=7, l2=l2, init="fresh", seed=0)
    seen = []

    def note(trainer, history):
        places, values = trainer._swarm.bests.copy(), trainer._swarm.values.copy()
        seen.append((places, values, history.error[-1], history.data_error[-1]))

    history = swarm.train(X, Y, epochs=5, sample_weight=weight, callbacks=note)
    for places, values, error, data_error in seen:
        other = copy.deepcopy(network)
        for place, value in zip(places, values, strict=True):
            other.params = place
            wanted = other.error(X, Y, l2, n="train", sample_weight=weight)
            assert value == pytest.approx(wanted, rel=1e-12)
        other.params = places[values.argmin()]
        assert error == pytest.approx(values.min(), rel=1e-15)
        assert data_error == pytest.approx(other.error(X, Y, sample_weight=weight), rel=1e-12)
    assert (history.penalty[-1] > 0) == (l2 != 0)
    np.testing.assert_array_equal(history.error, history.data_error + history.penalty)


def test_biases_are_in_no_penalty():
    run = trainer(l2=3.0)
    X, y = data()
    history = run.train(X, y, epochs=4)
    squares = sum((W**2).sum() for W in run.network.weights)
    assert history.penalty[-1] == pytest.approx(3.0 / (2 * 60) * squares, rel=1e-12)


def test_the_network_holds_the_best_after_each_epoch():
    X, y = data()
    errors = []
    history = trainer().train(
        X, y, epochs=30, callbacks=lambda t, h: errors.append(t.network.error(X, y, l2=0.3))
    )
    np.testing.assert_allclose(errors, history.error, rtol=1e-12)
    assert (np.diff(history.error) <= 0).all()


def test_history():
    """Mean and diversity as documented; the columns of other trainers are empty."""
    X, y = data()
    run = trainer()
    places = []

    def note(trainer, history):
        places.append((trainer._swarm.positions.copy(), trainer._swarm.place.copy()))

    history = run.train(X, y, epochs=6, callbacks=note)
    known = [places[0][1], *(best for _, best in places[:-1])]
    for epoch, (positions, _) in enumerate(places):
        away = ((positions - known[epoch]) ** 2).sum(axis=1)
        assert history.diversity[epoch] == pytest.approx(math.sqrt(away.mean()), rel=1e-12)
        other = copy.deepcopy(run.network)
        errors = []
        for position in positions:
            other.params = position
            errors.append(other.error(X, y, l2=0.3))
        assert history.mean[epoch] == pytest.approx(np.mean(errors), rel=1e-12)
    assert run.evaluations == 6 * 12
    assert Backprop(run.network).train(X, y, epochs=2).mean.shape == (0,)
    assert (np.diff(history.seconds) >= 0).all()


def test_validation():
    X, y = data()
    held_out = data(20, seed=3)
    run = trainer()
    history = run.train(X, y, epochs=4, validation=held_out)
    assert history.validation_error[-1] == run.network.error(*held_out)
    assert run.train(X, y, epochs=2, validation=lambda net: 7).validation_error.tolist() == [7, 7]


# The same again, and going on.


def settings():
    yield {}
    yield {"dtype": np.float32}
    yield {"topology": "global", **CONSTRICTION}
    yield {"topology": "ring", "inertia": (0.9, 0.4, 10), "v_max": 0.5}
    yield {"l2": (0.1, 2.0), "neighbours": 1, "init": "around"}
    yield {"init": np.random.default_rng(0).normal(size=(12, 21)), "n_iter_no_change": 50}
    yield {"seed": np.random.RandomState(3), "particles": 1}


@pytest.mark.parametrize("parameters", list(settings()))
def test_resumed_is_never_stopped(parameters, tmp_path):
    """In one go, in two calls, and through a file: the same bits."""
    X, y = data()
    runs = [trainer(**copy.deepcopy(parameters)) for _ in range(4)]
    whole = runs[0].train(X, y, epochs=20)
    parts = [run.train(X, y, epochs=8) for run in runs[1:]]
    runs[2].save(tmp_path / "training.pyl2")
    runs[2] = ParticleSwarm.load(tmp_path / "training.pyl2")
    runs[3] = pickle.loads(pickle.dumps(runs[3]))
    for run, part in zip(runs[1:], parts, strict=True):
        rest = run.train(X, y, epochs=12)
        np.testing.assert_array_equal(run.network.params, runs[0].network.params)
        for column in ("error", "penalty", "mean", "diversity"):
            found = [*getattr(part, column), *getattr(rest, column)]
            np.testing.assert_array_equal(found, getattr(whole, column))


def test_saved_before_training(tmp_path):
    X, y = data()
    run = trainer()
    run.save(tmp_path / "training.pyl2")
    again = ParticleSwarm.load(tmp_path / "training.pyl2")
    for swarm in (run, again):
        swarm.train(X, y, epochs=3)
    np.testing.assert_array_equal(run.network.params, again.network.params)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("swarm", "best", 12),
        ("swarm", "moves", -1),
        ("swarm", "seed", 2**64),
        ("swarm", "rng", {}),
        ("parameters", "particles", 11),
        ("parameters", "topology", "star"),
        (None, "evaluations", -1),
    ],
)
def test_damaged_files(part, key, value, tmp_path):
    from pyl2._common import files

    run, path = trainer(), tmp_path / "training.pyl2"
    run.train(*data(), epochs=2)
    run.save(path)
    arrays, meta = files.read(path, "particle_swarm")
    (meta if part is None else meta[part])[key] = value
    files.write(path, "particle_swarm", arrays, meta)
    with pytest.raises(ValueError, match=r"training\.pyl2: the training is damaged"):
        ParticleSwarm.load(path)


@pytest.mark.parametrize("name", ["positions", "velocities", "bests", "links"])
def test_damaged_arrays(name, tmp_path):
    from pyl2._common import files

    run, path = trainer(), tmp_path / "training.pyl2"
    run.train(*data(), epochs=2)
    run.save(path)
    arrays, meta = files.read(path, "particle_swarm")
    arrays[name] = arrays[name] + 12 if name == "links" else arrays[name][:, :-1]
    files.write(path, "particle_swarm", arrays, meta)
    with pytest.raises(ValueError, match="the training is damaged"):
        ParticleSwarm.load(path)


def test_same_seed_same_bits():
    X, y = data()
    a, b, other = (trainer(seed=seed) for seed in (1, 1, 2))
    for run in (a, b, other):
        run.train(X, y, epochs=5)
    np.testing.assert_array_equal(a.network.params, b.network.params)
    assert not np.array_equal(a.network.params, other.network.params)


def test_warm_start_is_never_worse_than_the_network():
    X, y = data()
    network = Network((3, 4, 1), seed=0)
    Backprop(network, "lbfgs", l2=0.3, n="train").train(X, y, epochs=50)
    before = network.error(X, y, l2=0.3)
    history = ParticleSwarm(network, l2=0.3, seed=0).train(X, y, epochs=10)
    assert history.error[0] == pytest.approx(before, rel=1e-14)


def test_where_particles_begin():
    X, y = data()
    starts = {}
    for init in ("warm", "fresh", "around"):
        run = trainer(init=init, particles=400)
        run.network.params += 10
        before = run.network.params.copy()
        run.train(X, y, epochs=1)
        starts[init] = run._swarm.positions, before
    bound = math.sqrt(6 / 7)  # the larger of the two layers' is √(6/5)
    for init, (places, before) in starts.items():
        assert np.array_equal(places[0], before) == (init != "fresh")
        rest = places[1:] - (before if init == "around" else 0)
        assert 0.95 * bound < abs(rest[:, :12]).max() <= bound
        assert bound < abs(rest[:, 12:16]).max() <= math.sqrt(6 / 5)
    given = np.random.default_rng(0).normal(size=(12, 21))
    run = trainer(init=given)
    run.train(X, y, epochs=1)
    np.testing.assert_array_equal(run._swarm.positions, given)


def test_other_data_and_another_lambda_are_looked_at_anew():
    X, y = data()
    run = trainer()
    run.train(X, y, epochs=20)
    run.l2 = 30.0
    history = run.train(X, -y, epochs=1)
    assert history.error[-1] == pytest.approx(run.network.error(X, -y, l2=30.0), rel=1e-12)
    values = []
    for best in run._swarm.bests:
        run.network.params = best
        values.append(run.network.error(X, -y, l2=30.0))
    assert history.error[-1] == pytest.approx(min(values), rel=1e-12)


def test_parameters_changed_between_trainings_join_the_swarm():
    """The hybrid there and back."""
    X, y = data()
    run = trainer(l2=0.1)
    run.train(X, y, epochs=5)
    Backprop(run.network, "lbfgs", l2=0.1, n="train").train(X, y, epochs=100)
    before = run.network.error(X, y, l2=0.1)
    history = run.train(X, y, epochs=3)
    assert history.error[0] <= before * (1 + 1e-14)


# Topologies.


NOBODY = np.empty((5, 0), np.int64)


def leaders(topology, values, links):
    found = np.full(len(values), 99)
    _core.follow(topology, values, links, found)
    return found.tolist()


def test_leaders():
    values = np.array([3.0, 1.0, 2.0, 5.0, 0.5])
    assert leaders("global", values, NOBODY) == [4] * 5
    assert leaders("ring", values, NOBODY) == [4, 1, 1, 4, 4]
    links = np.array([[1, 1], [0, 3], [2, 2], [3, 0], [4, 4]])
    assert leaders("random", values, links) == [1, -1, -1, 1, -1]


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("particles", [1, 2, 3, 30])
def test_leaders_are_the_first_of_the_best_informants(topology, particles):
    rng = np.random.default_rng(particles)
    for values in (rng.integers(4, size=particles) * 1.0, np.full(particles, np.inf)):
        links = draw_links(rng, particles, 3)
        found = leaders(topology, values, links)
        for q in range(particles):
            informants = {
                "random": {q} | {p for p in range(particles) if q in links[p]},
                "global": range(particles),
                "ring": {q, (q - 1) % particles, (q + 1) % particles},
            }[topology]
            best = min(informants, key=lambda p: (values[p], p))
            assert found[q] == (-1 if topology == "random" and best == q else best)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"topology": "star"}, ValueError, "topology must be one of random, global, ring"),
        ({"values": np.zeros(5, np.float32)}, TypeError, "values must be an array of float64"),
        ({"links": np.full((5, 1), 5)}, ValueError, "links must lie between 0 and 4"),
        ({"links": np.full((5, 1), -1)}, ValueError, "links must lie between 0 and 4"),
        ({"links": np.zeros((4, 1), np.int64)}, ValueError, "links must have shape"),
        ({"leader": np.zeros(4, np.int64)}, ValueError, "leader must have shape"),
    ],
)
def test_the_binding_checks_who_follows_whom(change, error, message):
    arguments = {
        "topology": "ring",
        "values": np.zeros(5),
        "links": NOBODY,
        "leader": np.zeros(5, np.int64),
    }
    with pytest.raises(error, match=message):
        _core.follow(**arguments | change)


# Errors.


def test_errors_are_the_sums_of_their_parts():
    parts, errors = np.array([[1.0, 0.5], [2.0, 0.25], [np.inf, 0.0]]), np.zeros(3)
    assert _core.add_parts(parts[:2], errors[:2]) == 1.875
    assert errors.tolist() == [1.5, 2.25, 0.0]
    assert _core.add_parts(parts, errors) == np.inf
    assert math.isnan(_core.add_parts(parts[:0], errors[:0]))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"parts": np.zeros((2, 3))}, ValueError, "parts must have shape"),
        ({"parts": np.zeros((2, 2), "f")}, TypeError, "parts must be an array of float64"),
        ({"errors": np.zeros(3)}, ValueError, "errors must have shape"),
        ({"errors": np.zeros(4)[::2]}, ValueError, "errors must be C-contiguous"),
    ],
)
def test_the_binding_checks_parts(change, error, message):
    with pytest.raises(error, match=message):
        _core.add_parts(**{"parts": np.zeros((2, 2)), "errors": np.zeros(2)} | change)


# Best places.


@pytest.mark.parametrize("dtype", ["f", "d"])
def test_only_what_is_better_is_kept(dtype):
    x, bests = np.arange(8, dtype=dtype).reshape(4, 2), np.full((4, 2), -1, dtype)
    values = np.array([1.0, 2.0, np.inf, 3.0])
    found = np.array([1.0, 0.5, np.nan, 0.5])
    assert _core.Mover(dtype).keep(found, x, values, bests, 0) == 1
    assert values.tolist() == [1.0, 0.5, np.inf, 0.5]
    assert bests.tolist() == [[-1, -1], [2, 3], [-1, -1], [6, 7]]
    assert _core.Mover(dtype).keep(found, x, values, bests, 3) == 3


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"found": np.zeros(3)}, ValueError, "found must have shape"),
        ({"x": np.zeros((2, 3), "f")}, TypeError, "x must be an array of float64"),
        ({"values": np.zeros(3)}, ValueError, "values must have shape"),
        ({"bests": np.zeros((2, 4))}, ValueError, "bests must have shape"),
        ({"best": 2}, ValueError, "best must lie between 0 and 1, got 2"),
        ({"best": -1}, ValueError, "best must lie between 0 and 1, got -1"),
    ],
)
def test_the_binding_checks_what_is_kept(change, error, message):
    arguments = {
        "found": np.zeros(2),
        "x": np.zeros((2, 3)),
        "values": np.zeros(2),
        "bests": np.zeros((2, 3)),
        "best": 0,
    }
    with pytest.raises(error, match=message):
        _core.Mover("d").keep(**arguments | change)


def test_links_are_spread_evenly():
    links = draw_links(np.random.default_rng(0), 10, 3)
    assert links.shape == (10, 3)
    many = draw_links(np.random.default_rng(0), 10, 10_000)
    assert abs(np.bincount(many.ravel(), minlength=10) - 10_000).max() < 500


@pytest.mark.parametrize("improved", [True, False])
def test_links_are_drawn_again_when_the_best_did_not_improve(improved):
    rng = np.random.default_rng(0)
    swarm = Swarm(rng.normal(size=(10, 2)), np.zeros((10, 2)), rng)
    ticks = iter(range(100))

    def value(places):
        return np.full(len(places), -1.0 * next(ticks) if improved else 1.0)

    swarm.step(value, SwarmParams())
    swarm.step(value, SwarmParams())
    links = swarm._links
    swarm.step(value, SwarmParams())
    assert (swarm._links is links) == improved


def test_falling_inertia():
    rules = SwarmParams(inertia=(0.9, 0.4, 6))
    assert [round(rules.inertia_of(move), 12) for move in (1, 2, 6, 7)] == [0.9, 0.8, 0.4, 0.4]
    assert SwarmParams(inertia=0.5).inertia_of(9) == 0.5


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_topology_learns(topology):
    X, y = iris()
    network = Network((4, 7, 3), output="softmax", seed=0)
    run = ParticleSwarm(network, topology=topology, l2=0.05, seed=0)
    history = run.train(X, y, epochs=150)
    assert history.error[-1] < 0.35 * history.error[0]


# When it ends.


def test_target():
    X, y = data()
    history = trainer(target=0.3).train(X, y, epochs=1000)
    assert history.stopped == "target"
    assert history.error[-1] <= 0.3
    assert (history.error[:-1] > 0.3).all()


def test_budget_of_evaluations():
    """Per call; no epoch begins that would need more."""
    X, y = data()
    run = trainer(max_evaluations=40)
    history = run.train(X, y, epochs=1000)
    assert (history.stopped, len(history), run.evaluations) == ("evaluations", 3, 36)
    history = run.train(X, y, epochs=1000)  # which first evaluates the best places anew
    assert (history.stopped, len(history), run.evaluations) == ("evaluations", 2, 72)


def test_stagnation():
    X, y = data()
    history = trainer(tol=1e3, n_iter_no_change=4).train(X, y, epochs=50)
    assert (history.stopped, len(history)) == ("stagnation", 5)


def test_stagnation_is_counted_over_many_epochs():
    """A slow fall, never more than tol at once, is none."""
    values = iter(np.linspace(10, 0, 101))
    swarm = Swarm(np.zeros((1, 1)), np.zeros((1, 1)), np.random.default_rng(0))
    limits = StoppingCriteria(tol=0.15, n_iter_no_change=5)
    for _ in range(101):
        swarm.step(lambda places: np.array([next(values)]), SwarmParams())
        assert limits.count_iteration(swarm, 0) == ""
    rest = [limits.count_iteration(swarm, 0) for _ in range(5)]
    assert "stagnation" in rest


def test_max_time():
    assert trainer().train(*data(), epochs=10**9, max_time=0.05).stopped == "max_time"


def test_what_ends_it_is_asked_in_order():
    X, y = data()
    every = {
        "target": 1e9,
        "max_evaluations": 12,
        "tol": 1e9,
        "n_iter_no_change": 1,
    }
    order = ["callback", "target", "evaluations", "stagnation", "max_time", "epochs"]
    asked = {"callbacks": lambda trainer, history: True, "max_time": 1e-9, "epochs": 1}
    found = []
    for drop in ("callbacks", "target", "max_evaluations", "n_iter_no_change", "max_time", None):
        run = trainer(**every)
        run.train(X, y, epochs=1)  # the first epoch of all never stagnates
        history = run.train(X, y, **asked)
        found.append(history.stopped)
        every.pop(drop, None)
        asked.pop(drop, None)
    assert found == order


def test_callbacks():
    X, y = data()
    seen = []
    run = trainer()
    history = run.train(
        X,
        y,
        epochs=50,
        callbacks=[
            lambda trainer, history: seen.append((trainer, len(history))),
            lambda trainer, history: len(history) == 4,
        ],
    )
    assert seen == [(run, 1), (run, 2), (run, 3), (run, 4)]
    assert history.stopped == "callback"


@pytest.mark.usefixtures("terminal")
def test_progress_bar(capsys):
    trainer().train(*data(), epochs=3, verbose=True)
    captured = capsys.readouterr()
    assert "3/3" in captured.err
    assert captured.out == ""


# What goes wrong.


def test_a_place_without_a_finite_error_is_infinitely_bad():
    rng = np.random.default_rng(0)
    network = Network((1, 1), output="exp", seed=0)
    places = rng.normal(size=(10, 2))
    places[3:] = 1e6
    places[9] = -1e200
    X, y = rng.normal(size=(20, 1)), np.ones(20)
    run = ParticleSwarm(network, 10, init=places, seed=0)
    history = run.train(X, y, epochs=20)
    assert np.isfinite(history.error).all()
    assert np.isfinite(history.mean).all()
    assert (np.diff(history.error) <= 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_swarm_that_flies_apart_keeps_what_it_has_found(dtype):
    X, y = data()
    run = trainer(dtype, inertia=4.0)
    history = run.train(X, y, epochs=700)
    assert np.isfinite(history.error).all()
    assert np.isfinite(run.network.params).all()
    assert np.isnan(history.mean[-1])


@pytest.mark.filterwarnings("ignore:X is not scaled:UserWarning")
def test_no_finite_error_at_all():
    network = Network((1, 1), output="exp", seed=0)
    before = network.params.copy()
    with pytest.raises(ValueError, match=r"no particle has a finite error, with l2=0\.0"):
        ParticleSwarm(network).train([[1e300], [-1e300]], [1.0, 1.0], epochs=5)
    np.testing.assert_array_equal(network.params, before)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"particles": 0}, ValueError, "particles must be at least 1, got 0"),
        ({"particles": 1.5}, TypeError, "particles must be a whole number"),
        ({"l2": -1}, ValueError, "l2 must be a finite number"),
        ({"l2": [0.1]}, ValueError, r"l2 must be a number or have one per layer \(2\)"),
        ({"topology": "star"}, ValueError, "topology must be one of random, global, ring"),
        ({"neighbours": 0}, ValueError, "neighbours must be at least 1"),
        ({"inertia": (0.9, 0.4)}, ValueError, r"inertia must be a number or \(first"),
        ({"inertia": (0.9, -0.4, 3)}, ValueError, r"inertia\[1\] must be"),
        ({"inertia": math.nan}, ValueError, "inertia must be a finite number"),
        ({"c1": -1}, ValueError, "c1 must be"),
        ({"c2": "2"}, TypeError, "c2 must be a number"),
        ({"v_max": 0}, ValueError, "v_max must be > 0"),
        ({"v_max": [1, 2]}, ValueError, r"v_max must be a number or have shape \(21,\)"),
        ({"init": "cold"}, ValueError, "init must be one of warm, fresh, around"),
        ({"init": np.zeros((3, 21))}, ValueError, r"init must have shape \(12, 21\)"),
        ({"init": np.full((12, 21), np.nan)}, ValueError, "init contains NaN"),
        ({"target": math.nan}, ValueError, "target must be a finite number"),
        ({"max_evaluations": 11}, ValueError, r"max_evaluations must be at least particles \(12\)"),
        ({"tol": -1}, ValueError, "tol must be"),
        ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change must be at least 1"),
        ({"seed": -1}, ValueError, "seed must not be negative"),
    ],
)
def test_parameters_are_checked(parameters, error, message):
    with pytest.raises(error, match=message):
        trainer(**parameters)


def test_parameters_are_checked_again_by_train():
    run = trainer()
    run.topology = "star"
    with pytest.raises(ValueError, match="topology"):
        run.train(*data())
    run.topology = "ring"
    run.train(*data(), epochs=1)
    run.particles = 13
    with pytest.raises(ValueError, match="particles cannot change once training has begun: 12"):
        run.train(*data())
    with pytest.raises(TypeError, match="network must be a Network"):
        ParticleSwarm("net")


def test_data_are_checked():
    X, y = data()
    with pytest.raises(ValueError, match="X has 2 features"):
        trainer().train(X[:, :2], y)
    with pytest.raises(ValueError, match="X contains NaN"):
        trainer().train(X * np.nan, y)
    with pytest.raises(ValueError, match="epochs must be at least 1"):
        trainer().train(X, y, epochs=0)
    with pytest.raises(ValueError, match="validation must be"):
        trainer().train(X, y, validation=X)


def test_a_second_trainer_is_refused():
    X, y = data()
    run = trainer()

    def meddle(trainer, history):
        with pytest.raises(RuntimeError, match="being trained already"):
            Backprop(run.network).train(X, y)

    run.train(X, y, epochs=1, callbacks=meddle)


def test_an_exception_leaves_a_usable_swarm():
    """And the run that goes on is that of one which was never disturbed."""
    X, y = data()
    run, undisturbed = trainer(), trainer()

    def fail(trainer, history):
        if len(history) == 3:
            raise KeyError("from the callback")

    with pytest.raises(KeyError, match="from the callback"):
        run.train(X, y, callbacks=fail)
    assert len(run.history) == 3
    run.train(X, y, epochs=4)
    undisturbed.train(X, y, epochs=7)
    np.testing.assert_array_equal(run.network.params, undisturbed.network.params)


def test_an_evaluation_cut_short_is_made_up_for(monkeypatch):
    X, y = data()
    run, undisturbed = trainer(), trainer()
    whole, calls = _Errors.__call__, []

    def cut(self, places):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return whole(self, places)

    with monkeypatch.context() as patch:
        patch.setattr(_Errors, "__call__", cut)
        with pytest.raises(KeyboardInterrupt):
            run.train(X, y, epochs=10)
    run.train(X, y, epochs=4)
    undisturbed.train(X, y, epochs=7)
    np.testing.assert_array_equal(run.network.params, undisturbed.network.params)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 30))
    network = Network((30, 50, 1), seed=0)
    run = ParticleSwarm(network, 100, seed=0)
    late = interrupted_after(0.3, lambda: run.train(X, X[:, 0], epochs=10_000))
    assert late < 2  # 0.1 on an idle machine
    assert np.isfinite(network.params).all()
    run.train(X[:100], X[:100, 0], epochs=1)


# What it is for.


def test_iris_at_several_lambdas():
    """Weights shrink with λ; accuracy as the literature has it for 4-7-3 nets, 95 % and more."""
    X, y = iris()
    norms, accuracies = [], []
    for l2 in (0.01, 0.3, 10.0):
        network = Network((4, 7, 3), output="softmax", seed=0)
        ParticleSwarm(network, l2=l2, seed=0).train(X, y, epochs=300)
        norms.append(sum((W**2).sum() for W in network.weights))
        accuracies.append((network.predict(X).argmax(axis=1) == y).mean())
    assert norms[0] > norms[1] > norms[2]
    assert min(accuracies[:2]) > 0.95


def test_a_fit_grows_smoother_with_lambda():
    rng = np.random.default_rng(0)
    X = np.sort(rng.uniform(-2, 2, 30))[:, None]
    y = np.sin(2 * X[:, 0]) + 0.3 * rng.normal(size=30)
    grid = np.linspace(-2, 2, 400)[:, None]
    norms, bends = [], []
    for l2 in (0.001, 0.1, 3.0):
        network = Network((1, 8, 1), seed=0)
        ParticleSwarm(network, l2=l2, seed=0).train(X, y, epochs=1000)
        norms.append(sum((W**2).sum() for W in network.weights))
        bends.append((np.diff(network.predict(grid)[:, 0], 2) ** 2).sum())
    assert norms[0] > norms[1] > norms[2]
    assert bends[0] > bends[1] > bends[2]


def test_backprop_goes_on_from_what_the_swarm_found():
    """The hybrid: one network, one error, two trainers."""
    X, y = data()
    network = Network((3, 6, 1), seed=0)
    swarm = ParticleSwarm(network, l2=0.1, seed=0).train(X, y, epochs=50)
    history = Backprop(network, "lbfgs", l2=0.1, n="train").train(X, y, epochs=100)
    assert history.error[0] < swarm.error[-1]
    assert isinstance(swarm, History)
