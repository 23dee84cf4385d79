"""Where a run's first weights come from: `--init` takes those of another run or file, `--freeze` keeps some as they are."""

from pathlib import Path

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.runs.run_files import load_model


def initialize(model, config):
    """Gives a model the weights that `config.init` names.

    Args:
        model: A compiled `TrainedModel` that has not been trained.
        config: The run's `TrainConfig`.

    Returns:
        A `WeightTransfer`, or `None` without `config.init`.

    Raises:
        UserError: There is no such model, it is the run itself, or no layer of it fits.
    """
    if config.init is None:
        return None
    path = Path(config.init)
    directory = path.parent if path.suffix == ".keras" else path
    if directory.resolve() == Path(config.run_dir).resolve():
        raise UserError(
            f"`init` must be another run than the one that is trained. Received: init={config.init!r}. To resume a run, leave "
            "it out."
        )
    return model.initialize_from(load_model(path))


def begin(model, config, recorded, has_checkpoint, report):
    """Initializes a run that begins; one that is resumed has its weights in a checkpoint.

    Args:
        model: A compiled `TrainedModel`.
        config: The run's `TrainConfig`.
        recorded: Dict. The run's recipe, if it has one.
        has_checkpoint: Boolean. Whether the run is resumed from a checkpoint.
        report: Function that takes a string to print.

    Returns:
        Dict of JSON values for the recipe, or `None` for a run that begins with weights of its own and trains all.

    Raises:
        UserError: As `initialize`; or the weights are others than those that the run began with.
    """
    earlier = (recorded or {}).get("initialization")
    if has_checkpoint:
        return earlier
    if config.init is None and config.freeze is None:
        return None
    transfer = initialize(model, config)
    content = {"frozen": list(model.frozen_layers), "init": config.init}
    if transfer is not None:
        if earlier is not None and earlier.get("sha256") != transfer.sha256:
            raise UserError(
                f"The weights in {config.init!r} are others than those that the run in {config.run_dir} began with. Use "
                "another run directory to start a new run."
            )
        content |= transfer.as_json()
        report(f"{config.init}: {transfer}")
    if content["frozen"]:
        report("\n".join(["These layers are not trained:", *(f"  {path}" for path in content["frozen"])]))
    return content
