"""SamplingOption: a knob that a model has when it generates, such as truncation or temperature."""

import dataclasses
import difflib

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.number_kinds import is_number


@dataclasses.dataclass(frozen=True)
class SamplingOption:
    """One knob of a model's sampling. A model declares its own in `GenerativeModel.sampling_options`.

    Args:
        name: String. The argument of `generate`.
        default: Float. Samples what the model has learned, as it is.
        minimum: Float. The smallest value.
        maximum: Float. The largest value.
        description: String. What values other than the default do, in a sentence.

    Example:

    >>> TRUNCATION.check(0.5)
    0.5
    """

    name: str
    default: float
    minimum: float
    maximum: float
    description: str

    def check(self, value):
        """Returns the value as a float.

        Raises:
            UserError: It is not a number within the bounds.
        """
        if not is_number(value) or not self.minimum <= value <= self.maximum:
            if self.minimum == self.maximum:
                raise UserError(
                    f"`{self.name}` must be {self.minimum:g}. {self.description} Received: {self.name}={value!r}"
                )
            bounds = f"[{self.minimum:g}, {self.maximum:g}]"
            raise UserError(f"`{self.name}` must be in {bounds}. Received: {self.name}={value!r}")
        return float(value)


TRUNCATION = SamplingOption(
    name="truncation",
    default=1.0,
    minimum=0.0,
    maximum=1.0,
    description="1 samples the full distribution; smaller values trade variety for quality.",
)

TEMPERATURE = SamplingOption(
    name="temperature",
    default=1.0,
    minimum=0.0,
    maximum=2.0,
    description="1 samples what the model has learned; smaller values keep closer to what is most likely.",
)


def resolve_sampling(model, received):
    """The value of each of a model's sampling options: what was received, or its default.

    Args:
        model: A `GenerativeModel`.
        received: Dict of name to value. An option's default is accepted by every model, since it asks for nothing.

    Returns:
        Dict of name to float, in the order in which the model declares its options.

    Raises:
        UserError: The model has no such option, or the value is out of range.

    Example:

    >>> resolve_sampling(DCGAN(image_shape=(8, 8, 1), base_channels=2), {"truncation": 0.5})
    {'truncation': 0.5}
    """
    options = {option.name: option for option in model.sampling_options}
    values = {name: option.default for name, option in options.items()}
    for name, value in received.items():
        if name in options:
            values[name] = options[name].check(value)
        elif not (name == TRUNCATION.name and value == TRUNCATION.default):
            close = difflib.get_close_matches(name, options, 1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            known = ", ".join(f"`{one}`" for one in options) or "none"
            raise UserError(
                f"{type(model).__name__} has no sampling option `{name}`. Its options: {known}.{hint} "
                f"Received: {name}={value!r}"
            )
    return values
