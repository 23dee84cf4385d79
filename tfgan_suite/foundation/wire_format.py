"""Protocol buffers' wire format, as far as records and warm-up requests need it: written without the message classes."""


def field(number: int, payload: bytes) -> bytes:
    """A length-delimited field: bytes, text, or a message inside a message."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(value: int) -> bytes:
    """A whole number >= 0 in groups of seven bits, the lowest first."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)
