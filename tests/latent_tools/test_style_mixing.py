import numpy as np

from tfgan_suite.latent_tools import interpolate_styles, mix_styles


def cell(grid, row, column, size=16, margin=2):
    top, left = row * (size + margin), column * (size + margin)
    return grid[top : top + size, left : left + size]


def test_each_cell_has_the_styles_of_its_sources(space):
    rows, columns = space.sample(2, seed=0), space.sample(3, seed=1)
    grid = mix_styles(space, rows, columns, layers=(0, 1, 4))
    assert grid.shape == (3 * 18 - 2, 4 * 18 - 2, 3)
    assert (cell(grid, 0, 0) == 255).all()
    for column, image in enumerate(space.synthesize(columns)):
        np.testing.assert_array_equal(cell(grid, 0, column + 1), image)
    for row, image in enumerate(space.synthesize(rows)):
        np.testing.assert_array_equal(cell(grid, row + 1, 0), image)
        for column in range(3):
            mixed = rows[row].copy()
            mixed[[0, 1, 4]] = columns[column][[0, 1, 4]]
            expected = space.synthesize(mixed[np.newaxis])[0]
            np.testing.assert_array_equal(cell(grid, row + 1, column + 1), expected)


def test_all_styles_from_the_top(space):
    rows, columns = space.sample(2, seed=0), space.sample(3, seed=1)
    grid = mix_styles(space, rows, columns, layers=None)
    for column in range(3):
        np.testing.assert_array_equal(cell(grid, 1, column + 1), cell(grid, 0, column + 1))


def test_interpolation(space):
    first, second = space.sample(2)
    path = interpolate_styles(first, second, 5)
    np.testing.assert_array_equal(path[[0, 4]], [first, second])
    np.testing.assert_allclose(np.diff(path, axis=0), np.broadcast_to((second - first) / 4, [4, 6, 8]), atol=1e-6)
