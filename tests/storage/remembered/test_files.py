"""What is remembered is there again whole, for its owner alone, and a disk that does not play along breaks nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from laurels.storage.local_copies.keys import NAME as KEYS
from laurels.storage.local_copies.keys import KeyFile
from laurels.storage.local_copies.replacing import replace_file
from laurels.storage.local_copies.rulebook import NAME as RULEBOOK
from laurels.storage.local_copies.rulebook import RulebookFile
from laurels.testing.builders import api_key, small_rulebook

NONSENSE = [b"", b"{", b"[1]", b'{"a":1}', b"\xff\xfe", b"null"]


class TestReplacing:
    def test_a_file_is_replaced_as_a_whole_and_nothing_else_is_left(self, tmp_path: Path) -> None:
        for content in (b"a long content", b"short", b""):
            replace_file(tmp_path / "file", content)
            assert (tmp_path / "file").read_bytes() == content
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    def test_only_its_owner_reads_it(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"before")
        (tmp_path / "file").chmod(0o644)
        replace_file(tmp_path / "file", b"secret")
        assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600

    def test_where_it_cannot_be_written_nothing_is_raised_and_all_stays(self, tmp_path: Path) -> None:
        replace_file(tmp_path / "no folder" / "file", b"x")
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "folder" / "file").mkdir(parents=True)
        replace_file(tmp_path / "folder" / "file", b"x")
        assert (tmp_path / "folder" / "file").is_dir()
        assert [path.name for path in (tmp_path / "folder").iterdir()] == ["file"]


class TestKeys:
    async def test_they_are_there_again(self, tmp_path: Path) -> None:
        assert await KeyFile(tmp_path).load() is None
        for keys in ([api_key(), api_key("other0000000")], []):
            await KeyFile(tmp_path).save(keys)
            assert await KeyFile(tmp_path).load() == keys

    @pytest.mark.parametrize("content", NONSENSE)
    async def test_what_cannot_be_read_is_none(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / KEYS).write_bytes(content)
        assert await KeyFile(tmp_path).load() is None


class TestRulebook:
    async def test_it_is_there_again(self, tmp_path: Path) -> None:
        assert await RulebookFile(tmp_path).load() is None
        await RulebookFile(tmp_path).save(small_rulebook())
        loaded = await RulebookFile(tmp_path).load()
        assert loaded is not None
        assert loaded.as_json == small_rulebook().as_json

    @pytest.mark.parametrize("content", NONSENSE)
    async def test_what_cannot_be_read_is_none(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / RULEBOOK).write_bytes(content)
        assert await RulebookFile(tmp_path).load() is None
