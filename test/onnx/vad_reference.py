"""Where speech starts and stops in a WAV file, by the package's own VADIterator: one line each."""

import sys
import wave

import numpy as np
import torch
from silero_vad import VADIterator, load_silero_vad

WINDOW = 512
iterator = VADIterator(load_silero_vad(onnx=True), sampling_rate=16000)
with wave.open(sys.argv[1]) as file:
    samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
for at in range(0, len(samples) - WINDOW + 1, WINDOW):
    for kind, sample in (iterator(torch.from_numpy(samples[at : at + WINDOW])) or {}).items():
        print(kind, sample)
