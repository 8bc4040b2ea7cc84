"""Collectives parsed from program text, compared with hand-computed sums."""

import pytest

from seetalk_jax.planning import collectives, hlo

TEXT = """HloModule jit_step, is_scheduled=true

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

%body (p: (s32[], bf16[8,16])) -> (s32[], bf16[8,16]) {
  %p = (s32[], bf16[8,16]) parameter(0)
  %x = bf16[8,16]{1,0} get-tuple-element(%p), index=1
  %gathered = bf16[64,16]{1,0} all-gather(%x), channel_id=1, replica_groups=[4,8]<=[32], dimensions={0}
  %back = bf16[8,16]{1,0} reduce-scatter(%gathered), replica_groups={{0,1,2,3,4,5,6,7}}, to_apply=%add
  ROOT %pair = (s32[], bf16[8,16]) tuple(%i, %back)
}

%condition (p: (s32[], bf16[8,16])) -> pred[] {
  %p = (s32[], bf16[8,16]) parameter(0)
  ROOT %less = pred[] compare(%i, %n), direction=LT
}

ENTRY %main (x: bf16[8,16]) -> f32[4] {
  %x = bf16[8,16]{1,0} parameter(0)
  %loop = (s32[], bf16[8,16]) while(%start), condition=%condition, body=%body, backend_config={"known_trip_count":{"n":"10"}}
  %sum = f32[100]{0:T(128)} all-reduce(%y), replica_groups={{0,1},{2,3}}, to_apply=%add
  %begun = (f32[2,8]{1,0}, f32[8,8]{1,0}) all-gather-start(%z), replica_groups=[8,4]<=[32], dimensions={0}
  %ended = f32[8,8]{1,0} all-gather-done(%begun)
  ROOT %moved = f32[4]{0} collective-permute(%w), source_target_pairs={{0,1},{1,0}}
}
"""  # noqa: E501


def test_kinds_counts_and_bytes():
  found = collectives.traffic(hlo.parse(TEXT), 32)
  assert set(found) == {'all-gather', 'reduce-scatter', 'all-reduce', 'collective-permute'}
  # Ten times in the loop, where one eighth is already local; and one asynchronous gather (start and done).
  assert found['all-gather'].count == 11
  assert found['all-gather'].bytes == pytest.approx(10 * 64 * 16 * 2 * 7 / 8 + 8 * 8 * 4 * 3 / 4)
  assert found['reduce-scatter'] == collectives.Traffic(10, 10 * 8 * 16 * 2 * 7)
  assert found['all-reduce'] == collectives.Traffic(1, 100 * 4 * 2 / 2)
  assert found['collective-permute'] == collectives.Traffic(1, 16.0)


def test_a_program_without_any():
  text = 'HloModule none\n\nENTRY %main (x: f32[]) -> f32[] {\n  ROOT %x = f32[] parameter(0)\n}\n'
  assert collectives.traffic(hlo.parse(text), 8) == {}


@pytest.mark.parametrize(
  'groups, size',
  [
    ("mesh['axis_0'=2,'axis_1'=8] {'axis_1'}", 8),
    ("mesh['axis_0'=2,'axis_1'=8] {'axis_0','axis_1'}", 16),
    ("mesh['axis_0'=2,'axis_1'=8] {'axis_0','axis_1':(2)4}", 8),
    ('{{0,2,4,6},{1,3,5,7}}', 4),
    ('[2,8]<=[8,2]T(1,0)', 8),
    ('{}', 16),
  ],
)
def test_forms_of_groups(groups, size):
  line = f'  ROOT %y = f32[64]{{0}} all-gather(%x), replica_groups={groups}, dimensions={{0}}'
  text = f'ENTRY %main (x: f32[4]) -> f32[64] {{\n{line}\n}}\n'
  assert collectives.traffic(hlo.parse(text), 16)['all-gather'].bytes == pytest.approx(
    256 * (size - 1) / size
  )


def test_unknown_groups_are_no_guess():
  text = (
    'ENTRY %main (x: f32[4]) -> f32[64] {\n  ROOT %y = f32[64]{0} all-gather(%x), replica_groups=new\n}\n'
  )
  with pytest.raises(ValueError, match='do not read'):
    collectives.traffic(hlo.parse(text), 16)


GATHER = '%g = bf16[1,512]{1,0} all-gather(%p), channel_id=7, replica_groups=[1,4]<=[4], dimensions={0}'
THRICE = f"""
%begin (p: bf16[1,128]) -> bf16[1,512] {{
  %p = bf16[1,128]{{1,0}} parameter(0)
  {GATHER}
  ROOT %c = (bf16[1,128], u32[]) custom-call(%g), custom_call_target="AsyncCollectiveStart"
}}

%beside (p: bf16[1,128]) -> bf16[1,512] {{
  %p = bf16[1,128]{{1,0}} parameter(0)
  ROOT {GATHER}
}}

%end (p: bf16[1,128]) -> bf16[1,512] {{
  %p = bf16[1,128]{{1,0}} parameter(0)
  {GATHER}
  ROOT %c = bf16[1,512]{{1,0}} custom-call(%g), custom_call_target="AsyncCollectiveDone"
}}

ENTRY %main (x: bf16[1,128]) -> bf16[1,512] {{
  %x = bf16[1,128]{{1,0}} parameter(0)
  %a = (bf16[1,128], u32[]) fusion(%x), kind=kCustom, calls=%begin
  %b = bf16[1,512]{{1,0}} fusion(%x), kind=kOutput, calls=%beside
  ROOT %d = bf16[1,512]{{1,0}} fusion(%x), kind=kCustom, calls=%end
}}
"""


@pytest.mark.parametrize(
  'line, received',
  [
    ('(f32[8], f32[16]) all-reduce(%x, %y), replica_groups=[1,4]<=[4]', 24 * 4 * 2 * 3 / 4),
    ('(f32[8], f32[16]) all-reduce-start(%x, %y), replica_groups=[1,4]<=[4]', 24 * 4 * 2 * 3 / 4),
    ('(f32[32], f32[64]) all-gather(%x, %y), replica_groups=[1,4]<=[4]', 96 * 4 * 3 / 4),
    (
      '((f32[8], f32[16]), (f32[32], f32[64])) all-gather-start(%x, %y), replica_groups=[1,4]<=[4]',
      96 * 4 * 3 / 4,
    ),
    ('(f32[32], f32[8]) reduce-scatter-start(%x), replica_groups=[1,4]<=[4]', 8 * 4 * 3),
    ('(f32[8], f32[8], u32[], u32[]) collective-permute-start(%x), source_target_pairs={{0,1}}', 8 * 4),
  ],
)
def test_several_arrays_and_begun_ones(line, received):
  text = f'ENTRY %main (x: f32[8]) -> f32[8] {{\n  ROOT %z = {line}\n}}\n'
  (found,) = collectives.traffic(hlo.parse(text), 4).values()
  assert found == collectives.Traffic(1, received)


def test_asynchronous_ones_count_where_they_begin():
  """A TPU program lists one asynchronous gather three times: start, overlap with a product, done."""
  found = collectives.traffic(hlo.parse(THRICE), 4)
  assert found == {'all-gather': collectives.Traffic(1, 512 * 2 * 3 / 4)}


def test_a_sum_that_is_scattered_in_a_fusion():
  text = """
%all-reduce-scatter.1 (p: f32[64,16]) -> f32[8,16] {
  %p = f32[64,16]{1,0} parameter(0)
  %sum = f32[64,16]{1,0} all-reduce(%p), channel_id=3, replica_groups=[4,8]<=[32], to_apply=%add
  ROOT %own = f32[8,16]{1,0} dynamic-slice(%sum, %i, %i), dynamic_slice_sizes={8,16}
}

ENTRY %main (x: f32[64,16]) -> f32[8,16] {
  %x = f32[64,16]{1,0} parameter(0)
  ROOT %y = f32[8,16]{1,0} fusion(%x), kind=kCustom, calls=%all-reduce-scatter.1
}
"""
  found = collectives.traffic(hlo.parse(text), 32)
  assert found == {'reduce-scatter': collectives.Traffic(1, 64 * 16 * 4 * 7 / 8)}
