"""Files as NVIDIA's programs wrote them are read without running the source that they carry; hostile ones are refused."""

import pickle
import struct
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.checkpoints import nvidia_files
from tests.checkpoints.nvidia_files import (
    EasyDict,
    Module,
    Network,
    Parameter,
    Tensor,
    modules,
    pytorch_content,
    storage_blob,
    write_pytorch_pickle,
    write_tensorflow_pickle,
)
from tests.untrusted.hostile import Call, Raw, dumps, payloads
from tfgan_suite.checkpoints.progan_state import progan_from_state
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.untrusted.nvidia_pickle import NETWORK_NAMES, read_network_pickle
from tfgan_suite.untrusted.restricted_unpickler import UnsafePickleError

GOLDEN_DIR = Path(__file__).parents[1] / "golden"
GOLDEN = np.load(GOLDEN_DIR / "stylegan2_16_cond4.npz")
GENERATOR = {name[2:]: GOLDEN[name] for name in GOLDEN.files if name.startswith("G/")}
DISCRIMINATOR = {name[2:]: GOLDEN[name] for name in GOLDEN.files if name.startswith("D/")}


@pytest.fixture
def marker(tmp_path):
    """A file that source in a pickle would write; at the end of every test it is still not there."""
    path = tmp_path / "marker"
    yield path
    assert not path.exists(), "something in the file was executed"


# === Honest files ===


@pytest.mark.parametrize("module", ["dnnlib.tflib.network", "tfutil", "network"])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_tensorflow_file(tmp_path, marker, module, protocol):
    path = write_tensorflow_pickle(
        tmp_path / "x.pkl", GENERATOR, DISCRIMINATOR, marker, {"fmap_base": 128}, module=module, protocol=protocol
    )
    assert b"build_module_src" in path.read_bytes() and str(marker).encode() in path.read_bytes()
    file = read_network_pickle(path)
    assert file.format == "tensorflow" and file.training_set == {}
    assert file.averaged_generator.class_name == "G_main" and file.discriminator.class_name == "D_stylegan2"
    assert set(file.averaged_generator.settings) == {"", "mapping", "synthesis"}
    assert file.averaged_generator.setting("synthesis", "fmap_base") == 128
    variables = file.generator.variables
    assert len(variables) == len([name for name in GENERATOR if not name.endswith("filter")])
    np.testing.assert_array_equal(variables["synthesis/4x4/Const/const"], GENERATOR["synthesis.b4.const"][None])
    np.testing.assert_array_equal(variables["mapping/Dense0/weight"], GENERATOR["mapping.fc0.weight"].T)
    np.testing.assert_array_equal(variables["dlatent_avg"], GENERATOR["mapping.w_avg"])
    assert variables["synthesis/8x8/Conv0_up/noise_strength"].shape == ()
    assert file.discriminator.variables["8x8/Conv0/weight"].shape == (3, 3, 16, 16)
    assert not any(array.flags.writeable for array in variables.values() if array.ndim)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pytorch_file(tmp_path, marker, protocol):
    content = pytorch_content(GENERATOR, DISCRIMINATOR, marker, num_fp16_blocks=2, conv_clamp=256, group_size=2)
    path = write_pytorch_pickle(tmp_path / "x.pkl", content, protocol)
    assert b"module_src" in path.read_bytes() and str(marker).encode() in path.read_bytes()
    file = read_network_pickle(path)
    assert file.format == "pytorch" and file.training_set["resolution"] == 16
    for record, state in ((file.averaged_generator, GENERATOR), (file.discriminator, DISCRIMINATOR)):
        assert set(record.variables) == set(state)
        for name, array in state.items():
            np.testing.assert_array_equal(record.variables[name], array)
            assert record.variables[name].dtype == array.dtype and record.variables[name].shape == array.shape
    settings = file.averaged_generator.settings
    assert settings[""]["class_name"] == "Generator" and settings["synthesis.b8.conv0"]["conv_clamp"] == 256
    assert settings["synthesis.b8.conv0"]["act_gain"] == np.sqrt(2)
    assert [settings[f"synthesis.b{size}"]["use_fp16"] for size in (4, 8, 16)] == [False, True, True]
    assert file.discriminator.settings["b4.mbstd"]["group_size"] == 2


def test_file_written_by_torch(tmp_path, marker):
    torch = pytest.importorskip("torch", reason="Needs torch, to write a file as it does.")
    content = pytorch_content(
        GENERATOR,
        DISCRIMINATOR,
        marker,
        parameter=lambda array: torch.nn.Parameter(torch.tensor(array)),
        tensor=lambda array: torch.tensor(array, dtype=torch.float16).float(),
    )
    # A tensor that is a view into a storage shared with others.
    block = content["G_ema"].attributes["_modules"]["synthesis"].attributes["_modules"]["b4"].attributes
    block["_parameters"]["const"] = torch.nn.Parameter(torch.arange(600.0)[40:296].reshape(16, 4, 4).transpose(1, 2))
    file = read_network_pickle(write_pytorch_pickle(tmp_path / "x.pkl", content, with_torch=True))
    variables = file.averaged_generator.variables
    np.testing.assert_array_equal(
        variables["synthesis.b4.const"], np.arange(40.0, 296.0).reshape(16, 4, 4).transpose(0, 2, 1)
    )
    np.testing.assert_array_equal(
        variables["synthesis.b8.conv1.affine.weight"], GENERATOR["synthesis.b8.conv1.affine.weight"]
    )
    assert set(variables) == set(GENERATOR)


def test_the_blob_made_without_torch_is_what_torch_makes():
    torch = pytest.importorskip("torch", reason="Needs torch, to compare with what it writes.")
    array = np.arange(5, dtype="<f4")
    (_, (blob,)) = torch.tensor(array).untyped_storage().__reduce__()
    function, arguments, *_ = torch.tensor(array).__reduce_ex__(4)
    assert function.__module__ == "torch._utils" and type(arguments[0]).__name__ == "TypedStorage"
    (_, (blob,)) = arguments[0].__reduce__()
    own = storage_blob(array)
    assert blob[-28:] == own[-28:]  # Count and content.
    assert b"ctorch\nFloatStorage\n" in blob and b"ctorch\nFloatStorage\n" in own


def test_transient_buffers_and_absent_parameters(tmp_path, marker):
    content = pytorch_content({"fc.weight": np.ones([2, 2], "f4")}, {"b4.out.weight": np.ones([1, 1], "f4")}, marker)
    layer = content["G_ema"].attributes["_modules"]["fc"].attributes
    layer["_parameters"]["bias"] = None
    layer["_buffers"].update(kept=Tensor(np.zeros(1, "f4")), transient=Tensor(np.zeros(1, "f4")))
    layer["_non_persistent_buffers_set"].add("transient")
    content["G_ema"].attributes["_modules"]["nothing"] = None
    content["G"] = content["D"] = None
    file = read_network_pickle(write_pytorch_pickle(tmp_path / "x.pkl", content))
    assert set(file.averaged_generator.variables) == {"fc.weight", "fc.kept"}
    assert file.generator is None and file.discriminator is None


@pytest.mark.parametrize("module", ["tfutil", "network"])
def test_progan_file(tmp_path, module):
    """ProGAN's networks have no components; `lod` is a variable among the others."""
    golden = np.load(GOLDEN_DIR / "progan_16.npz")
    states = {
        part: {name[2:]: golden[name] for name in golden.files if name.startswith(f"{part}/")} for part in ("G", "D")
    }
    with modules(**{module: {"Network": Network}}):
        networks = [
            Network(
                version=2,
                name=part,
                static_kwargs={"num_channels": 3, "resolution": 16},
                build_module_src="raise SystemExit",
                build_func_name=part,
                variables=[("lod", np.float32(0.0)), *states[part].items()],
            )
            for part in ("G", "D", "G")
        ]
        (tmp_path / "x.pkl").write_bytes(pickle.dumps(tuple(networks), 4))
    file = read_network_pickle(tmp_path / "x.pkl")
    for record, part in ((file.averaged_generator, "G"), (file.discriminator, "D")):
        assert set(record.variables) - {"lod"} == set(states[part]) - {"lod"} and record.class_name == part
        assert all(np.array_equal(record.variables[name], array) for name, array in states[part].items())
    generator, discriminator = progan_from_state(file.averaged_generator.variables, file.discriminator.variables)
    assert generator.image_shape == discriminator.image_shape == (16, 16, 3)


# === Other files ===


def test_what_is_no_such_file(tmp_path):
    with pytest.raises(UserError, match="not a file"):
        read_network_pickle(tmp_path / "none.pkl")
    for content in (b"", b"<!DOCTYPE html>", b"PK\x03\x04", b"(lp0\n."):
        (tmp_path / "x.pkl").write_bytes(content)
        with pytest.raises(UserError, match="is not a pickle"):
            read_network_pickle(tmp_path / "x.pkl")
    for value, expected in (
        ({"G": 1}, "a dictionary with \\['G'\\]"),
        ((1, 2), "2 values, the first a int"),
        ([], "no values"),
        ("text", "a str"),
        ({"G_ema": {"weight": 1.0}}, "a dictionary with"),
    ):
        (tmp_path / "x.pkl").write_bytes(pickle.dumps(value, 4))
        with pytest.raises(UserError, match=f"three networks.*Received: {expected}"):
            read_network_pickle(tmp_path / "x.pkl")


@pytest.mark.parametrize("kind", ["tensorflow", "pytorch"])
def test_truncated_files(tmp_path, marker, kind):
    path = tmp_path / "x.pkl"
    if kind == "tensorflow":
        write_tensorflow_pickle(path, GENERATOR, DISCRIMINATOR, marker)
    else:
        write_pytorch_pickle(path, pytorch_content(GENERATOR, DISCRIMINATOR, marker))
    content = path.read_bytes()
    for length in [1, 2, 10, 50, *range(100, len(content), len(content) // 15), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(UnsafePickleError, match="damaged"):
            read_network_pickle(path)


# === Hostile files: every payload at every place where the format has a value ===


def tensorflow_place(payload, place):
    """A file of the TensorFlow format with something hostile in it."""
    state = {"version": 4, "static_kwargs": {}, "components": {}, "build_module_src": "", "variables": []}
    places = {
        "whole": payload,
        "network": (payload, Network(**state), Network(**state)),
        "source": (Network(**{**state, "build_module_src": payload}),) * 3,
        "settings": (Network(**{**state, "static_kwargs": EasyDict(func=payload)}),) * 3,
        "variable": (Network(**{**state, "variables": [("a", payload)]}),) * 3,
        "component": (Network(**{**state, "components": {"mapping": payload}}),) * 3,
        "unused entry": (Network(**state, other=[[{"x": (payload,)}]]),) * 3,
    }
    return places[place]


@pytest.mark.parametrize("place", ["whole", "network", "source", "settings", "variable", "component", "unused entry"])
@pytest.mark.parametrize("name", payloads("x"))
def test_hostile_tensorflow_file(tmp_path, marker, name, place):
    with modules(dnnlib__tflib__network={"Network": Network}, dnnlib__util={"EasyDict": EasyDict}):
        content = dumps(tensorflow_place(payloads(marker)[name], place))
    (tmp_path / "x.pkl").write_bytes(content)
    with pytest.raises(UnsafePickleError) as error:
        read_network_pickle(tmp_path / "x.pkl")
    check_reason(error.value, name)


def check_reason(error, name):
    """Refused for what it is, not because the test wrote a pickle that nobody could read."""
    assert "damaged" not in str(error) or name == "network with arguments"


@pytest.mark.parametrize("place", ["top", "source", "state", "parameter", "storage", "blob"])
@pytest.mark.parametrize("name", payloads("x"))
def test_hostile_pytorch_file(tmp_path, marker, name, place):
    payload = payloads(marker)[name]
    content = pytorch_content({"fc.weight": np.ones([2, 2], "f4")}, {"b4.out.weight": np.ones([1, 1], "f4")}, marker)
    layer = content["G_ema"].attributes["_modules"]["fc"].attributes
    if place == "top":
        content["augment_pipe"] = payload
    elif place == "state":
        layer["anything"] = payload
    elif place == "parameter":
        layer["_parameters"]["bias"] = payload
    with nvidia_modules():
        if place == "source":
            call = Call(sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, {"module_src": payload})
            layer["inner"] = call
        elif place == "storage":
            function = sys.modules["torch._utils"]._rebuild_tensor_v2
            layer["_buffers"]["x"] = Call(function, payload, 0, (1,), (1,), False, {})
        elif place == "blob":  # A whole PyTorch file within the pickle, whose value is the payload.
            headers = storage_blob(np.zeros(1, "f4")).split(b"\x80\x02(")[0]
            layer["_parameters"]["bias"] = Parameter(
                np.zeros(1, "f4"), headers + dumps(payload, 4) + pickle.dumps([], 2)
            )
        (tmp_path / "x.pkl").write_bytes(dumps(content))
    with pytest.raises(UnsafePickleError) as error:
        read_network_pickle(tmp_path / "x.pkl")
    check_reason(error.value, name)


def nvidia_modules():
    return modules(
        torch_utils__persistence={"_reconstruct_persistent_obj": lambda meta: None},
        dnnlib__util={"EasyDict": EasyDict},
        **nvidia_files.torch_names(),
    )


def test_the_payloads_do_run_under_plain_pickle(tmp_path):
    for name in ("os.system", "eval", "exec", "open", "numpy memmap", "stack global", "array of objects"):
        marker = tmp_path / name.replace(" ", "_")
        pickle.loads(dumps(payloads(marker)[name]))
        assert marker.exists()


def test_a_blob_within_a_blob(tmp_path, marker):
    """The inner file may name storages and nothing that reads yet another file."""
    assert "torch.storage _load_from_bytes" in NETWORK_NAMES
    inner = b"\x80\x02ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", 4) + b"abcd\x85R."
    headers = storage_blob(np.zeros(1, "f4")).split(b"\x80\x02(")[0]
    content = pytorch_content({}, {"b4.out.weight": np.ones([1, 1], "f4")}, marker)
    content["G_ema"].attributes["_parameters"]["x"] = Parameter(
        np.zeros(1, "f4"), headers + inner + pickle.dumps([], 2)
    )
    with pytest.raises(UnsafePickleError, match="_load_from_bytes"):
        read_network_pickle(write_pytorch_pickle(tmp_path / "x.pkl", content))


# === Claims ===


def refuse(path, match=None, seconds=10.0, megabytes=100):
    """Refused soon and without much memory, in a few words."""
    tracemalloc.start()
    start = time.process_time()
    try:
        with pytest.raises(UserError, match=match) as error:
            read_network_pickle(path)
        assert tracemalloc.get_traced_memory()[1] < megabytes * 2**20
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < seconds
    assert len(str(error.value)) < 1500


@pytest.mark.parametrize(
    "size, stride",
    [((10**9,), (1,)), ((10**6, 10**6), (0, 0)), ((2,), (10**15,)), ((-1,), (1,)), ((4,), (-1,)), ((1.5,), (1,)), (None, (1,)), ((1,) * 100, (0,) * 100)],
)  # fmt: skip
def test_tensors_that_reach_outside_their_storage(tmp_path, marker, size, stride):
    content = pytorch_content({}, {"b4.out.weight": np.ones([1, 1], "f4")}, marker)
    tensor = Tensor(np.zeros(4, "f4"), size=(4,), stride=stride)
    tensor.size = size

    def reduce(self):
        arguments = nvidia_files.Storage(self.blob), 0, self.size, self.stride, False, {}
        return sys.modules["torch._utils"]._rebuild_tensor_v2, arguments

    content["G_ema"].attributes["_buffers"]["x"] = type("Odd", (Tensor,), {"__reduce__": reduce})(
        np.zeros(4, "f4"), size=(4,), stride=stride
    )
    content["G_ema"].attributes["_buffers"]["x"].size = size
    refuse(write_pytorch_pickle(tmp_path / "x.pkl", content))


@pytest.mark.parametrize("count", [5, 2**31 - 1, 2**40])
def test_storages_that_claim_more_than_they_have(tmp_path, marker, count):
    blob = storage_blob(np.zeros(4, "f4"))
    claim = b"\x8a\x08" + struct.pack("<q", count)
    content = pytorch_content({}, {"b4.out.weight": np.ones([1, 1], "f4")}, marker)
    for changed in (
        blob.replace(b"J\x04\x00\x00\x00Nt", claim + b"Nt"),
        blob.replace(struct.pack("<q", 4) + bytes(16), struct.pack("<q", count) + bytes(16)),
        blob.replace(b"J\x04\x00\x00\x00Nt", claim + b"Nt").replace(struct.pack("<q", 4) + bytes(16), struct.pack("<q", count) + bytes(16)),
        blob[:-1],
    ):  # fmt: skip
        assert changed != blob
        content["G_ema"].attributes["_buffers"]["x"] = Tensor(np.zeros(4, "f4"), changed)
        refuse(write_pytorch_pickle(tmp_path / "x.pkl", content))


def array_program(shape, dtype=b"f4", content=bytes(16), order=b"\x89"):
    """A NumPy array as a pickle writes it, with any shape, type and content."""
    return Raw(
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87RK\x01" + shape + b"cnumpy\ndtype\n"
        + b"X" + struct.pack("<I", len(dtype)) + dtype + b"\x89\x88\x87R(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb" + order + b"B" + struct.pack("<I", len(content)) + content + b"tb"
    )  # fmt: skip


def array_file(path, program):
    state = {"version": 4, "static_kwargs": {}, "components": {}, "build_module_src": ""}
    program = Raw(program.content.replace(b"\x87RK\x01", b"\x87R(K\x01", 1))  # The mark of the state's tuple.
    with modules(dnnlib__tflib__network={"Network": Network}):
        path.write_bytes(dumps((Network(**state, variables=[("a", program)]),) * 3))
    return path


def test_array_as_it_should_be(tmp_path):
    path = array_file(tmp_path / "x.pkl", array_program(b"K\x02K\x02\x86"))
    assert read_network_pickle(path).generator.variables["a"].shape == (2, 2)


@pytest.mark.parametrize(
    "options",
    [
        {"shape": b"\x8a\x08" + struct.pack("<q", 2**60) + b"\x85"},
        {"shape": b"K\x03\x85"},
        {"shape": b"K\x05\x85"},
        {"shape": b"J\xff\xff\xff\xffJ\xfc\xff\xff\xff\x86"},  # (-1, -4)
        {"shape": b"]"},
        {"shape": b"N\x85"},
        {"shape": b"(" + b"K\x01" * 40 + b"t"},
        {"shape": b"K\x04\x85", "dtype": b"O8"},
        {"shape": b"K\x04\x85", "dtype": b"V4"},
        {"shape": b"K\x04\x85", "dtype": b"S4"},
        {"shape": b"K\x04\x85", "dtype": b"f4,f4"},
        {"shape": b"K\x01\x85", "dtype": b"c16"},
        {"shape": b"K\x01\x85", "dtype": b"f16"},
        {"shape": b"K\x01\x85", "dtype": b"(4,)f4"},
    ],
)
def test_arrays_that_are_not_what_they_say(tmp_path, options):
    refuse(array_file(tmp_path / "x.pkl", array_program(**options)))


@pytest.mark.parametrize("content", [b"]", b"]Na", b"N", b"K\x05", b"}"])
def test_arrays_whose_content_is_no_bytes(tmp_path, content):
    program = array_program(b"K\x04\x85").content.split(b"\x89B")[0] + b"\x89" + content + b"tb"
    refuse(array_file(tmp_path / "x.pkl", Raw(program)), "not bytes")


def test_bomb_of_shared_weights(tmp_path, marker):
    """A small file that says the same weights a thousand times over."""
    array = np.ones([500, 500], "f4")
    variables = [(f"v{index}", array) for index in range(1000)]
    with modules(dnnlib__tflib__network={"Network": Network}):
        network = Network(version=4, static_kwargs={}, components={}, variables=variables)
        (tmp_path / "x.pkl").write_bytes(pickle.dumps((network,) * 3, 4))
    refuse(tmp_path / "x.pkl", "far larger than the file")

    content = pytorch_content({}, {"b4.out.weight": np.ones([1, 1], "f4")}, marker)
    storage = nvidia_files.Storage(storage_blob(array))
    for index in range(100):
        tensor = Tensor(array)
        tensor.storage = storage
        content["G_ema"].attributes["_buffers"][f"x{index}"] = SharedTensor(storage)
    refuse(write_pytorch_pickle(tmp_path / "x.pkl", content), "far more than the size")


class SharedTensor:
    def __init__(self, storage):
        self.storage = storage

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (self.storage, 0, (500, 500), (500, 1), False, {})


def test_networks_within_themselves(tmp_path, marker):
    network = Network(version=4, static_kwargs={}, components={}, variables=[])
    network.state["components"]["again"] = network
    with modules(dnnlib__tflib__network={"Network": Network}):
        (tmp_path / "x.pkl").write_bytes(pickle.dumps((network,) * 3, 4))
    refuse(tmp_path / "x.pkl", "too many nested parts")


@pytest.mark.parametrize("width, depth", [(1, 100), (2, 14), (5000, 1)])
def test_modules_shared_by_many(tmp_path, marker, width, depth):
    module = Module("Leaf", marker)
    for _ in range(depth):
        outer = Module("Layer", marker)
        outer.attributes["_modules"].update({f"m{index}": module for index in range(width)})
        module = outer
    content = pytorch_content({}, {"b4.out.weight": np.ones([1, 1], "f4")}, marker)
    content["G_ema"] = module
    refuse(write_pytorch_pickle(tmp_path / "x.pkl", content), "too many nested parts")


def test_settings_without_end(tmp_path):
    laughs = ["ha"]
    for _ in range(60):
        laughs = [laughs, laughs]
    for value in (laughs, list(range(50_000))):
        network = Network(version=4, static_kwargs={"x": value}, components={}, variables=[])
        with modules(dnnlib__tflib__network={"Network": Network}):
            (tmp_path / "x.pkl").write_bytes(pickle.dumps((network,) * 3, 4))
        refuse(tmp_path / "x.pkl", "more settings than any network needs")


def test_deep_nesting_in_an_unused_place(tmp_path):
    depth = 20_000
    deep = Raw(b"]" * depth + b"a" * (depth - 1))
    network = Network(version=4, static_kwargs={"x": deep}, components={}, variables=[], other=deep)
    with modules(dnnlib__tflib__network={"Network": Network}):
        (tmp_path / "x.pkl").write_bytes(dumps((network,) * 3))
    refuse(tmp_path / "x.pkl", "more settings")


@pytest.mark.parametrize(
    "change",
    [
        {"variables": {"a": 1}},
        {"variables": ["a"]},
        {"variables": [("a", np.ones(1), 1)]},
        {"variables": [(1, np.ones(1))]},
        {"variables": [("a", "text")]},
        {"variables": [("a", None)]},
        {"variables": [("a", np.ones(1)), ("a", np.ones(1))]},
        {"components": ["mapping"]},
        {"components": {"mapping": {"variables": []}}},
        {"components": {1: None}},
    ],
)
def test_networks_of_another_shape(tmp_path, change):
    state = {"version": 4, "static_kwargs": {}, "components": {}, "variables": []}
    with modules(dnnlib__tflib__network={"Network": Network}):
        (tmp_path / "x.pkl").write_bytes(pickle.dumps((Network(**{**state, **change}),) * 3, 4))
    refuse(tmp_path / "x.pkl")
