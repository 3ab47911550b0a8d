"""The library for code without `await`: a thread with a loop behind it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from laurels import EventConflict, Laurels, LearningEvent, StoreError


def test_it_gives_the_same_answers(store_url: str) -> None:
    with Laurels.open_sync(store_url) as laurels:
        recorded = laurels.record("ada", "code_run", language="python", event_id="run-1")
        assert (recorded.points, [badge.badge_id for badge in recorded.badges]) == (5, ["first_run"])
        with pytest.raises(EventConflict):
            laurels.record("ada", "ai_explain", event_id="run-1")
        laurels.flush()
        assert laurels.leaderboard().rows[0].user_id == "ada"
        assert [entry.seq for entry in laurels.history("ada")] == [1]
        assert "code_run" in laurels.rulebook.event_types


def test_many_threads_may_use_one(store_url: str) -> None:
    with Laurels.open_sync(store_url) as laurels, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: laurels.record("ada", "code_run", event_id=f"run-{number % 50}"), range(100)))
        assert laurels.dashboard("ada").total_events == 50


async def test_it_works_where_a_loop_runs_already(store_url: str) -> None:
    assert asyncio.get_running_loop().is_running()
    with Laurels.open_sync(store_url) as laurels:
        assert laurels.record("ada", "code_run").points == 5


def test_what_was_recorded_is_projected_at_the_end(store_url: str) -> None:
    laurels = Laurels.open_sync(store_url, projection_interval=3_600)
    laurels.record_many([LearningEvent(user_id="ada", event_type="code_run")])
    laurels.close()
    laurels.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "laurels-loop"]
    with pytest.raises(RuntimeError, match="closed"):
        laurels.dashboard("ada")
    with Laurels.open_sync(store_url) as again:
        assert again.leaderboard().total == 1


def test_a_store_that_does_not_open_leaves_no_thread(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        Laurels.open_sync(f"sqlite:///{tmp_path}")
    assert not [thread for thread in threading.enumerate() if thread.name == "laurels-loop"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
def test_a_forked_process_is_told_to_open_its_own(store_url: str) -> None:
    program = f"""
import os, sys
from laurels import Laurels
laurels = Laurels.open_sync({store_url!r})
child = os.fork()
if not child:
    try:
        laurels.record("ada", "code_run")
    except RuntimeError as error:
        os._exit(0 if "in each process" in str(error) else 1)
    os._exit(2)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_program_that_forgets_to_close_it_ends_and_loses_nothing(store_url: str) -> None:
    program = f"from laurels import Laurels\nLaurels.open_sync({store_url!r}).record('ada', 'code_run')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    with Laurels.open_sync(store_url) as laurels:
        assert laurels.dashboard("ada").total_events == 1
