"""Audio checks: offset between mouth and sound, share of speech."""

from __future__ import annotations

import json

import numpy as np

from seetalk_jax.prepare import audio_checks


def _openings(num, seed=0):
  return np.convolve(np.random.default_rng(seed).uniform(size=num), np.ones(3) / 3, mode='same')


def _voice(opening):
  """A tone whose level follows the mouth."""
  loud = np.repeat(opening, 640)
  return (10 ** (2 * loud - 3)) * np.sin(2 * np.pi * 500 * np.arange(len(loud)) / 16_000)


def test_find_offset_recovers_a_shift_either_way():
  opening = _openings(250)
  for lag in (-6, 0, 7):
    found = audio_checks.find_offset(opening, _voice(np.roll(opening, lag)))
    assert (found.frames, found.certain, found.correction) == (lag, lag, lag)
    assert found.parts == found.agreeing == 3


def test_an_offset_holds_plain_numbers():
  # A report is JSON, which has no NumPy integers. The mouth trembles in the last part.
  opening = _openings(250)
  opened = np.concatenate([opening[:160], 0.5 + 0.1 * np.random.default_rng(0).normal(size=90)])
  found = audio_checks.find_offset(opened, _voice(opening))
  assert 0 < found.agreeing < found.parts
  assert json.loads(json.dumps(found._asdict())) == found._asdict()


def test_a_lag_is_corrected_only_if_it_is_the_same_throughout():
  opening = _openings(320)
  late, early = (_voice(np.roll(opening, lag)) for lag in (7, -5))
  drifting = np.concatenate([late[: 200 * 640], early[200 * 640 :]])
  found = audio_checks.find_offset(opening, drifting)
  assert found.certain == 7 and (found.parts, found.correction) == (4, 0)
  # Mouths that follow no sound in one part of four are no obstacle.
  still = opening.copy()
  still[240:] = _openings(80, seed=1)
  found = audio_checks.find_offset(still, late)
  assert (found.agreeing, found.parts, found.correction) == (3, 4, 7)
  # One part of 3 s is not enough to be sure.
  found = audio_checks.find_offset(opening[:140], late[: 140 * 640])
  assert (found.certain, found.parts, found.correction) == (7, 1, 0)


def test_speech_share_tells_syllables_from_steady_noise():
  rng = np.random.default_rng(0)
  times = np.arange(48_000) / 16_000
  noise = rng.normal(size=len(times))
  syllables = (np.sin(2 * np.pi * 3 * times) > 0) * np.sin(2 * np.pi * 300 * times) * 0.3
  assert audio_checks.speech_share(0.1 * noise) < 0.05
  assert audio_checks.speech_share(0.1 * np.sin(2 * np.pi * 200 * times)) < 0.05
  assert 0.3 < audio_checks.speech_share(syllables + 1e-4 * noise) < 0.8
  assert audio_checks.is_silent(np.full(1000, 0.3)) and not audio_checks.is_silent(syllables)


def _tones(*spoken, seconds=4.0):
  """Waveform at 16 kHz: a 300 Hz tone during each (start, end) in seconds over faint noise."""
  times = np.arange(round(seconds * 16_000)) / 16_000
  on = np.any([(times >= start) & (times < end) for start, end in spoken], axis=0)
  return 0.3 * on * np.sin(2 * np.pi * 300 * times) + 1e-4 * np.random.default_rng(0).normal(size=len(times))


def test_speech_segments_are_found_with_their_margin():
  segments = audio_checks.speech_segments(_tones((0.6, 1.4), (2.0, 3.0)))
  np.testing.assert_allclose(segments, [[0.57, 1.43], [1.97, 3.03]], atol=0.021)  # frames of 20 ms


def test_short_silences_belong_to_speech_and_short_sounds_are_no_speech():
  segments = audio_checks.speech_segments(_tones((0.6, 1.0), (1.06, 1.5), (2.5, 2.6)))
  np.testing.assert_allclose(segments, [[0.57, 1.53]], atol=0.021)


def test_speech_at_the_ends_stays_within_the_recording():
  segments = audio_checks.speech_segments(_tones((0.0, 1.0), (3.0, 4.0)))
  assert segments[0, 0] == 0.0 and segments[-1, 1] == 4.0


def test_silence_noise_and_nothing_have_no_speech_segments():
  rng = np.random.default_rng(0)
  for waveform in (np.zeros(0), np.zeros(100), np.zeros(16_000), 0.1 * rng.normal(size=32_000)):
    assert audio_checks.speech_segments(waveform).shape == (0, 2)


def test_an_offset_is_clear_only_if_the_sound_belongs_to_the_mouth():
  found = [audio_checks.find_offset(_openings(200, seed), _voice(_openings(200, seed))) for seed in range(20)]
  assert all(each.is_clear for each in found)
  other = [
    audio_checks.find_offset(_openings(200, seed), _voice(_openings(200, seed + 50))) for seed in range(20)
  ]
  assert np.mean([each.is_clear for each in other]) <= 0.2
  assert np.mean(np.abs([each.frames for each in other])) > 3  # lags of chance


def test_levels_of_a_long_recording_are_those_of_its_parts():
  rng = np.random.default_rng(0)
  waveform = (0.1 * rng.normal(size=640 * 1200) * np.repeat(rng.uniform(size=1200), 640)).astype(np.float32)
  whole = audio_checks.find_offset(rng.uniform(size=1200), waveform)
  assert whole.parts == 16
  share = audio_checks.speech_share(waveform)
  half = 640 * 600
  assert (
    abs(
      share
      - np.mean([audio_checks.speech_share(waveform[:half]), audio_checks.speech_share(waveform[half:])])
    )
    < 0.1
  )


def test_a_part_beyond_the_ends_is_zero():
  waveform = np.arange(1.0, 6.0)
  assert audio_checks.padded_part(waveform, -2, 3).tolist() == [0, 0, 1, 2, 3]
  assert audio_checks.padded_part(waveform, 3, 8).tolist() == [4, 5, 0, 0, 0]
  assert audio_checks.padded_part(waveform, 9, 11).tolist() == [0, 0]
  assert audio_checks.padded_part(waveform, -4, -2).tolist() == [0, 0]
