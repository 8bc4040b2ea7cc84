"""Motion of a synthetic speaking head: lips from phonemes and loudness; blinks, gaze, brows and pose from a seed.

Lip motion follows the dominance model of Cohen and Massaro (1993): every phoneme has a target mouth shape,
whose weight decays with the distance in time. Lip closure (m b p) and tuck (f v) are reached regardless of
the neighboring phonemes. The jaw opening also depends on loudness. The other fields are sampled from the
seed.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from seetalk_jax.cartoon_motion import FIELDS
from seetalk_jax.constants import FPS, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from seetalk_jax.synthetic import parameters, visemes, voice

_GRID_HZ = 100
_LEAD_S = 0.045  # lead of the mouth over the audio
_REACH_S = {'jaw': 0.045, 'lips': 0.070}  # decay time of the weight of a phoneme
_RAMP_S = 0.055  # time in which lips close or open
_MIN_HOLD_S = 0.023  # half of the minimum closure, long enough to contain the center of a frame
_SHORTEST_REST_S = 0.14  # the mouth does not close in shorter pauses
_REST_S = 0.08  # time in which the mouth closes for a pause
_STREAM_STYLE, _STREAM_TRACK, _STREAM_FRAME, _STREAM_NEUTRAL = 0x571E, 0x7AC4, 0xF4A3, 0x0EA7


@dataclasses.dataclass(frozen=True, kw_only=True)
class Style:
  """Motion style of a speaker or of a track.

  Attributes:
    articulation: factor on the amplitude of mouth motion, about 0.8 to 1.15.
    smile: mean of the smile field, -0.3 to 0.7.
    pose: factor on head motion, about 0.5 to 1.5.
    nod: amplitude of a nod on an accent in radians.
    brow: brow raise on an accent, 0 to 0.5.
    blinks_per_second: blink rate, 0.2 to 0.5.
    wandering: share of the time with gaze away from the camera, 0 to 0.5.
  """

  articulation: float = 1.0
  smile: float = 0.1
  pose: float = 1.0
  nod: float = 0.05
  brow: float = 0.25
  blinks_per_second: float = 0.3
  wandering: float = 0.2


def sample_style(seed: int) -> Style:
  """Samples a `Style`; use a speaker's id as the seed for the style of that speaker."""
  rng = np.random.default_rng([_STREAM_STYLE, seed])
  return Style(
    articulation=float(np.clip(rng.normal(0.98, 0.09), 0.78, 1.18)),
    smile=float(np.clip(rng.normal(0.12, 0.18), -0.3, 0.7)),
    pose=float(np.clip(np.exp(rng.normal(0.0, 0.25)), 0.5, 1.6)),
    nod=float(rng.uniform(0.015, 0.08)),
    brow=float(rng.uniform(0.05, 0.45)),
    blinks_per_second=float(rng.uniform(0.2, 0.5)),
    wandering=float(rng.uniform(0.05, 0.45)),
  )


def frame_times(num_frames: int) -> np.ndarray:
  """Times of the frames in seconds, float64 `[num_frames]`: `(i + 0.5) / 25`."""
  return (np.arange(num_frames) + 0.5) / FPS


def motion_track(
  utterance: voice.Utterance, seed: int, num_frames: int | None = None, style: Style | None = None
) -> parameters.Motion:
  """Generates the motion track of `utterance`.

  Args:
    utterance: waveform and phonemes.
    seed: seed of everything that the speech does not determine.
    num_frames: length of the track; None covers the waveform. Frames after its end are silent.
    style: motion style; None samples it from `seed`.

  Returns:
    `Motion` of float32 `[num_frames]` fields at the times `frame_times(num_frames)`.
  """
  if num_frames is None:
    num_frames = -(-len(utterance.waveform) // SAMPLES_PER_FRAME)
  style = sample_style(seed) if style is None else style
  rng = np.random.default_rng([_STREAM_TRACK, seed])
  times = frame_times(num_frames)
  fields = _lips(utterance, times, style)
  activity = _smooth(_speaking(utterance, times), FPS * 0.8)
  accents = _accents(utterance, rng)

  fields['smile'] = style.smile + 0.05 * band_noise(times, rng, 0.05, 0.4)
  fields['smile'] *= 1 - 0.5 * fields['rounding']
  fields['blink_left'], fields['blink_right'] = _blinks(times, style, rng)
  fields['squint'] = np.clip(
    0.3 * np.maximum(fields['smile'], 0) + 0.05 * band_noise(times, rng, 0.05, 0.5), 0, 1
  )
  fields['gaze_yaw'], fields['gaze_pitch'] = _gaze(times, style, rng)
  raised = _bumps(times, accents, 0.35)
  fields['brow_raise'] = np.clip(style.brow * raised + 0.07 * band_noise(times, rng, 0.05, 0.6), -0.6, 0.9)
  fields['brow_furrow'] = np.clip(0.06 + 0.08 * band_noise(times, rng, 0.05, 0.5), 0, 0.6)

  lively = style.pose * (0.55 + 0.45 * activity)
  offset = rng.normal(0.0, 1.0, 3) * np.array([0.055, 0.03, 0.022])
  fields['yaw'] = offset[0] + 0.10 * lively * band_noise(times, rng, 0.1, 1.0)
  nods = _bumps(times, [(t - 0.04, size) for t, size in accents if size > 0.45], 0.28)
  fields['pitch'] = offset[1] + 0.055 * lively * band_noise(times, rng, 0.1, 1.5) - style.nod * nods
  fields['roll'] = offset[2] + 0.042 * lively * band_noise(times, rng, 0.1, 1.2)
  fields['shift_x'] = 0.15 * fields['yaw'] + 0.02 * lively * band_noise(times, rng, 0.1, 0.8)
  fields['shift_y'] = 0.10 * fields['pitch'] + 0.015 * lively * band_noise(times, rng, 0.1, 0.8)
  for name, limit in (('yaw', 0.45), ('pitch', 0.3), ('roll', 0.25), ('shift_x', 0.15), ('shift_y', 0.15)):
    fields[name] = np.clip(fields[name], -limit, limit)
  return parameters.Motion(**{name: np.asarray(fields[name], np.float32) for name in FIELDS})


def random_motion(seed: int) -> parameters.Motion:
  """Samples the motion of one frame of speech: scalar float32 fields.

  The pose is up to 0.45 / 0.3 / 0.25 rad (yaw, pitch, roll), and smaller in half of the frames. The mouth is
  a random mix of two visemes, sometimes wide open or closed. A quarter of the frames have a full or partial
  blink.
  """
  rng = np.random.default_rng([_STREAM_FRAME, seed])
  fields = dict.fromkeys(FIELDS, 0.0)
  shapes = list(dict.fromkeys(visemes.VISEMES.values()))
  first, second = rng.choice(len(shapes), 2, replace=False)
  mix, size = rng.beta(0.7, 0.7), rng.uniform(0.55, 1.15)
  for name in visemes.SPOKEN_FIELDS:
    fields[name] = (1 - mix) * getattr(shapes[first], name) + mix * getattr(shapes[second], name)
    fields[name] *= size if name != 'closure' else 1.0
  kind = rng.random()
  if kind < 0.12:
    fields['jaw'] = rng.uniform(0.75, 1.0)
    fields['closure'] = fields['tuck'] = 0.0
  elif kind < 0.24:
    fields.update(dict.fromkeys(visemes.SPOKEN_FIELDS, 0.0))
    fields['closure'] = float(rng.random() < 0.5)
  fields['smile'] = np.clip(rng.normal(0.12, 0.25), -0.5, 0.9)
  if rng.random() < 0.25:
    fields['blink_left'] = rng.choice([1.0, rng.uniform(0.2, 1.0)])
    fields['blink_right'] = np.clip(fields['blink_left'] + rng.normal(0.0, 0.04), 0.0, 1.0)
  fields['squint'] = np.clip(rng.normal(0.08, 0.12), 0, 0.7)
  away = 0.18 if rng.random() < 0.3 else 0.03
  fields['gaze_yaw'], fields['gaze_pitch'] = np.clip(rng.normal(0, (away, 0.6 * away)), -0.4, 0.4)
  fields['brow_raise'] = np.clip(rng.normal(0.05, 0.25), -0.8, 1.0)
  fields['brow_furrow'] = np.clip(rng.normal(0.05, 0.15), 0, 0.9)
  # Half of the poses are small: under a head turn, the mouth contributes little to any loss.
  reach = 0.25 if rng.random() < 0.5 else 1.0
  # A distribution between normal and uniform, so that the ends of the range are sampled too.
  for name, limit in (('yaw', 0.45), ('pitch', 0.3), ('roll', 0.25)):
    fields[name] = reach * limit * (2 * rng.beta(1.6, 1.6) - 1)
  fields['shift_x'], fields['shift_y'] = np.clip(reach * rng.normal(0, 0.04, 2), -0.12, 0.12)
  fields.update({name: np.clip(fields[name], 0, 1) for name in visemes.SPOKEN_FIELDS if name != 'spread'})
  return parameters.Motion(**{name: np.float32(value) for name, value in fields.items()})


def neutral_motion(seed: int) -> parameters.Motion:
  """Motion of the training portrait: frontal within 0.02 rad, mouth closed, eyes open; scalar float32 fields."""
  rng = np.random.default_rng([_STREAM_NEUTRAL, seed])
  fields = dict.fromkeys(FIELDS, np.float32(0.0))
  for name in ('yaw', 'pitch', 'roll'):
    fields[name] = np.float32(np.clip(rng.normal(0, 0.008), -0.02, 0.02))
  for name in ('shift_x', 'shift_y', 'gaze_yaw', 'gaze_pitch', 'smile', 'brow_raise'):
    fields[name] = np.float32(np.clip(rng.normal(0, 0.008), -0.02, 0.02))
  return parameters.Motion(**fields)


# --- Lips -----------------------------------------------------------------------------------------


def _lips(utterance: voice.Utterance, times: np.ndarray, style: Style) -> dict[str, np.ndarray]:
  """Fields of `visemes.SPOKEN_FIELDS` at `times`."""
  grid = np.arange(0.0, times[-1] + 0.5 / FPS, 1.0 / _GRID_HZ) if len(times) else np.zeros(1)
  shapes, starts, ends, scales = _shape_sequence(utterance)
  middles, halves = (starts + ends) / 2, (ends - starts) / 2
  # The mouth leads the audio.
  distance = np.abs(grid[:, None] + _LEAD_S - middles) - 0.7 * halves
  targets = {name: np.array([getattr(s, name) for s in shapes]) for name in visemes.SPOKEN_FIELDS}
  targets['jaw'] = targets['jaw'] * scales
  pull = {}
  for group in ('jaw', 'lips'):
    strength = np.array([s.jaw_strength if group == 'jaw' else s.lip_strength for s in shapes])
    weight = strength * np.exp(-np.maximum(distance, 0.0) / _REACH_S[group]) + 1e-9
    pull[group] = weight / weight.sum(axis=1, keepdims=True)
  fields = {name: pull['lips'] @ targets[name] for name in ('spread', 'rounding', 'upper_lip', 'tongue')}
  loud = loudness(utterance.waveform, grid + 0.6 * _LEAD_S)
  fields['jaw'] = pull['jaw'] @ targets['jaw'] * (0.30 + 0.85 * loud)
  rest = _rest_gate(utterance, grid)
  for name in ('jaw', 'upper_lip', 'tongue'):
    fields[name] *= rest
  for name in ('spread', 'rounding'):
    fields[name] *= 0.3 + 0.7 * rest
  fields = {name: _smooth(values, 0.04 * _GRID_HZ) for name, values in fields.items()}
  tucked = _held(grid, middles, halves, targets['tuck'])
  fields['jaw'] *= style.articulation * (1 - 0.5 * tucked)
  fields['spread'] *= style.articulation * (1 - 0.8 * fields['rounding'])
  fields = {name: np.interp(times, grid, values) for name, values in fields.items()}
  for name in ('closure', 'tuck'):
    fields[name] = _held(times, middles, halves, targets[name])
  return {name: np.clip(values, -0.3 if name == 'spread' else 0.0, 1.0) for name, values in fields.items()}


def _held(times: np.ndarray, middles: np.ndarray, halves: np.ndarray, targets: np.ndarray) -> np.ndarray:
  """Target held through the middle of its phoneme, regardless of the neighbors; `[len(times)]`.

  It has no lead, because half a ramp is before the phoneme anyway.
  """
  outside = np.abs(times[:, None] - middles) - np.maximum(_MIN_HOLD_S, 0.7 * halves)
  ramp = 0.5 + 0.5 * np.cos(np.pi * np.clip(outside / _RAMP_S, 0.0, 1.0))
  return (ramp * targets).max(axis=1)


def _shape_sequence(utterance: voice.Utterance):
  """Mouth shapes in time: visemes, their starts and ends in seconds, and their emphasis; `[s]` each."""
  shapes, starts, ends, scales = [], [], [], []
  for phoneme in utterance.phonemes:
    length, at = phoneme.end_s - phoneme.start_s, phoneme.start_s
    for shape, share in visemes.label_visemes(phoneme.label):
      if shape is visemes.REST and length < 2 * _SHORTEST_REST_S:
        shape = shape._replace(jaw_strength=0.5 * length / _SHORTEST_REST_S, lip_strength=0.1)
      shapes.append(shape)
      starts.append(at)
      at += share * length
      ends.append(at)
      stressed = visemes.is_stressed(phoneme.label)
      scales.append((1.12 if stressed else 0.88) if shape.is_vowel else 1.0)
  shapes.append(visemes.REST)  # rest shape after the end
  starts.append(utterance.duration_s)
  ends.append(utterance.duration_s + 3600.0)
  scales.append(1.0)
  return shapes, np.array(starts), np.array(ends), np.array(scales)


def _rest_gate(utterance: voice.Utterance, grid: np.ndarray) -> np.ndarray:
  """Speech gate: 1 in speech, 0 in pauses long enough to close the mouth, smooth between; `[len(grid)]`."""
  gate = np.ones(len(grid))
  pauses = [(p.start_s, p.end_s) for p in utterance.phonemes if visemes.is_silence(p.label)]
  if pauses and pauses[-1][1] >= utterance.duration_s - 1e-6:
    pauses[-1] = (pauses[-1][0], np.inf)
  for start, end in pauses:
    if end - start < _SHORTEST_REST_S:
      continue
    # The mouth opens before the next phoneme; at the start of the track it is closed.
    shut = 1.0 if start <= 0 else np.clip((grid - start + 0.02) / _REST_S, 0, 1)
    opens = np.clip((grid - (end - _LEAD_S - 0.03)) / 0.07, 0, 1) if np.isfinite(end) else 0.0
    closed = shut * shut * (3 - 2 * shut) * (1 - opens * opens * (3 - 2 * opens))
    gate = np.minimum(gate, np.where((grid >= start - 0.02) & (grid <= end + 0.1), 1 - closed, 1.0))
  return gate


# --- Audio features -------------------------------------------------------------------------------


def loudness(waveform: np.ndarray, times: np.ndarray) -> np.ndarray:
  """Loudness at `times`, 0 (40 dB below the loud parts, or silent) to 1 (loud), smoothed over 50 ms."""
  if not len(waveform):
    return np.zeros(len(times))
  power = voice.smooth(np.square(waveform, dtype=np.float64), int(0.05 * SAMPLE_RATE_HZ))
  decibel = 10 * np.log10(power + 1e-10)
  top = np.percentile(decibel[:: SAMPLE_RATE_HZ // 200], 95)
  index = np.round(times * SAMPLE_RATE_HZ).astype(int)
  inside = (index >= 0) & (index < len(waveform))
  level = np.clip(1 + (decibel[np.clip(index, 0, len(waveform) - 1)] - top) / 30.0, 0.0, 1.05)
  return np.where(inside, level, 0.0)


def pitch_track(waveform: np.ndarray, times: np.ndarray) -> np.ndarray:
  """Fundamental frequency in Hz at `times`, float64, by autocorrelation over 64 ms; NaN where unvoiced."""
  width = 1024
  padded = np.pad(np.asarray(waveform, np.float32), width)
  centres = np.clip(np.round(times * SAMPLE_RATE_HZ).astype(int), 0, len(waveform)) + width
  pieces = padded[centres[:, None] + np.arange(-width // 2, width // 2)] * np.hanning(width).astype(
    np.float32
  )
  correlation = np.fft.irfft(np.abs(np.fft.rfft(pieces, 2 * width)) ** 2)
  energy = correlation[:, :1]
  lags = np.arange(SAMPLE_RATE_HZ // 420, SAMPLE_RATE_HZ // 60)
  # Divide out the autocorrelation of the Hann window, which falls with the lag; otherwise low voices are
  # estimated one octave too high.
  window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(width), 2 * width)) ** 2)[lags]
  normal = correlation[:, lags] / np.maximum(energy, 1e-9) / (window / window.max())
  best = normal.max(axis=1)
  # The first lag that is nearly as good as the best, to avoid twice the period.
  first = (normal > 0.92 * best[:, None]).argmax(axis=1)
  peak = np.array([i + normal[k, i : i + 12].argmax() for k, i in enumerate(first)], int)
  voiced = (best > 0.45) & (energy[:, 0] > 1e-2)
  return np.where(voiced, SAMPLE_RATE_HZ / lags[np.minimum(peak, len(lags) - 1)], np.nan)


def _speaking(utterance: voice.Utterance, times: np.ndarray) -> np.ndarray:
  spoken = [(p.start_s, p.end_s) for p in utterance.phonemes if not visemes.is_silence(p.label)]
  result = np.zeros(len(times))
  for start, end in spoken:
    result[(times >= start) & (times < end)] = 1.0
  return result


def _accents(utterance: voice.Utterance, rng: np.random.Generator) -> list[tuple[float, float]]:
  """Samples accents from the stressed syllables, `(time, size 0 to 1)`; louder and higher ones are more likely."""
  stressed = [(p.start_s + p.end_s) / 2 for p in utterance.phonemes if visemes.is_stressed(p.label)]
  if not stressed:
    return []
  at = np.array(stressed)
  pitch = pitch_track(utterance.waveform, at)
  voiced = ~np.isnan(pitch)
  height = np.zeros(len(at))
  if voiced.sum() > 2:
    logs = np.log(pitch[voiced])
    height[voiced] = (logs - logs.mean()) / (logs.std() + 0.03)
  size = np.clip(0.25 + 0.25 * height + 0.35 * loudness(utterance.waveform, at), 0.0, 1.0)
  chosen = rng.random(len(at)) < 0.15 + 0.6 * size
  return [(float(t), float(s)) for t, s, c in zip(at, size, chosen, strict=True) if c]


# --- Motion independent of the audio --------------------------------------------------------------


def band_noise(times: np.ndarray, rng: np.random.Generator, low_hz: float, high_hz: float) -> np.ndarray:
  """Smooth band-limited noise of about unit standard deviation, stronger at low frequencies; `[len(times)]`."""
  count = 10
  frequencies = np.exp(rng.uniform(np.log(low_hz), np.log(high_hz), count))
  sizes = rng.standard_normal((2, count)) * np.sqrt(low_hz / frequencies) ** 0.5
  phase = 2 * np.pi * frequencies * np.asarray(times)[:, None]
  scale = np.sqrt(np.sum(np.sqrt(low_hz / frequencies)))
  return (np.sin(phase) @ sizes[0] + np.cos(phase) @ sizes[1]) / scale


def _bumps(times: np.ndarray, events: list[tuple[float, float]], width_s: float) -> np.ndarray:
  """Sum of smooth bumps, `width_s` wide at half height, one per event `(time, size)`; it saturates at 1."""
  total = np.zeros(len(times))
  for at, size in events:
    total += size * np.exp(-0.5 * ((times - at) / (0.425 * width_s)) ** 2)
  return np.tanh(total)


def _blinks(times: np.ndarray, style: Style, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
  """Blink tracks of both eyes: 80 ms closing, 40 ms closed, 140 ms opening."""
  left, right = np.zeros(len(times)), np.zeros(len(times))
  end = times[-1] if len(times) else 0.0
  at = rng.exponential(1.0 / style.blinks_per_second)
  while at < end:
    depth = 1.0 if rng.random() < 0.85 else rng.uniform(0.6, 1.0)
    shift, weaker = rng.normal(0.0, 0.006), rng.uniform(0.93, 1.0)
    for eye, delay, size in ((left, 0.0, 1.0), (right, shift, weaker)):
      t = times - at - delay
      close, open_again = np.clip(t / 0.08, 0, 1), np.clip((t - 0.12) / 0.14, 0, 1)
      shape = close * close * (3 - 2 * close) * (1 - open_again * open_again * (3 - 2 * open_again))
      np.maximum(eye, depth * size * shape, out=eye)
    at += 0.45 + rng.exponential(max(0.1, 1.0 / style.blinks_per_second - 0.45))
  return left, right


def _gaze(times: np.ndarray, style: Style, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
  """Gaze tracks: fixation on the camera with short saccades away and back; each saccade takes one frame."""
  yaw, pitch = np.zeros(len(times)), np.zeros(len(times))
  at, end = 0.0, times[-1] if len(times) else 0.0
  while at <= end:
    away = rng.random() < style.wandering
    spread = np.array([0.14, 0.08]) if away else np.array([0.018, 0.012])
    target = np.clip(rng.normal(0.0, spread), -0.35, 0.35)
    later = times >= at
    yaw[later], pitch[later] = target
    at += rng.uniform(0.25, 0.9) if away else rng.uniform(0.4, 2.2)
  return yaw, pitch


def _smooth(values: np.ndarray, width: float) -> np.ndarray:
  """Hann-weighted moving average over about `width` samples; same length."""
  half = max(1, int(round(width)))
  kernel = np.hanning(2 * half + 1)
  return np.convolve(np.pad(values, half, mode='edge'), kernel / kernel.sum(), mode='valid')
