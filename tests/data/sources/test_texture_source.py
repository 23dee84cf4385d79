import pickle

import numpy as np
import pytest
from PIL import Image

from tfgan_suite.data.images import ImageFormat
from tfgan_suite.data.sources import texture_source
from tfgan_suite.data.sources.open_source import open_source
from tfgan_suite.data.sources.texture_source import PHOTOGRAPHS, Photograph, TextureSource
from tfgan_suite.foundation.errors import MissingExtraError, UserError


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Two photographs in a package of the test's own: grey with its position as its pixels, and red."""
    package = tmp_path / "texture_test_photographs"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('Only the files are wanted.')")
    grey = (np.arange(20)[:, None] * 10 + np.arange(10)).astype(np.uint8)
    red = np.full([16, 12, 3], [200, 0, 0], np.uint8)
    for name, pixels in (("grey", grey), ("red", red)):
        Image.fromarray(pixels).save(package / f"{name}.png")
    monkeypatch.syspath_prepend(tmp_path)
    found = {name: Photograph(package.name, f"{name}.png", f"licence of {name}") for name in ("grey", "red")}
    monkeypatch.setattr(texture_source, "PHOTOGRAPHS", {**found, "lost": Photograph("no_such_package", "x.png", "")})
    return {"grey": grey, "red": red}


def read(source, number):
    reader = pickle.loads(pickle.dumps(source.make_reader(None, ImageFormat(8, 8))))
    return reader.read(source.list_items(True, number + 1).items[number])


def test_patches_are_parts_of_the_photographs(photographs):
    source = TextureSource(["grey", "red"], count=400, patch_size=8)
    listing = source.list_items(True, None)
    assert [item.label for item in listing.items[:4]] == [0, 1, 0, 1] and listing.class_names == ("grey", "red")
    places = set()
    reader = source.make_reader(None, ImageFormat(8, 8))
    for item in listing.items[::2]:
        patch = reader.read(item)
        assert patch.shape == (8, 8, 3) and patch.dtype == np.uint8
        top, left = divmod(int(patch[0, 0, 0]), 10)  # Columns are at most 2.
        np.testing.assert_array_equal(patch[..., 1], photographs["grey"][top : top + 8, left : left + 8])
        places.add((top, left))
    assert places == {(top, left) for top in range(13) for left in range(3)}, "every place that there is"
    np.testing.assert_array_equal(read(source, 1), photographs["red"][:8, :8])
    assert source.license == "grey: licence of grey; red: licence of red"


def test_a_patch_is_a_function_of_number_and_seed(photographs):
    arguments = {"photographs": ["grey"], "patch_size": 8}
    first = read(TextureSource(count=5, **arguments), 3)
    np.testing.assert_array_equal(read(TextureSource(count=50, **arguments), 3), first)
    assert any(not np.array_equal(read(TextureSource(seed=seed, **arguments), 3), first) for seed in (1, 2, 3))
    assert TextureSource(**arguments).list_items(False, None).class_names == ()
    settings = ({}, {"seed": 1}, {"count": 4}, {"patch_size": 4}, {"photographs": ["red"]})
    assert len({TextureSource(**{**arguments, **changes}).fingerprint() for changes in settings}) == 5


def test_refuses_what_is_not_there(photographs):
    with pytest.raises(UserError, match="Unknown photograph 'gray'. Did you mean 'grey'"):
        TextureSource(["gray"])
    with pytest.raises(UserError, match="`photographs` must be different.*red, red"):
        TextureSource(["red", "red"], patch_size=8)
    with pytest.raises(
        UserError, match="`patch_size` must be in \\[1, 10\\], since 'grey' has.*Received: patch_size=11"
    ):
        TextureSource(["red", "grey"], patch_size=11)
    with pytest.raises(MissingExtraError, match=r"package 'no_such_package'.*tfgan-suite\[textures\]"):
        TextureSource(["lost"])


def test_the_photographs_that_packages_ship():
    for package in ("skimage", "sklearn"):
        if texture_source.importlib.util.find_spec(package) is None:
            pytest.skip(f"Needs the extra [textures]: {package} is not installed.")
    source = open_source("textures")
    assert source.photographs == tuple(PHOTOGRAPHS) and all(PHOTOGRAPHS[name].license for name in PHOTOGRAPHS)
    assert "china: CC BY 2.0" in source.license and "brick: CC0" in source.license
    assert open_source("textures:brick,flower").photographs == ("brick", "flower")
    patch = read(open_source("textures:flower"), 0)
    assert patch.shape == (128, 128, 3) and patch.std() > 1
    with pytest.raises(UserError, match="Unknown photograph 'bricks'. Did you mean 'brick'"):
        open_source("textures:bricks")
