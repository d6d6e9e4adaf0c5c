"""`pyl2 completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import argparse
from functools import partial

from pyl2.cli import options

SHELLS = ("bash", "zsh", "tcsh")


def add(commands: options.Commands, whole: options.Parser) -> None:
    """Add the command and its options; `whole` is the parser of all commands."""
    text = "print what a shell needs to complete commands and options"
    parser = options.command(
        commands,
        "completion",
        text,
        examples=(
            "pyl2 completion bash > ~/.local/share/bash-completion/completions/pyl2",
            "pyl2 completion zsh > ~/.zfunc/_pyl2",
        ),
    )
    parser.set_defaults(run=partial(run, whole))
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def run(whole: options.Parser, args: argparse.Namespace) -> None:
    """Print the script of a shell."""
    try:
        import shtab
    except ImportError:
        raise ValueError("completion: shtab writes it: pip install 'pyl2[cli]'") from None
    print(shtab.complete(whole, shell=args.shell))
