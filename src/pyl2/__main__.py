"""The command line's way in, and its way out: exit codes, and one line for whatever is wrong."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pyl2 import __version__
from pyl2.cli import compare, convert, options, path, predict, train


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        args = _parser().parse_args(argv)
        args.command = shlex.join(["pyl2", *argv])
        with _lasting_interrupt(), _plain_warnings():
            args.run(args)
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("pyl2: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; without this Python complains again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, OSError, OverflowError, MemoryError) as error:
        print(f"pyl2: error: {_line(error)}", file=sys.stderr)
        return 2
    return 0


def _parser() -> options.Parser:
    told = "Neural networks with exact L2 regularization."
    parser = options.Parser(prog="pyl2", description=told)
    parser.add_argument("--version", action="version", version=f"pyl2 {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (path, train, predict, compare, convert):
        command.add(commands)
    return parser


@contextmanager
def _lasting_interrupt() -> Iterator[None]:
    """End with KeyboardInterrupt once Ctrl-C came, whatever a library has made of it.

    Matplotlib drops what is raised in its converters of arrays, and calls the array invalid; what
    is raised in a callback of the garbage collector is lost.
    """
    found, came = signal.getsignal(signal.SIGINT), False

    def interrupt(*_: Any) -> None:
        nonlocal came
        came = True
        raise KeyboardInterrupt

    if found is not signal.default_int_handler or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except Exception:
        if not came:
            raise
    finally:
        signal.signal(signal.SIGINT, found)
    if came:
        raise KeyboardInterrupt


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show warnings as lines of our own, not as places in the source."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        print(f"pyl2: warning: {' '.join(str(message).split())}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return f"not enough memory {error}".strip()
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
