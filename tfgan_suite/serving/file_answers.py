"""Answers that are a file themselves, such as a WAV, for clients that ask for one by the header `Accept`."""

from tfgan_suite.serving.serving_error import ServingError

# Media types by the suffix of files, which outputs carry in their names: `wav_bytes`.
MEDIA_TYPES = {"gif": "image/gif", "mp4": "video/mp4", "png": "image/png", "txt": "text/plain", "wav": "audio/wav"}
# What is said once more as text in JSON.
_TEXT = "text"


def file_answer(outputs: dict, accept: str) -> tuple[str, bytes] | None:
    """The file that a client asks for by its media type; `None` if it asks for none, or the answer holds none.

    Args:
        outputs: Dict `{name: NumPy array}`.
        accept: String. The header `Accept`, such as `"audio/wav"`.

    Returns:
        Tuple `(media type, content)`.

    Raises:
        ServingError: There are several such files, which JSON alone can hold.

    Example:

    >>> file_answer({"wav_bytes": np.array([b"RIFF"], object)}, "audio/wav")
    ('audio/wav', b'RIFF')
    """
    accepted = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    for suffix, media_type in MEDIA_TYPES.items():
        files = outputs.get(f"{suffix}_bytes")
        if files is None or media_type not in accepted or outputs.keys() - {f"{suffix}_bytes", _TEXT}:
            continue
        if files.size != 1:
            raise ServingError(
                "INVALID_ARGUMENT",
                f"An answer of the type {media_type} is one file. Received a request for {files.size}: ask for a count of 1, or "
                "for JSON.",
                http_status=406,
            )
        return media_type, bytes(files.reshape(-1)[0])
    return None
