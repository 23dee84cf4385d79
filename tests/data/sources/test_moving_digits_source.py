"""Moving digits: every clip keeps its digit and its speed, and stays within the walls."""

import numpy as np
import pytest

from tfgan_suite.data.loader import read_split
from tfgan_suite.data.sources.moving_digits_source import DIGIT_SIZE, MovingDigitsSource, reflect, small_digit
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset


def test_a_prepared_set_moves_as_it_must(tmp_path):
    info = prepare_dataset(MovingDigitsSource(count=40), tmp_path / "set", progress=False)
    assert info.spec.shape == (16, 32, 32, 1) and info.spec.frames_per_second == 10 and info.num_classes == 10
    source = MovingDigitsSource(count=40)
    rows = {item.name: (item.address[0], item.label) for item in source.list_items(True, None).items}
    examples, labels, names = next(read_split(tmp_path / "set"))
    speeds = set()
    for clip, label, name in zip(examples, labels, names):
        row, expected = rows[name]
        digit = small_digit(source.digits.examples[row])
        assert label == expected
        # Where the digit is: the only place at which the whole frame is explained by it.
        places = []
        for frame in clip:
            found = [
                (top, left)
                for top in range(32 - DIGIT_SIZE + 1)
                for left in range(32 - DIGIT_SIZE + 1)
                if (frame[top : top + DIGIT_SIZE, left : left + DIGIT_SIZE] == digit).all()
            ]
            assert len(found) == 1 and frame.sum() == digit.sum()
            places.append(found[0])
        steps = np.abs(np.diff(places, axis=0))
        speed = np.median(steps, axis=0)
        assert 0 <= speed.min() and 1 <= speed.max() <= 3
        bounced = steps != speed  # A step that ends beyond a wall comes back.
        assert (steps <= speed).all() and bounced.mean() < 0.3
        speeds.add(tuple(speed))
    assert len(speeds) > 8


def test_reflection():
    np.testing.assert_array_equal(reflect(np.array([-3, 0, 4, 5, 9, 13]), 5), [3, 0, 4, 5, 1, 3])


def test_more_clips_begin_with_those_of_fewer():
    few, many = (MovingDigitsSource(count).list_items(True, None).items for count in (5, 9))
    assert few == many[:5] and MovingDigitsSource(5, seed=1).list_items(True, None).items != few
    assert MovingDigitsSource(5).list_items(False, 3).items == [item._replace(label=None) for item in few[:3]]


def test_a_frame_has_room_to_move():
    with pytest.raises(UserError, match="20 or more"):
        MovingDigitsSource().make_format(image_size=16)
