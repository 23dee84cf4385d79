"""ExampleRefused: what a reader or a format raises for an input that cannot be used."""


class ExampleRefused(Exception):
    """An input that is set aside.

    Args:
        reason: String. For machines, such as `"not_an_image"`: refused inputs are counted by it.
        message: String. For people, a sentence.

    Example:

    >>> raise ExampleRefused("empty_file", "The file is empty (0 bytes).")
    Traceback (most recent call last):
    ...
    tfgan_suite.foundation.example_refused.ExampleRefused: The file is empty (0 bytes).
    """

    def __init__(self, reason: str, message: str):
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self):
        return self.message
