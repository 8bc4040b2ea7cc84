"""One network of the demo release in plain JAX code: the voice vector of a recording, under jit and grad.

python examples/one_network.py
"""

import pathlib

import jax
import jax.numpy as jnp

import seetalk_jax

SPEECH = pathlib.Path(__file__).with_name('speech.wav')


def main() -> None:
  """Compares the two halves of a recording."""
  networks = seetalk_jax.load_networks('demo', only=['speech_encoder'])
  encoder, variables = networks.modules['speech_encoder'], networks.variables('speech_encoder')
  waveform = jnp.asarray(seetalk_jax.load_speech(SPEECH).waveform)  # [n], 16 kHz
  halves = waveform[: waveform.size // 2 * 2].reshape(2, -1)

  def similarity(variables):
    first, second = encoder.apply(variables, halves).embedding  # unit vectors [512]
    return first @ second

  value, gradient = jax.jit(jax.value_and_grad(similarity))(variables)
  norm = jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(gradient)))
  print(f'cosine of the voices in both halves: {value:.3f}; norm of its gradient: {norm:.3f}')


if __name__ == '__main__':
  main()
