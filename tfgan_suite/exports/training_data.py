"""What a model card says of the data that a model was trained on."""

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.specs.example_spec import spec_to_config


def check_dataset(model, dataset_info) -> None:
    """Raises a `UserError` if `dataset_info` does not match the model.

    Args:
        model: A `GenerativeModel`.
        dataset_info: A `DatasetInfo`, or `None`.
    """
    if dataset_info is None:
        return
    specs = model.spec, dataset_info.spec
    classes = model.num_classes, dataset_info.num_classes
    if not specs[0].matches(specs[1]) or None not in classes and classes[0] != classes[1]:
        expected, received = (f"{spec.unit[1]} {spec.shape}, {count} classes" for spec, count in zip(specs, classes))
        raise UserError(f"`dataset_info` must describe the model's training data: {expected}. Received: {received}.")


def describe_data(dataset_info, not_stated) -> dict | None:
    """The entry `data` of a model card.

    Args:
        dataset_info: A `DatasetInfo`, or `None`.
        not_stated: String. What stands for a license that is not known.
    """
    if dataset_info is None:
        return None
    return {
        "name": dataset_info.name,
        "source": dataset_info.source,
        "license": dataset_info.license or not_stated,
        "fingerprint": dataset_info.fingerprint,
        "class_names": list(dataset_info.class_names),
        "example": spec_to_config(dataset_info.spec),
        "num_examples": {name: split.num_examples for name, split in dataset_info.splits.items()},
    }
