"""Types and groups of arguments that several commands take."""

import argparse
import csv
import json
import math

from tfgan_suite.foundation.errors import UserError

_BEAM_OPTION = "--beam-option"


def positive_int(text):
    """A whole number >= 1."""
    return _number(int, text, lambda value: value >= 1, "a whole number >= 1")


def natural_int(text):
    """A whole number >= 0."""
    return _number(int, text, lambda value: value >= 0, "a whole number >= 0")


def whole_int(text):
    """Any whole number."""
    return _number(int, text, lambda value: True, "a whole number")


def fraction(text):
    """A number from 0 to 1."""
    return _number(float, text, lambda value: 0.0 <= value <= 1.0, "a number from 0 to 1")


def natural_float(text):
    """A number >= 0."""
    return _number(float, text, lambda value: 0.0 <= value < math.inf, "a number >= 0")


def positive_float(text):
    """A number > 0."""
    return _number(float, text, lambda value: 0.0 < value < math.inf, "a number > 0")


def _number(convert, text, accept, expected):
    try:
        value = convert(text.replace(",", "").replace("_", ""))
    except ValueError:
        value = math.nan
    if math.isnan(value) or not accept(value):
        raise argparse.ArgumentTypeError(f"must be {expected}. Received: {text!r}")
    return value


def assignment(text):
    """`name=value` as a pair. The value is read as JSON (`8`, `0.5`, `true`, `null`, `[64, 64, 3]`), else as text."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"must be name=value. Received: {text!r}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def share(text):
    """`name=fraction` as a pair, for splits."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"must be name=fraction, such as train=0.9. Received: {text!r}")
    return name, fraction(value)


def size(text):
    """`64` as an int, `64x48` as (height, width)."""
    parts = [
        _number(int, part, lambda value: value >= 1, "a size in pixels, such as 64 or 64x48")
        for part in text.split("x")
    ]
    if len(parts) > 2:
        raise argparse.ArgumentTypeError(f"must be a size in pixels, such as 64 or 64x48. Received: {text!r}")
    return parts[0] if len(parts) == 1 else tuple(parts)


def labels(text):
    """`all`, or numbers or names of classes separated by commas, as a tuple of strings. Quotes hold a name with a comma."""
    if text == "all":
        return text
    parts = tuple(part.strip() for part in next(csv.reader([text], skipinitialspace=True), ()))
    if not all(parts) or not parts:
        raise argparse.ArgumentTypeError(f"must be classes such as 7 or cat,dog. Received: {text!r}")
    return parts


def layers(text):
    """`coarse`, `middle` or `fine` as they are; numbers and ranges such as `0-3,6` as a tuple."""
    if text.isalpha():
        return text
    numbers = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(natural_int(first), natural_int(last or first) + 1)
    if not numbers:
        raise argparse.ArgumentTypeError(f"must be styles such as coarse, 0-3 or 0-3,6. Received: {text!r}")
    return tuple(numbers)


def add_sampling(parser):
    """The arguments that set a model's sampling options. `sampling_of` reads them."""
    parser.add_argument(
        "--truncation",
        type=fraction,
        metavar="FRACTION",
        help="in [0, 1]; 1, the default of most GANs, samples the full distribution, smaller values trade variety for quality",
    )
    parser.add_argument(
        "--sampling",
        type=assignment,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another sampling option of the model, such as temperature=0.8; may be given several times",
    )


def sampling_of(args):
    """The sampling options that were given, a dict to pass to `generate` or `evaluate`, which check them.

    Raises:
        UserError: One option was given twice, or is an argument of the command.
    """
    for name, value in args.sampling:
        # It would be taken for the command's own, since both reach the same function.
        if name != "truncation" and name in vars(args):
            raise UserError(f"`--sampling` must name options of the model. Received: {name}={value}")
    given = [*([] if args.truncation is None else [("truncation", args.truncation)]), *args.sampling]
    sampling = dict(given)
    if len(sampling) < len(given):
        names = ", ".join(f"{name}={value}" for name, value in given)
        raise UserError(f"`--sampling` must name each option once. Received: {names}")
    return sampling


def add_beam(parser):
    """The arguments that are passed on to Beam."""
    parser.add_argument("--runner", help="Beam runner, or `dask`; by default a fast one in this process")
    parser.add_argument(
        _BEAM_OPTION, dest="pipeline_options", action="append", metavar="--FLAG=VALUE", help="passed on to Beam"
    )


def join_beam_options(argv):
    """Arguments with `--beam-option --FLAG=VALUE` as one, `--beam-option=--FLAG=VALUE`, as argparse wants it."""
    joined = []
    for argument in argv:
        if joined and joined[-1] == _BEAM_OPTION and argument.startswith("--"):
            joined[-1] = f"{_BEAM_OPTION}={argument}"
        else:
            joined.append(argument)
    return joined


def examples(*lines):
    """The end of a command's help."""
    return "examples:\n" + "\n".join(f"  {line}" for line in lines)
