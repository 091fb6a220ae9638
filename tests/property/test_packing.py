"""Outbox rows: whatever frames are packed, the same come back."""

from hypothesis import given
from hypothesis import strategies as st

from python_app_template.adapters.secondary.postgres.packing import pack, unpack
from python_app_template.core.delivery.messages import Frame

few = st.sampled_from([None, b"", b"a", b"b"])
headers = st.lists(st.tuples(st.sampled_from(["", "one", "two"]), few), max_size=3)
types, partitions = st.sampled_from(["", "x", "y"]), st.sampled_from([None, 0, 1, 2**31])
frames = st.builds(Frame, st.sampled_from(["t", "u"]), few, few, headers, types, partitions)
alike = st.builds(lambda frame, times: [frame] * times, frames, st.integers(1, 6))


@given(st.lists(st.lists(frames, max_size=6) | alike, max_size=3), st.integers(1, 99))
def test_what_is_packed_comes_back(runs: list[list[Frame]], most: int) -> None:
    packed = [frame for run in runs for frame in run]
    assert [frame for row in pack(packed, most) for frame in unpack(row.frames)] == packed
