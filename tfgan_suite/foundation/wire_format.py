"""The subset of the protocol buffer wire format that records and warm-up requests need, without message classes."""


def field(number: int, payload: bytes) -> bytes:
    """Encodes a length-delimited field: bytes, text, or a nested message."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(value: int) -> bytes:
    """Encodes an integer >= 0 in groups of seven bits, lowest first."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)
