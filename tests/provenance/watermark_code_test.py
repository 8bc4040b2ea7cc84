"""Code of the watermark: round trip, errors that it corrects, wrong checksums."""

import numpy as np

from seetalk_jax.provenance import watermark_code as code


def soft(coded, noise=0.0, seed=0):
  return (1.0 - 2.0 * coded + noise * np.random.default_rng(seed).normal(size=coded.shape))[None]


def test_a_payload_comes_back():
  for payload in (0, 1, 0x5EE7A1C5, 2**32 - 1):
    bits = code.message(payload)
    assert bits.shape == (64,)
    np.testing.assert_array_equal(code.decode(soft(code.encode(bits)))[0], bits)
    assert code.payload_of(bits) == payload


def test_noise_that_flips_every_sixth_bit_is_corrected():
  coded = code.encode(code.message(77))
  noisy = soft(coded, noise=1.0)
  assert 0.1 < ((noisy[0] < 0) != coded).mean() < 0.25
  assert code.payload_of(code.decode(noisy)[0]) == 77


def test_every_single_wrong_bit_is_noticed():
  bits = code.message(123456)
  for position in range(len(bits)):
    wrong = bits.copy()
    wrong[position] ^= 1
    assert code.payload_of(wrong) is None


def test_flipped_signs_of_a_codeword_add_its_message():
  """By this symmetry, all messages are equally likely where the phases are random."""
  values = np.random.default_rng(3).normal(size=(1, code.CODED_BITS))
  other = np.random.default_rng(4).integers(0, 2, 64)
  flipped = code.decode(values * (1.0 - 2.0 * code.encode(other)))
  np.testing.assert_array_equal(flipped[0], code.decode(values)[0] ^ other)


def test_messages_are_decoded_in_batches():
  noisy = np.concatenate([soft(code.encode(code.message(n)), 0.5, n) for n in range(3)])
  assert [code.payload_of(bits) for bits in code.decode(noisy)] == [0, 1, 2]
