import io
import pickle

import numpy as np
import pytest
from PIL import Image

from tfgan_suite.data.images import ImageFormat
from tfgan_suite.data.sources.avatar_source import DEFAULT_STYLES, AvatarSource
from tfgan_suite.foundation.errors import UserError

pytest.importorskip("dicebear", reason="Needs the extra [avatars].")
STYLES = ("thumbs", "pixel-art")  # The two that DiceBear opens fastest.


def draw(source: AvatarSource, number: int, size: int = 32) -> np.ndarray:
    reader = pickle.loads(pickle.dumps(source.make_reader(None, ImageFormat(size, size))))
    item = source.list_items(True, number + 1).items[number]
    return np.asarray(Image.open(io.BytesIO(reader.read(item))).convert("RGBA"))


def test_avatars_are_functions_of_number_and_seed():
    source = AvatarSource(10, STYLES)
    first = draw(source, 0)
    assert first.shape == (32, 32, 4) and len(np.unique(first.reshape(-1, 4), axis=0)) > 3
    np.testing.assert_array_equal(draw(AvatarSource(1000, STYLES), 0), first)
    assert not np.array_equal(draw(source, 2), first), "the same style, another avatar"
    assert not np.array_equal(draw(AvatarSource(10, STYLES, seed=1), 0), first)
    assert draw(source, 0, size=48).shape == (48, 48, 4)


def test_classes_are_styles_in_turn():
    listing = AvatarSource(7, STYLES).list_items(True, None)
    assert [item.label for item in listing.items] == [0, 1, 0, 1, 0, 1, 0] and listing.class_names == STYLES
    assert len(AvatarSource(7, STYLES).list_items(True, 3).items) == 3
    assert AvatarSource(7, STYLES).list_items(False, None).class_names == ()


def test_only_cc0_styles_are_drawn_and_their_authors_named():
    source = AvatarSource()
    assert (
        source.styles == DEFAULT_STYLES and source.license.startswith("CC0 1.0") and "Pablo Stanley" in source.license
    )
    with pytest.raises(UserError, match="'adventurer' is licensed 'CC BY 4.0'. Only CC0"):
        AvatarSource(styles=("adventurer",))
    with pytest.raises(UserError, match="Did you mean 'pixel-art'"):
        AvatarSource(styles=("pixelart",))


def test_fingerprint_follows_the_settings():
    prints = {
        AvatarSource(*settings).fingerprint()
        for settings in ((5, STYLES), (6, STYLES), (5, STYLES[:1]), (5, STYLES, 1))
    }
    assert len(prints) == 4
