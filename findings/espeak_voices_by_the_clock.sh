#!/usr/bin/env bash
# Package: espeakng-loader, which brings the library of eSpeak NG; the version is pinned below.
#
# Valid input: the word "three" spoken by the library in new processes, one second after the other, with the same parameters: once in
# a plain English voice, once in that voice with the variant "f3", which ships with the library.
#
# One would guess: a formant synthesizer is a function of the text, the voice and the parameters. Whoever knows that the library
# keeps state from one clip to the next speaks each clip in a new process, and expects equal samples from equal arguments.
#
# What happens: the plain voice is the same to the sample. The variant, which has breath or flutter, is another recording in another
# second: its noise is seeded by the time of day. A set of clips that is made twice is then not the same set, and tests of it pass
# or fail by whether both processes began within one second. `espeak_ng_SetRandSeed`, after the voice is set, makes it the same.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet espeakng-loader==0.2.4

cat > "$folder/speak.py" <<'PYTHON'
import ctypes
import hashlib
import sys

import espeakng_loader

voice, seeded = sys.argv[1], sys.argv[2] == "seeded"
pieces = []


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
def hear(samples, count, events):
    if samples and count:
        pieces.append(ctypes.string_at(samples, 2 * count))
    return 0


library = ctypes.CDLL(espeakng_loader.get_library_path())
assert library.espeak_Initialize(2, 0, espeakng_loader.get_data_path().encode(), 0) == 22050
library.espeak_SetSynthCallback(hear)
assert library.espeak_SetVoiceByName(voice.encode()) == 0
if seeded:
    library.espeak_ng_SetRandSeed(ctypes.c_long(0))
library.espeak_Synth(b"three\0", ctypes.c_size_t(6), 0, 1, 0, 1, None, None)
library.espeak_Synchronize()
print(hashlib.sha256(b"".join(pieces)).hexdigest())
PYTHON

cat > "$folder/finding.py" <<'PYTHON'
import subprocess
import sys
import time


def different_clips(voice, seeded):
    """How many different clips three processes speak that begin in three different seconds."""
    clips = set()
    for _ in range(3):
        command = [sys.executable, sys.argv[1], voice, seeded]
        clips.add(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        time.sleep(1.1)
    return len(clips)


plain, variant, seeded = (different_clips(*one) for one in (("en", "no"), ("en+f3", "no"), ("en+f3", "seeded")))
print("en:", plain, "clip of three")
print("en+f3:", variant, "clips of three")
print("en+f3 after espeak_ng_SetRandSeed(0):", seeded, "clip of three")
assert (plain, variant, seeded) == (1, 3, 1)
PYTHON
"$folder/venv/bin/python" "$folder/finding.py" "$folder/speak.py"

# Output seen:
#   en: 1 clip of three
#   en+f3: 3 clips of three
#   en+f3 after espeak_ng_SetRandSeed(0): 1 clip of three
