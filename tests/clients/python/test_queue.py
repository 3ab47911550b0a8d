"""Events wait in their order, on the disk as well, and none is dropped that is on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from laurels.client.tracking.queue import Queue
from laurels.errors import StoreUnavailable

Open = Callable[..., Queue]


def line(number: int) -> bytes:
    return b'={"userId":"ada","eventType":"run","eventId":"e%d"}\n' % number


def numbers(lines: list[bytes]) -> list[int]:
    return [int(each.split(b'"e')[-1].split(b'"')[0]) for each in lines]


@pytest.fixture
def open_queue() -> Iterator[Open]:
    """Opens queues and closes them in the end."""
    opened: list[Queue] = []

    def make(folder: Path | None = None, most: int = 100) -> Queue:
        opened.append(Queue(folder, most, lambda error: pytest.fail(str(error))))
        return opened[-1]

    yield make
    for queue in opened:
        queue.close()


def filled(queue: Queue, count: int) -> Queue:
    for number in range(count):
        assert queue.add(line(number)) == []
    return queue


def taken(queue: Queue, count: int = 100, size: int = 10_000) -> list[int]:
    return numbers([each for each, _, _ in queue.take(count, size, 0)])


@pytest.fixture(params=[True, False], ids=["on the disk", "in memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "queue" if request.param else None


class TestTaking:
    def test_the_oldest_are_taken_in_their_order(self, open_queue: Open, folder: Path | None) -> None:
        queue = filled(open_queue(folder), 5)
        assert taken(queue, 3) == [0, 1, 2]
        assert queue.size == 5
        queue.settle()
        assert (queue.size, taken(queue)) == (2, [3, 4])

    def test_what_is_on_its_way_is_given_again_until_it_is_settled(self, open_queue: Open) -> None:
        queue = filled(open_queue(), 3)
        assert taken(queue, 1) == taken(queue, 1) == [0]
        assert taken(queue, 2) == [0, 1]

    def test_no_more_bytes_are_taken_than_asked_for_but_one_event_always(self, open_queue: Open) -> None:
        queue, size = filled(open_queue(), 3), len(line(0))
        assert taken(queue, size=2 * size) == [0, 1]
        queue.settle()
        assert taken(queue, size=1) == [2]
        queue.settle()
        assert taken(queue, size=1) == []

    def test_what_is_put_back_waits_at_its_old_place(self, open_queue: Open, folder: Path | None) -> None:
        queue = filled(open_queue(folder), 4)
        taken(queue, 2)
        assert queue.put_back() == []
        assert taken(queue) == [0, 1, 2, 3]


class TestBound:
    def test_the_oldest_are_dropped_for_new_ones_and_told(self, open_queue: Open, folder: Path | None) -> None:
        queue = filled(open_queue(folder, most=3), 3)
        assert numbers(queue.add(line(3))) == [0]
        assert (queue.size, taken(queue)) == (3, [1, 2, 3])

    def test_none_is_dropped_that_is_on_its_way(self, open_queue: Open) -> None:
        queue = filled(open_queue(most=2), 2)
        taken(queue)
        assert numbers(queue.add(line(2))) == [2]
        assert queue.size == 2

    def test_those_put_back_are_older_than_what_came_meanwhile(self, open_queue: Open) -> None:
        queue = filled(open_queue(most=3), 3)
        taken(queue, 2)
        assert numbers(queue.add(line(3))) == [2]
        assert queue.put_back() == []
        assert taken(queue) == [0, 1, 3]


class TestDisk:
    def test_what_waits_is_there_again_after_a_restart(self, open_queue: Open, tmp_path: Path) -> None:
        queue = filled(open_queue(tmp_path), 4)
        taken(queue, 2)
        queue.settle()
        queue.close()
        assert taken(open_queue(tmp_path)) == [2, 3]

    def test_what_was_on_its_way_is_sent_again(self, open_queue: Open, tmp_path: Path) -> None:
        queue = filled(open_queue(tmp_path), 2)
        taken(queue)
        queue.close()
        assert taken(open_queue(tmp_path)) == [0, 1]

    def test_what_another_process_has_is_left_to_it(self, open_queue: Open, tmp_path: Path) -> None:
        first = filled(open_queue(tmp_path), 2)
        second = open_queue(tmp_path)
        assert second.size == 0
        first.close()
        second.take_over()
        second.take_over()
        assert taken(second) == [0, 1]

    def test_where_all_was_sent_no_file_is_left(self, open_queue: Open, tmp_path: Path) -> None:
        queue = filled(open_queue(tmp_path), 3)
        taken(queue)
        queue.settle()
        queue.close()
        assert list(tmp_path.iterdir()) == []

    def test_files_and_folder_are_for_the_learners_own_eyes(self, open_queue: Open, tmp_path: Path) -> None:
        folder = tmp_path / "new" / "queue"
        filled(open_queue(folder), 1)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert [each.stat().st_mode & 0o777 for each in folder.iterdir()] == [0o600]

    def test_the_correction_of_what_was_sent_stays_through_a_restart(self, open_queue: Open, tmp_path: Path) -> None:
        queue = filled(open_queue(tmp_path), 1)
        queue.take(1, 1_000, 5_000)
        assert queue.add(line(1)) == []
        queue.take(2, 1_000, 7_000)
        queue.close()
        found = open_queue(tmp_path).take(9, 10_000, 9_000)
        assert [segment.correction for _, segment, _ in found] == [5_000, 5_000]

    def test_a_folder_that_cannot_be_made_is_named(self, open_queue: Open, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreUnavailable, match="cannot be used"):
            open_queue(tmp_path / "file" / "queue")
