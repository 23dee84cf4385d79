"""Values come back as Python's own unpickler makes them; programs do not run; a short file takes little memory."""

import io
import pickle
import time
import tracemalloc
from collections import OrderedDict

import numpy as np
import pytest

from tfgan_suite.untrusted.restricted_unpickler import Inert, RestrictedUnpickler, StandIn, UnsafePickleError, shown

SHARED = [1, "a"]
PLAIN = {
    "numbers": [0, -1, 255, 65536, 2**31, -(2**40), 2**100, 0.1, float("inf"), True, False, None],
    "texts": ["", "é", "x" * 70_000],
    "containers": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {("a", 1): {}}],
    "shared": [SHARED, SHARED],
    3: {"deep": [[[[{}]]]]},
}
# What later protocols have instructions for, and earlier ones calls.
BYTES = [b"bytes" * 100, b"", b"x" * 70_000]
SETS = [{1, 2}, frozenset({"a"}), set()]
NAMES = {"collections OrderedDict": StandIn(lambda: {})}


def read(content, names=NAMES, **options):
    return RestrictedUnpickler(io.BytesIO(content), names, **options).load()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_plain_values_come_back(protocol):
    later = {3: BYTES, 4: BYTES + SETS, 5: [*BYTES, *SETS, bytearray(b"more")]}
    value = {**PLAIN, "later": later.get(protocol)}
    result = read(pickle.dumps(value, protocol))
    assert result == value
    assert result["shared"][0] is result["shared"][1]
    assert [type(number) for number in result["numbers"]] == [type(number) for number in value["numbers"]]


@pytest.mark.parametrize("protocol", [2, 4])
def test_dictionaries_of_every_kind(protocol):
    ordered = OrderedDict(b=1, a=2)
    ordered._metadata = {"version": 1}  # PyTorch's state dictionaries have such attributes; they are dropped.
    assert list(read(pickle.dumps(ordered, protocol)).items()) == [("b", 1), ("a", 2)]


def test_frames_are_read_through():
    value = [bytes(100_000), "text" * 50_000, list(range(1000))]  # More than one frame.
    content = pickle.dumps(value, 4)
    assert content.count(b"\x95") >= 1
    assert read(content) == value


def test_a_pickle_within_a_file():
    file = io.BytesIO(b"head" + pickle.dumps([1], 4) + pickle.dumps([2], 2) + b"tail")
    file.seek(4)
    assert RestrictedUnpickler(file, {}).load() == [1]
    assert RestrictedUnpickler(file, {}).load() == [2]
    assert file.read() == b"tail"


class Filled(Inert):
    __slots__ = ("state",)

    def set_state(self, state):
        self.state = state


def test_inert_objects_are_made_and_filled():
    names = {"module Class": StandIn(Filled)}
    filled = read(b"\x80\x02cmodule\nClass\n)\x81}X\x01\x00\x00\x00aK\x01sb.", names)
    assert type(filled) is Filled and filled.state == {"a": 1}
    for refused in (b"cmodule\nClass\n}b.", b"cmodule\nClass\n)\x81}X\x01\x00\x00\x00aK\x01ss."):
        with pytest.raises(UnsafePickleError):
            read(b"\x80\x02" + refused, names)


# === Names ===


def test_names_that_are_not_listed():
    for content in (b"\x80\x02cos\nsystem\n.", b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93."):
        with pytest.raises(UnsafePickleError, match="'os.system', which is not on the list"):
            read(content)


def test_a_refused_name_at_the_end_is_found_before_anything_runs():
    called = []
    names = {"module function": StandIn(lambda: called.append(True))}
    with pytest.raises(UnsafePickleError, match="os.system"):
        read(b"\x80\x04\x8c\x06module\x8c\x08function\x93)R0\x8c\x02os\x8c\x06system\x93.", names)
    assert not called
    read(b"\x80\x04\x8c\x06module\x8c\x08function\x93)R.", names)
    assert called


@pytest.mark.parametrize(
    "made_up",
    [
        b"\x8c\x0bcollections]\x93",  # a list as the name
        b"\x8c\x0bcollections\x8c\x0bOrderedDict0\x8c\x06system\x93",  # another one slipped in by POP
        b"\x8c\x0bcollectionsN0\x8c\x0bOrderedDict\x93",  # something between
        b"N\x94h\x00\x8c\x0bOrderedDict\x93",  # a module out of the memo that is no text
        b"h\x07\x8c\x0bOrderedDict\x93",  # never stored
        b"\x8c\x0bOrderedDict\x93",  # one text only
        b"\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93",  # dotted
        b"\x8c\x0ccollections \x8c\x0bOrderedDict\x93",
    ],
)
def test_names_made_up_while_running(made_up):
    with pytest.raises(UnsafePickleError):
        read(b"\x80\x04" + made_up + b".")


def test_names_out_of_the_memo():
    content = b"\x80\x04\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x940h\x00h\x01\x93)R."
    assert read(content) == {}
    # The memo says another thing when it is run than when it was looked at: a slot is written twice.
    with pytest.raises(UnsafePickleError, match="os.system"):
        read(b"\x80\x04\x8c\x0bcollections\x940\x8c\x02osq\x000\x8c\x06systemq\x010h\x00h\x01\x93.")


# === Calls, attributes, containers ===


@pytest.mark.parametrize(
    "hostile",
    [
        b"]]R.",  # a list is called
        b"X\x01\x00\x00\x00a)R.",  # a text is called
        b"ccollections\nOrderedDict\n]R.",  # arguments that are no tuple
        b"ccollections\nOrderedDict\nN\x81.",
        b"X\x01\x00\x00\x00a}b.",  # attributes of a text
        b"]}X\x06\x00\x00\x00appendNsb.",  # of a list
        b"ccollections\nOrderedDict\n}X\x01\x00\x00\x00aNsb.",  # of a name
        b"]K\x01K\x02s.",  # items of a list
        b"}K\x01a.",  # append to a dictionary
        b"ccollections\nOrderedDict\nK\x01a.",  # append to a name
        b"\x8f(]\x90.",  # a list in a set
        b"}]K\x01s.",  # a list as a key
        b"(K\x010e.",  # pops a mark away
        b"(0t.",
        b"K\x01(00.",
        b"0.",
        b".",
        b"R.",
        b"t.",
        b"e.",
        b"a.",
        b"}(K\x01u.",  # a key without a value
        b"(K\x01d.",
        b"\x92\x00.",  # NEWOBJ_EX
        b"\x97.",  # NEXT_BUFFER
        b"}Q.",  # a persistent id where none is expected
    ],
)
def test_refused_programs(hostile):
    with pytest.raises(UnsafePickleError):
        read(b"\x80\x02" + hostile)


@pytest.mark.parametrize("length", range(0, 60, 3))
def test_truncated(length):
    content = pickle.dumps({"a": [1, 2, (3, "text")], "b": OrderedDict(x=b"12345")}, 4)
    assert len(content) > 60
    with pytest.raises(UnsafePickleError):
        read(content[:length])


def test_noise_never_ends_otherwise_than_in_a_refusal():
    generator = np.random.default_rng(0)
    base = pickle.dumps({**PLAIN, "texts": ["é", b"ab"], "ordered": OrderedDict(a=1)}, 4)
    for _ in range(1500):
        content = bytearray(base)
        for position in generator.integers(2, len(content), 3):
            content[position] = generator.integers(256)
        try:
            read(bytes(content))
        except UnsafePickleError:
            pass


# === Bombs ===


def limited(content, names=NAMES, seconds=5.0, megabytes=64, file=None):
    """Refused quickly, and without much memory."""
    tracemalloc.start()
    start = time.process_time()
    try:
        with pytest.raises(UnsafePickleError) as error:
            RestrictedUnpickler(file or io.BytesIO(content), names).load()
        assert tracemalloc.get_traced_memory()[1] < megabytes * 2**20
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < seconds
    assert len(str(error.value)) < 1000
    return str(error.value)


@pytest.mark.parametrize(
    "claim",
    [
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",  # BINBYTES8 of 2**63 - 1 bytes
        b"\x8e\x00\x00\x00\x00\x04\x00\x00\x00",  # of 16 GB
        b"B\xff\xff\xff\xff",  # BINBYTES of 4 GB
        b"\x8d\xff\xff\xff\xff\xff\x00\x00\x00",  # BINUNICODE8
        b"X\xff\xff\xff\xff",
        b"\x96\xff\xff\xff\xff\xff\x00\x00\x00",  # BYTEARRAY8
        b"\x8b\xff\xff\xff\x7f",  # LONG4 of 2 GB
        b"\x8b\xff\xff\xff\xff",  # of a negative length
        b"\x95\xff\xff\xff\xff\xff\xff\xff\xff",  # FRAME
        b"K\x01r\xff\xff\xff\x7f",  # LONG_BINPUT 2**31 - 1
        b"I" + b"9" * 100_000 + b"\n",
        b"\x8b\xe8\x03\x00\x00" + b"\x7f" * 1000,  # a number of 8000 bits
    ],
)
def test_claims_larger_than_the_file(claim, tmp_path):
    limited(b"\x80\x04" + claim + b".")
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04" + claim + b".")
    with open(tmp_path / "x.pkl", "rb") as file:  # A real file's `read` takes the memory first.
        limited(None, file=file)


def test_frame_that_claims_too_much_runs_nothing_else():
    content = pickle.dumps([1, 2], 4)
    assert read(content[:3] + b"\xff" * 8 + content[11:]) == [1, 2]  # The frame's length means nothing here.


def test_deep_nesting():
    depth = 100_000
    value = read(b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b".")
    for _ in range(depth - 1):
        (value,) = value
    assert value == []
    assert len(shown(read(b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."))) < 100


def test_a_key_whose_hash_would_take_forever():
    # A tuple of two references to a tuple of two references to ... : 2**64 leaves in 64 steps.
    content = b"\x80\x04)" + b"".join(b"\x94h" + bytes([index]) + b"\x86" for index in range(64))
    assert len(read(content + b".")) == 2
    for use in (b"}h\x3fNs", b"\x8f(h\x3f\x90", b"(h\x3f\x91", b"(h\x3fNd"):
        assert "as a key" in limited(content + use + b".")


def test_one_long_value_copied_many_times():
    names = {"m copy": StandIn(lambda data: bytes(bytearray(data))), "m zeros": StandIn(lambda: np.zeros(100_000))}
    data = b"\x80\x04B" + (200_000).to_bytes(4, "little") + bytes(200_000) + b"\x940"
    assert "far more than the size" in limited(data + b"(" + b"cm\ncopy\nh\x00\x85R" * 1000 + b"t.", names)
    assert "far more than the size" in limited(b"\x80\x04(" + b"cm\nzeros\n)R" * 1000 + b"t.", names)
    assert len(read(data + b"(" + b"cm\ncopy\nh\x00\x85R" * 3 + b"t.", names)) == 3


def test_more_instructions_than_any_checkpoint_has(monkeypatch):
    monkeypatch.setattr("tfgan_suite.untrusted.restricted_unpickler._MAX_INSTRUCTIONS", 1000)
    assert "instructions" in limited(b"\x80\x02" + b"N" * 1001 + b".")


def test_errors_are_short_whatever_the_value():
    laughs = b"\x80\x04]" + b"".join(b"\x94](" + b"h" + bytes([i]) + b"h" + bytes([i]) + b"e" for i in range(60))
    assert len(shown(read(laughs + b"."))) < 2000
    assert len(limited(laughs + b"0" * 60 + b"Q.")) < 1000
