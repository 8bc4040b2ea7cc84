"""Speech codecs of phones, calls and files, by PyAV: encode and decode a waveform without a shift in time.

Each encoder and decoder has a delay of its own. It is measured once with noise and removed to the sample.
"""

from __future__ import annotations

import fractions
import functools
from typing import NamedTuple

import av
import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ

_BLOCK = 320  # samples a packet where the codec accepts any number
_FLUSH_S = 0.35  # zeros after the sound, longer than the delay of all codecs
_CALIBRATION_S = 1.0


class Codec(NamedTuple):
  """Codec setting.

  Attributes:
    encoder: name of FFmpeg's encoder.
    decoder: name of FFmpeg's decoder.
    rate_hz: sampling rate inside of the codec: 8000 (narrow band), 16000 or 24000.
    bit_rates: bit rates in bits per second to choose from; (0,) where the codec has a single one.
  """

  encoder: str
  decoder: str
  rate_hz: int
  bit_rates: tuple[int, ...]


CODECS: dict[str, Codec] = {
  'mp3': Codec('libmp3lame', 'mp3', 16000, (16000, 24000, 32000, 48000)),
  'aac': Codec('aac', 'aac', 16000, (16000, 24000, 32000, 48000)),
  'opus': Codec('libopus', 'opus', 16000, (8000, 12000, 16000, 24000, 32000)),
  'opus_narrow': Codec('libopus', 'opus', 8000, (6000, 8000, 12000)),
  'amr': Codec('libopencore_amrnb', 'amrnb', 8000, (4750, 7400, 12200)),  # GSM and UMTS phones
  'g722': Codec('g722', 'g722', 16000, (0,)),  # wideband calls
  'mulaw': Codec('pcm_mulaw', 'pcm_mulaw', 8000, (0,)),  # telephone lines
}


@functools.cache
def available() -> tuple[str, ...]:
  """Keys of `CODECS` that the installed FFmpeg encodes and decodes."""
  names = []
  for name, codec in CODECS.items():
    try:
      av.codec.Codec(codec.encoder, 'w')
      av.codec.Codec(codec.decoder, 'r')
    except (av.error.FFmpegError, ValueError):  # PyAV's error of an unknown codec is a ValueError
      continue
    names.append(name)
  return tuple(names)


def code(waveform: np.ndarray, name: str, bit_rate: int) -> np.ndarray:
  """Encodes and decodes a waveform.

  Args:
    waveform: float `[n]` at 16 kHz; values outside of [-1, 1] are clipped.
    name: key of `CODECS` that is `available()`.
    bit_rate: bits per second, one of the codec's.

  Returns:
    float64 `[n]` without delay. The bytes depend on the version of FFmpeg.
  """
  codec = CODECS[name]
  n = len(waveform)
  if not n:
    return np.zeros(0)
  inner = _resample(np.clip(waveform, -1.0, 1.0), SAMPLE_RATE_HZ, codec.rate_hz)
  delay = _delay(codec.encoder, codec.decoder, codec.rate_hz, max(codec.bit_rates))
  coded = _round_trip(inner, codec, bit_rate)[delay : delay + len(inner)]
  return _fit(_resample(coded, codec.rate_hz, SAMPLE_RATE_HZ), n)


@functools.cache
def _delay(encoder: str, decoder: str, rate_hz: int, bit_rate: int) -> int:
  """Delay of a codec in samples at `rate_hz`: the best match of band-limited noise before and after it."""
  n = int(_CALIBRATION_S * rate_hz)
  spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(n))
  frequency = np.fft.rfftfreq(n, 1 / rate_hz)
  spectrum[(frequency < 300) | (frequency > 2500)] = 0
  noise = np.fft.irfft(spectrum, n)
  noise *= 0.5 / np.abs(noise).max()
  coded = _round_trip(noise, Codec(encoder, decoder, rate_hz, (bit_rate,)), bit_rate)
  size = 2 * max(n, len(coded))
  match = np.fft.irfft(np.fft.rfft(coded, size) * np.conj(np.fft.rfft(noise, size)), size)
  return int(np.argmax(match[: int(_FLUSH_S * rate_hz)]))


def _round_trip(sound: np.ndarray, codec: Codec, bit_rate: int) -> np.ndarray:
  """Encodes and decodes `[n]` at the codec's rate; float64 `[m]`, m >= n + delay."""
  encoder = av.CodecContext.create(codec.encoder, 'w')
  encoder.sample_rate, encoder.layout = codec.rate_hz, 'mono'
  encoder.format = encoder.codec.audio_formats[0]
  encoder.time_base = fractions.Fraction(1, codec.rate_hz)
  if bit_rate:
    encoder.bit_rate = bit_rate
  encoder.open()
  block = encoder.frame_size or _BLOCK
  padded = np.zeros(-(-int(len(sound) + _FLUSH_S * codec.rate_hz) // block) * block)
  padded[: len(sound)] = sound
  packets = []
  for start in range(0, len(padded), block):
    frame = av.AudioFrame.from_ndarray(
      _quantized(padded[start : start + block], encoder.format.name)[None], encoder.format.name, 'mono'
    )
    frame.sample_rate, frame.pts, frame.time_base = codec.rate_hz, start, encoder.time_base
    packets += encoder.encode(frame)
  packets += encoder.encode(None)
  decoder = av.CodecContext.create(codec.decoder, 'r')
  decoder.sample_rate, decoder.layout = codec.rate_hz, 'mono'
  if encoder.extradata:
    decoder.extradata = encoder.extradata
  pieces, rate = [], codec.rate_hz
  for packet in [*(av.Packet(bytes(packet)) for packet in packets), None]:
    for frame in decoder.decode(packet):
      piece = frame.to_ndarray().reshape(-1)
      pieces.append(piece / 32768.0 if piece.dtype == np.int16 else piece.astype(np.float64))
      rate = frame.sample_rate
  return _resample(np.concatenate(pieces), rate, codec.rate_hz)


def _quantized(sound: np.ndarray, sample_format: str) -> np.ndarray:
  """Samples in the encoder's format: 's16', 's32' or 'flt', planar or not."""
  if sample_format.startswith('s16'):
    return np.round(sound * 32767).astype(np.int16)
  if sample_format.startswith('s32'):
    return np.round(sound * (2**31 - 256)).astype(np.int32)
  return sound.astype(np.float32)


def _resample(sound: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
  import soxr

  return np.asarray(sound, np.float64) if from_hz == to_hz else soxr.resample(sound, from_hz, to_hz)


def _fit(sound: np.ndarray, n: int) -> np.ndarray:
  """Cuts or zero-pads to `[n]`."""
  return np.pad(sound[:n], (0, max(0, n - len(sound))))
