"""The recorded lines of an input, for events that are identified by their line alone.

The id of such an event is unique only for its learner. If the lines of a file move, the ledger cannot notice: each
would be a new event of another learner. One bit per line can. Histories are recorded learner by learner, so during an
import the recorded lines are scattered; bits stay small even then, and compress well afterwards.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from hashlib import blake2b

import msgspec
from msgspec import Struct

# Lines in a block: 8 KiB of bits, which fits a commit.
BLOCK = 1 << 16


class Block(Struct, array_like=True):
    """`BLOCK` lines, with a bit set for each recorded one; the number of the last recorded line, and a digest of its
    text."""

    bits: bytearray
    last: int
    digest: bytes

    def merged(self, other: Block) -> Block:
        """The lines of both."""
        both = int.from_bytes(self.bits, "little") | int.from_bytes(other.bits, "little")
        later = max(self, other, key=lambda block: block.last)
        return Block(bytearray(both.to_bytes(BLOCK // 8, "little")), later.last, later.digest)


class ImportedLines:
    """The recorded lines of one input, by number, in blocks: block `n` begins with line `n * BLOCK`."""

    def __init__(self, blocks: Iterable[tuple[int, Block]] = ()) -> None:
        self.blocks: dict[int, Block] = dict(blocks)

    def __bool__(self) -> bool:
        return bool(self.blocks)

    def __contains__(self, number: int) -> bool:
        block = self.blocks.get(number // BLOCK)
        return block is not None and bool(block.bits[number % BLOCK // 8] >> number % 8 & 1)

    def add(self, number: int, line: bytes) -> None:
        """Note that line `number`, with the text `line`, was recorded."""
        block = self.blocks.get(number // BLOCK)
        if block is None:
            block = self.blocks[number // BLOCK] = Block(bytearray(BLOCK // 8), 0, b"")
        block.bits[number % BLOCK // 8] |= 1 << number % 8
        if number >= block.last:
            block.last, block.digest = number, digest_of(line)

    @property
    def end(self) -> tuple[int, bytes] | None:
        """The number of the last recorded line, and the digest of its text."""
        if not self.blocks:
            return None
        last = self.blocks[max(self.blocks)]
        return last.last, last.digest


def digest_of(line: bytes) -> bytes:
    """A digest of the text of a line, without its end."""
    return blake2b(line.strip(), digest_size=10).digest()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Block).decode


def pack(block: Block) -> bytes:
    """The packed form of a block for `unpack`; a full one takes about forty bytes."""
    return zlib.compress(_encode(block), level=1)


def unpack(packed: bytes) -> Block:
    """The block in a packed form."""
    return _decode(zlib.decompress(packed))
