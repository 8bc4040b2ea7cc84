"""Memory traffic: bytes that each kind of operation moves to and from main memory, against manual sums."""

import pytest

from seetalk_jax.planning import hlo, memory_traffic

FUSIONS = """
%copying (p: f32[8,128]) -> f32[8,128] {
  %p = f32[8,128]{1,0:T(8,128)} parameter(0)
  ROOT %c = f32[8,128]{0,1:T(8,128)} copy(%p)
}

%renaming (p: f32[8,128]) -> f32[1,8,128] {
  %p = f32[8,128]{1,0:T(8,128)} parameter(0)
  ROOT %b = f32[1,8,128]{2,1,0:T(8,128)} bitcast(%p)
}

%nested (p: f32[8,128], q: f32[8,128]) -> f32[8,128] {
  %p = f32[8,128]{1,0:T(8,128)} parameter(0)
  %q = f32[8,128]{1,0:T(8,128)S(1)} parameter(1)
  %kernel = f32[1,8,128]{2,1,0:T(8,128)} fusion(%p), kind=kLoop, calls=%renaming
  ROOT %y = f32[8,128]{1,0:T(8,128)S(1)} convolution(%q, %kernel), dim_labels=bf_io->bf
}

%slicing (p: f32[64,128], i: s32[]) -> f32[8,128] {
  %p = f32[64,128]{1,0:T(8,128)} parameter(0)
  %i = s32[]{:T(128)S(2)} parameter(1)
  %b = f32[64,128]{1,0:T(8,128)} bitcast(%p)
  ROOT %s = f32[8,128]{1,0:T(8,128)S(1)} dynamic-slice(%b, %i, %i), dynamic_slice_sizes={8,128}
}
"""
TILE = 8 * 128 * 4


@pytest.mark.parametrize(
  'line, moved',
  [
    ('f32[8,128]{0,1:T(8,128)} fusion(%x), kind=kLoop, calls=%copying', TILE + 128 * 128 * 4),
    ('f32[1,8,128]{2,1,0:T(8,128)} fusion(%x), kind=kLoop, calls=%renaming', 0),
    ('f32[8,128]{1,0:T(8,128)S(1)} fusion(%x, %fast), kind=kOutput, calls=%nested', TILE),
    ('f32[8,128]{1,0:T(8,128)S(1)} fusion(%big, %i), kind=kLoop, calls=%slicing', TILE),
    ('(f32[8,128]{1,0:T(8,128)S(1)}, f32[8,128]{1,0:T(8,128)}, u32[]{:S(2)}) copy-start(%x)', TILE),
    (
      '((f32[64,128]{1,0:T(8,128)}), f32[8,128]{1,0:T(8,128)S(1)}, s32[]{:S(2)}) async-start(%big), '
      'calls=%slicing',
      TILE,
    ),
    ('f32[8,128]{1,0:T(8,128)} copy-done(%x)', 0),
    ('f32[8,128]{1,0:T(8,128)} dynamic-slice(%big, %i, %i), dynamic_slice_sizes={8,128}', 2 * TILE),
    ('f32[64,128]{1,0:T(8,128)} dynamic-update-slice(%big, %x, %i, %i)', 2 * TILE),
    ('f32[8,128]{1,0:T(8,128)} custom-call(), custom_call_target="AllocateBuffer"', 0),
    ('f32[8,128]{1,0:T(8,128)} add(%x, %fast)', 2 * TILE),
    ('f32[3,100]{1,0:T(8,128)} broadcast(%fast)', TILE),
  ],
)
def test_what_an_operation_moves(line, moved):
  text = f"""{FUSIONS}
ENTRY %main (x: f32[8,128], fast: f32[8,128], big: f32[64,128], i: s32[]) -> f32[8,128] {{
  %x = f32[8,128]{{1,0:T(8,128)}} parameter(0)
  %fast = f32[8,128]{{1,0:T(8,128)S(1)}} parameter(1)
  %big = f32[64,128]{{1,0:T(8,128)}} parameter(2)
  %i = s32[]{{:T(128)S(2)}} parameter(3)
  ROOT %y = {line}
}}
"""
  assert memory_traffic.moved(hlo.parse(text)) == moved
