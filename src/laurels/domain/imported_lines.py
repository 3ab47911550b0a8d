"""Which lines of an input were recorded, for events that are known by their line alone.

Such an event's id is unique for its learner only, so where the lines of a file move, the ledger cannot tell: each would
be a new event of another learner. A bit for each line can. Whole histories are recorded learner by learner, so while an
import is under way the lines that stand are scattered; bits stay as small as they are then, and pack well afterwards.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from hashlib import blake2b

import msgspec
from msgspec import Struct

# Lines in a block: 8 KiB of bits, which a commit may take.
BLOCK = 1 << 16


class Block(Struct, array_like=True):
    """`BLOCK` lines, a bit for each, set for those that were recorded; the number of the last of them, and a digest of
    what it says."""

    bits: bytearray
    last: int
    digest: bytes

    def merged(self, other: Block) -> Block:
        """The lines of both."""
        both = int.from_bytes(self.bits, "little") | int.from_bytes(other.bits, "little")
        later = max(self, other, key=lambda block: block.last)
        return Block(bytearray(both.to_bytes(BLOCK // 8, "little")), later.last, later.digest)


class ImportedLines:
    """The lines of one input that were recorded, by number, in blocks: block `n` begins with line `n * BLOCK`."""

    def __init__(self, blocks: Iterable[tuple[int, Block]] = ()) -> None:
        self.blocks: dict[int, Block] = dict(blocks)

    def __bool__(self) -> bool:
        return bool(self.blocks)

    def __contains__(self, number: int) -> bool:
        block = self.blocks.get(number // BLOCK)
        return block is not None and bool(block.bits[number % BLOCK // 8] >> number % 8 & 1)

    def add(self, number: int, line: bytes) -> None:
        """Note that line `number`, which says `line`, was recorded."""
        block = self.blocks.get(number // BLOCK)
        if block is None:
            block = self.blocks[number // BLOCK] = Block(bytearray(BLOCK // 8), 0, b"")
        block.bits[number % BLOCK // 8] |= 1 << number % 8
        if number >= block.last:
            block.last, block.digest = number, digest_of(line)

    @property
    def end(self) -> tuple[int, bytes] | None:
        """The number of the last line that was recorded, and the digest of what it says."""
        if not self.blocks:
            return None
        last = self.blocks[max(self.blocks)]
        return last.last, last.digest


def digest_of(line: bytes) -> bytes:
    """A digest of what a line says, without its end."""
    return blake2b(line.strip(), digest_size=10).digest()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Block).decode


def pack(block: Block) -> bytes:
    """What `unpack` makes the same block of; a full one takes some forty bytes."""
    return zlib.compress(_encode(block), level=1)


def unpack(packed: bytes) -> Block:
    """The block that `pack` was given."""
    return _decode(zlib.decompress(packed))
