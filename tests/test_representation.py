"""What objects look like at a prompt, in one line, and in a notebook, as a table."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from pyl2 import Backprop, History, Network, ParticleSwarm, compare, l2_path

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.tanh(X[:, :1])


def network():
    return Network((3, 4, 1), seed=0)


def history(trainer=Backprop, epochs=9, **keywords):
    return trainer(network(), **keywords).train(X, Y, epochs=epochs)


def path(**keywords):
    return l2_path(network(), X, Y, [0.1, 1.0], epochs=2, **keywords)


def comparison():
    return compare(X, Y, network(), methods=["sgd", "adam"], evaluations=40, seeds=2)


SHOWN = {
    "network": (network, ["Network((3, 4, 1)"], 2),
    "history": (history, ["History(9 epochs, error="], 6),
    "short history": (lambda: history(epochs=4), ["History(4 epochs"], 4),
    "no history": (History, ["History(0 epochs)"], 0),
    "history of a swarm": (lambda: history(ParticleSwarm, particles=4), ["History(9"], 6),
    "path": (lambda: path(test=0.3), ["L2Path(2 λ from 0.1 to 1, 3-4-1", "best test R²"], 2),
    "path without test": (path, ["L2Path(2 λ from 0.1 to 1, 3-4-1)"], 2),
    "comparison": (comparison, ["Comparison(4 runs of sgd, adam; lowest E"], 2),
    "backprop": (
        lambda: Backprop(network(), "adam", l2=[0.1, 0.2], n="train", batch_size=None),
        ["Backprop(Network((3, 4, 1)", "optimizer='adam'", "eta=", "l2=[0.1, 0.2]", "n='train'"],
        None,
    ),
    "swarm": (
        lambda: ParticleSwarm(network(), particles=7, l2=0.5),
        ["ParticleSwarm(Network((3, 4, 1)", "particles=7", "l2=0.5"],
        None,
    ),
}


class Rows(HTMLParser):
    """Counts rows, and sees that tags are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.rows = [], 0

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.rows += tag == "tr"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", SHOWN)
def test_representations(name):
    make, words, rows = SHOWN[name]
    found = make()
    line = repr(found)
    assert "\n" not in line
    assert len(line) < 250
    for word in words:
        assert word in line
    assert not re.search(r"tol=|n_threads=|shuffle=|schedule=", line)  # those are the defaults
    if rows is None:
        return
    parser = Rows()
    parser.feed(found._repr_html_())
    assert parser.open == []
    assert parser.rows == rows + 1  # with the headings


def test_a_trainer_is_made_again_of_its_line():
    trainer = Backprop(network(), "momentum", eta=0.2, l2=0.5, momentum=0.8, early_stopping=True)
    line = repr(trainer).replace("dtype=float64", "dtype='float64'")
    again = eval(line, {"Backprop": Backprop, "Network": Network})
    assert repr(again) == repr(trainer)


def test_a_history_as_a_frame():
    pytest.importorskip("pandas")
    found = history().to_frame()
    assert list(found.columns) == ["error", "data_error", "penalty", "eta", "l2", "seconds"]
    assert len(found) == 9
    swarm = history(ParticleSwarm, particles=4)
    frame = swarm.to_frame()
    np.testing.assert_array_equal(frame["diversity"], swarm.diversity)
    assert len(History().to_frame()) == 0
