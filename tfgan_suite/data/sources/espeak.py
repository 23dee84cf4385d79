"""eSpeak NG, which speaks any word: its library in a process of its own, or its program.

The library speaks the same word a little differently each time, and the same again only in a new process whose noise has the same
seed, by default the time of day. So a helper process waits, without having spoken, and speaks each clip in a copy of itself; where
processes cannot be copied, on Windows, the program is used, whose noise has no seed. Run as a program, this file is that helper.
It imports nothing else, so that it starts quickly.
"""

import ctypes
import importlib.util
import json
import os
import shutil
import struct
import subprocess
import sys

_SYNCHRONOUS = 2
_CHARACTERS = 1
_RATE, _PITCH = 1, 3  # Numbers of parameters in the library.
_UTF8 = 1
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
LOADER = "espeakng_loader"
PROGRAM = "espeak-ng"


def is_available() -> bool:
    """Whether the library's package, where it can be used, or the program is installed."""
    return _uses_library() or shutil.which(PROGRAM) is not None


def _uses_library():
    return hasattr(os, "fork") and importlib.util.find_spec(LOADER) is not None


class Speaker:
    """Speaks words; the same arguments give the same samples. Picklable: a copy has a helper of its own."""

    def __init__(self):
        self._helper = None

    def __getstate__(self):
        return {"_helper": None}

    def speak(self, text: str, voice: str, words_per_minute: int, pitch: int) -> tuple[bytes, int]:
        """Speaks a text.

        Args:
            text: String.
            voice: String. As eSpeak NG names it: a language, and perhaps a variant behind a `+`.
            words_per_minute: Integer in [80, 450].
            pitch: Integer in [0, 100]. 50 is the voice's own.

        Returns:
            The samples, bytes of int16 in the machine's order, and their rate.

        Raises:
            OSError: It does not speak.
        """
        request = (text, voice, words_per_minute, pitch)
        if not _uses_library():
            return _speak_by_program(*request)
        if self._helper is None:
            # Not `-m`: nothing of the package is imported.
            self._helper = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._helper.stdin.write(json.dumps(request).encode() + b"\n")
        self._helper.stdin.flush()
        header = self._helper.stdout.read(8)
        if len(header) < 8:
            self.close()
            raise OSError(f"eSpeak NG ended without speaking {text!r} in the voice {voice!r}.")
        rate, size = struct.unpack("=ii", header)
        answer = self._helper.stdout.read(size)
        if rate <= 0:
            raise OSError(answer.decode())
        return answer, rate

    def close(self):
        """Ends the helper."""
        if self._helper is not None:
            self._helper.stdin.close()
            self._helper.wait()
            self._helper.stdout.close()
            self._helper = None

    def __del__(self):
        self.close()


def _speak_by_program(text, voice, words_per_minute, pitch):
    command = [PROGRAM, "--stdout", "-v", voice, "-s", str(words_per_minute), "-p", str(pitch), "--", text]
    wav = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    start = wav.index(b"data") + 8  # Written to a pipe, its length is not known.
    return wav[start:], int.from_bytes(wav[24:28], "little")


def _speak_by_library(text, voice, words_per_minute, pitch):
    import espeakng_loader

    pieces = []

    def hear(samples, count, events):
        if samples and count:
            pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = _CALLBACK(hear)
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    library.espeak_SetSynthCallback(callback)
    if rate <= 0 or library.espeak_SetVoiceByName(voice.encode()):
        raise OSError(f"eSpeak NG has no voice {voice!r}.")
    library.espeak_ng_SetRandSeed(ctypes.c_long(0))  # Of breath and flutter.
    library.espeak_SetParameter(_RATE, words_per_minute, 0)
    library.espeak_SetParameter(_PITCH, pitch, 0)
    encoded = text.encode() + b"\0"
    library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded)), 0, _CHARACTERS, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    return b"".join(pieces), rate


def _answer_one():
    """Reads a request, a line, and answers it. `False` at the end of requests."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)  # Not a byte more: the next line is another process's.
        if not byte:
            return False
        line += byte
    try:
        answer, rate = _speak_by_library(*json.loads(line))
    except (ImportError, OSError) as error:
        answer, rate = str(error).encode(), 0  # No rate: the answer is the reason.
    sys.stdout.buffer.write(struct.pack("=ii", rate, len(answer)) + answer)
    sys.stdout.buffer.flush()
    return True


def _help():
    """Answers each request in a copy of this process, which itself stays as it is: the library reads what memory held before."""
    while True:
        child = os.fork()
        if child == 0:
            sys.exit(not _answer_one())
        if os.waitpid(child, 0)[1]:
            return


if __name__ == "__main__":
    _help()
