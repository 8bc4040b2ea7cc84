"""Recording conditions: length, timing and range stay; each effect does what it says."""

import dataclasses
import zlib

import numpy as np
import pytest
import sound_timing

from seetalk_jax.synthetic import codecs, noises, recording, rooms


def speech(n=24000, seed=0):
  """Pulses of changing pitch through resonances, in syllables with pauses; `[n]`."""
  rng = np.random.default_rng(seed)
  time = np.arange(n) / 16000
  phase = np.cumsum(2 * np.pi * (130 + 20 * np.sin(3 * time)) / 16000)
  tone = sum(np.cos(k * phase) / (1 + abs(k - 5)) for k in range(1, 30))
  envelope = np.interp(time, np.arange(0, 4, 0.08), rng.random(50) * (rng.random(50) < 0.7))
  sound = envelope * (tone + 0.2 * rng.standard_normal(n))
  return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


@pytest.mark.parametrize('seed', range(30))
def test_length_range_timing_and_repeatability(seed):
  clean = speech(24000 + 7 * seed, seed)
  before = clean.copy()
  recorded = recording.record(clean, np.random.default_rng(seed))
  assert recorded.shape == clean.shape and recorded.dtype == np.float32
  assert np.isfinite(recorded).all() and np.abs(recorded).max() <= 1
  assert abs(sound_timing.shift_of(clean, recorded)) <= 16  # 1 ms
  np.testing.assert_array_equal(recorded, recording.record(clean, np.random.default_rng(seed)))
  np.testing.assert_array_equal(clean, before)


EFFECTS = {
  **{
    f'room-{r}-{d}': {'room': rooms.Room((4.0, 5.0, 2.5), r, d)} for r in (0.1, 0.5, 0.9) for d in (0.2, 2.0)
  },
  **{f'noise-{k}': {'noise': k, 'snr_db': 3.0} for k in noises.KINDS},
  **{f'microphone-{m}': {'microphone': m} for m in recording.MICROPHONES},
  **{f'band-{b}': {'band': b} for b in recording.BANDS},
  'gain': {'gain_control': 0.9},
  'clip': {'clip': 0.2},
  'lost': {'lost_packets': 0.1},
  **{
    f'{name}-{rate}': {'codec': name, 'bit_rate': rate}
    for name in codecs.available()
    for rate in codecs.CODECS[name].bit_rates
  },
}


@pytest.mark.parametrize('name', EFFECTS)
def test_no_effect_moves_speech_in_time(name):
  conditions = recording.Conditions(**EFFECTS[name])
  for seed in range(3):
    clean = speech(20000, seed)
    recorded = recording.apply(clean, conditions, np.random.default_rng(zlib.crc32(name.encode()) + seed))
    assert recorded.shape == clean.shape
    assert abs(sound_timing.shift_of(clean, recorded)) <= 16
    assert not np.array_equal(recorded, clean)


def test_no_conditions_change_nothing():
  clean = speech()
  np.testing.assert_array_equal(
    recording.apply(clean, recording.Conditions(), np.random.default_rng(0)), clean
  )


@pytest.mark.parametrize('snr_db', [3.0, 15.0, 40.0])
def test_noise_has_the_level_asked_for(snr_db):
  clean = 0.1 * speech()  # so quiet that the sum stays below full scale
  for kind in noises.KINDS:
    conditions = recording.Conditions(noise=kind, snr_db=snr_db)
    noise = recording.apply(clean, conditions, np.random.default_rng(1)) - clean
    level = 20 * np.log10(recording.speech_level(clean) / np.sqrt(np.mean(noise**2)))
    assert abs(level - snr_db) < 0.5


def test_gain_control_evens_out_levels():
  clean = speech(48000)
  clean[24000:] *= 0.1
  levelled = recording.control_gain(clean, 0.8)
  before, after = (
    20 * np.log10(recording.speech_level(x[:24000]) / recording.speech_level(x[32000:]))
    for x in (clean, levelled)
  )
  assert before > 17 and after < before - 8


def test_lost_packets_are_short_and_as_many_as_asked():
  tone = np.sin(np.arange(320000) * 0.3)
  changed = recording.lose_packets(tone, 0.05, np.random.default_rng(0)) != tone
  assert 0.03 < changed.mean() < 0.07


def test_conditions_vary_and_follow_the_effort():
  drawn = [recording.sample_conditions(np.random.default_rng(i)) for i in range(400)]
  clean = dataclasses.asdict(recording.Conditions())
  for field in ('room', 'noise', 'microphone', 'gain_control', 'clip', 'band', 'codec', 'lost_packets'):
    share = np.mean([getattr(c, field) != clean[field] for c in drawn])
    assert 0.01 < share < 0.9, field
  soft, loud = (recording.sample_conditions(np.random.default_rng(7), e) for e in (-1.0, 1.0))
  assert loud.snr_db - soft.snr_db == pytest.approx(12.0)


@pytest.mark.parametrize('sound', [np.zeros(0), np.zeros(1000), np.full(1, 0.5), np.zeros(17)])
def test_degenerate_waveforms(sound):
  for seed in range(20):
    recorded = recording.record(sound, np.random.default_rng(seed))
    assert recorded.shape == sound.shape and np.isfinite(recorded).all()
