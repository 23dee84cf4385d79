"""No PyTorch here: its files are written by a pickler that speaks of torch's names, and read back as arrays."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from tests.checkpoints.pytorch_files import (
    DTYPES,
    Storage,
    Tensor,
    tensor,
    torch_names,
    write_legacy,
    write_zip,
)
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.untrusted.safe_pickle import (
    PYTORCH_NAMES,
    RestrictedUnpickler,
    StandIn,
    UnsafePickleError,
    read_pytorch_checkpoint,
    read_pytorch_weights,
)


@pytest.fixture(name="torch_names")
def fixture_torch_names():
    with torch_names() as torch:
        yield torch


WRITERS = pytest.mark.parametrize("write", [write_legacy, write_zip])


@WRITERS
@pytest.mark.parametrize("kind", DTYPES)
def test_every_dtype_comes_back(tmp_path, torch_names, write, kind):
    array = (np.arange(6) % 3).reshape(2, 3).astype(DTYPES[kind])
    write(tmp_path / "x.pth", OrderedDict(weight=tensor(array, kind)))
    read = read_pytorch_weights(tmp_path / "x.pth")
    np.testing.assert_array_equal(read["weight"], array)
    assert read["weight"].dtype == array.dtype


@WRITERS
def test_bfloat16_becomes_float32(tmp_path, torch_names, write):
    values = np.array([1.0, -2.5, 3.140625], "<f4")
    halves = (values.view("<u4") >> 16).astype("<u2")
    storage = Storage(halves, "BFloat16", "0")
    write(tmp_path / "x.pth", {"weight": Tensor(storage, 0, (3,), (1,))})
    np.testing.assert_array_equal(read_pytorch_weights(tmp_path / "x.pth")["weight"], values)


@WRITERS
def test_views_of_one_storage_and_nested_dictionaries(tmp_path, torch_names, write):
    storage = Storage(np.arange(12, dtype="<f4"), "Float", "7")
    value = {
        "G": OrderedDict(transposed=Tensor(storage, 0, (4, 3), (1, 4)), tail=Tensor(storage, 10, (2,), (1,))),
        "empty": Tensor(storage, 0, (0, 5), (5, 1)),
        "scalar": Tensor(storage, 3, (), ()),
        "step": 5,
    }
    write(tmp_path / "x.pth", value)
    read = read_pytorch_weights(tmp_path / "x.pth")
    assert list(read) == ["G/transposed", "G/tail", "empty", "scalar"]
    np.testing.assert_array_equal(read["G/transposed"], np.arange(12).reshape(3, 4).T)
    np.testing.assert_array_equal(read["G/tail"], [10, 11])
    assert read["empty"].shape == (0, 5) and read["scalar"] == 3.0
    assert read_pytorch_checkpoint(tmp_path / "x.pth")["step"] == 5


# === Hostile files ===


class Call:
    """Pickles as a call of any function with any arguments."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def payloads(marker):
    command = f"open({str(marker)!r}, 'w').close()"
    return {
        "os.system": Call(os.system, f"touch {marker}"),
        "builtins.eval": Call(eval, f"__import__('pathlib').Path({str(marker)!r}).touch()"),
        "builtins.exec": Call(exec, command),
        "builtins.getattr": Call(getattr, "x", "upper"),
        "builtins.open": Call(open, str(marker), "w"),
        "numpy.load": Call(np.load, str(marker)),
        "numpy.fromfile": Call(np.fromfile, str(marker)),
    }


@WRITERS
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("name", payloads("x"))
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_calls_are_refused_and_not_made(tmp_path, write, name, nested, protocol):
    marker = tmp_path / "marker"
    payload = payloads(marker)[name]
    value = OrderedDict(a=[1, {"deep": (payload,)}]) if nested else payload
    write(tmp_path / "x.pth", None, pickle.dumps(value, protocol))
    with pytest.raises(UnsafePickleError, match="refused"):
        read_pytorch_weights(tmp_path / "x.pth")
    assert not marker.exists()


def test_the_payloads_do_run_under_plain_pickle(tmp_path):
    for name in ("os.system", "builtins.eval", "builtins.exec"):
        marker = tmp_path / name
        pickle.loads(pickle.dumps(payloads(marker)[name]))
        assert marker.exists()


def test_error_names_what_was_refused():
    with pytest.raises(UnsafePickleError, match="(posix|nt).system"):
        RestrictedUnpickler(io.BytesIO(pickle.dumps(Call(os.system, "true"), 2)), PYTORCH_NAMES).load()
    with pytest.raises(UnsafePickleError, match="torch.nn.modules.linear.Linear"):
        RestrictedUnpickler(io.BytesIO(b"\x80\x02ctorch.nn.modules.linear\nLinear\n)R."), PYTORCH_NAMES).load()


@pytest.mark.parametrize(
    "hostile",
    [
        b"(S'true'\nios\nsystem\n.",  # INST: a call in protocol 0
        b"(cos\nsystem\nS'true'\no.",  # OBJ
        b"\x80\x02\x82\x01.",  # EXT1: a name by its number
        b"\x80\x02Pstorage\n.",  # PERSID
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",  # STACK_GLOBAL
        b"\x80\x02X\x01\x00\x00\x00ar\xff\xff\xff\x7f.",  # LONG_BINPUT 2**31 - 1: 16 GB of memory
        b"\x80\x02ccollections\nOrderedDict\nX\x01\x00\x00\x00xR.",  # wrong arguments
        b"\x80\x02]q\x00h\x05.",  # a value that was never stored
        b"\x80\x02]",  # truncated
        b"\x80\x02\x8a\xffab.",  # a number longer than the file
        b"",
        b"not a pickle at all",
    ],
)
def test_malformed_and_forbidden_instructions(hostile):
    with pytest.raises(UnsafePickleError):
        RestrictedUnpickler(io.BytesIO(hostile), PYTORCH_NAMES, lambda identity: None).load()


def test_allowed_names_cannot_be_altered_from_within():
    stand_in = PYTORCH_NAMES["torch._utils _rebuild_tensor_v2"]
    for state in (b"}X\x09\x00\x00\x00_functionNsb.", b"N}X\x09\x00\x00\x00_functionNs\x86b."):  # dict; (None, slots)
        with pytest.raises(UnsafePickleError):
            RestrictedUnpickler(
                io.BytesIO(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + state), PYTORCH_NAMES
            ).load()
    assert stand_in._function is not None


def test_storage_types_cannot_be_called():
    with pytest.raises(UnsafePickleError, match="only be mentioned"):
        RestrictedUnpickler(io.BytesIO(b"\x80\x02ctorch\nFloatStorage\n)R."), PYTORCH_NAMES).load()


@WRITERS
@pytest.mark.parametrize(
    "offset, size, stride",
    [
        (0, (5,), (1,)),
        (3, (2,), (1,)),
        (0, (2, 2), (4, 1)),
        (0, (10**12,), (0,)),
        (0, (-1,), (1,)),
        (-1, (1,), (1,)),
        (0, (2,), (1, 1)),
    ],
)
def test_tensors_that_reach_outside_their_storage(tmp_path, torch_names, write, offset, size, stride):
    storage = Storage(np.arange(4, dtype="<f4"), "Float", "0")
    write(tmp_path / "x.pth", {"w": Tensor(storage, offset, size, stride)})
    with pytest.raises(UnsafePickleError, match="tensor of size"):
        read_pytorch_weights(tmp_path / "x.pth")


@pytest.mark.parametrize("write", [write_legacy, write_zip])
def test_truncated_files(tmp_path, torch_names, write):
    write(tmp_path / "x.pth", {"w": tensor(np.arange(1000, dtype="<f4"))})
    content = (tmp_path / "x.pth").read_bytes()
    for length in (0, 1, 10, 40, len(content) // 2, len(content) - 5):
        (tmp_path / "cut.pth").write_bytes(content[:length])
        with pytest.raises(UserError):
            read_pytorch_weights(tmp_path / "cut.pth")


def test_zip_bomb(tmp_path, torch_names):
    with zipfile.ZipFile(tmp_path / "x.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", pickle.dumps({}, 2))
        archive.writestr("model/data/0", bytes(10**7))
    with pytest.raises(UnsafePickleError, match="unpacks to far more"):
        read_pytorch_weights(tmp_path / "x.pth")


def test_not_a_checkpoint(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_pytorch_weights(tmp_path / "none.pth")
    (tmp_path / "other.pth").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(UnsafePickleError, match="not a PyTorch checkpoint"):
        read_pytorch_weights(tmp_path / "other.pth")
    write_zip(tmp_path / "empty.pth", {"step": 1})
    with pytest.raises(UserError, match="dictionary of tensors"):
        read_pytorch_weights(tmp_path / "empty.pth")


def test_the_list_of_names_is_extended_by_a_table():
    names = {**PYTORCH_NAMES, "fractions Fraction": StandIn(lambda *numbers: numbers)}
    pickled = b"\x80\x02cfractions\nFraction\nK\x01K\x02\x86R."
    assert RestrictedUnpickler(io.BytesIO(pickled), names).load() == (1, 2)
    with pytest.raises(UnsafePickleError, match="fractions.Fraction"):
        RestrictedUnpickler(io.BytesIO(pickled), PYTORCH_NAMES).load()
