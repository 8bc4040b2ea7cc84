"""Golden outputs of the published implementations on random weights, computed once, committed as small files.

  python tests/convert/make_golden.py codeformer PATH_OF_A_CHECKOUT_OF_github.com/sczhou/CodeFormer
  python tests/convert/make_golden.py syncnet PATH_OF_A_CHECKOUT_OF_github.com/joonson/syncnet_python

Needs PyTorch. Weights and inputs are functions of names and shapes (golden_weights.py). A file in golden/
contains names, shapes and some outputs, and nothing of the published code or weights.
"""

import importlib
import json
import pathlib
import sys
import types

import numpy as np
import torch

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / 'helpers'))
import golden_weights  # noqa: E402


def fill(module):
  """Fills a module with random weights; returns name -> shape."""
  shapes = {name: list(tensor.shape) for name, tensor in module.state_dict().items()}
  tensors = golden_weights.random_tensors(shapes)
  module.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
  module.eval()
  return shapes


def codeformer(checkout):
  """CodeFormer with its defaults on one picture of 512 x 512, in both call modes."""
  package = types.ModuleType('basicsr')
  package.__path__ = [str(checkout / 'basicsr')]
  tools = types.ModuleType('basicsr.utils')
  tools.get_root_logger = lambda *_: None
  registry = types.ModuleType('basicsr.utils.registry')
  registry.ARCH_REGISTRY = types.SimpleNamespace(register=lambda: lambda cls: cls)
  archs = types.ModuleType('basicsr.archs')
  archs.__path__ = [str(checkout / 'basicsr' / 'archs')]
  sys.modules |= {m.__name__: m for m in (package, tools, registry, archs)}
  module = importlib.import_module('basicsr.archs.codeformer_arch').CodeFormer()
  shapes = fill(module)
  image = golden_weights.random_input('codeformer image', (1, 512, 512, 3))
  given = torch.from_numpy(image).permute(0, 3, 1, 2)
  found = {}
  with torch.no_grad():
    for name, options in (('restored', dict(w=0.7, adain=True)), ('coded', dict(w=0, adain=False))):
      picture, logits, features = module(given, **options)
      found[name] = picture.permute(0, 2, 3, 1).numpy()[0, ::31, ::29]
      found[f'{name}_mean'] = picture.mean((0, 2, 3)).numpy()
    rebuilt, _, statistics = (
      module.generator(module.quantize(features)[0]),
      None,
      module.quantize(features)[2],
    )
    found['logits'] = logits.numpy()[0, ::7, ::41]
    found['features'] = features.permute(0, 2, 3, 1).numpy()[0, ::3, ::3, ::16]
    found['rebuilt'] = rebuilt.permute(0, 2, 3, 1).numpy()[0, ::31, ::29]
    found['indices'] = statistics['min_encoding_indices'].numpy().reshape(16, 16).astype(np.int16)
  return shapes, found


def syncnet(checkout):
  """Both towers on two windows, with the input format of the published code."""
  sys.path.insert(0, str(checkout))
  module = importlib.import_module('SyncNetModel').S()
  shapes = fill(module)
  frames = golden_weights.random_input('syncnet frames', (2, 5, 224, 224, 3))
  cepstra = golden_weights.random_input('syncnet cepstra', (2, 20, 13), -15, 15)
  levels = (frames[..., ::-1].copy() + 1) * 127.5  # BGR, 0 to 255
  with torch.no_grad():
    audio = module.forward_aud(torch.from_numpy(cepstra).permute(0, 2, 1)[:, None])
    face = module.forward_lip(torch.from_numpy(levels).permute(0, 4, 1, 2, 3))
  return shapes, {'audio': audio.numpy(), 'face': face.numpy()}


def main():
  name, checkout = sys.argv[1], pathlib.Path(sys.argv[2])
  shapes, found = {'codeformer': codeformer, 'syncnet': syncnet}[name](checkout)
  target = HERE / 'golden' / f'{name}.npz'
  target.parent.mkdir(exist_ok=True)
  np.savez_compressed(target, shapes=np.array(json.dumps(shapes)), **found)
  for key, value in found.items():
    print(f'{key} {value.shape}: mean {value.mean():.4f}, spread {value.std():.4f}')
  print(f'{target}: {target.stat().st_size / 1024:.0f} KB, {len(shapes)} tensors')


if __name__ == '__main__':
  main()
