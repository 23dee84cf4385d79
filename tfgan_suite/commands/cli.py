"""The command line: `tfgan-suite COMMAND`. Parses, calls, and turns a user's error into one line.

Each command is a file in `commands/` with `add_parser` and `run`. TensorFlow is imported by `run` alone, so that help and
misspellings are answered at once.
"""

import argparse
import difflib
import errno
import importlib
import os
import sys

from tfgan_suite.commands.arguments import join_beam_options
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.quiet_tensorflow import import_tensorflow_quietly, set_quiet_environment
from tfgan_suite.foundation.terminal import printable

COMMANDS = (
    *("prepare", "train", "evaluate", "compare", "judge", "sample", "generate", "texture"),
    *("mix", "animate", "directions", "project"),
    *("export", "serve", "report", "convert", "compile-check", "pipeline", "demo"),
)

# Errors of the operating system about what the user named: a path, a disk, a port.
_PATH_ERRORS = {
    *(errno.ENOENT, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT),
}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, with the nearest right name."""

    def __init__(self, **kwargs):
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def error(self, message):
        raise UserError(f"{message} (see `{self.prog} --help`)")

    def parse_known_args(self, args=None, namespace=None):
        # A misspelled flag is reported before the flag that is missing because of it.
        for token in args or ():
            name = token.split("=", 1)[0]
            if token == "--" or (self._subparsers and not token.startswith("-")):
                break  # What follows is for the command's own parser.
            if token.startswith("--") and name not in self._option_string_actions:
                nearest = difflib.get_close_matches(name, self._option_string_actions, n=1, cutoff=0.5)
                self.error(f"Unknown flag {name!r}." + (f" Did you mean {nearest[0]!r}?" if nearest else ""))
        return super().parse_known_args(args, namespace)

    def _check_value(self, action, value):
        if action.choices is not None and value not in action.choices:
            kind = "command" if action.dest == "command" else f"value of {'/'.join(action.option_strings)}"
            raise unknown_name(kind, value, map(str, action.choices))


def build_parser():
    """The parser of all commands."""
    import tfgan_suite

    parser = Parser(
        prog="tfgan-suite",
        description="Generative models: prepare data, train, score, sample, export, serve.",
        epilog="examples:\n"
        "  tfgan-suite demo\n"
        "  tfgan-suite prepare photos data/photos --image-size 64\n"
        "  tfgan-suite train --preset dcgan --data data/photos --run runs/photos\n"
        "  tfgan-suite train --help",
    )
    parser.add_argument(
        "--import", dest="imports", action="append", default=[], metavar="MODULE",
        help="import a module that registers your own models, before the command; may be given several times",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"tfgan-suite {tfgan_suite.__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name in COMMANDS:
        command = importlib.import_module(f"tfgan_suite.commands.{name.replace('-', '_')}")
        command_parser = command.add_parser(subparsers)
        command_parser.set_defaults(run=command.run)
    return parser


def main(argv=None):
    """Runs a command.

    Args:
        argv: List of strings. The arguments after the program's name; by default those of the process.

    Returns:
        Exit code: 0, 2 for a user's error, 130 for Ctrl-C, and for training that a signal stopped 128 plus its number.
        With `TFGAN_SUITE_TRACEBACK=1` in the environment, errors keep their traceback.
    """
    set_quiet_environment()
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        if not argv:
            raise UserError(f"Give a command: {', '.join(COMMANDS)} (see `tfgan-suite --help`)")
        args, unexpected = build_parser().parse_known_args(join_beam_options(argv))
        if unexpected:
            raise UserError(f"Unexpected arguments: {' '.join(unexpected)} (see `tfgan-suite {args.command} --help`)")
        import_tensorflow_quietly()
        # An installed program does not look in the working directory, where models of your own are. A run's are found there
        # as well. Last, so that no file there takes the place of an installed module.
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())
        _import_own(vars(args).pop("imports"))  # Commands pass on the rest of their arguments.
        args.run(args)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:  # The reader of our output, such as `head`, has enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _fail("Stopped.", 130)
    except UserError as error:
        _raise_if_asked()
        return _fail(error, getattr(error, "exit_code", 2))
    except OSError as error:
        _raise_if_asked()
        if error.errno not in _PATH_ERRORS:
            raise
        return _fail(f"{error.strerror}: {error.filename!r}" if error.filename else error.strerror, 2)


def _import_own(modules):
    if modules:
        from tfgan_suite.models.catalogue import import_own

        import_own(modules)


def _fail(message, exit_code):
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""  # A line of progress that moves.
    print(f"{clear}tfgan-suite: {printable(' '.join(str(message).split()))}", file=sys.stderr)
    return exit_code


def _raise_if_asked():
    if os.environ.get("TFGAN_SUITE_TRACEBACK") == "1":
        raise


if __name__ == "__main__":
    sys.exit(main())
