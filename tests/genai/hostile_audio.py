"""Recordings that claim more than they are, or inflate to more than they should."""

import io
import struct

import numpy as np
import soundfile

SAMPLES = 1 << 26  # more than this is refused by its header


def saved(samples: np.ndarray, kind: str, rate: int = 8000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind)
    return file.getvalue()


def silence(samples: int) -> bytes:
    """A FLAC of nothing: 14 bytes for 4,096 samples, of which one second is made, and repeated by its frames."""
    with io.BytesIO() as file:
        with soundfile.SoundFile(file, "w", 8000, 1, "PCM_16", format="FLAC") as made:
            block = np.zeros(min(samples, 1 << 20), np.int16)
            for at in range(0, samples, len(block)):
                made.write(block[: samples - at])
        return file.getvalue()


def flac(samples: int) -> bytes:
    """One that claims so many (36 bits of its header)."""
    found = bytearray(saved(np.ones(300, np.int16), "FLAC"))
    found[18:26] = (int.from_bytes(found[18:26], "big") >> 36 << 36 | samples).to_bytes(8, "big")
    return bytes(found)


def wav(rate: int = 8000, channels: int = 1, before: bytes = b"", size: int | None = None) -> bytes:
    data = bytes(600)
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 % 2**32, 2 * channels % 2**16, 16)
    body = b"fmt " + struct.pack("<I", 16) + head + before + b"data" + struct.pack("<I", size or len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


CASES = {
    "WAV of 2 GB in 600 bytes": (lambda: wav(size=2**31), "truncated"),
    "WAV of 4 GB, as a pipe writes it": (lambda: wav(size=2**32 - 1), ""),
    "WAV of 65,535 channels": (lambda: wav(channels=65_535), "hannels"),
    "WAV of no channel": (lambda: wav(channels=0), "Channel count is zero"),
    "WAV of 4,000,000,000 samples a second": (lambda: wav(rate=4 * 10**9), "not a usable"),
    "WAV of no sample a second": (lambda: wav(rate=0), "not a usable"),
    "WAV with a million empty chunks": (lambda: wav(before=b"junk\0\0\0\0" * 10**6), "No .data. chunk"),
    "WAV with a note of 64 MB": (lambda: wav(before=b"note" + struct.pack("<I", 1 << 26) + bytes(1 << 26)), ""),
    "FLAC that claims 68,719,476,735 samples": (lambda: flac(2**36 - 1), "68,719,476,735"),
    "FLAC that does not say its length": (lambda: flac(0), "9,223,372,036,854,775,807"),
    "FLAC of 16 million samples of silence": (lambda: silence(1 << 24), ""),
    "FLAC of too much silence": (lambda: flac(SAMPLES + 1), "67,108,865"),
    "Ogg of a megabyte of nothing": (lambda: b"OggS" + bytes(1 << 20), "truncated"),
    "Ogg of empty pages": (lambda: (b"OggS\0\4" + bytes(21)) * 30_000, "not a usable"),
}  # fmt: skip  # name -> (its bytes, what the refusal says; "" where it is a recording after all)
