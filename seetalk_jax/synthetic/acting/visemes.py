"""Visemes: ARKit coefficients of IPA phoneme labels, with dominance strengths for coarticulation.

The strengths are the dominance of Cohen and Massaro (1993), one for each group of coefficients. The values are our
choice: they follow phonetics (height and rounding of vowels, place of articulation) and the look of the head mesh.
Closures (m b p) and tucks (f v) are constraints on the lips: see `lips`.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import NamedTuple

# Groups of coefficients that move together, with the time in seconds in which the pull of a phoneme decays before it
# (anticipation) and after it. Rounding is anticipated most.
GROUPS = {
  'jaw': (('jawOpen', 'jawForward'), 0.055, 0.055),
  'rounding': (('mouthFunnel', 'mouthPucker'), 0.130, 0.075),
  'spread': (('mouthStretch', 'mouthSmile'), 0.085, 0.080),
  'lips': (('mouthUpperUp', 'mouthLowerDown', 'mouthShrugLower'), 0.060, 0.060),
  'tongue': (('tongueOut',), 0.030, 0.030),
}
# The coefficients that phonemes move, in the order of the groups; names without a side mean both sides.
SPOKEN = tuple(name for names, _, _ in GROUPS.values() for name in names)


class Viseme(NamedTuple):
  """Mouth shape of a phoneme.

  Attributes:
    targets: values of `SPOKEN`.
    strengths: dominance of the groups in the order of `GROUPS`: 0 means that the neighbors determine it, 1 is full, and
      glides have more, because they are short.
    closure: how far the lips close, 0 to 1 (contact).
    tuck: how far the lower lip goes under the upper teeth, 0 to 1 (contact).
    is_vowel: vowels have loudness and stress.
  """

  targets: tuple[float, ...]
  strengths: tuple[float, ...]
  closure: float = 0.0
  tuck: float = 0.0
  is_vowel: bool = False


def _viseme(
  jaw: float,
  funnel: float = 0.0,
  pucker: float = 0.0,
  stretch: float = 0.0,
  smile: float = 0.0,
  upper: float = 0.0,
  lower: float = 0.0,
  shrug: float = 0.0,
  tongue: float = 0.0,
  forward: float = 0.0,
  *,
  strengths: tuple[float, float, float, float],
  closure: float = 0.0,
  tuck: float = 0.0,
  is_vowel: bool = False,
) -> Viseme:
  """Viseme from targets and the strengths of jaw, rounding, spread and lips; the tongue counts with 1 or 0.3."""
  targets = (jaw, forward, funnel, pucker, stretch, smile, upper, lower, shrug, tongue)
  strengths = (*strengths, 1.0 if tongue else 0.3)
  return Viseme(targets, strengths, closure, tuck, is_vowel)


def _vowel(jaw: float, upper: float, lower: float, stretch=0.0, smile=0.0, funnel=0.0, pucker=0.0) -> Viseme:
  rounding = 0.35 + 0.65 * min(1.0, funnel + pucker)
  spread = 0.35 + 1.2 * (stretch + smile)
  strengths = (1.0, rounding, min(1.0, spread), 0.7)
  return _viseme(jaw, funnel, pucker, stretch, smile, upper, lower, strengths=strengths, is_vowel=True)


REST = _viseme(0.0, shrug=0.12, strengths=(1.0, 0.25, 0.4, 1.0))
_CLOSED = _viseme(0.05, shrug=0.05, closure=1.0, strengths=(0.75, 0.05, 0.1, 0.4))
_NEAR_CLOSED = _viseme(0.07, closure=0.65, strengths=(0.7, 0.05, 0.1, 0.4))
_TUCKED = _viseme(0.05, upper=0.25, tuck=1.0, strengths=(0.75, 0.10, 0.15, 0.5))
_DENTAL = _viseme(0.10, upper=0.20, lower=0.30, stretch=0.05, tongue=0.40, strengths=(0.7, 0.2, 0.2, 0.4))
_TIP = _viseme(0.09, upper=0.22, lower=0.32, stretch=0.08, strengths=(0.75, 0.08, 0.15, 0.3))
_LATERAL = _viseme(0.15, upper=0.22, lower=0.25, stretch=0.05, tongue=0.10, strengths=(0.5, 0.1, 0.15, 0.3))
_HISS = _viseme(0.035, upper=0.34, lower=0.48, stretch=0.18, smile=0.04, strengths=(1.0, 0.3, 0.5, 0.7))
_HUSH = _viseme(0.045, 0.58, 0.18, upper=0.10, lower=0.10, strengths=(1.1, 1.1, 0.6, 0.7))
_PALATAL = _viseme(0.09, upper=0.26, lower=0.32, stretch=0.18, smile=0.08, strengths=(0.65, 0.3, 0.45, 0.4))
_SOFT_HISS = _viseme(0.045, 0.25, 0.05, 0.12, upper=0.26, lower=0.36, strengths=(0.9, 0.5, 0.45, 0.6))
_BACK = _viseme(0.15, upper=0.16, lower=0.18, strengths=(0.35, 0.05, 0.08, 0.15))
_RHOTIC = _viseme(0.11, 0.30, 0.26, upper=0.12, lower=0.12, strengths=(0.6, 0.6, 0.3, 0.4))
_TRILL = _viseme(0.13, upper=0.18, lower=0.22, strengths=(0.5, 0.08, 0.12, 0.25))
_OPEN_THROAT = _viseme(0.22, upper=0.2, lower=0.2, strengths=(0.3, 0.05, 0.08, 0.15))
_BREATH = _viseme(0.16, upper=0.15, lower=0.15, strengths=(0.08, 0.03, 0.03, 0.05))
_GLIDE_W = _viseme(0.05, 0.08, 0.90, strengths=(1.4, 1.8, 0.8, 1.2))
_CLICK = _viseme(0.12, upper=0.15, lower=0.15, strengths=(0.5, 0.2, 0.2, 0.2))
_UNKNOWN = _viseme(0.14, upper=0.15, lower=0.15, strengths=(0.3, 0.1, 0.1, 0.1))

VISEMES: dict[str, Viseme] = {
  # Vowels: jaw, upper lip, lower lip, stretch, smile, funnel, pucker.
  **{v: _vowel(0.40, 0.38, 0.26, 0.06) for v in ('a', 'ɑ', 'ä')},
  'ɐ': _vowel(0.33, 0.34, 0.24, 0.06),
  'æ': _vowel(0.37, 0.46, 0.36, 0.20, 0.05),
  'ʌ': _vowel(0.31, 0.30, 0.22, 0.03),
  'ɛ': _vowel(0.29, 0.38, 0.36, 0.16, 0.05),
  'e': _vowel(0.21, 0.36, 0.38, 0.20, 0.10),
  **{v: _vowel(0.23, 0.26, 0.26, funnel=0.14) for v in ('ɜ', 'ɝ')},
  **{v: _vowel(0.20, 0.24, 0.26, 0.04) for v in ('ə', 'ɘ', 'ɚ', 'ᵻ')},
  'ɪ': _vowel(0.16, 0.32, 0.38, 0.20, 0.08),
  'i': _vowel(0.11, 0.34, 0.44, 0.28, 0.16),
  **{v: _vowel(0.12, 0.24, 0.32, 0.12, 0.03) for v in ('ɨ', 'ɯ')},
  'y': _vowel(0.09, 0.10, 0.12, funnel=0.22, pucker=0.62),
  'ʏ': _vowel(0.12, 0.12, 0.14, funnel=0.24, pucker=0.48),
  'ø': _vowel(0.16, 0.14, 0.14, funnel=0.30, pucker=0.42),
  **{v: _vowel(0.23, 0.18, 0.16, funnel=0.36, pucker=0.26) for v in ('œ', 'ɞ', 'ɶ')},
  'ɵ': _vowel(0.16, 0.12, 0.14, funnel=0.24, pucker=0.34),
  **{v: _vowel(0.10, 0.06, 0.08, funnel=0.14, pucker=0.72) for v in ('u', 'ʉ')},
  'ʊ': _vowel(0.14, 0.10, 0.12, funnel=0.20, pucker=0.46),
  'o': _vowel(0.18, 0.10, 0.10, funnel=0.36, pucker=0.42),
  'ɤ': _vowel(0.20, 0.24, 0.24, 0.06),
  'ɔ': _vowel(0.25, 0.14, 0.12, funnel=0.42, pucker=0.22),
  'ɒ': _vowel(0.33, 0.20, 0.16, funnel=0.34, pucker=0.10),
  **{c: _CLOSED for c in ('m', 'b', 'p', 'ɓ', 'ʙ', 'ʘ', 'M', 'B', 'P')},
  **{c: _NEAR_CLOSED for c in ('β', 'ɸ')},  # bilabials in which the lips approach without contact
  **{c: _TUCKED for c in ('f', 'v', 'ʋ', 'ɱ', 'ⱱ')},
  **{c: _DENTAL for c in ('θ', 'ð')},
  **{c: _TIP for c in ('t', 'd', 'n', 'ʈ', 'ɖ', 'ɳ', 'ɗ')},
  **{c: _LATERAL for c in ('l', 'ɫ', 'ɭ', 'ʎ', 'ɬ', 'ɮ', 'ʟ', 'ɺ')},
  **{c: _HISS for c in ('s', 'z')},
  **{c: _HUSH for c in ('ʃ', 'ʒ', 'ʂ', 'ʐ', 'ɧ')},
  **{c: _PALATAL for c in ('j', 'ç', 'ɲ', 'c', 'ɟ', 'ʝ', 'ʄ')},
  **{c: _SOFT_HISS for c in ('ɕ', 'ʑ')},
  **{c: _BACK for c in ('k', 'g', 'ɡ', 'ŋ', 'x', 'ɣ', 'q', 'χ', 'ʁ', 'ʀ', 'ʔ', 'ɢ', 'ɴ', 'ɰ', 'ɠ', 'ʛ', 'ʡ')},
  **{c: _RHOTIC for c in ('ɹ', 'ɻ')},
  **{c: _TRILL for c in ('r', 'ɾ', 'ɽ')},
  **{c: _OPEN_THROAT for c in ('ħ', 'ʕ', 'ʜ', 'ʢ')},
  **{c: _BREATH for c in ('h', 'ɦ')},
  **{c: _GLIDE_W for c in ('w', 'ʍ', 'ɥ')},
  **{c: _CLICK for c in ('ǀ', 'ǁ', 'ǂ', 'ǃ')},
}

# Letters that the synthesizer writes for others: affricates in one letter, Greek and capital letters.
_LETTERS = str.maketrans('ΦεAʦʣʧʤSZNX', 'ɸɛɑszʃʒʃʒŋx')


def symbols_of(label: str) -> str:
  """IPA symbols of a label: letters with a built-in accent, such as ũ, become letter and accent; ç stays."""
  parts = (s if s in VISEMES else unicodedata.normalize('NFD', s) for s in label)
  return ''.join(parts).translate(_LETTERS)


@functools.cache
def label_visemes(label: str) -> tuple[tuple[Viseme, float], ...]:
  """Returns the visemes of one label with their shares of its duration (they sum to 1).

  A diphthong has two visemes, and so has a syllabic label such as 'əl'. In an affricate the fricative dominates.
  Stress, length and tone marks are ignored. An unknown symbol gets a weak viseme. Silence ('_') is the rest shape.
  """
  if is_silence(label):
    return ((REST, 1.0),)
  # A letter with an accent in one character, such as a nasal vowel, counts as the letter.
  shapes = [VISEMES[symbol] for symbol in symbols_of(label) if symbol in VISEMES]
  if not shapes:
    # Slavic palatalization is a separate label.
    return ((_PALATAL if 'ʲ' in label else _UNKNOWN, 1.0),)
  if len(shapes) == 1:
    return ((shapes[0], 1.0),)
  if not any(shape.is_vowel for shape in shapes):
    # Affricates and aspirated stops: the stop is short, but the lips must close for a bilabial.
    first = 0.8 if shapes[0].closure == 1.0 and shapes[-1] is _BREATH else 0.5 if shapes[0].closure else 0.3
    return ((shapes[0], first), (shapes[-1], 1.0 - first))
  if len(shapes) == 2 and all(shape.is_vowel for shape in shapes):
    return ((shapes[0], 0.6), (shapes[1], 0.4))
  return tuple((shape, 1.0 / len(shapes)) for shape in shapes)


def is_stressed(label: str) -> bool:
  """Whether the label has a primary stress mark."""
  return 'ˈ' in label


def is_silence(label: str) -> bool:
  """Whether the label is a pause."""
  return label in ('', '_', '_:')
