"""The command line's way in, and its way out: exit codes, and one line for whatever is wrong.

What takes time to import is imported in `main`, which answers Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import Namespace

    from pyl2.cli import options


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    code, message = 0, ""
    try:
        _open_closed_streams()
        _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        code, message = 130, "interrupted"
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        code = 141
    except (ValueError, OSError, OverflowError, MemoryError) as error:
        code, message = 2, f"error: {_line(error)}"
    if message:
        _tell(message)
    _forget_output()
    return code


def _run(argv: Sequence[str]) -> None:
    with _lasting_interrupt(), _plain_warnings():
        import shlex

        with suppress(SystemExit):  # argparse ends so when it has shown its help
            args = _parsed(argv)
            args.command = shlex.join(["pyl2", *argv])
            try:
                args.run(args)
            except KeyboardInterrupt:
                if getattr(args, "resume", None):
                    _tell(
                        f"finished fits are in {args.resume}: the same command goes on from there"
                    )
                raise
        sys.stdout.flush()


def _parsed(argv: Sequence[str]) -> Namespace:
    """Return the options, those of a file among them; without a command, show the help."""
    from pyl2.cli import config

    parser = _parser()
    args = parser.parse_args(argv or ["--help"])
    if getattr(args, "config", None):
        command, *rest = argv
        args = parser.parse_args([command, *config.arguments(args), *rest])
    if getattr(args, "save_config", None):
        config.save(args)
    return args


def _open_closed_streams() -> None:
    """Open what is closed (>&-), or the next file would get its number, and Python has no stream.

    Output that was due is an error when it is written, as everywhere; errors cannot be shown.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (descriptor := os.open(os.devnull, os.O_RDONLY)) <= 2:
        pass
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - to be used to the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def _forget_output() -> None:
    """Forget what cannot be written; Python would try again at its end, and exit with 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _tell(message: str) -> None:
    with suppress(OSError):  # standard error has no reader, or no space
        print(f"pyl2: {message}", file=sys.stderr)


def _parser() -> options.Parser:
    from pyl2 import __version__
    from pyl2.cli import compare, completion, convert, export, options, path, predict, train

    purpose = "Neural networks with exact L2 regularization."
    parser = options.Parser(prog="pyl2", description=purpose)
    parser.add_argument("--version", action="version", version=f"pyl2 {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (path, train, predict, export, compare, convert):
        command.add(commands)
    completion.add(commands, parser)
    return parser


@contextmanager
def _lasting_interrupt() -> Iterator[None]:
    """End with KeyboardInterrupt once Ctrl-C came, whatever a library has made of it.

    Matplotlib drops what is raised in its converters of arrays, and calls the array invalid; what
    is raised in a callback of the garbage collector is lost.
    """
    import signal
    import threading

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
        _tell(f"warning: {' '.join(str(message).split())}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        # What has no name is no file that was asked for.
        return f"{error.filename or 'standard output'}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"not enough memory {error}".strip()
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
