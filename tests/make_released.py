"""Make the files of this version that all later versions must read: tests/released/VERSION.

    python tests/make_released.py

To be run once for each released version whose format, or what stands in it, differs from the last.
`numbers` says what the files must give; test_released.py asks later versions for the same.
"""

import json
from pathlib import Path

import numpy as np

import pyl2
from pyl2 import Backprop, Network, ParticleSwarm
from pyl2.data import model_file, treatment
from pyl2.data.cells import of_numbers

RELEASED = Path(__file__).parent / "released"

X = np.linspace(-1, 1, 36).reshape(12, 3)
Y = np.sin(3 * X[:, :1]) + X[:, 1:2]
EPOCHS = 3


def columns():
    """The rows as a table."""
    return {name: of_numbers(column) for name, column in zip("abc", X.T, strict=True)}


def make(folder):
    """Write a file of each kind."""
    folder.mkdir(parents=True)
    sizes = (3, 4, 1)
    network = Network(sizes, hidden="relu", dtype=np.float32, seed=0)
    network.save(folder / "network.pyl2")
    backprop = Backprop(
        Network(sizes, seed=1), "adam", eta=0.01, l2=0.1, batch_size=5, early_stopping=True, seed=1
    )
    backprop.train(X, Y, EPOCHS, validation=(X, Y))
    backprop.save(folder / "backprop.pyl2")
    swarm = ParticleSwarm(Network(sizes, seed=2), particles=4, l2=0.1, v_max=1.0, seed=2)
    swarm.train(X, Y, EPOCHS)
    swarm.save(folder / "particle_swarm.pyl2")
    treatments = treatment.fit(columns(), treatment.Recipe(keep="abc"))
    schema = model_file.Schema(treatments, "kind", ["no", "yes"])
    model_file.save(folder / "model.pyl2", Network((3, 2), output="softmax", seed=3), schema)
    (folder / "numbers.json").write_text(json.dumps(numbers(folder), indent=1) + "\n")


def numbers(folder):
    """What the files of a folder give: predictions, and the course and end of resumed trainings."""
    network, schema = model_file.load(folder / "model.pyl2")
    outputs = network.predict(schema.encode(columns()))
    found = {
        "network": Network.load(folder / "network.pyl2").predict(X)[:, 0].tolist(),
        "model": outputs[:, 0].tolist(),
        "model_classes": schema.predictions(outputs),
    }
    for name, kind in (("backprop", Backprop), ("particle_swarm", ParticleSwarm)):
        trainer = kind.load(folder / f"{name}.pyl2")
        held_out = {"validation": (X, Y)} if kind is Backprop else {}
        course = trainer.train(X, Y, EPOCHS, **held_out)
        found[name] = {"error": course.error.tolist(), "params": trainer.network.params.tolist()}
    return found


if __name__ == "__main__":
    make(RELEASED / pyl2.__version__)
    print("made", RELEASED / pyl2.__version__)
