"""Plain hair style for tests: combed away from the crown, with all other parameters 0 or in the middle."""

from seetalk_jax.synthetic.human.hair_style import Style

PLAIN = Style(
  **(dict.fromkeys(Style._fields, 0.0) | dict(whorl=1.0, lift=0.4, density=1.0, border=7.7))
)._replace(blend=0.25, side=1.0, nape=1.0, open=0.55, volume=0.06, tail_width=0.15, stiffness=0.3)
