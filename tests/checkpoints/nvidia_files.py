"""Writes pickles as NVIDIA's programs wrote them, out of weights under the names of the PyTorch version.

No official file is at hand, so the classes that those files name are made here for a moment: same modules, same names, same
way to be pickled. The source texts that the files carry would leave a marker on the disk if anything executed them.
"""

import contextlib
import io
import pickle
import re
import struct
import sys
import types
from collections import OrderedDict

import numpy as np

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C


@contextlib.contextmanager
def modules(**contents):
    """Puts modules into `sys.modules` for a moment: `modules(dnnlib__util={"EasyDict": EasyDict})`."""
    before = dict(sys.modules)
    try:
        for name, values in contents.items():
            name = name.replace("__", ".")
            for end in [match.start() for match in re.finditer(r"\.", name)]:
                sys.modules.setdefault(name[:end], types.ModuleType(name[:end]))
            sys.modules[name] = types.ModuleType(name)
            for key, value in values.items():
                setattr(sys.modules[name], key, value)
                value.__module__, value.__qualname__ = name, key
        yield
    finally:
        for name in contents:
            name = name.replace("__", ".")
            for part in [name[: match.start()] for match in re.finditer(r"\.", name)] + [name]:
                if part in before:
                    sys.modules[part] = before[part]
                else:
                    sys.modules.pop(part, None)


class EasyDict(dict):
    """A dictionary with attributes, as the programs use it for settings."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Network:
    """A network of the TensorFlow version: what is saved is what `state` holds."""

    def __init__(self, **state):
        self.state = state

    def __getstate__(self):
        return self.state


def malicious_source(marker):
    return f"open({str(marker)!r}, 'w').close()\n"


# === TensorFlow ===


def to_tensorflow(state):
    """Variables by part: `{"": [...], "mapping": [...], "synthesis": [...]}`, each a list of (name, array)."""
    variables = {"": [], "mapping": [], "synthesis": []}
    of_generator = "synthesis.b4.const" in state
    for name, array in state.items():
        if name.endswith("resample_filter"):
            continue
        part, rest = name.split(".", 1) if of_generator else ("", name)
        if name == "mapping.w_avg":
            variables[""].append(("dlatent_avg", array))
            continue
        if name.startswith("mapping."):
            layer, kind = name.split(".")[1:]
            layer = re.sub("^fc", "Dense" if of_generator else "Mapping", layer).replace("embed", "LabelEmbed")
            variables["mapping" if of_generator else ""].append((f"{layer}/{kind}", array.T))
            continue
        block, *layer, kind = rest.split(".")
        size = int(block[1:])
        variables[part].append(
            _styled(size, layer, kind, array) if of_generator else _plain(size, layer[0], kind, array)
        )
    return variables


def _styled(size, layer, kind, array):
    if kind == "const":
        return "4x4/Const/const", array[None]
    if kind == "noise_const":
        index = 2 * int(np.log2(size)) - (5 if layer == ["conv0"] else 4)
        return f"noise{index}", array[None, None]
    name = {"conv0": "Conv0_up", "conv1": "Conv1" if size > 4 else "Conv", "torgb": "ToRGB", "skip": "Skip"}[layer[0]]
    name = f"{size}x{size}/{name}"
    if layer[1:] == ["affine"]:
        return (f"{name}/mod_weight", array.T) if kind == "weight" else (f"{name}/mod_bias", array - np.float32(1))
    if kind == "weight":
        array = array.transpose(2, 3, 1, 0)
        array = array[::-1, ::-1] if layer[0] in ("conv0", "skip") else array
    if kind == "noise_strength":
        array = array[()]  # A NumPy scalar, as TensorFlow 1 returns for it.
    return f"{name}/{kind}", array


def _plain(size, layer, kind, array):
    if layer in ("fc", "out"):
        return f"{'4x4/Dense0' if layer == 'fc' else 'Output'}/{kind}", array.T
    name = {"fromrgb": "FromRGB", "conv": "Conv", "conv0": "Conv0", "conv1": "Conv1_down", "skip": "Skip"}[layer]
    return f"{size}x{size}/{name}/{kind}", array.transpose(2, 3, 1, 0) if kind == "weight" else array


def tensorflow_network(state, function, marker, static_kwargs, rename=lambda name: name):
    """A `Network` with components, or without for a discriminator."""
    variables = {
        part: [(rename(name), value) for name, value in listed] for part, listed in to_tensorflow(state).items()
    }
    common = {
        "version": 4,
        "static_kwargs": static_kwargs,
        "build_module_src": malicious_source(marker),
    }
    components = {
        part: Network(**common, name=f"G_{part}", components={}, build_func_name=f"G_{part}", variables=variables[part])
        for part in ("mapping", "synthesis")
        if variables[part]
    }
    return Network(**common, name=function, components=components, build_func_name=function, variables=variables[""])


def write_tensorflow_pickle(
    path,
    generator,
    discriminator,
    marker,
    generator_kwargs=(),
    discriminator_kwargs=(),
    functions=("G_main", "D_stylegan2"),
    module="dnnlib.tflib.network",
    protocol=4,
    averaged=None,
    rename=lambda name: name,
):
    """The tuple (G, D, Gs)."""
    kwargs = [EasyDict(generator_kwargs), EasyDict(discriminator_kwargs)]
    with modules(**{module.replace(".", "__"): {"Network": Network}, "dnnlib__util": {"EasyDict": EasyDict}}):
        networks = (
            tensorflow_network(generator, functions[0], marker, kwargs[0], rename),
            tensorflow_network(discriminator, functions[1], marker, kwargs[1], rename),
            tensorflow_network(generator if averaged is None else averaged, functions[0], marker, kwargs[0], rename),
        )
        path.write_bytes(pickle.dumps(networks, protocol))
    return path


# === PyTorch ===


def storage_blob(array, storage_name=None):
    """What `torch.save` writes for a storage in the format before 1.6, made without torch."""
    storage_name = (
        storage_name or {"f4": "FloatStorage", "f8": "DoubleStorage", "f2": "HalfStorage"}[array.dtype.str[1:]]
    )
    blob = io.BytesIO()
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    for header in (MAGIC_NUMBER, 1001, system):
        pickle.dump(header, blob, 2)
    blob.write(
        b"\x80\x02(X\x07\x00\x00\x00storageq\x00ctorch\n"
        + storage_name.encode()
        + b"\nq\x01X\x05\x00\x00\x0012345q\x02"
        b"X\x03\x00\x00\x00cpuq\x03J" + struct.pack("<i", array.size) + b"Ntq\x04Q."
    )
    pickle.dump(["12345"], blob, 2)
    blob.write(struct.pack("<q", array.size) + array.tobytes())
    return blob.getvalue()


class Tensor:
    """Pickles as a tensor does outside of `torch.save`."""

    def __init__(self, array, blob=None, size=None, stride=None):
        array = np.array(array, order="C")
        self.blob = storage_blob(array) if blob is None else blob
        self.size = array.shape if size is None else size
        self.stride = tuple(step // array.itemsize for step in array.strides) if stride is None else stride

    def __reduce__(self):
        storage = Storage(self.blob)
        arguments = storage, 0, tuple(self.size), tuple(self.stride), False, OrderedDict()
        return sys.modules["torch._utils"]._rebuild_tensor_v2, arguments


class Storage:
    def __init__(self, blob):
        self.blob = blob

    def __reduce__(self):
        return sys.modules["torch.storage"]._load_from_bytes, (self.blob,)


class Parameter(Tensor):
    def __reduce__(self):
        tensor = Tensor.__new__(Tensor)
        tensor.__dict__.update(self.__dict__)
        return sys.modules["torch._utils"]._rebuild_parameter, (tensor, True, OrderedDict())


class Module:
    """A module of a class whose source is saved with it."""

    def __init__(self, class_name, marker, **attributes):
        self.class_name, self.marker = class_name, marker
        self.attributes = {
            "training": False,
            "_parameters": OrderedDict(),
            "_buffers": OrderedDict(),
            "_non_persistent_buffers_set": set(),
            "_backward_hooks": OrderedDict(),
            "_is_full_backward_hook": None,
            "_modules": OrderedDict(),
            **attributes,
        }

    def __reduce__(self):
        meta = EasyDict(
            type="class",
            version=6,
            module_src=malicious_source(self.marker),
            class_name=self.class_name,
            state=self.attributes,
        )
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (meta,)


_BUFFERS = ("resample_filter", "noise_const", "w_avg")


def module_tree(class_name, state, marker, attributes, parameter=Parameter, tensor=Tensor):
    """Modules within modules with the names of `state`; `attributes(path)` are those of the module at a path."""
    root = Module(class_name, marker, **attributes(""))
    for name, array in state.items():
        *path, leaf = name.split(".")
        module = root
        for depth, part in enumerate(path):
            children = module.attributes["_modules"]
            if part not in children:
                children[part] = Module("Layer", marker, **attributes(".".join(path[: depth + 1])))
            module = children[part]
        if leaf in _BUFFERS:
            module.attributes["_buffers"][leaf] = tensor(array)
        else:
            module.attributes["_parameters"][leaf] = parameter(array)
    return root


def stylegan2_attributes(num_fp16_blocks=0, conv_clamp=None, group_size=4):
    """The attributes that the modules of a StyleGAN2 have, those that matter here among some that do not."""

    def attributes(path):
        name = path.rsplit(".", 1)[-1]
        if name == "":
            return {"z_dim": 64, "img_resolution": 16, "_init_kwargs": EasyDict(z_dim=64)}
        if re.fullmatch(r"b\d+", name):
            return {"use_fp16": int(name[1:]) > 16 >> num_fp16_blocks, "architecture": "skip", "num_conv": 2}
        if re.fullmatch(r"conv\d?|skip|fromrgb|torgb", name):
            return {"conv_clamp": conv_clamp, "activation": "lrelu", "act_gain": np.float64(np.sqrt(2)), "up": 1}
        if re.fullmatch(r"fc\d", name):
            return {"activation": "lrelu", "bias_gain": 0.01, "weight_gain": np.float64(0.01 / 8)}
        if name == "mbstd":
            return {"group_size": group_size, "num_channels": 1}
        return {}

    return attributes


def torch_names():
    """Modules and functions of torch that a pickler can write down, and that do nothing."""

    def function():
        return lambda *arguments: None

    return {
        "torch___utils": {"_rebuild_tensor_v2": function(), "_rebuild_parameter": function()},
        "torch__storage": {"_load_from_bytes": function()},
    }


def pytorch_content(generator, discriminator, marker, averaged=None, parameter=Parameter, tensor=Tensor, **options):
    """The dictionary of a file by the PyTorch version."""
    attributes = stylegan2_attributes(**options)

    def build(class_name, state):
        root = module_tree(class_name, state, marker, attributes, parameter, tensor)
        if class_name == "Discriminator":
            block = root.attributes["_modules"]["b4"].attributes["_modules"]
            block["mbstd"] = Module("MinibatchStdLayer", marker, **attributes("mbstd"))
        return root

    return {
        "training_set_kwargs": EasyDict(
            class_name="training.dataset.ImageFolderDataset", resolution=16, use_labels=True
        ),
        "G": build("Generator", generator),
        "D": build("Discriminator", discriminator),
        "G_ema": build("Generator", generator if averaged is None else averaged),
        "augment_pipe": Module("AugmentPipe", marker, xflip=1.0),
    }


def write_pytorch_pickle(path, content, protocol=4, with_torch=False):
    """Pickles a dictionary of `pytorch_content`."""
    names = {
        "torch_utils__persistence": {"_reconstruct_persistent_obj": lambda meta: None},
        "dnnlib__util": {"EasyDict": EasyDict},
        **({} if with_torch else torch_names()),
    }
    with modules(**names):
        path.write_bytes(pickle.dumps(content, protocol))
    return path
