"""Kill a training that saves itself after each epoch, at any moment, many times.

    python tests/faults/kill_while_saving.py [times]

Each time the file must be whole, and the training that it holds must go on to the very bits of one
that was never stopped.  Prints how often it was killed, and how often during the writing.
"""

import os
import random
import signal
import sys
import tempfile
import time

import numpy as np

from pyl2 import Backprop, Network

EPOCHS = 12
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 50))
Y = RNG.normal(size=(40, 20))


def made():
    return Backprop(Network((50, 200, 20), seed=0), "adam", seed=0)


def train_for_ever(path):
    while True:
        made().train(X, Y, EPOCHS, callbacks=lambda trainer, history: trainer.save(path))


def finished(path):
    """The parameters that a saved training comes to at its end, and the epochs it had done."""
    trainer = Backprop.load(path)
    done = trainer._policy.progress.items_seen // len(X)
    if done < EPOCHS:
        trainer.train(X, Y, EPOCHS - done)
    return trainer.network.params, done


def main(times):
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "training.pyl2")
    wanted = made()
    wanted.save(path)
    wanted.train(X, Y, EPOCHS)
    chance = random.Random(0)
    writing, seen = 0, set()
    for _ in range(times):
        child = os.fork()
        if not child:
            train_for_ever(path)
        time.sleep(chance.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        params, done = finished(path)
        assert params.tobytes() == wanted.network.params.tobytes(), done
        seen.add(done)
        for name in set(os.listdir(folder)) - {"training.pyl2"}:
            assert name.startswith(".pyl2-"), name
            os.unlink(os.path.join(folder, name))
            writing += 1
    os.unlink(path)
    os.rmdir(folder)
    print(f"killed {times} times, {writing} of them while it wrote; epochs found: {sorted(seen)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
