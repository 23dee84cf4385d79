"""GIF files of batches of clips, inside a graph. Every frame is stored, also one that equals the frame before.

TensorFlow has no encoder of GIF. The codes of this one are literals, one for each pixel, with the code that clears the
decoder's table in time, so that they never grow beyond nine bits: larger files than those of an encoder that searches, and
all sizes known when the graph is made.
"""

import numpy as np
import tensorflow as tf

MAX_FRAMES_PER_SECOND = 50  # A frame lasts two hundredths of a second or more: readers slow down what claims less.
_CODE_BITS = 9
_CLEAR, _END = 256, 257
# The table is full of codes of nine bits after 254 pixels. With this many, a group ends at a whole byte.
_GROUP_PIXELS = 247
_BLOCK_BYTES = 255
# Colors of clips with more than 256 of them: an even grid of red, green and blue.
_GRID_LEVELS = (6, 7, 6)
# Thresholds of ordered dithering (Bayer 1973), the same in every frame: what stands still does not flicker.
_THRESHOLDS = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16 - 15 / 32


def encode_gifs(clips, frames_per_second):
    """GIF files that repeat endlessly, a string tensor `[batch]`.

    Gray clips, and clips of at most 256 colors, are stored exactly. Of more colors, each pixel gets one of 252, dithered.

    Args:
        clips: uint8 tensor `[batch, num_frames, height, width, channels]` of known sizes, with 1 or 3 channels.
        frames_per_second: Float in (0, 50]. A frame lasts whole hundredths of a second: 30 become 33.

    Example:

    >>> encode_gifs(np.zeros([2, 16, 8, 8, 1], "uint8"), 10)[0].numpy()[:6]
    b'GIF89a'
    """
    clips = tf.convert_to_tensor(clips)
    num_frames, height, width, channels = clips.shape[1:]
    screen = b"GIF89a" + _two_bytes(width) + _two_bytes(height) + b"\xf7\0\0"
    forever = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
    delay = _two_bytes(hundredths(frames_per_second))
    before = (
        b"\x21\xf9\x04\x04" + delay + b"\0\0" + b"\x2c\0\0\0\0" + _two_bytes(width) + _two_bytes(height) + b"\0\x08"
    )

    def encode(clip):
        palette, indices = _gray(clip) if channels == 1 else _colors(clip)  # [256, 3], [frames, height * width]
        head = tf.tile(_constant(before)[None], [num_frames, 1])
        frames = tf.concat([head, _blocks(_pack(indices, height * width))], 1)
        parts = [_constant(screen), tf.reshape(palette, [-1]), _constant(forever), tf.reshape(frames, [-1])]
        return _to_string(tf.concat([*parts, _constant(b"\x3b")], 0))

    return tf.map_fn(encode, clips, fn_output_signature=tf.TensorSpec([], tf.string))


def hundredths(frames_per_second):
    """How long a GIF shows one frame, in hundredths of a second.

    Example:

    >>> hundredths(30)
    3
    """
    return max(1, round(100 / frames_per_second))


def _gray(clip):
    palette = tf.repeat(tf.range(256)[:, None], 3, axis=1)
    return tf.cast(palette, tf.uint8), tf.reshape(clip, [clip.shape[0], -1])


def _colors(clip):
    packed = tf.tensordot(tf.cast(clip, tf.int32), [1 << 16, 1 << 8, 1], 1)  # [frames, height, width]
    found, indices = tf.unique(tf.reshape(packed, [-1]))

    def exact():
        padded = tf.pad(found, [[0, 256 - tf.size(found)]])
        palette = tf.bitwise.bitwise_and(tf.bitwise.right_shift(padded[:, None], [16, 8, 0]), 255)
        return tf.cast(palette, tf.uint8), tf.cast(tf.reshape(indices, [clip.shape[0], -1]), tf.uint8)

    def dithered():
        levels = np.array(_GRID_LEVELS)
        grid = np.stack(np.meshgrid(*[np.arange(count) for count in levels], indexing="ij"), -1).reshape(-1, 3)
        palette = np.zeros([256, 3], np.uint8)
        palette[: len(grid)] = np.rint(grid * (255 / (levels - 1)))
        height, width = clip.shape[1:3]
        thresholds = np.tile(_THRESHOLDS, [-(-height // 4), -(-width // 4)])[:height, :width, None]
        values = tf.cast(clip, tf.float32) * ((levels - 1) / 255).astype(np.float32) + thresholds
        values = tf.cast(tf.clip_by_value(tf.round(values), 0.0, (levels - 1).astype(np.float32)), tf.int32)
        chosen = tf.tensordot(values, [levels[1] * levels[2], levels[2], 1], 1)
        return tf.constant(palette), tf.cast(tf.reshape(chosen, [clip.shape[0], -1]), tf.uint8)

    palette, indices = tf.cond(tf.size(found) <= 256, exact, dithered)
    return tf.ensure_shape(palette, [256, 3]), tf.ensure_shape(indices, [clip.shape[0], clip.shape[1] * clip.shape[2]])


def _pack(indices, num_pixels):
    """Codes of nine bits, the lowest bit first, as bytes: uint8 `[frames, bytes]`."""
    num_frames = indices.shape[0]
    num_groups = num_pixels // _GROUP_PIXELS + 1  # Room for the end, at least.
    codes = tf.pad(
        tf.cast(indices, tf.int32), [[0, 0], [0, num_groups * _GROUP_PIXELS - num_pixels]], constant_values=_END
    )
    codes = tf.reshape(codes, [num_frames, num_groups, _GROUP_PIXELS])
    codes = tf.pad(codes, [[0, 0], [0, 0], [1, 0]], constant_values=_CLEAR)
    bits = tf.bitwise.bitwise_and(tf.bitwise.right_shift(codes[..., None], tf.range(_CODE_BITS)), 1)
    octets = tf.reshape(bits, [num_frames, -1, 8])
    return tf.cast(tf.tensordot(octets, [1 << bit for bit in range(8)], 1), tf.uint8)


def _blocks(data):
    """Cuts bytes `[frames, bytes]` into blocks, each with its length in front, and an empty one last."""
    num_frames, size = data.shape
    whole = size // _BLOCK_BYTES
    blocks = tf.reshape(data[:, : whole * _BLOCK_BYTES], [num_frames, whole, _BLOCK_BYTES])
    blocks = tf.pad(blocks, [[0, 0], [0, 0], [1, 0]], constant_values=tf.constant(_BLOCK_BYTES, tf.uint8))
    rest = size - whole * _BLOCK_BYTES
    last = tf.pad(data[:, size - rest :], [[0, 0], [1, 0]], constant_values=tf.constant(rest, tf.uint8))
    end = tf.zeros([num_frames, 1 if rest else 0], tf.uint8)
    return tf.concat([tf.reshape(blocks, [num_frames, -1]), last, end], 1)


def _to_string(data):
    """The bytes of a uint8 vector as a string: in a serialized tensor they stand last."""
    return tf.strings.substr(tf.io.serialize_tensor(data), -tf.size(data), tf.size(data))


def _constant(data):
    return tf.constant(np.frombuffer(data, np.uint8))


def _two_bytes(number):
    return int(number).to_bytes(2, "little")
