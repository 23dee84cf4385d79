"""Which Beam runner prepares a data set, and with which options."""

import contextlib
import difflib
import io
import os
from collections.abc import Mapping, Sequence

from tfgan_suite.foundation.errors import UserError, import_extra, unknown_name
from tfgan_suite.preprocessing.beam_import import beam

# Of Dask, either decides how many pieces the work is cut into.
_DASK_PARTITIONS = ("--dask_npartitions", "--dask_partition_size")
_DEFAULT_DASK_PARTITIONS = 64


def names_dask(runner) -> bool:
    """Whether a runner, by name or object, is Dask's."""
    name = runner if isinstance(runner, str) else type(runner).__name__
    return name.lower() in ("dask", "daskrunner")


def choose_runner(runner=None, pipeline_options=None):
    """Beam options, runner and threads per worker. By default, the fastest within this process.

    `"dask"` is Beam's DaskRunner, which Beam itself does not know by name.

    Args:
        runner: String, Beam's name of a runner, `"dask"`, or the dotted name of a class; a `PipelineRunner`; or `None`.
        pipeline_options: `PipelineOptions`; list of strings `"--flag=value"`; dict of flags without their dashes to values; or
            `None`.

    Returns:
        Tuple of `PipelineOptions`, a `PipelineRunner`, and an integer.

    Raises:
        UserError: There is no such runner, or the options are none of these, or of no value that their flag takes.
        MissingExtraError: Dask is not installed.
    """
    options = _read_options(pipeline_options)
    if runner is None:
        runner = options.view_as(beam.options.pipeline_options.StandardOptions).runner
    if names_dask(runner):
        import_extra("distributed", "dask", "Running on Dask")
        from apache_beam.runners.dask.dask_runner import DaskRunner

        flags = _read_flags(pipeline_options)
        if flags is not None and not any(flag.startswith(_DASK_PARTITIONS) for flag in flags):
            # Without a number Beam puts small inputs on one worker: the block numbers of a million images are small.
            options = _read_options([*flags, f"{_DASK_PARTITIONS[0]}={_DEFAULT_DASK_PARTITIONS}"])
        _check_known(options)
        return options, DaskRunner(), 1
    if runner is None:
        from apache_beam.runners.portability.fn_api_runner import FnApiRunner

        _check_known(options)
        num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return options, FnApiRunner(), min(num_cores, 16)
    return options, _make_runner(runner), 1


def _check_known(options) -> None:
    """Refuses flags that Beam would leave out with a line in its log; other runners hand them on to their cluster."""
    known = set(type(options)([]).get_all_options())
    for name in options.get_all_options(retain_unknown_options=True):
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
            raise UserError(f"Unknown option of Beam {name!r}.{hint} A runner on this machine takes Beam's own alone.")


def _make_runner(runner):
    made = runner
    if isinstance(runner, str):
        try:
            made = beam.runners.create_runner(runner)
        except ValueError as error:
            names = beam.options.pipeline_options.StandardOptions.KNOWN_RUNNER_NAMES
            raise unknown_name("Beam runner", runner, [*names, "dask"]) from error
        except (ImportError, AttributeError, TypeError) as error:
            raise UserError(f"The Beam runner {runner!r} cannot be made: {error}") from error
    if not isinstance(made, beam.runners.PipelineRunner):
        raise UserError(f"`runner` must be the name of a Beam runner, or a PipelineRunner. Received: runner={runner!r}")
    return made


def _read_flags(pipeline_options) -> list[str] | None:
    """Options as a list of flags; `None` where they are Beam's own."""
    if isinstance(pipeline_options, beam.options.pipeline_options.PipelineOptions):
        return None
    if pipeline_options is None:
        return []
    if isinstance(pipeline_options, Mapping):
        options = {str(name).removeprefix("--"): value for name, value in pipeline_options.items()}
        empty = next((name for name, value in options.items() if value is None), None)
        if empty is not None:
            raise UserError(f"`pipeline_options` must give {empty!r} a value. Received: {empty}=None")
        return list(beam.options.pipeline_options.PipelineOptions.from_dictionary(options)._flags)
    flags = list(pipeline_options) if isinstance(pipeline_options, Sequence) else [None]
    for before, flag in zip(["", *flags], flags):
        # `--flag value` may stand as two.
        is_value = isinstance(before, str) and before.startswith("-") and "=" not in before
        if isinstance(pipeline_options, str) or not isinstance(flag, str) or not (flag.startswith("-") or is_value):
            raise UserError(
                "`pipeline_options` must be a list of '--flag=value', or a dict of flags. Received: "
                f"pipeline_options={pipeline_options!r}"
            )
    return flags


def _read_options(pipeline_options):
    """Beam's options. Its parser would end the process over a value that a flag does not take."""
    flags, options_class = _read_flags(pipeline_options), beam.options.pipeline_options.PipelineOptions
    if flags is None:
        return pipeline_options
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options = options_class(flags)
            for view in options_class.__subclasses__():
                options.view_as(view)
    except SystemExit as error:
        reason = said.getvalue().strip().rpartition("error: ")[2]
        raise UserError(f"`pipeline_options` cannot be read by Beam: {reason}. Received: {flags}") from error
    return options
