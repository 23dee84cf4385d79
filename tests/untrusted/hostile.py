"""Programs in the place of values, which every reader of pickles must refuse to run."""

import builtins
import copyreg
import io
import os
import pickle
import struct

import numpy as np


class Call:
    """Pickles as a call of any function with any arguments."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


class Raw:
    """Bytes of a pickle, for a place inside another."""

    def __init__(self, content):
        self.content = content


class RawPickler(pickle._Pickler):
    """Python's pickler in Python, which writes `Raw` as it is."""

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Raw):
            self.write(value.content)
        else:
            super().save(value, save_persistent_id)


def payloads(marker):
    command = f"touch {marker}"
    source = f"open({str(marker)!r}, 'w').close()"
    text = b"X" + struct.pack("<I", len(command)) + command.encode()
    return {
        "os.system": Call(os.system, command),
        "eval": Call(eval, f"__import__('os').system({command!r})"),
        "exec": Call(exec, source),
        "getattr": Call(getattr, "text", "upper"),
        "getattr of a listed name": Call(getattr, Raw(b"cdnnlib.tflib.network\nNetwork\n"), "__init__"),
        "import": Call(builtins.__import__, "os"),
        "open": Call(open, str(marker), "w"),
        "numpy.load": Call(np.load, str(marker)),
        "numpy memmap": Call(np.memmap, str(marker), "u1", "w+", 0, (4,)),
        "copyreg reconstructor": Raw(b"ccopyreg\n_reconstructor\ncbuiltins\nobject\ncbuiltins\nobject\nN\x87R"),
        "copyreg newobj": Raw(b"ccopyreg\n__newobj__\ncbuiltins\nobject\n\x85R"),
        "copyreg extension": Call(copyreg.add_extension, "os", "system", 77),
        "extension code": Raw(b"\x82\x4d"),
        "stack global": Raw(b"\x8c\x05posix\x8c\x06system\x93" + text + b"\x85R"),
        "stack global, memo": Raw(b"\x8c\x05posixr\x10\x04\x00\x000\x8c\x06systemr\x11\x04\x00\x000j\x10\x04\x00\x00j\x11\x04\x00\x00\x93" + text + b"\x85R"),
        "dotted name": Raw(b"\x8c\x0bdnnlib.util\x8c\x11EasyDict.__init__\x93)R"),
        "instance": Raw(b"(" + text + b"iposix\nsystem\n"),
        "object": Raw(b"(cposix\nsystem\n" + text + b"o"),
        "newobj": Raw(b"cposix\nsystem\n" + text + b"\x85\x81"),
        "newobj_ex": Raw(b"cposix\nsystem\n" + text + b"\x85}\x92"),
        "persistent id": Raw(b"Pos.system\n"),
        "buffer": Raw(b"\x97"),
        "build on a stand-in": Raw(b"cdnnlib.tflib.network\nNetwork\n}X\x09\x00\x00\x00_functionNsb"),
        "build on a stand-in, slots": Raw(b"cdnnlib.tflib.network\nNetwork\nN}X\x09\x00\x00\x00_functionNs\x86b"),
        "setstate by name": Raw(b"cdnnlib.tflib.network\nNetwork\n)\x81X\x0c\x00\x00\x00__setstate__\x85R"),
        "network filled twice": Raw(b"cdnnlib.tflib.network\nNetwork\n)\x81}b}b"),
        "network filled with a tuple": Raw(b"cdnnlib.tflib.network\nNetwork\n)\x81N}\x86b"),
        "network with arguments": Raw(b"cdnnlib.tflib.network\nNetwork\nK\x01\x85\x81"),
        "module of no description": Raw(b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n}\x85R"),
        "array of objects": np.array([None, Call(os.system, command)], dtype=object),
        "array of objects, plain": np.array([1, "a"], dtype=object),
        "array of texts": np.array(["a", "b"]),
        "array of records": np.zeros(2, [("a", "f4"), ("b", "O")]),
        "array that is a matrix": np.matrix([[1.0]]),
        "scalar of objects": Raw(b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\x00\x00\x00O8\x89\x88\x87RC\x08" + bytes(8) + b"\x86R"),
        "array of another class": Raw(b"cnumpy.core.multiarray\n_reconstruct\ncdnnlib.tflib.network\nNetwork\nK\x00\x85C\x01b\x87R"),
        "set of sets": Raw(b"cbuiltins\nset\n]]a\x85R"),
        "bytes of a strange encoding": Raw(b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R"),
        "torch.load": Raw(b"ctorch\nload\n" + text + b"\x85R"),
        "torch jit": Raw(b"ctorch.jit\n_unpickler\n)R"),
    }  # fmt: skip


def dumps(value, protocol=4):
    file = io.BytesIO()
    RawPickler(file, protocol).dump(value)
    return file.getvalue()
