"""Visemes: mouth shapes of IPA phoneme labels, as targets of the lip fields with dominance strengths.

Targets use the fields of `cartoon_motion.FIELDS`. The strengths are the dominance of Cohen and Massaro
(1993). The values are our choice, based on phonetics and not on measurements.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import NamedTuple

# Fields of `cartoon_motion.FIELDS` driven by phonemes; smile depends on the style instead.
SPOKEN_FIELDS = ('jaw', 'spread', 'rounding', 'closure', 'upper_lip', 'tuck', 'tongue')


class Viseme(NamedTuple):
  """Target mouth shape of a phoneme with its dominance.

  Attributes:
    jaw, spread, rounding, closure, upper_lip, tuck, tongue: targets, see `cartoon_motion.FIELDS`.
    jaw_strength: dominance over the jaw, from 0 (the neighbors determine it) to 1 (full).
    lip_strength: dominance over spread, rounding and upper lip, 0 to 1.
    is_vowel: whether the phoneme is a vowel; vowels have loudness and stress.
  """

  jaw: float = 0.0
  spread: float = 0.0
  rounding: float = 0.0
  closure: float = 0.0
  upper_lip: float = 0.0
  tuck: float = 0.0
  tongue: float = 0.0
  jaw_strength: float = 0.5
  lip_strength: float = 0.3
  is_vowel: bool = False


def _vowel(jaw: float, spread: float = 0.0, rounding: float = 0.0, upper_lip: float = 0.1) -> Viseme:
  strength = 0.55 + 0.45 * max(rounding, spread)
  return Viseme(jaw, spread, rounding, 0.0, upper_lip, 0.0, 0.0, 1.0, strength, True)


REST = Viseme(jaw_strength=1.0, lip_strength=0.8)
_CLOSED = Viseme(jaw=0.06, closure=1.0, jaw_strength=0.9, lip_strength=0.25)
_TUCKED = Viseme(jaw=0.14, tuck=1.0, upper_lip=0.35, jaw_strength=0.9, lip_strength=0.4)
_DENTAL = Viseme(jaw=0.22, tongue=1.0, spread=0.1, upper_lip=0.1, jaw_strength=0.7)
_TIP = Viseme(jaw=0.20, tongue=0.55, spread=0.1, upper_lip=0.1, jaw_strength=0.6, lip_strength=0.15)
_LATERAL = Viseme(jaw=0.30, tongue=0.85, spread=0.1, upper_lip=0.1, jaw_strength=0.55, lip_strength=0.15)
_HISS = Viseme(jaw=0.10, spread=0.35, upper_lip=0.15, tongue=0.2, jaw_strength=1.0, lip_strength=0.5)
_HUSH = Viseme(jaw=0.16, rounding=0.6, upper_lip=0.35, jaw_strength=0.95, lip_strength=0.8)
_PALATAL = Viseme(jaw=0.18, spread=0.5, upper_lip=0.1, jaw_strength=0.7, lip_strength=0.5)
_BACK = Viseme(jaw=0.30, upper_lip=0.05, jaw_strength=0.35, lip_strength=0.1)
_RHOTIC = Viseme(jaw=0.24, rounding=0.45, upper_lip=0.2, tongue=0.25, jaw_strength=0.6, lip_strength=0.6)
_TRILL = Viseme(jaw=0.26, tongue=0.5, upper_lip=0.1, jaw_strength=0.5, lip_strength=0.15)
_BREATH = Viseme(jaw=0.35, jaw_strength=0.08, lip_strength=0.05)
_GLIDE_W = Viseme(jaw=0.16, rounding=1.0, upper_lip=0.1, jaw_strength=0.8, lip_strength=1.0)

VISEMES: dict[str, Viseme] = {
  **{v: _vowel(0.95, 0.12) for v in ('a', 'ɑ', 'ä')},
  'ɐ': _vowel(0.72, 0.12),
  'æ': _vowel(0.85, 0.35, 0.0, 0.2),
  'ʌ': _vowel(0.68, 0.08),
  'ɛ': _vowel(0.64, 0.32, 0.0, 0.15),
  'e': _vowel(0.46, 0.48, 0.0, 0.15),
  'ɜ': _vowel(0.50, 0.05, 0.15),
  **{v: _vowel(0.42, 0.08) for v in ('ə', 'ɘ', 'ɚ', 'ɝ', 'ᵻ')},
  'ɪ': _vowel(0.34, 0.45),
  'i': _vowel(0.24, 0.68),
  **{v: _vowel(0.26, 0.25) for v in ('ɨ', 'ɯ')},
  'y': _vowel(0.22, 0.0, 0.90),
  'ʏ': _vowel(0.28, 0.0, 0.75),
  'ø': _vowel(0.40, 0.0, 0.75),
  **{v: _vowel(0.55, 0.0, 0.60) for v in ('œ', 'ɞ')},
  'ɵ': _vowel(0.38, 0.0, 0.55),
  **{v: _vowel(0.24, 0.0, 1.0) for v in ('u', 'ʉ')},
  'ʊ': _vowel(0.30, 0.0, 0.75),
  **{v: _vowel(0.48, 0.0, 0.80) for v in ('o', 'ɤ')},
  'ɔ': _vowel(0.68, 0.0, 0.60),
  'ɒ': _vowel(0.80, 0.0, 0.45),
  **{c: _CLOSED for c in ('m', 'b', 'p', 'ɱ', 'ɓ', 'ʙ')},
  **{c: _TUCKED for c in ('f', 'v', 'ʋ')},
  **{c: _DENTAL for c in ('θ', 'ð')},
  **{c: _TIP for c in ('t', 'd', 'n', 'ʈ', 'ɖ', 'ɳ')},
  **{c: _LATERAL for c in ('l', 'ɫ', 'ɭ', 'ʎ', 'ɬ')},
  **{c: _HISS for c in ('s', 'z')},
  **{c: _HUSH for c in ('ʃ', 'ʒ', 'ʂ', 'ʐ')},
  **{c: _PALATAL for c in ('j', 'ç', 'ɲ', 'ɕ', 'ʑ', 'c', 'ɟ', 'ʝ')},
  **{c: _BACK for c in ('k', 'g', 'ɡ', 'ŋ', 'x', 'ɣ', 'q', 'χ', 'ʁ', 'ʀ', 'ʔ', 'β', 'ɢ')},
  **{c: _RHOTIC for c in ('ɹ', 'ɻ')},
  **{c: _TRILL for c in ('r', 'ɾ', 'ɽ')},
  **{c: _BREATH for c in ('h', 'ɦ', 'ħ', 'ʕ')},
  **{c: _GLIDE_W for c in ('w', 'ʍ', 'ɥ')},
}
_UNKNOWN = Viseme(jaw=0.3, jaw_strength=0.3, lip_strength=0.1)
# β is a bilabial in which the lips approach without contact.
VISEMES['β'] = Viseme(jaw=0.12, closure=0.6, jaw_strength=0.8, lip_strength=0.2)
VISEMES['ɸ'] = VISEMES['β']
# Letters that the synthesizer writes for others: affricates in one letter, Greek and capital letters.
_LETTERS = str.maketrans('ΦεAʦʣʧʤSZNX', 'ɸɛɑszʃʒʃʒŋx')


def symbols_of(label: str) -> str:
  """IPA symbols of a label: letters with a built-in accent, such as ũ, become letter and accent; ç stays."""
  parts = (s if s in VISEMES else unicodedata.normalize('NFD', s) for s in label)
  return ''.join(parts).translate(_LETTERS)


@functools.cache
def label_visemes(label: str) -> tuple[tuple[Viseme, float], ...]:
  """Returns the visemes of one label with their shares of its duration (they sum to 1).

  A diphthong has two visemes, and so has a syllabic label such as 'əl'. In an affricate the fricative
  dominates. Stress, length and tone marks are ignored. An unknown symbol gets a weak viseme. Silence ('_') is
  the rest shape.
  """
  if label in ('', '_', '_:'):
    return ((REST, 1.0),)
  shapes = [VISEMES[symbol] for symbol in symbols_of(label) if symbol in VISEMES]
  if not shapes:
    # Slavic palatalization is a separate label.
    return ((_PALATAL if 'ʲ' in label else _UNKNOWN, 1.0),)
  if len(shapes) == 1:
    return ((shapes[0], 1.0),)
  if not any(shape.is_vowel for shape in shapes):
    # Affricates and aspirated stops: the stop is short, but the lips must close for a bilabial.
    if shapes[0] is _CLOSED:
      return ((_CLOSED, 0.8), (shapes[-1], 0.2))
    return ((shapes[0], 0.3), (shapes[-1], 0.7))
  if len(shapes) == 2 and all(shape.is_vowel for shape in shapes):
    return ((shapes[0], 0.6), (shapes[1], 0.4))
  return tuple((shape, 1.0 / len(shapes)) for shape in shapes)


def is_stressed(label: str) -> bool:
  """Whether the label has a primary stress mark."""
  return 'ˈ' in label


def is_silence(label: str) -> bool:
  """Whether the label is a pause."""
  return label in ('', '_', '_:')
