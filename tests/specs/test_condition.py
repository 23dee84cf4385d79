import numpy as np
import pytest

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.specs.condition import Condition

ANIMALS = Condition.of_classes(3, ("cat", "dog", "owl"))
DIGITS = Condition.of_classes(3, ("3", "7", "9"))


@pytest.mark.parametrize(
    ("condition", "labels", "count", "expected"),
    [
        (ANIMALS, "owl", 2, [2, 2]),
        (ANIMALS, ["dog", "cat"], None, [1, 0]),
        (ANIMALS, ["2", "0"], None, [2, 0]),
        (ANIMALS, np.array([[1], [2]], "uint8"), 2, [1, 2]),
        (ANIMALS, 1, None, [1]),
        (DIGITS, ("7", "9"), None, [1, 2]),  # Names,
        (DIGITS, ("0", "1"), None, [0, 1]),  # numbers, since not all are names,
        (DIGITS, (0, 1), None, [0, 1]),  # and integers are numbers always.
        (Condition.of_classes(3), ("1",), None, [1]),
    ],
)
def test_classes_by_number_or_name(condition, labels, count, expected):
    indices = condition.class_indices(labels, count)
    assert indices.dtype == np.int32 and indices.tolist() == expected


@pytest.mark.parametrize(
    ("labels", "count", "message"),
    [
        ("cow", 1, r"labels from 0 to 2 \(class names 0: 'cat', 1: 'dog', 2: 'owl'\), or all names .* 'cow'"),
        (["cat", "1"], None, "Received: 'cat', '1'"),
        ([3], None, "labels from 3 to 3"),
        ([-1, 0], None, "labels from -1 to 0"),
        ([0, 1], 3, r"3 integer labels .* shape=\(2,\)"),
        ([0.0], None, "dtype=float64"),
        (np.eye(3), 3, r"shape=\(3, 3\)"),
    ],
)
def test_classes_that_are_not_there(labels, count, message):
    with pytest.raises(UserError, match=message):
        ANIMALS.class_indices(labels, count)


def test_many_classes_are_not_all_named():
    many = Condition.of_classes(1000, [f"class {index}" for index in range(1000)])
    with pytest.raises(UserError, match="from 0 to 999.*19: 'class 19', ...") as error:
        many.class_indices("none")
    assert len(str(error.value)) < 700
