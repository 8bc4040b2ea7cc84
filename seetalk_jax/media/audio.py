"""Speech loading: decode, downmix, resample to 16 kHz, check and normalize loudness."""

from __future__ import annotations

import collections.abc
import dataclasses
import numbers
import os
import pathlib

import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from seetalk_jax.errors import SpeechError
from seetalk_jax.media import decode, pipes

MIN_SPEECH_SECONDS = 0.2
SILENCE_PEAK = 10 ** (-60 / 20)  # a recording below -60 dBFS throughout has no speech
LOUDNESS_DBFS = -23.0  # RMS over the voiced parts
MAX_PEAK = 0.99
GATE_FRAME = 400  # 25 ms, the resolution of voiced parts
_GATE_BLOCK = 4096  # frames squared at a time
GATE_DB = -20.0  # voiced frames: at most this far below the mean power of the non-silent frames

_MAX_CHANNELS = 64  # more columns are samples: [channels, n] instead of [n, channels]
SOUND_RATES_HZ = (44_100, 48_000)  # kept in the video; all other rates are resampled to 48 kHz


@dataclasses.dataclass(frozen=True)
class Sound:
  """Original audio for the sound track of a video, decoded on demand in blocks and never held whole in memory.

  Attributes:
    rate_hz: 44,100 or 48,000.
    channels: 1 or 2.
    num_samples: total samples per channel in all blocks.
    open_blocks: returns an iterator of float32 `[n, channels]` blocks in [-1, 1].
  """

  rate_hz: int
  channels: int
  num_samples: int
  open_blocks: collections.abc.Callable[[], decode.Blocks]

  def __repr__(self) -> str:
    return f'Sound({self.num_samples / self.rate_hz:.2f} s, {_described(self.rate_hz, self.channels)})'


@dataclasses.dataclass(frozen=True)
class Speech:
  """Speech of one recording.

  Attributes:
    waveform: float32 `[n]`, mono, 16 kHz, in [-1, 1], at the recorded level.
    sound: the recording at 44.1 or 48 kHz, for the sound track of the video.
    source: name of the source, for messages and reports.
    rate_hz: sampling rate of the source.
    channels: channel count of the source.
  """

  waveform: np.ndarray
  sound: Sound
  source: str
  rate_hz: int
  channels: int

  def __repr__(self) -> str:
    return f'Speech({self.source!r}, {self.seconds:.2f} s, {_described(self.rate_hz, self.channels)})'

  @property
  def seconds(self) -> float:
    """Duration of the waveform in seconds."""
    return len(self.waveform) / SAMPLE_RATE_HZ

  @property
  def num_frames(self) -> int:
    """Number of video frames that cover the speech: `ceil(samples / 640)`."""
    return -(-len(self.waveform) // SAMPLES_PER_FRAME)


def load_speech(path: str | os.PathLike) -> Speech:
  """Reads speech from an audio file or from the sound track of a video.

  Args:
    path: any file that libsndfile or FFmpeg decodes (wav, flac, ogg, mp3, m4a, mp4, ...). The format is
      detected from the content. A pipe is copied to a temporary file, which is removed when the process exits.

  Returns:
    a `Speech`. If a sound track starts later than its video, silence of that length is prepended.

  Raises:
    SpeechError: the file is missing, a folder, not audio, empty, shorter than 0.2 s, silent, or not finite, or
      its sampling rate is not between 1,000 and 1,000,000 Hz.
  """
  path = pathlib.Path(path)
  with pipes.seekable(path) as readable:
    return _speech_of(dataclasses.replace(decode.open_source(readable), name=str(path)))


def speech_from_array(samples: np.ndarray, rate_hz: float = SAMPLE_RATE_HZ, source: str = 'array') -> Speech:
  """Makes a `Speech` from samples in memory.

  Args:
    samples: `[n]` or `[n, channels]`, at most 64 channels; floats in [-1, 1] or full-scale integers.
    rate_hz: sampling rate of the samples, 1,000 to 1,000,000.
    source: name of the source for messages.

  Raises:
    SpeechError: as `load_speech`.

  Example:
    >>> tone = np.sin(2 * np.pi * 200 * np.arange(48_000) / 48_000)  # one second
    >>> speech = speech_from_array(tone, 48_000)
    >>> speech.seconds, speech.num_frames, speech.waveform.shape
    (1.0, 25, (16000,))
  """
  samples = samples_of(samples, rate_hz, source)
  return _speech_of(decode.Source(source, rate_hz, samples.shape[1], lambda: decode.blocks_of(samples)))


def samples_of(samples: np.ndarray, rate_hz: float, source: str) -> np.ndarray:
  """Samples as float32 `[n, channels]`; the scale of integers is removed.

  Args:
    samples, rate_hz, source: see `speech_from_array`.

  Raises:
    SpeechError: samples or rate of another kind.
  """
  samples = _as_array(samples, source)
  if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > _MAX_CHANNELS):
    raise SpeechError(f'speech of shape {samples.shape}, {source}: give [n], or [n, channels]')
  if not isinstance(rate_hz, numbers.Real) or not decode.MIN_RATE_HZ <= rate_hz <= decode.MAX_RATE_HZ:
    raise SpeechError(
      f'a sampling rate of {rate_hz!r} Hz, {source}: give (samples, rate_hz) with a rate from '
      f'{decode.MIN_RATE_HZ} to {decode.MAX_RATE_HZ}'
    )
  if np.issubdtype(samples.dtype, np.integer):
    info = np.iinfo(samples.dtype)
    half = (int(info.max) - int(info.min) + 1) / 2
    samples = (samples.astype(np.float64) - (half if info.min == 0 else 0)) / half
  return (samples[:, None] if samples.ndim == 1 else samples).astype(np.float32)


def check_finite(samples: np.ndarray, rate_hz: float, source: str, first: int = 0) -> None:
  """Checks samples `[n]` or `[n, channels]`; the first is number `first` of the source.

  Raises:
    SpeechError: NaN or infinite samples.
  """
  finite = np.isfinite(samples)
  if not finite.all():
    at = (first + int(np.argmin(finite if finite.ndim == 1 else finite.all(axis=1)))) / rate_hz
    raise SpeechError(f'NaN or infinite samples from {at:.2f} s on, {source}: export it again')


def _described(rate_hz: float, channels: int) -> str:
  return f'{rate_hz:g} Hz, {channels} channel{"s" if channels != 1 else ""}'


def _as_array(samples, source: str) -> np.ndarray:
  """Samples as an array of numbers.

  Raises:
    SpeechError: they are something else, such as a list of files.
  """
  try:
    array = np.asarray(samples)
  except ValueError:  # a ragged list
    array = np.empty((), object)
  if array.dtype.kind in 'OSUMmcb':
    kind = type(samples).__name__
    items = {type(item).__name__ for item in samples} if isinstance(samples, (list, tuple)) else ()
    kind += f' of {" and ".join(sorted(items))}' if items else ''
    raise SpeechError(
      f'speech is a {kind}, {source}: give one file, samples at 16 kHz [n], or (samples, rate_hz); call once for each '
      'of several recordings'
    )
  return array


def _speech_of(source: decode.Source) -> Speech:
  waveform, channel = mono_16k(source)
  _check_waveform(waveform, source.name)
  sound = sound_of(source, len(waveform), channel)
  return Speech(waveform, sound, source.name, source.rate_hz, source.channels)


def sound_of(source: decode.Source, num_samples: int, channel: int | None = None) -> Sound:
  """Makes a sound track from a source.

  Args:
    source: decodable audio.
    num_samples: length of the sound track in samples at 16 kHz; the source is zero-padded or cut to it.
    channel: index of a single channel to use. None keeps one or two channels and averages more than two.
  """
  rate = source.rate_hz if source.rate_hz in SOUND_RATES_HZ else 48_000
  channels = source.channels if source.channels <= 2 and channel is None else 1
  num_samples = round(num_samples * rate / SAMPLE_RATE_HZ)

  def open_blocks() -> decode.Blocks:
    blocks = (_channels_of(block, channels, channel) for block in source.open_blocks())
    return _exact_length(_resampled(blocks, source.rate_hz, rate, channels), num_samples, channels)

  return Sound(rate, channels, num_samples, open_blocks)


def normalise_loudness(waveform: np.ndarray) -> np.ndarray:
  """Normalizes speech to -23 dBFS RMS over its voiced parts, without DC offset, with a peak of at most 0.99.

  The result does not depend on the gain or offset of the input. Voiced parts are gated twice as in EBU R 128:
  of 25 ms frames, first those far below the loudest frame are dropped, then those far below the mean.

  Args:
    waveform: float `[n]`.

  Returns:
    float32 `[n]`; all zeros stay zeros.
  """
  waveform = np.array(waveform, np.float32)  # a single copy, modified in place: one hour is 230 MB
  if not len(waveform):
    return waveform
  waveform -= np.mean(waveform, dtype=np.float64).astype(np.float32)
  peak = float(max(waveform.max(), -waveform.min()))
  if peak < 1e-9:
    return np.zeros_like(waveform)
  waveform /= np.float32(peak)
  num_frames = max(1, len(waveform) // GATE_FRAME)
  frames = waveform[: num_frames * GATE_FRAME].reshape(num_frames, -1)
  blocks = (frames[i : i + _GATE_BLOCK] for i in range(0, num_frames, _GATE_BLOCK))
  power = np.concatenate([np.mean(np.square(block, dtype=np.float64), axis=1) for block in blocks])
  audible = power[power > np.max(power) * 1e-5]  # above -50 dB relative to the loudest frame
  gated = audible[audible >= np.mean(audible) * 10 ** (GATE_DB / 10)] if len(audible) else power
  level = np.sqrt(np.mean(gated)) if len(gated) else 0.0
  gain = 10 ** (LOUDNESS_DBFS / 20) / max(level, 1e-9)
  waveform *= np.float32(min(gain, MAX_PEAK))
  return waveform


def mono_16k(source: decode.Source) -> tuple[np.ndarray, int | None]:
  """Downmixes to mono at 16 kHz: the mean of all channels, or the loudest channel if the mean cancels out.

  Returns:
    (waveform `[n]`, index of the channel used or None for the mean).
  """
  energy, mix_energy, length = np.zeros(source.channels), 0.0, 0

  def mixed() -> decode.Blocks:
    nonlocal energy, mix_energy, length
    for block in source.open_blocks():
      check_finite(block, source.rate_hz, source.name, length)
      length += len(block)
      mix = block.mean(axis=1, keepdims=True)
      energy += np.square(block, dtype=np.float64).sum(axis=0)
      mix_energy += float(np.square(mix, dtype=np.float64).sum())
      yield mix

  waveform = _joined(_resampled(mixed(), source.rate_hz, SAMPLE_RATE_HZ, 1), lambda: length, source.rate_hz)
  if source.channels > 1 and mix_energy < 1e-3 * energy.max():  # channels in opposite phase
    channel = int(energy.argmax())
    one = (block[:, channel : channel + 1] for block in source.open_blocks())
    return _joined(
      _resampled(one, source.rate_hz, SAMPLE_RATE_HZ, 1), lambda: length, source.rate_hz
    ), channel
  return waveform, None


def _joined(blocks: decode.Blocks, length, rate_hz: int) -> np.ndarray:
  waveform, count = np.zeros(0, np.float32), 0
  for block in blocks:
    if count + len(block) > len(waveform):
      # In place: joining a list of blocks would need the recording twice.
      waveform.resize(max(2 * len(waveform), count + len(block)), refcheck=False)
    waveform[count : count + len(block)] = block[:, 0]
    count += len(block)
  wanted = round(length() * SAMPLE_RATE_HZ / rate_hz)  # only known after the blocks have been read
  waveform.resize(wanted, refcheck=False)
  return waveform


def _resampled(blocks: decode.Blocks, from_hz: int, to_hz: int, channels: int) -> decode.Blocks:
  if from_hz == to_hz:
    yield from blocks
    return
  import soxr

  stream = soxr.ResampleStream(from_hz, to_hz, channels, dtype='float32', quality='HQ')
  for block in blocks:
    out = stream.resample_chunk(np.ascontiguousarray(block, np.float32))
    if len(out):
      yield out.reshape(-1, channels)
  out = stream.resample_chunk(np.zeros((0, channels), np.float32), last=True)
  if len(out):
    yield out.reshape(-1, channels)


def _exact_length(blocks: decode.Blocks, num_samples: int, channels: int) -> decode.Blocks:
  """Cuts or zero-pads a stream of blocks `[n, channels]` to `num_samples` in total."""
  left = num_samples
  for block in blocks:
    block = np.clip(block[:left], -1, 1)
    left -= len(block)
    if len(block):
      yield block
  if left:
    yield np.zeros((left, channels), np.float32)


def _channels_of(block: np.ndarray, channels: int, channel: int | None) -> np.ndarray:
  if channel is not None:
    return block[:, channel : channel + 1]
  return block if block.shape[1] == channels else block.mean(axis=1, keepdims=True)


def _check_waveform(waveform: np.ndarray, source: str) -> None:
  seconds = len(waveform) / SAMPLE_RATE_HZ
  if not len(waveform):
    raise SpeechError(f'no samples in the sound, {source}: give at least {MIN_SPEECH_SECONDS} s')
  if seconds < MIN_SPEECH_SECONDS - 1e-9:
    raise SpeechError(
      f'speech of {seconds:.3f} s is too short, {source}: give at least {MIN_SPEECH_SECONDS} s'
    )
  centre = np.float32(np.mean(waveform, dtype=np.float64))
  if max(waveform.max() - centre, centre - waveform.min()) < SILENCE_PEAK:
    raise SpeechError(f'all silence (nothing above -60 dBFS), {source}: give a recording with speech in it')
