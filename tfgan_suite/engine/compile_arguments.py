"""What `TrainedModel.compile` takes: checked at once, before anything is traced, each mistake with what to do instead."""

import difflib
import inspect

import keras

from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.foundation.number_kinds import is_count


def names_of_compile(cls, root):
    """The names that the `compile` of a class takes, those of its bases up to `root` included, a list.

    Arguments behind which `compile` takes `**choices` are passed on to the base's; `**unknown` ends that.
    """
    names = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, root) and "compile" in vars(base):
            parameters = inspect.signature(vars(base)["compile"]).parameters.values()
            own = {one.name: one for one in parameters if one.kind is one.KEYWORD_ONLY}
            passes_on = any(one.kind is one.VAR_KEYWORD and one.name != "unknown" for one in parameters)
            names = {**names, **own} if passes_on else own
    return list(names)


def optimizers_by_name(model, positional, optimizers):
    """The optimizers by their names, of which `compile` may be given all by place, in their order.

    Args:
        model: String. The model's name.
        positional: Tuple. Arguments that were passed by place.
        optimizers: Dict of what was passed by name, `"auto"` where nothing was.

    Returns:
        A dict with the keys of `optimizers`.

    Raises:
        ValueError: Another number of arguments than there are optimizers, or one given twice.
    """
    if not positional:
        return optimizers
    names = " and ".join(f"`{name}`" for name in optimizers)
    if len(positional) != len(optimizers):
        raise ValueError(
            f"`compile` of {model} takes {names} by place, and everything else by name. "
            f"Received: {len(positional)} without a name."
        )
    twice = [name for name, value in optimizers.items() if not (isinstance(value, str) and value == "auto")]
    if twice:
        raise ValueError(f"`compile` of {model} was given `{twice[0]}` twice: by place and by name. Pass it once.")
    return dict(zip(optimizers, positional))


def refuse_unknown(model, known, unknown):
    """Refuses what Keras's own `compile` would take and this model's does not.

    Args:
        model: String. The model's name.
        known: List of strings. The arguments that there are.
        unknown: Dict. Arguments by names that there are not.

    Raises:
        ValueError: There is one.
    """
    optimizers = " and ".join(f"`{name}`" for name in known if name.endswith("optimizer"))
    for name in unknown:
        if name == "optimizer":
            raise ValueError(
                f"{model} trains its networks with an optimizer each. Pass {optimizers} instead of `optimizer`."
            )
        if name in ("metrics", "weighted_metrics"):
            raise ValueError(
                f"`compile` of {model} takes no `{name}`: what it minimizes is logged anyway. For scores use "
                "`tfgan_suite.evaluate`, or `callbacks.Scores` while it trains."
            )
        close = difflib.get_close_matches(name, known, 1)
        hint = f" Did you mean `{close[0]}`?" if close else ""
        raise ValueError(f"`compile` of {model} has no argument `{name}`.{hint} It has: {', '.join(known)}.")


def check_step_options(microbatch_size, steps_per_execution, jit_compile, run_eagerly):
    """Checks how a step is to run.

    Raises:
        ValueError: An argument of another type or out of range.
    """
    if microbatch_size is not None and not is_count(microbatch_size):
        raise ValueError(
            f"`microbatch_size` must be None or an integer >= 1. Received: microbatch_size={microbatch_size!r}"
        )
    if not is_count(steps_per_execution):
        raise ValueError(
            f"`steps_per_execution` must be an integer >= 1. Received: steps_per_execution={steps_per_execution!r}"
        )
    if not isinstance(jit_compile, bool) and jit_compile != "auto":
        raise ValueError(f"`jit_compile` must be True or False. Received: jit_compile={jit_compile!r}")
    if not isinstance(run_eagerly, bool):
        raise ValueError(f"`run_eagerly` must be True or False. Received: run_eagerly={run_eagerly!r}")


def check_average(ema):
    """Checks that `ema` is an `ExponentialMovingAverage`.

    Raises:
        ValueError: It is not.
    """
    if not isinstance(ema, ExponentialMovingAverage):
        raise ValueError(
            f"`ema` must be an ExponentialMovingAverage. Received: ema={ema!r}. Expected ExponentialMovingAverage(decay=0.0) "
            "for weights that are not averaged."
        )


def get_optimizers(optimizers, strategy):
    """The optimizers that were passed, by name or as objects, one for each name.

    Args:
        optimizers: Dict of name to Keras optimizer, or to the name of one.
        strategy: The model's `tf.distribute.Strategy`.

    Returns:
        Dict of name to Keras optimizer.

    Raises:
        ValueError: One is no optimizer, is there twice, or was made under another strategy.
    """
    optimizers = {name: _get_optimizer(name, optimizer, optimizers) for name, optimizer in optimizers.items()}
    if len({id(optimizer) for optimizer in optimizers.values()}) < len(optimizers):
        names = " and ".join(f"`{name}_optimizer`" for name in optimizers)
        raise ValueError(f"{names} must be separate optimizers. Received the same object for both: make a second one.")
    for name, optimizer in optimizers.items():
        # Keras's optimizers remember where they were made, and fail in the first step, or exchange nothing.
        if getattr(optimizer, "_distribution_strategy", strategy) is not strategy:
            raise ValueError(
                f"The optimizer of {name!r} must be made where the model was made: both inside `with strategy.scope()`, "
                "or both outside."
            )
    return optimizers


def _get_optimizer(name, optimizer, optimizers):
    argument = "optimizer" if len(optimizers) == 1 else f"{name}_optimizer"
    wrong = f"`{argument}` must be a Keras optimizer or the name of one. Received: {argument}={optimizer!r}"
    if not isinstance(optimizer, str | dict | keras.optimizers.Optimizer):
        raise ValueError(wrong)
    try:
        return keras.optimizers.get(optimizer)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(wrong) from error
