"""Code of the watermark: 32 bits of payload and their checksum, protected by a convolutional code.

The code has rate 1/4 and constraint length 9, with the generators of the largest free distance, 24 (Proakis, Digital
Communications, table 8.2-3). It is tail-biting: the message is a ring, so that no bits are spent on its end.
"""

from __future__ import annotations

import functools
import zlib

import numpy as np

PAYLOAD_BITS = 32
CHECK_BITS = 32
MESSAGE_BITS = PAYLOAD_BITS + CHECK_BITS
_GENERATORS = (0o463, 0o535, 0o733, 0o745)
_MEMORY = 8
CODED_BITS = MESSAGE_BITS * len(_GENERATORS)
_TURNS = 3  # around the ring in decoding; the middle turn no longer depends on the unknown first state


def message(payload: int) -> np.ndarray:
  """Payload and checksum (CRC-32) as bits, uint8 `[64]`.

  Args:
    payload: 0 to 2^32 - 1.
  """
  data = payload.to_bytes(PAYLOAD_BITS // 8, 'big')
  return np.unpackbits(np.frombuffer(data + _check(data), np.uint8))


def payload_of(bits: np.ndarray) -> int | None:
  """The payload of a message `[64]`, or None if its checksum is wrong: of 2^32 random messages, one has a right one."""
  data = np.packbits(bits).tobytes()
  payload, check = data[: PAYLOAD_BITS // 8], data[PAYLOAD_BITS // 8 :]
  return int.from_bytes(payload, 'big') if _check(payload) == check else None


def encode(bits: np.ndarray) -> np.ndarray:
  """The coded bits of a message: 0 or 1 `[64]` -> uint8 `[CODED_BITS]`."""
  ring = np.concatenate([bits[-_MEMORY:], bits]).astype(int)
  windows = np.lib.stride_tricks.sliding_window_view(ring, _MEMORY + 1)  # the oldest bit first
  return _coded(windows @ (1 << np.arange(_MEMORY + 1))).ravel()


def decode(soft: np.ndarray) -> np.ndarray:
  """The most likely messages (Viterbi).

  Args:
    soft: `[b, CODED_BITS]`, negative where a coded bit is probably 1, with the reliability as its magnitude.

  Returns:
    uint8 `[b, 64]`.
  """
  before, signs = _trellis()
  batch = np.arange(len(soft))
  gains = np.einsum('btg,skg->tbsk', np.reshape(soft, (len(soft), MESSAGE_BITS, len(_GENERATORS))), signs)
  score = np.zeros((len(soft), 1 << _MEMORY))
  choices = []
  for gain in (*gains,) * _TURNS:
    paths = score[:, before] + gain
    second = paths[..., 1] > paths[..., 0]
    choices.append(second)
    score = np.where(second, paths[..., 1], paths[..., 0])
  state, bits = score.argmax(axis=1), []
  for choice in choices[::-1]:
    bits.append(state >> (_MEMORY - 1))
    state = before[state, choice[batch, state].astype(int)]
  return np.stack(bits[::-1][MESSAGE_BITS : 2 * MESSAGE_BITS], axis=1).astype(np.uint8)


def _check(data: bytes) -> bytes:
  return zlib.crc32(data).to_bytes(CHECK_BITS // 8, 'big')


@functools.cache
def _trellis() -> tuple[np.ndarray, np.ndarray]:
  """States before each state, int `[256, 2]`, and the signs of the coded bits in between, `[256, 2, 4]`.

  A state holds the last eight bits, the newest as its highest bit.
  """
  states = np.arange(1 << _MEMORY)[:, None]
  before = (states << 1 & ((1 << _MEMORY) - 1)) | np.arange(2)
  registers = (states >> (_MEMORY - 1) << _MEMORY) | before
  return before, 1.0 - 2.0 * _coded(registers)


def _coded(registers: np.ndarray) -> np.ndarray:
  """Coded bits of registers of nine bits `[...]`, the newest bit as the highest: uint8 `[..., 4]`."""
  return np.stack([np.bitwise_count(registers & generator) & 1 for generator in _GENERATORS], axis=-1)
