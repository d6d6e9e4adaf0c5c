"""Fill a disk: a file system of one megabyte in memory, mounted for this process alone.

    python tests/faults/full_disk.py

Where a file no longer fits, or the last pages of it do not, saving it again must say so and name
it; the file that was there stays, whole, and nothing is left beside it.  Needs Linux that lets us
mount in a namespace (`unshare -rm`); where it does not, the exit code is 77.
"""

import contextlib
import errno
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from pyl2 import Backprop, Network, ParticleSwarm
from pyl2.__main__ import main
from pyl2.data import model_file, treatment
from pyl2.data.cells import of_numbers

NOT_HERE = 77
PAGE = 4096
ROOMS = (0, 1, 3, 8, 20, 40, 100)
FILLER = "filler"

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 30))
Y = RNG.normal(size=(40, 10))
SMALL = ("--hidden", "4", "--epochs", "3", "--quiet")


def fill(pages):
    """Leave so many pages of the disk."""
    Path(FILLER).unlink(missing_ok=True)
    disk = os.statvfs(".")
    with open(FILLER, "wb") as filler:
        filler.write(bytes(max(0, disk.f_bavail - pages) * disk.f_bsize))
    assert os.statvfs(".").f_bavail == pages


def made(seed):
    return Network((30, 40, 10), seed=seed)


def backprop(seed):
    trainer = Backprop(made(seed), "adam", seed=seed)
    trainer.train(X, Y, 1)
    return trainer


def swarm(seed):
    trainer = ParticleSwarm(made(seed), particles=4, seed=seed)
    trainer.train(X, Y, 1)
    return trainer


def refused(call):
    """What of the error that the call ends with tells what it was; None where there is none."""
    try:
        call()
    except OSError as error:
        return error.errno, error.filename
    return None


def params(saved):
    return getattr(saved, "network", saved).params.tobytes()


def of_library(name, make, load):
    """Save over an older file with ever more room; return how often there was too little."""
    old, new = make(0), make(1)
    failed = 0
    for pages in ROOMS:
        Path(FILLER).unlink(missing_ok=True)
        old.save(name)
        fill(pages)
        told = refused(lambda: new.save(name))
        assert told in (None, (errno.ENOSPC, name))
        failed += told is not None
        assert params(load(name)) == params(new if told is None else old)
        assert sorted(os.listdir()) == sorted([FILLER, name])
    assert 0 < failed < len(ROOMS)
    os.unlink(name)
    return failed


def of_checkpoints():
    """A training ends with the error of its checkpoint, and goes on when there is room again."""
    trainer = backprop(0)
    fill(1)

    def save(trainer, history):
        trainer.save("checkpoint")

    assert refused(lambda: trainer.train(X, Y, 5, callbacks=save)) == (errno.ENOSPC, "checkpoint")
    assert os.listdir() == [FILLER]
    os.unlink(FILLER)
    assert len(trainer.train(X, Y, 2)) == 2
    return 1


def of_command(name, *argv):
    """Leave a file with a command; leave it again, with ever more room."""
    Path(FILLER).unlink(missing_ok=True)
    if argv[0] == "predict":
        write_model_and_table()
    beside = set(os.listdir())
    argv = [*argv, name]
    assert said(argv) == (0, "")
    failed = 0
    for pages in ROOMS:
        fill(pages)
        before = Path(name).read_bytes()
        code, told = said(argv)
        if code:
            assert (code, told) == (2, f"pyl2: error: {name}: No space left on device\n")
            assert Path(name).read_bytes() == before
            failed += 1
        assert set(os.listdir()) == {FILLER, *beside, name}
    assert 0 < failed < len(ROOMS)
    for left in {name, *beside}:
        os.unlink(left)
    return failed


def write_model_and_table():
    network = Network((2, 1), seed=0)
    columns = {name: of_numbers(np.arange(3.0)) for name in "ab"}
    schema = model_file.Schema(treatment.fit(columns, treatment.Recipe()), "y", None)
    model_file.save("model.pyl2", network, schema)
    Path("rows.csv").write_text("a,b\n" + "1,2\n" * 500)


def said(argv):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        return main(argv), err.getvalue()


def of_standard_output():
    """A file that a shell has opened on the full disk."""
    fill(0)
    with open("out", "wb") as out:
        told = subprocess.run(
            [sys.executable, "-m", "pyl2", "train", *SMALL], stdout=out, stderr=subprocess.PIPE
        )
    line = b"pyl2: error: standard output: No space left on device\n"
    assert (told.returncode, told.stderr) == (2, line)
    return 1


def everything():
    failed = {
        "Network.save": of_library("network", made, Network.load),
        "Backprop.save": of_library("backprop", backprop, Backprop.load),
        "ParticleSwarm.save": of_library("swarm", swarm, ParticleSwarm.load),
        "checkpoint": of_checkpoints(),
        "train --save": of_command("model", "train", *SMALL, "--hidden", "90", "--save"),
        "train --report": of_command("page.html", "train", *SMALL, "--report"),
        "path --output": of_command("figure.png", "path", *SMALL, "--l2", "0,1", "--output"),
        "predict --output": of_command("out.csv", "predict", "model.pyl2", "rows.csv", "--output"),
        "standard output": of_standard_output(),
    }
    for name, count in failed.items():
        print(f"{name:20} {count:3} times too little room")
    print(f"the disk was too full {sum(failed.values())} times; no file torn, nothing left beside")


def in_a_namespace():
    """Run this file again, where it may mount."""
    with tempfile.TemporaryDirectory() as folder:
        mount = 'mount -t tmpfs -o size=1m full "$0" || exit 77; cd "$0"; exec "$@"'
        command = ["unshare", "-rm", "sh", "-c", mount, folder, sys.executable, __file__, "mounted"]
        try:
            tried = subprocess.run(["unshare", "-rm", "true"], capture_output=True)
            done = tried.returncode or subprocess.run(command).returncode
        except FileNotFoundError:
            tried = done = None
    if tried is None or tried.returncode or done == NOT_HERE:
        print("skipped: no file system can be mounted here (unshare -rm)")
        return NOT_HERE
    return done


if __name__ == "__main__":
    sys.exit(everything() if sys.argv[1:] == ["mounted"] else in_a_namespace())
