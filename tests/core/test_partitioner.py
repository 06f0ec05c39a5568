"""Kafka's default partitioner: the vectors of Kafka's own tests, and what other clients compute."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka
from hypothesis import given
from hypothesis import strategies as st

from streams.partitioner import murmur2, partition_of

# org.apache.kafka.common.utils.UtilsTest, testMurmur2; there as signed integers.
VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", VECTORS, ids=bytes.decode)
def test_the_hash_is_that_of_kafkas_own_tests(key: bytes) -> None:
    assert murmur2(key) == VECTORS[key] % 2**32


@given(st.binary(max_size=40))
def test_any_key_hashes_as_another_client_has_it(key: bytes) -> None:
    assert murmur2(key) == murmur2_of_aiokafka(key) % 2**32


@given(seller=st.from_regex(r"[A-Z0-9]{1,14}", fullmatch=True), partitions=st.integers(1, 200))
def test_an_account_has_the_partition_that_any_producer_gives_it(seller: str, partitions: int) -> None:
    key = f"{seller}/ATVPDKIKX0DER".encode()
    everywhere = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, everywhere, everywhere)


def test_the_sign_bit_is_masked_not_dropped_by_abs() -> None:
    negative = b"21"
    assert murmur2(negative) >= 2**31
    assert partition_of(negative, 1_000) == (-973932308 & 0x7FFFFFFF) % 1_000


def test_the_empty_key_has_a_partition() -> None:
    assert partition_of(b"", 1) == 0
    assert murmur2(b"") == 275646681
