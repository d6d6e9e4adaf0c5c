"""Files are written whole or not at all: full disks, kills, links, permissions, many at once."""

import errno
import itertools
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from fractions import Fraction
from inspect import signature
from pathlib import Path

import numpy as np
import pytest

from pyl2 import Backprop, Network, ParticleSwarm, compare, l2_path
from pyl2.__main__ import main
from pyl2._common import files
from pyl2.data import tables
from pyl2.experiments import decay_grid

HERE = Path(__file__).parent
POSIX = pytest.mark.skipif(os.name == "nt", reason="permissions and links as POSIX has them")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.pyl2"


@pytest.fixture
def networks():
    return [Network((3, 4, 1), seed=seed) for seed in range(2)]


def held(path, network):
    return np.array_equal(Network.load(path).params, network.params)


def failing(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("call", ["write", "fsync", "chmod", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_failed_write_leaves_the_old_file(path, networks, call, number, monkeypatch):
    networks[0].save(path)
    before = path.read_bytes()
    monkeypatch.setattr(os, call, failing(number))
    with pytest.raises(OSError, match=f"{os.strerror(number)}: '{path}'$"):
        networks[1].save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_short_writes(path, networks, monkeypatch):
    whole = os.write
    monkeypatch.setattr(os, "write", lambda file, content: whole(file, content[:7]))
    networks[0].save(path)
    assert held(path, networks[0])


def test_ctrl_c_leaves_the_old_file(path, networks, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    networks[0].save(path)
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        networks[1].save(path)
    assert held(path, networks[0])
    assert os.listdir(path.parent) == [path.name]


@POSIX
def test_full_disk(path):
    """A disk, so to say, of 2000 bytes: the network fits, the larger one does not."""
    code = """
import os, resource, signal, sys
from pyl2 import Network
path = sys.argv[1]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
Network((3, 4, 1), seed=0).save(path)
try:
    Network((30, 40, 1), seed=0).save(path)
except OSError as error:
    assert error.filename == path, error
    print(error.strerror, os.listdir(os.path.dirname(path)))
"""
    told = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert told.stdout == "File too large ['file.pyl2']\n"
    assert held(path, Network((3, 4, 1), seed=0))


@pytest.mark.skipif(sys.platform != "linux", reason="a file system in memory, as Linux has it")
def test_disk_that_is_full():
    told = subprocess.run(
        [sys.executable, HERE / "faults" / "full_disk.py"], capture_output=True, text=True
    )
    if told.returncode == 77:
        pytest.skip(told.stdout)
    assert told.returncode == 0, told.stderr
    assert "no file torn, nothing left beside" in told.stdout


@POSIX
def test_devices_and_pipes_are_written_to(networks, tmp_path):
    """And not replaced by a file."""
    networks[0].save("/dev/null")
    assert not Path("/dev/null").is_file()
    if os.path.exists("/dev/full"):
        with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
            networks[0].save("/dev/full")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    copy = tmp_path / "copy"
    reader = threading.Thread(target=lambda: copy.write_bytes(pipe.read_bytes()))
    reader.start()
    networks[0].save(pipe)
    reader.join()
    assert held(copy, networks[0])
    assert pipe.is_fifo()


@POSIX
def test_links_are_followed(path, networks, tmp_path):
    link, dangling = tmp_path / "link", tmp_path / "dangling"
    (tmp_path / "folder").mkdir()
    networks[0].save(path)
    link.symlink_to(path.name)
    dangling.symlink_to("folder/new.pyl2")
    for place in (link, dangling):
        networks[1].save(place)
        assert place.is_symlink()
        assert held(place, networks[1])
    assert held(path, networks[1])
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        networks[1].save(loop)
    assert loop.is_symlink()


@POSIX
def test_permissions(path, networks):
    networks[0].save(path)
    plain = path.parent / "plain"
    plain.write_bytes(b"")
    assert path.stat().st_mode == plain.stat().st_mode
    for mode in (0o600, 0o664, 0o444, 0o755):
        path.chmod(mode)
        networks[1].save(path)
        assert path.stat().st_mode & 0o7777 == mode
    assert held(path, networks[1])


@POSIX
def test_a_private_file_is_never_open_to_others(path, networks, monkeypatch):
    networks[0].save(path)
    path.chmod(0o600)
    modes = []
    whole = os.write

    def looked(file, content):
        modes.append(os.fstat(file).st_mode & 0o777)
        return whole(file, content)

    monkeypatch.setattr(os, "write", looked)
    networks[1].save(path)
    assert set(modes) == {0o600}


@POSIX
def test_a_folder_that_cannot_be_written_is_named():
    """As a user who is not root, whom no permission stops."""
    code = """
import os, sys
from pyl2 import Network
network = Network((3, 1))
if os.geteuid() == 0:
    os.setuid(65534)
for path in sys.argv[1:]:
    try:
        network.save(path)
    except OSError as error:
        print(type(error).__name__, error.filename)
"""
    with tempfile.TemporaryDirectory() as folder:
        closed = os.path.join(os.path.realpath(folder), "closed")
        os.mkdir(closed)
        os.chmod(folder, 0o755)
        os.chmod(closed, 0o555)
        told = subprocess.run(
            [sys.executable, "-c", code, f"{closed}/net", f"{closed}/none/net", closed],
            capture_output=True,
            text=True,
            check=True,
        )
    assert told.stdout.split("\n")[:3] == [
        f"PermissionError {closed}",
        f"FileNotFoundError {closed}/none",
        f"IsADirectoryError {closed}",
    ]


def test_long_names(tmp_path, networks):
    """The passing name is no longer than the file's own may be."""
    path = tmp_path / ("n" * 250)
    networks[0].save(path)
    assert held(path, networks[0])


def test_many_at_once(path, networks):
    """The file is always one of those saved, whole."""
    networks[0].save(path)
    params = {network.params.tobytes() for network in networks}
    faults = []

    def save(network):
        for _ in range(50):
            network.save(path)

    def load():
        for _ in range(200):
            if Network.load(path).params.tobytes() not in params:
                faults.append("torn")

    workers = [threading.Thread(target=save, args=(network,)) for network in networks * 2]
    workers.append(threading.Thread(target=load))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not faults
    assert os.listdir(path.parent) == [path.name]


@POSIX
def test_many_processes_at_once(path, networks):
    """Each saves its own network over and over, while the file is read."""
    code = """
import sys
from pyl2 import Network
network = Network((3, 4, 1), seed=int(sys.argv[2]))
print("begun", flush=True)
for _ in range(200):
    network.save(sys.argv[1])
"""
    networks[0].save(path)
    processes = [
        subprocess.Popen([sys.executable, "-c", code, path, str(seed)], stdout=subprocess.PIPE)
        for seed in (0, 1, 0, 1)
    ]
    for process in processes:
        assert process.stdout.readline() == b"begun\n"
    read = 0
    params = {network.params.tobytes() for network in networks}
    while any(process.poll() is None for process in processes):
        assert Network.load(path).params.tobytes() in params
        read += 1
    for process in processes:
        assert process.returncode == 0
        process.stdout.close()
    assert read
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_killed_while_saving():
    told = subprocess.run(
        [sys.executable, HERE / "faults" / "kill_while_saving.py", "100"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.startswith("killed 100 times")


def test_outputs_of_the_command_line(tmp_path, monkeypatch, capsys):
    """A table or a figure that cannot be written leaves what was there."""
    old = tmp_path / "out.csv"
    old.write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", failing(errno.ENOSPC))
        with pytest.raises(OSError, match="No space"):
            tables.write(str(old), ["a"], [[1.0]])
    assert old.read_text() == "old"
    tables.write(str(old), ["a", "b"], [[1.0, 2.0], ["x", 'y,"']])
    assert old.read_bytes() == b'a,b\n1.0,x\n2.0,"y,"""\n'
    assert os.listdir(tmp_path) == ["out.csv"]

    figure = tmp_path / "figure.png"
    figure.write_text("old")
    options = ["--dataset", "iris", "--quiet", "--methods", "sgd", "--seeds", "1"]
    command = ["compare", *options, "--evaluations", "6", "--output", str(figure)]
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", failing(errno.ENOSPC))
        assert main(command) == 2
    assert f"{figure}: No space left" in capsys.readouterr().err
    assert figure.read_text() == "old"
    assert main(command) == 0
    assert figure.read_bytes().startswith(b"\x89PNG")


# Whatever type a number or a flag has, a file can hold it.

X = np.random.default_rng(0).normal(size=(12, 2))
NUMBERS = [Fraction(1, 10), np.longdouble(0.1), np.float32(0.1), np.float16(0.1), np.int8(1), 1]
WHOLES = [np.int64(3), np.uint8(3), 3]
OF_BACKPROP = {
    "number": ("eta", "l2", "n", "epsilon", "power_t", "tol", "warmup", "clip_norm", "clip_value"),
    "less than 1": ("momentum", "beta_1", "beta_2", "average", "dropout", "input_dropout"),
    "whole": ("batch_size", "n_iter_no_change"),
    "flag": ("shuffle", "early_stopping"),
}
OF_SWARM = {
    "number": ("l2", "inertia", "c1", "c2", "target", "tol"),
    "array": ("v_max",),
    "whole": ("particles", "neighbours", "max_evaluations", "n_iter_no_change"),
}
VALUES = {
    "number": NUMBERS,
    "less than 1": NUMBERS[:4],
    "array": NUMBERS[1:],
    "whole": WHOLES,
    "flag": [np.True_, np.False_, True, False],
}


def cases(names):
    return [
        pytest.param(name, value, id=f"{name}-{type(value).__name__}-{value}")
        for kind, several in names.items()
        for name in several
        for value in VALUES[kind]
    ]


def check_kept(trainer, name, value, path):
    """It is a plain number at once, and the same in a file, in a pickle, and in what trains on."""
    kept = getattr(trainer, name)
    assert type(kept) in (bool, int, float)
    assert kept == type(kept)(value)
    trainer.save(path)
    others = [type(trainer).load(path), pickle.loads(pickle.dumps(trainer))]
    for other in others:
        assert (type(getattr(other, name)), getattr(other, name)) == (type(kept), kept)
    for one in (trainer, *others):
        one.train(X, X[:, :1], 2, validation=(X, X[:, :1]))
        np.testing.assert_array_equal(one.network.params, trainer.network.params)
    setattr(trainer, name, value)  # set anew, and saved before it trains
    trainer.save(path)
    assert getattr(type(trainer).load(path), name) == kept


@pytest.mark.filterwarnings("ignore:eta .* l2 / n:UserWarning")
@pytest.mark.parametrize(("name", "value"), cases(OF_BACKPROP))
def test_parameters_of_backprop_are_plain(name, value, path):
    trainer = Backprop(Network((2, 3, 1), seed=0), "adam", **{name: value}, seed=0)
    check_kept(trainer, name, value, path)


@pytest.mark.parametrize(("name", "value"), cases(OF_SWARM))
def test_parameters_of_a_swarm_are_plain(name, value, path):
    options = {"particles": 3, name: value}
    check_kept(ParticleSwarm(Network((2, 3, 1), seed=0), **options, seed=0), name, value, path)


def test_every_parameter_is_tried():
    """Those that are no number and no flag: words, seeds, places."""
    words = {"network", "optimizer", "decay", "schedule", "l2_schedule", "topology", "init", "seed"}
    words.add("n_threads")
    for made, names in ((Backprop, OF_BACKPROP), (ParticleSwarm, OF_SWARM)):
        assert {*signature(made).parameters} - words == set(itertools.chain(*names.values()))


def test_several_numbers_are_plain_too(path):
    tenth = Fraction(1, 10)
    for l2 in ([tenth, np.float32(2)], (tenth, 2), np.array([0.1, 2], np.longdouble)):
        trainer = Backprop(Network((2, 3, 1), seed=0), l2=l2)
        trainer.save(path)
        assert Backprop.load(path).l2 == trainer.l2 == pytest.approx([0.1, 2])
    inertia = [Fraction(1, 2), np.longdouble(0.25), np.int32(5)]
    swarm = ParticleSwarm(Network((2, 3, 1), seed=0), 3, inertia=inertia, v_max=np.full(13, 2))
    swarm.save(path)
    again = ParticleSwarm.load(path)
    assert again.inertia == swarm.inertia == (0.5, 0.25, 5)
    np.testing.assert_array_equal(again.v_max, np.full(13, 2.0))


def test_sizes_of_a_network_are_plain(path):
    Network(np.array([2, 3, 1]), seed=np.int64(0)).save(path)
    assert held(path, Network((2, 3, 1), seed=0))


def test_what_is_set_to_nonsense_is_not_saved(path):
    trainer = Backprop(Network((2, 1), seed=0))
    trainer.eta = "fast"
    with pytest.raises(TypeError, match="eta must be a number"):
        trainer.save(path)
    assert not path.exists()


@pytest.mark.parametrize("value", ["no", "", 0, 1.0, None, [False]])
@pytest.mark.parametrize("flag", ["shuffle", "early_stopping"])
def test_flags_are_no_text(flag, value):
    with pytest.raises(TypeError, match=f"{flag} must be True or False"):
        Backprop(Network((2, 1)), **{flag: value})


@pytest.mark.parametrize("value", ["no", "", None, 1.0])
def test_whether_to_show_a_bar_is_no_text(value):
    match = "verbose must be True, False or a whole number"
    network = Network((2, 1), seed=0)
    for trainer in (Backprop(network), ParticleSwarm(network, 3)):
        with pytest.raises(TypeError, match=match):
            trainer.train(X, X[:, 0], 1, verbose=value)
    with pytest.raises(TypeError, match=match):
        l2_path(network, X, X[:, 0], [1], epochs=1, verbose=value)
    with pytest.raises(TypeError, match=match):
        compare(X, X[:, 0], network, evaluations=100, verbose=value)
    with pytest.raises(TypeError, match=match):
        decay_grid(X, X[:, 0], network, epochs=1, verbose=value)
