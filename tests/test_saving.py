"""Files are written whole or not at all: full disks, kills, links, permissions, many at once."""

import errno
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

from pyl2 import Network, files, tables
from pyl2.__main__ import main

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
