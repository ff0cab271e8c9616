from __future__ import annotations

import pytest

from hubproof.lab.volume_agent import bytes_of, file_size


@pytest.mark.parametrize(("text", "number"), [("64Mi", 64 << 20), ("1Gi", 1 << 30), ("500M", 500_000_000), ("42", 42)])
def test_a_quantity_is_bytes(text: str, number: int) -> None:
    assert bytes_of(text) == number


def test_a_file_is_larger_than_what_its_file_system_promises() -> None:
    # 64Mi with 69,292,032 bytes available was measured: 67,108,864 + 2 % + 2 % + 2 MiB, in whole blocks.
    assert file_size(64 << 20) == 71_892_992
    assert file_size(10 << 30) - (10 << 30) < (10 << 30) // 40
    assert file_size(64 << 20) % 4096 == 0
