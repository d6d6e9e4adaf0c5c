"""The command line, a module for each command: its options (`add`) and what it does (`run`).

Whatever is wrong with files or options is a ValueError or an OSError on its way to `pyl2.__main__`.
Heavy modules are imported where they are used, so that `pyl2 --help` answers at once.
"""
