"""Text of a model in a file: what `tfgan-suite sample` writes for models of text."""

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.runs.sampling import sample_labels

SUFFIXES = (".txt", ".md")


def write_texts(
    model, path, *, prompt=None, count=None, num_bytes=None, seed=0, labels=None, separate_dir=None, **sampling
):
    """Writes generated texts into a file: the bytes as they were drawn, UTF-8 or not.

    Args:
        model: A `GenerativeModel` of text.
        path: String. Path of the file, a `.txt` or `.md`.
        prompt: String that each text begins with; `None` for texts without one.
        count: Integer. How many texts; by default 1 with a prompt, else 8. Between two of them is a line that says which one
            follows; a single text stands alone.
        num_bytes: Integer. Bytes after the prompt, as in `generate`.
        seed: Integer. The same seed gives the same texts.
        labels: As in `sample_labels`.
        separate_dir: String. Where to write each text to its own file as well.
        **sampling: The model's sampling options, such as `temperature`.

    Returns:
        List of the paths of what was written, the file of all first.

    Raises:
        UserError: An argument out of range, or another kind of file.
    """
    path = local_path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"`path` must be an output file NAME.txt for {model.spec.unit[1]}. Received: path={str(path)!r}"
        )
    count = count or (8 if prompt is None else 1)
    labels = sample_labels(model, count, labels)
    if prompt is None and num_bytes is None:
        texts = [model.spec.to_file(example) for example in model.generate(count, labels, seed=seed, **sampling)]
    else:
        prompt = (prompt or "").encode()
        texts = model.generate(count, labels, prompt=prompt, num_bytes=num_bytes, seed=seed, **sampling)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, texts[0] if count == 1 else b"".join(map(_headed, range(count), texts)))
    paths = [path]
    if separate_dir is not None:
        directory = local_path(separate_dir)
        directory.mkdir(parents=True, exist_ok=True)
        digits = len(str(count - 1))
        for index, text in enumerate(texts):
            paths.append(directory / f"{index:0{digits}d}{model.spec.file_suffix}")
            paths[-1].write_bytes(text)
    return paths


def _headed(index, text):
    return b"--- text %d ---\n%s\n" % (index, text)
