"""A pickle reader that runs only a closed list of instructions, on inert values.

A pickle is a program. Python's own unpickler runs it with access to the interpreter's objects: it imports what the
program names, looks up attributes, and calls methods. This reader is a separate machine. It reads the whole program
before it runs any step, and refuses every instruction and every name that is not on a list. It then builds plain
values, and the only callables are the `StandIn`s that replace the names on the list.
"""

import io
import pickletools
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfgan_suite.foundation.errors import UserError

_TEXTS = frozenset("UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8".split())
# Instructions whose argument is the value itself.
_LITERALS = _TEXTS | frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING "
    "SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8".split()
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_GETS = frozenset("GET BINGET LONG_BINGET".split())
_PUTS = frozenset("PUT BINPUT LONG_BINPUT".split())
# Left out on purpose: INST and OBJ (protocol 0 calls), NEWOBJ_EX, EXT* (names by number), PERSID (text ids), and
# out-of-band buffers.
ALLOWED_OPCODES = (
    _LITERALS
    | _GETS
    | _PUTS
    | frozenset([*_CONSTANTS, *_EMPTY])
    | frozenset(
        "PROTO STOP FRAME MARK POP POP_MARK DUP APPEND APPENDS LIST TUPLE TUPLE1 TUPLE2 TUPLE3 DICT SETITEM SETITEMS "
        "ADDITEMS FROZENSET MEMOIZE GLOBAL STACK_GLOBAL REDUCE NEWOBJ BUILD BINPERSID".split()
    )
)
# Limits that no checkpoint comes close to, and that stop a hostile file before it fills the memory.
_MAX_INSTRUCTIONS = 1_000_000
_MAX_INT_BITS = 256
_MADE_PER_FILE_BYTE = 16
_MADE_AT_LEAST = 1 << 20
_BYTES_PER_ITEM = 64
_KEYS = (str, int, float, bytes, bool, type(None))

_shorten = reprlib.Repr()
_shorten.maxstring = _shorten.maxother = 80
_shorten.maxlevel = 3


class UnsafePickleError(UserError):
    """A checkpoint asks for something that this reader does not do. Nothing it asked for was run."""


class StandIn:
    """What an allowed name in a pickle resolves to: callable, and immutable from within the pickle.

    Args:
        function: Callable, called with the arguments given in the pickle. `None` if the name may be mentioned but not
            called.
        dtype: String. For storage types, the NumPy dtype (little-endian) of their elements.
    """

    __slots__ = ("_function", "dtype")

    def __init__(self, function: Callable | None = None, dtype: str | None = None):
        object.__setattr__(self, "_function", function)
        object.__setattr__(self, "dtype", dtype)

    def __setattr__(self, name, value):
        raise UnsafePickleError(f"The checkpoint tries to change the attribute {name!r} of an allowed name.")

    def __call__(self, *arguments):
        if self._function is None:
            raise UnsafePickleError("The checkpoint calls a name that may only be mentioned.")
        return self._function(*arguments)


class Inert:
    """Base class of objects that a `StandIn` may create for the pickle to fill in later (instruction BUILD)."""

    __slots__ = ()

    def set_state(self, state: object) -> None:
        """Checks the state and takes it over; raises `UnsafePickleError` if the state is invalid."""
        raise NotImplementedError


class RestrictedUnpickler:
    """Runs one pickle with a closed list of instructions and names.

    Dictionaries of every kind become `dict`; attributes that a pickle sets on a dictionary are dropped.

    Args:
        file: A seekable binary file, at the start of the pickle. After `load`, it is positioned right after the pickle.
        names: Dict `{"module name": object}` of the names that the pickle may use, and the objects that replace them.
            Only a `StandIn` can be called.
        persistent_load: Callable, called with each persistent id (PyTorch's references to storages). `None` refuses
            them.
        data_bytes: Integer. Size of the data that the pickle may refer to; defaults to the size of the file. Values
            created by calls may take a small multiple of it in memory.

    Raises:
        UnsafePickleError: If the pickle is damaged, or uses an instruction or a name that is not allowed (the message
            says which). The pickle is read to its end before it runs, so a late refusal leaves nothing half done.

    Example:

    >>> import io, pickle
    >>> RestrictedUnpickler(io.BytesIO(pickle.dumps({"a": [1, 2]})), names={}).load()
    {'a': [1, 2]}
    """

    def __init__(
        self,
        file: io.BufferedIOBase,
        names: Mapping[str, object],
        persistent_load: Callable | None = None,
        data_bytes: int | None = None,
    ):
        start = file.tell()
        size = file.seek(0, io.SEEK_END) - start
        file.seek(start)
        self._file = _BoundedReader(file, start + size)
        _check_instructions(self._file, names)
        file.seek(start)
        self._names = names
        self._resolve_persistent_id = persistent_load
        self._budget_bytes = _MADE_AT_LEAST + _MADE_PER_FILE_BYTE * max(size, data_bytes or 0)
        self._stack: list[Any] = []
        self._marks: list[int] = []  # Heights of the stack; nothing below the last one can be popped.
        self._memo: dict[int, Any] = {}

    def load(self) -> Any:
        """Returns the value that the pickle describes."""
        try:
            for opcode, argument, _ in pickletools.genops(self._file):
                self._step(opcode.name, argument)
            return self._pop()
        except UserError:
            raise
        except Exception as error:  # A damaged pickle can fail in any way; it has run nothing but the list.
            raise _damaged(error) from error

    def _step(self, name: str, argument: Any) -> None:
        if name in _LITERALS:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self._stack.append(_EMPTY[name]())
        elif name in _GETS:
            self._stack.append(self._memo[argument])
        elif name in _PUTS:
            self._memo[argument] = self._top()
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = self._top()
        elif name in _ACTIONS:
            _ACTIONS[name](self)
        elif name == "GLOBAL":
            self._stack.append(self._find(*argument.split(" ", 1)))

    # === The stack ===

    def _top(self) -> Any:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise UnsafePickleError("The pickle takes a value from an empty stack.")
        return self._stack[-1]

    def _pop(self) -> Any:
        value = self._top()
        del self._stack[-1]
        return value

    def _pop_many(self, count: int) -> tuple:
        return tuple([self._pop() for _ in range(count)][::-1])

    def _pop_to_mark(self) -> list:
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def _pop_or_unmark(self) -> None:
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self._pop()

    # === Containers ===

    def _append(self, items: list) -> None:
        self._of_type(list).extend(items)

    def _add(self, items: list) -> None:
        self._of_type(set).update(map(_check_key, items))

    def _set_items(self, items: list) -> None:
        self._of_type(dict).update(_pairs(items))

    def _of_type(self, kind: type) -> Any:
        target = self._top()
        if type(target) is not kind:
            raise UnsafePickleError(f"The pickle treats a {type(target).__name__} as a {kind.__name__}.")
        return target

    # === Names, calls, states ===

    def _find(self, module: object, name: object) -> object:
        if f"{module} {name}" not in self._names:
            raise _refused_name(f"{module}.{name}")
        return self._names[f"{module} {name}"]

    def _call(self) -> None:
        function, arguments = self._pop_many(2)
        if not isinstance(function, StandIn) or type(arguments) is not tuple:
            raise UnsafePickleError(f"The pickle calls a {type(function).__name__}, which is refused.")
        for argument in arguments:
            if not isinstance(argument, np.ndarray):  # Arrays are shared, not copied, unless a result says so.
                self._spend(argument)
        result = function(*arguments)
        self._spend(result)
        self._stack.append(result)

    def _spend(self, value: object) -> None:
        """Counts what calls read and create: a short pickle could copy one long value a million times."""
        if isinstance(value, np.ndarray):
            self._budget_bytes -= value.nbytes
        elif isinstance(value, (str, bytes, bytearray)):
            self._budget_bytes -= len(value)
        elif isinstance(value, (list, tuple, set, dict)):
            self._budget_bytes -= _BYTES_PER_ITEM * len(value)
        if self._budget_bytes < 0:
            raise UnsafePickleError("The pickle unpacks to far more than the size of the file, which is refused.")

    def _build(self) -> None:
        state = self._pop()
        target = self._top()
        if isinstance(target, Inert):
            for part in (state, *state) if type(state) is tuple else (state,):
                if isinstance(part, (str, dict)):  # These may be copied; the content of arrays is shared.
                    self._spend(part)
            target.set_state(state)
        elif type(target) is not dict:
            raise UnsafePickleError(f"The pickle sets attributes of a {type(target).__name__}, which is refused.")

    def _refer(self) -> None:
        if self._resolve_persistent_id is None:
            raise UnsafePickleError("The pickle refers to data outside itself, which is not expected here.")
        self._stack.append(self._resolve_persistent_id(self._pop()))


_ACTIONS: dict[str, Callable[[RestrictedUnpickler], Any]] = {
    "MARK": lambda self: self._marks.append(len(self._stack)),
    "POP": RestrictedUnpickler._pop_or_unmark,
    "POP_MARK": RestrictedUnpickler._pop_to_mark,
    "DUP": lambda self: self._stack.append(self._top()),
    "LIST": lambda self: self._stack.append(self._pop_to_mark()),
    "TUPLE": lambda self: self._stack.append(tuple(self._pop_to_mark())),
    "TUPLE1": lambda self: self._stack.append(self._pop_many(1)),
    "TUPLE2": lambda self: self._stack.append(self._pop_many(2)),
    "TUPLE3": lambda self: self._stack.append(self._pop_many(3)),
    "DICT": lambda self: self._stack.append(dict(_pairs(self._pop_to_mark()))),
    "FROZENSET": lambda self: self._stack.append(frozenset(map(_check_key, self._pop_to_mark()))),
    "APPEND": lambda self: self._append([self._pop()]),
    "APPENDS": lambda self: self._append(self._pop_to_mark()),
    "ADDITEMS": lambda self: self._add(self._pop_to_mark()),
    "SETITEM": lambda self: self._set_items(list(self._pop_many(2))),
    "SETITEMS": lambda self: self._set_items(self._pop_to_mark()),
    "STACK_GLOBAL": lambda self: self._stack.append(self._find(*self._pop_many(2))),
    "REDUCE": RestrictedUnpickler._call,
    "NEWOBJ": RestrictedUnpickler._call,
    "BUILD": RestrictedUnpickler._build,
    "BINPERSID": RestrictedUnpickler._refer,
}


class _BoundedReader:
    """A file that never reads past its end, so data that a pickle falsely declares as long takes no memory."""

    def __init__(self, file: io.BufferedIOBase, end: int):
        self._file = file
        self._end = end
        self.tell, self.readline = file.tell, file.readline

    def read(self, size: int) -> bytes:
        if size > 255 and size > self._end - self._file.tell():
            raise EOFError(f"expected {size} bytes, but only {self._end - self._file.tell()} remain")
        return self._file.read(size)


def shown(value: object) -> str:
    """Returns a short text for a value from a file, whatever its size."""
    return _shorten.repr(value)


def _check_key(key: object) -> object:
    """Requires plain keys: hashing deeply nested tuples could take forever."""
    flat = key if type(key) is tuple and len(key) <= 8 else (key,)
    if not all(type(part) in _KEYS for part in flat):
        raise UnsafePickleError(f"The pickle uses a {type(key).__name__} as a key, which is refused.")
    return key


def _pairs(items: list) -> list[tuple]:
    if len(items) % 2:
        raise UnsafePickleError("The pickle gives a dictionary a key without a value.")
    return [(_check_key(key), value) for key, value in zip(items[::2], items[1::2], strict=True)]


def _refused_name(name: str) -> UnsafePickleError:
    return UnsafePickleError(
        f"The file asks to import {name[:200]!r}, which is not on the list of allowed names. The import was refused "
        "and nothing was run. Only load weights from files that contain nothing but tensors."
    )


def _damaged(error: Exception) -> UnsafePickleError:
    return UnsafePickleError(f"The pickle is damaged or malformed: {type(error).__name__}: {str(error)[:200]}")


def _check_instructions(file: _BoundedReader, names: Mapping[str, object]) -> None:
    """Scans the pickle without running it."""
    stored = 0
    texts: list[str | None] = []  # The most recently pushed texts: the names of a STACK_GLOBAL.
    memo: dict[int, str | None] = {}
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            name = opcode.name
            if name not in ALLOWED_OPCODES:
                raise UnsafePickleError(
                    f"The pickle contains the instruction {name}, which is refused. Nothing was run."
                )
            if count >= _MAX_INSTRUCTIONS:
                raise UnsafePickleError(
                    f"The pickle contains more than {_MAX_INSTRUCTIONS:,} instructions, which is refused."
                )
            if type(argument) is int and argument.bit_length() > _MAX_INT_BITS:
                raise UnsafePickleError(
                    f"The pickle contains a number of {argument.bit_length()} bits, which is refused."
                )
            if name == "GLOBAL" and argument not in names:
                raise _refused_name(argument.replace(" ", "."))
            if name == "STACK_GLOBAL":
                if len(texts) < 2 or None in texts[-2:]:
                    raise UnsafePickleError("The pickle builds a name at run time, which is refused.")
                if " ".join(texts[-2:]) not in names:
                    raise _refused_name(".".join(texts[-2:]))
            if name in _PUTS or name == "MEMOIZE":
                stored += 1
                slot = len(memo) if name == "MEMOIZE" else argument
                if slot > 2 * stored + 1024:
                    raise UnsafePickleError(
                        f"The pickle stores its value number {stored} in slot {slot}, which is refused."
                    )
                memo[slot] = texts[-1] if texts else None
            elif name in _TEXTS:
                texts = [*texts[-1:], argument]
            elif name in _GETS:
                texts = [*texts[-1:], memo.get(argument)]
            elif name not in ("FRAME", "PROTO"):
                texts = []
    except UserError:
        raise
    except Exception as error:  # `pickletools` may receive arbitrary bytes.
        raise _damaged(error) from error
