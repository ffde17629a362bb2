"""Recordings of all sorts, friendly and hostile."""

import io
import itertools
import pickle
import wave

import datasets
import numpy as np
import pyarrow as pa
import pytest
import soundfile
import torch
from hypothesis import event, given, settings
from hypothesis import strategies as st
from PIL import Image as PilImage

from genai import modalities
from genai.errors import DataError, InputError
from genai.modalities import stored
from genai.modalities.audio import Audio
from genai.registry import describe
from genai.sources import Row

RATE = 8000


def tone(hertz=440, seconds=0.25, rate=RATE, loud=0.5):
    return (loud * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def saved(x, rate=RATE, kind="WAV", encoding="PCM_16"):
    file = io.BytesIO()
    soundfile.write(file, x, rate, encoding, format=kind)
    return file.getvalue()


def heard(value, **fields):
    """The samples of a row, (samples, channels)."""
    return Audio(**fields).resolve(value).decode(value)[0].view("<i2")[..., 0]


def loudest(samples, rate=RATE):
    """The frequency that is heard most."""
    return np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax() * rate / len(samples)


TONE = tone()
STEREO = np.stack([tone(440), tone(880)], axis=1)
WHOLE = [
    *(("WAV", encoding) for encoding in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")),
    *(("WAVEX", "PCM_16"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24")),
]


@pytest.mark.parametrize(("kind", "encoding"), [*WHOLE, ("OGG", "VORBIS"), ("OGG", "OPUS")])
def test_every_encoding_is_heard_as_it_was(kind, encoding):
    """Samples of 16 bits, but for what the encoding itself loses."""
    found = heard(saved(TONE, kind=kind, encoding=encoding))
    assert found.shape == (len(TONE), 1)
    assert np.abs(found[:, 0] / 32768 - TONE)[200:-200].max() < 0.08


def test_sixteen_bits_stay_what_they_are():
    """Sample by sample, as the standard library writes them."""
    samples, file = np.arange(-900, 900, dtype="<i2"), io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setparams((1, 2, RATE, 0, "NONE", ""))
        made.writeframes(samples.tobytes())
    assert (heard(file.getvalue())[:, 0] == samples).all()


def test_what_is_published_is_read_by_the_standard_library():
    """A WAV of a header of 44 bytes and the samples: no clock, no name of a program."""
    audio = Audio().resolve(saved(STEREO))
    array, _ = audio.decode(saved(STEREO))
    (cell,) = audio.cells(array[None])
    with wave.open(io.BytesIO(cell)) as file:
        assert file.getparams()[:4] == (2, 2, RATE, len(STEREO))
        assert file.readframes(len(STEREO)) == array.tobytes()
    assert len(cell) == 44 + array.nbytes


def test_the_content_is_the_samples_not_the_file():
    """WAV and FLAC of equal samples are one content, whatever the job makes of them; another rate is another."""
    samples = (TONE * 32767).astype(np.int16)
    wav, flac = saved(samples), saved(samples, kind="FLAC")
    short, own = Audio(seconds=0.1, rate=4000, channels=2).resolve(wav), Audio().resolve(wav)
    assert short.decode(wav)[1] == own.decode(flac)[1]
    slow = saved(TONE, 7999)
    assert Audio().resolve(slow).decode(slow)[1] != own.decode(wav)[1]


def test_channels_become_what_the_job_says():
    """Two become their mean, one becomes two alike."""
    left, right = heard(saved(STEREO)).astype(int).T
    assert np.abs(heard(saved(STEREO), channels=1)[:, 0] - (left + right) / 2).max() <= 0.5
    double = heard(saved(TONE), channels=2)
    assert (double[:, 0] == double[:, 1]).all()
    assert (double[:, 0] == heard(saved(TONE))[:, 0]).all()


def test_another_rate_keeps_the_tone():
    """440 Hz stay so, and what is above half the new rate does not come back as another tone."""
    both = tone(440, rate=16_000) + tone(6000, rate=16_000, loud=0.3)
    found = heard(saved(both, 16_000), rate=RATE)[:, 0]
    assert len(found) == len(TONE)
    assert loudest(found) == pytest.approx(440, abs=4)
    assert np.abs(found[100:-100] / 32768 - TONE[100:-100]).max() < 0.01


def test_long_recordings_are_cut_and_short_ones_end_in_silence():
    """All rows are as long as the job says."""
    cut, padded = heard(saved(TONE), seconds=0.1)[:, 0], heard(saved(TONE), seconds=0.5)[:, 0]
    assert (cut == heard(saved(TONE))[:800, 0]).all()
    assert (padded[:2000] == heard(saved(TONE))[:, 0]).all()
    assert not padded[2000:].any()


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_the_longest_recording_settles_the_length(order):
    """In whatever order they come; one that cannot be used does not count."""
    values = [saved(tone(seconds=0.1)), saved(tone(seconds=0.3)), saved(tone(seconds=0.9))[:-9]]
    settled = Audio().settle(Row(values[i], 0, f"row {i}") for i in order)
    assert settled.array_shape == (2400, 1, 2)


def test_a_job_that_says_the_length_looks_at_the_first_recording_only():
    """Nothing else is left open."""
    rows = iter([Row(saved(TONE), 0, "first"), Row(b"", 0, "second")])
    assert Audio(seconds=0.1).settle(rows).array_shape == (800, 1, 2)
    assert next(rows).where == "second"


@pytest.mark.parametrize("seconds", [None, 0.5])
def test_without_any_recording_the_first_refusal_is_told(seconds):
    """With the place of the row."""
    with pytest.raises(DataError, match="row 3: not a usable recording: an empty file"):
        Audio(seconds=seconds).settle([Row(b"", 0, "row 3"), Row(b"no", 0, "row 4")])
    with pytest.raises(DataError, match="found no row"):
        Audio(seconds=seconds).settle([])


@pytest.mark.parametrize(
    ("first", "other", "told"),
    [
        (saved(TONE), saved(TONE, 16_000), r"has 16,000 samples a second, .*has 8,000; set data\.modality\.rate"),
        (saved(TONE), saved(STEREO), r"channels is 2, .*has 1; set data\.modality\.channels"),
        (saved(STEREO), saved(TONE), r"channels is 1, .*has 2; set data\.modality\.channels"),
    ],
)
def test_another_rate_or_number_of_channels_is_refused_where_the_job_is_silent(first, other, told):
    """The message says both and the field to set; it is also so in another process."""
    settled = pickle.loads(pickle.dumps(Audio().resolve(first)))
    with pytest.raises(DataError, match=told):
        settled.decode(other)


def test_what_is_published_must_be_of_the_length_of_the_rows():
    """A part is not bent to what it claims to hold."""
    settled = Audio(seconds=0.2).resolve(saved(TONE)).strict()
    for seconds in (0.1, 0.3):
        with pytest.raises(DataError, match="not 1,600 samples long"):
            settled.decode(saved(tone(seconds=seconds)))


def _flac(samples):
    """One that claims so many samples (36 bits of its header)."""
    found = bytearray(saved(TONE, kind="FLAC"))
    found[18:26] = (int.from_bytes(found[18:26], "big") >> 36 << 36 | samples).to_bytes(8, "big")
    return bytes(found)


def _wav(at, value, width=4):
    """One with another number in its header."""
    found = bytearray(saved(TONE))
    found[at : at + width] = value.to_bytes(width, "little")
    return bytes(found)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"", "an empty file"),
        (b"no recording at all", "no WAV, FLAC or Ogg"),
        (saved(TONE, kind="AIFF"), "no WAV, FLAC or Ogg"),
        (np.zeros(9), "ndarray instead of a file's bytes"),
        (saved(TONE[:0]), "a length of zero"),
        (saved(TONE)[:-1], "truncated, its WAV"),
        (saved(TONE, kind="OGG", encoding="VORBIS")[:-500], "truncated, its Ogg"),
        (saved(TONE, kind="FLAC")[:-500], "lost sync"),
        (saved(TONE)[:30], "data"),
        (saved(np.stack([TONE] * 3, axis=1)), "channels: 3"),
        (saved(TONE, 999), "samples a second: 999"),
        (_wav(24, 2**31 - 1), "samples a second: 2,147,483,647"),
        (_wav(22, 65_535, 2), "channels"),
        (_flac(2**36 - 1), "samples in each: 68,719,476,735"),
        (_flac(0), "samples in each: 9,223,372,036,854,775,807"),
        (_flac(3000), "psf_fseek|2,000 there"),
        (saved(TONE * np.nan, encoding="FLOAT"), "a sample of nan"),
        (saved(TONE + np.inf, encoding="DOUBLE"), "a sample of inf"),
        (saved(TONE * 32768, encoding="FLOAT"), "a sample of 16,3.* where full scale is 1"),
        (saved(TONE, encoding="IMA_ADPCM"), "IMA_ADPCM samples"),
    ],
    ids=itertools.count(),
)
def test_what_is_no_usable_recording_is_refused(value, message):
    """One sentence says what was found and what is allowed; a huge claim costs no memory."""
    with pytest.raises(DataError, match=rf"not a usable recording: .*({message}).*; allowed: "):
        Audio(seconds=0.25).resolve(value).decode(value)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files_decode_or_are_refused(data):
    """Bytes changed anywhere give a recording or a DataError, nothing else."""
    kind, encoding = data.draw(st.sampled_from([*WHOLE, ("OGG", "VORBIS"), ("OGG", "OPUS")]))
    value = bytearray(saved(TONE[:500], kind=kind, encoding=encoding))
    for at in data.draw(st.lists(st.integers(0, len(value) - 1), min_size=1, max_size=4)):
        value[at] = data.draw(st.integers(0, 255))
    try:
        audio = Audio(seconds=0.05, rate=RATE, channels=1).resolve(bytes(value))
        assert audio.decode(bytes(value))[0].shape == (400, 1, 2)
    except DataError:
        event("refused")


def test_a_tone_is_one_line_of_the_picture():
    """A sine of full scale is about 1 in its band, what is 30 bands away is at most half a unit louder than silence."""
    audio = Audio(seconds=1.0).resolve(saved(tone(1000, 1, loud=1)))
    x = audio.to_tensor(audio.decode(saved(tone(1000, 1, loud=1)))[0][None])[0, 0]
    band = int(x[:, 40].argmax())
    assert x[band, 40] > 0.8
    assert x[:, 40].sub(x[band, 40]).abs().argsort()[:3].sub(band).abs().max() <= 2
    assert x[(band + 30) % 64, 40] < -0.5


def test_silence_is_the_floor_of_the_picture_and_comes_back_as_silence():
    """No sound is made where there is none."""
    audio = Audio().resolve(saved(TONE * 0))
    x = audio.to_tensor(audio.decode(saved(TONE * 0))[0][None])
    assert (x == -1).all()
    assert not audio.from_tensor(x).any()


def test_a_picture_comes_back_as_the_tone():
    """Its frequency, and nearly its loudness."""
    audio = Audio().resolve(saved(tone(1000, 0.5)))
    array, _ = audio.decode(saved(tone(1000, 0.5)))
    found = audio.from_tensor(audio.to_tensor(array[None])).view("<i2")[0, :, 0, 0]
    assert loudest(found) == pytest.approx(1000, abs=20)
    assert np.abs(found[1000:-1000]).max() / 32768 == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_sound_of_a_picture_is_the_same_on_any_number_of_threads(threads):
    """And a second time."""
    audio = Audio(rate=RATE, seconds=0.25, channels=1)
    x = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (1, *audio.shape)).astype(np.float32))
    once, before = audio.from_tensor(x), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert (audio.from_tensor(x) == once).all()
    finally:
        torch.set_num_threads(before)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1000, 9000),
    st.floats(0.0001, 0.1),
    st.integers(8, 100),
    st.floats(0.002, 0.2),
    st.floats(0.001, 0.1),
)
def test_any_fields_make_a_picture_and_a_sound(rate, seconds, bands, window, hop):
    """However short the recording, however odd the steps."""
    audio = Audio(rate, seconds, 1, bands=bands, window=window, hop=min(hop, window / 2))
    array = np.random.default_rng(0).integers(0, 256, (1, *audio.array_shape), np.uint8)
    x = audio.to_tensor(array)
    assert x.shape[1:] == audio.shape
    assert x.isfinite().all()
    assert audio.from_tensor(x).shape == array.shape


def test_a_hop_beyond_half_the_window_is_refused():
    """There is no sound for every such picture."""
    with pytest.raises(InputError, match=r"hop of 0\.03 and a window of 0\.05; allowed: a hop of at most half"):
        Audio(window=0.05, hop=0.03)


def test_a_settled_modality_comes_back_from_its_json():
    """As the index of prepared data and the checkpoint keep it."""
    settled = Audio().settle([Row(saved(TONE), 0, "a")])
    assert stored(describe(modalities, settled)) == settled


@pytest.mark.parametrize(
    "claim",
    [{"bands": 10**9}, {"window": 10.0**9}, {"rate": 10**15, "seconds": 1e-15}, {"rate": -8000}, {"seconds": 1e30}],
    ids=str,
)
def test_what_was_stored_may_not_ask_for_more_than_any_row_has(claim):
    """A checkpoint or a part is no job file: it is refused before a picture of it is made."""
    with pytest.raises((ValueError, AssertionError, InputError)):
        stored(describe(modalities, Audio().resolve(saved(TONE))) | claim)


def test_the_column_is_what_hugging_face_takes_for_recordings():
    """struct<bytes, path> with the rate; its own reader gives our bytes, which soundfile reads."""
    audio = Audio(file="flac").resolve(saved(TONE))
    array, _ = audio.decode(saved(TONE))
    ((column, feature),) = audio.columns(array[None], ["7.flac"]).values()
    assert feature == {"_type": "Audio", "sampling_rate": RATE}
    features = datasets.Features({"audio": datasets.Audio(sampling_rate=feature["sampling_rate"], decode=False)})
    (row,) = datasets.Dataset(pa.table({"audio": column})).cast(features)
    samples, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="int16", always_2d=True)
    assert (rate, row["audio"]["path"]) == (RATE, "7.flac")
    assert samples.tobytes() == array.tobytes()


def test_a_recording_is_looked_at_as_a_sound_with_its_picture():
    """The sound is the published cell; in the picture a tone is a bright line, low tones below."""
    lines = []
    for hertz in (300, 3000):
        audio = Audio().resolve(saved(tone(hertz)))
        array = audio.decode(saved(tone(hertz)))[0][None]
        (look,) = audio.looks(array)
        assert (look.sound, look.sound_type) == (audio.cells(array)[0], "audio/wav")
        lines.append(int(np.asarray(PilImage.open(io.BytesIO(look.png)).convert("L"))[:, 96].argmax()))
    low, high = lines
    assert low > 70
    assert high < 30


def test_silence_is_drawn_dark():
    """Nothing is made bright by what is loudest in it."""
    audio = Audio().resolve(saved(TONE * 0))
    (look,) = audio.looks(audio.decode(saved(TONE * 0))[0][None])
    assert not np.asarray(PilImage.open(io.BytesIO(look.png))).any()
