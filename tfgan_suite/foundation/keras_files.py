"""Keras's files, made in memory first: HDF5 may end the interpreter when it cannot complete a file on the disk."""

import io


class FileInMemory(io.BytesIO):
    """Takes the place of a path in Keras's `save` and `save_weights`, which choose the format by the suffix.

    Args:
        name: String. The file's name, such as `"model.keras"`.

    Example:

    >>> file = FileInMemory("model.weights.h5")
    >>> keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)]).save_weights(file)
    >>> file.getvalue()[:4]
    b'\\x89HDF'
    """

    def __init__(self, name: str):
        super().__init__()
        self._name = name

    def __str__(self) -> str:
        return self._name
