"""`laurels import`: every line is recorded once, or told of and kept."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from tests.cli.conftest import Run, event, ledger, ndjson, rows, without_ids

LINES = ndjson(event(number) for number in range(2_500))


class TestInputs:
    def test_a_plain_file_a_gzip_and_standard_input_give_the_same_ledger(self, run: Run, tmp_path: Path) -> None:
        plain, packed = tmp_path / "events.ndjson", tmp_path / "events.gz"
        plain.write_bytes(LINES)
        # Two members, as appending to a gzip file makes them.
        packed.write_bytes(gzip.compress(LINES[:100_000]) + gzip.compress(LINES[100_000:]))
        ledgers = []
        for name, source, stdin in (
            ("plain", plain, b""),
            ("gzip", packed, b""),
            ("stdin", "-", LINES),
            ("gzip-stdin", "-", packed.read_bytes()),
        ):
            done = run("import", source, "--store", f"sqlite:///{name}.db", stdin=stdin)
            assert done.code == 0, done.err
            assert done.out.startswith("2,500 recorded, 0 already there, 0 rejected in ")
            assert done.err == ""
            ledgers.append(ledger(tmp_path / f"{name}.db"))
        assert len(ledgers[0]) == 2_500
        assert all(one == ledgers[0] for one in ledgers)

    def test_the_real_history_is_recorded_and_found_clean(self, run: Run, git_activity: Path, store_url: str) -> None:
        assert run("import", git_activity, "--store", store_url).out.startswith("17,666 recorded, 0 already there")
        verified = run("verify", "--store", store_url)
        assert verified.code == 0
        assert verified.out.splitlines()[0].startswith("1,168 users, 17,666 entries, 17,666 events, ")
        assert verified.out.splitlines()[-1] == "clean"
        again = run("import", git_activity, "--store", store_url)
        assert again.code == 0
        assert again.out.startswith("0 recorded, 17,666 already there, 0 rejected")

    def test_empty_lines_a_byte_order_mark_and_a_missing_last_line_end_do_no_harm(
        self, run: Run, store_url: str, database: Path
    ) -> None:
        lines = b"\xef\xbb\xbf\n" + ndjson([event(1)]).replace(b"\n", b"\r\n") + b"  \n\n" + ndjson([event(2)])[:-1]
        done = run("import", "-", "--store", store_url, stdin=lines)
        assert (done.code, done.err) == (0, "")
        assert len(ledger(database)) == 2

    def test_nothing_is_imported_from_an_empty_input(self, run: Run, store_url: str) -> None:
        done = run("import", "-", "--store", store_url)
        assert (done.code, done.out[:43]) == (0, "0 recorded, 0 already there, 0 rejected in ")

    def test_the_store_may_come_from_the_environment(self, run: Run, tmp_path: Path) -> None:
        assert run("import", "-", stdin=LINES, env={"LAURELS_STORE": "sqlite:///here.db"}).code == 0
        assert len(ledger(tmp_path / "here.db")) == 2_500


class TestRepeating:
    def test_lines_without_an_id_are_recorded_once(self, run: Run, store_url: str, tmp_path: Path) -> None:
        # The first two are alike: that they are two lines is what makes them two events.
        lines = without_ids([event(1), event(1), *(event(number) for number in range(2, 100))])
        (tmp_path / "events.ndjson").write_bytes(lines)
        assert run("import", "events.ndjson", "--store", store_url).out.startswith("100 recorded, 0 already there")
        (tmp_path / "events.ndjson.gz").write_bytes(gzip.compress(lines))
        for again in ("events.ndjson", "events.ndjson.gz"):
            assert run("import", again, "--store", store_url).out.startswith(
                "0 recorded, 100 already there, 0 rejected"
            )
        piped = run("import", "-", "--source", "events.ndjson", "--store", store_url, stdin=lines)
        assert piped.out.startswith("0 recorded, 100 already there")

    def test_the_same_line_in_two_files_is_two_events(self, run: Run, store_url: str, tmp_path: Path) -> None:
        line = without_ids([event(1)])
        for name in ("monday.ndjson", "tuesday.ndjson"):
            (tmp_path / name).write_bytes(line)
            assert run("import", name, "--store", store_url).out.startswith("1 recorded, 0 already there")
        again = run("import", "-", "--source", "wednesday", "--store", store_url, stdin=line)
        assert again.out.startswith("1 recorded, 0 already there")

    def test_standard_input_without_ids_asks_for_a_name(self, run: Run, store_url: str) -> None:
        lines = ndjson([event(1)]) + without_ids([event(2)])
        done = run("import", "-", "--store", store_url, stdin=lines)
        assert done.code == 2
        assert "--source NAME" in done.err
        assert "Stopped; 1 event was recorded" in done.err
        done = run("import", "-", "--source", "pipe", "--store", store_url, stdin=lines)
        assert (done.code, done.out[:31]) == (0, "1 recorded, 1 already there, 0 ")

    def test_a_longer_file_adds_what_is_new(self, run: Run, store_url: str, tmp_path: Path) -> None:
        lines = without_ids(event(number) for number in range(50)).splitlines(keepends=True)
        (tmp_path / "growing.ndjson").write_bytes(b"".join(lines[:30]))
        run("import", "growing.ndjson", "--store", store_url)
        (tmp_path / "growing.ndjson").write_bytes(b"".join(lines))
        done = run("import", "growing.ndjson", "--store", store_url)
        assert done.out.startswith("20 recorded, 30 already there")

    def test_a_line_that_was_changed_is_told_of_and_kept(self, run: Run, store_url: str, tmp_path: Path) -> None:
        file, rejects = tmp_path / "events.ndjson", tmp_path / "rejects.ndjson"
        file.write_bytes(without_ids(event(number) for number in range(5)))
        run("import", file, "--store", store_url)
        lines = file.read_bytes().splitlines(keepends=True)
        lines[2] = without_ids([event(2, metadata={"note": "mended"})])
        file.write_bytes(b"".join(lines))
        done = run("import", file, "--store", store_url, "--rejects", rejects)
        assert done.code == 1
        assert done.out.startswith("0 recorded, 4 already there, 1 rejected (1 in conflict with what stands there) in ")
        assert rejects.read_bytes() == lines[2]
        [reason] = (tmp_path / "rejects.ndjson.reasons").read_text().splitlines()
        assert reason.startswith("1 (line 3): ")


class TestForms:
    def test_an_array_is_taken(self, run: Run, store_url: str, tmp_path: Path) -> None:
        events = [event(1), event(2, eventType="jugling"), event(3)]
        (tmp_path / "events.json").write_text(json.dumps(events, indent=2))
        done = run("import", "events.json", "--store", store_url)
        assert (done.code, done.out[:43]) == (1, "2 recorded, 0 already there, 1 rejected in ")
        assert done.err.startswith("line 2: eventType: ")
        again = run("import", "events.json", "--store", store_url)
        assert again.out.startswith("0 recorded, 2 already there")

    def test_a_table_with_named_columns_is_taken(self, run: Run, store_url: str, tmp_path: Path) -> None:
        (tmp_path / "events.csv").write_text(
            "\ufeffuserId,eventType,timestamp,language,codeLength,metadata.note,metadata\n"
            'ada,code_run,2026-03-01T12:00:00Z,python,240,"two\nlines","{""task"": 7}"\n'
            "ada,code_run,2026-03-02T12:00:00Z,,,,\n"
            "bob,code_run,yesterday,,,,\n"
            "bob,code_run,2026-03-02T12:00:00Z,,,,,too many\n"
            'bob,code_run,2026-03-02T12:00:00Z,python,,,"{""language"": ""go""}"\n'
            # As a file that was cut off ends.
            "bob,code_run,2026-03-02T12:00:00Z,py"
        )
        done = run("import", "events.csv", "--format", "csv", "--store", store_url)
        assert (done.code, done.out[:40]) == (1, "2 recorded, 0 already there, 4 rejected ")
        for what in ("timestamp", "beyond the last column", "twice in metadata", "fewer cells than columns"):
            assert what in done.err
        data = run("users", "data", "ada", "--store", store_url).out
        assert all(part in data for part in ('"codeLength":240', '"task":7', '"note":"two\\nlines"'))
        again = run("import", "events.csv", "--format", "csv", "--store", store_url)
        assert again.out.startswith("0 recorded, 2 already there")

    def test_a_dry_run_checks_every_line_and_makes_nothing(self, run: Run, store_url: str, database: Path) -> None:
        lines = ndjson([event(1), event(2, eventType="jugling"), event(3)])
        done = run("import", "-", "--dry-run", "--store", store_url, stdin=lines)
        assert (done.code, done.out) == (
            1,
            "2 can be recorded, 0 already there, 1 would be rejected; nothing was recorded\n",
        )
        assert done.err.startswith("line 2: eventType: ")
        assert not database.exists()


class TestRejects:
    BAD = (
        b"{not json\n",
        ndjson([event(3, eventType="juggling")]),
        ndjson([event(4, metadata={"codeLength": -1})]),
        ndjson([event(5, timestamp="2026-01-01T00:00:00")]),
        ndjson([event(6, timestamp="2999-01-01T00:00:00Z")]),
        b'{"userId": "user-1", "eventType": "\xff\xfe"}\n',
        b"[" * 5_000 + b"]" * 5_000 + b"\n",
        ndjson([event(1, eventType="visualize")]),
        b'["an array"]\n',
    )

    def test_a_bad_line_is_told_of_and_stops_no_other(self, run: Run, store_url: str, database: Path) -> None:
        lines = ndjson([event(1), event(2)]) + b"".join(self.BAD) + ndjson([event(7)])
        done = run("import", "-", "--store", store_url, stdin=lines)
        assert done.code == 1
        assert done.out.startswith("3 recorded, 0 already there, 9 rejected")
        told = done.err.splitlines()
        assert [line.split(":")[0] for line in told] == [f"line {number}" for number in range(3, 12)]
        for line, part in zip(
            told,
            ("JSON", "eventType", "codeLength", "timestamp", "future", "UTF-8", "", "other content", "object"),
            strict=True,
        ):
            assert part in line
        assert len(ledger(database)) == 3

    def test_rejected_lines_can_be_mended_and_imported(self, run: Run, store_url: str, tmp_path: Path) -> None:
        rejects = tmp_path / "rejects.ndjson"
        lines = ndjson([event(1)]) + b"".join(self.BAD) + ndjson([event(8, eventType="jugling")])[:-1]
        assert run("import", "-", "--store", store_url, "--rejects", rejects, stdin=lines).code == 1
        # The last line lacked its end.
        assert rejects.read_bytes() == b"".join(self.BAD) + ndjson([event(8, eventType="jugling")])
        mended = [json.loads(line) for line in rejects.read_bytes().splitlines() if b"gling" in line]
        rejects.write_bytes(ndjson({**line, "eventType": "code_run"} for line in mended))
        done = run("import", rejects, "--store", store_url)
        assert (done.code, done.out[:10]) == (0, "2 recorded")
        assert run("verify", "--store", store_url).code == 0

    def test_the_first_twenty_are_shown_and_the_others_counted(self, run: Run, store_url: str) -> None:
        done = run("import", "-", "--store", store_url, stdin=b"nonsense\n" * 45)
        assert done.code == 1
        assert len(done.err.splitlines()) == 21
        assert done.err.splitlines()[-1] == "and 25 more rejected lines"

    def test_a_line_that_is_too_long_is_kept_as_it_came(self, run: Run, store_url: str, tmp_path: Path) -> None:
        rejects = tmp_path / "rejects.ndjson"
        long = ndjson([event(2, metadata={"text": "x" * 3_000_000})])
        lines = ndjson([event(1)]) + long + ndjson([event(3)])
        done = run("import", "-", "--store", store_url, "--rejects", rejects, stdin=lines)
        assert done.code == 1
        assert done.out.startswith("2 recorded, 0 already there, 1 rejected")
        assert done.err == "line 2: Is longer than 1 MiB.\n"
        assert rejects.read_bytes() == long

    def test_the_file_of_rejects_is_not_the_one_that_is_imported(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "events.ndjson"
        file.write_bytes(LINES)
        done = run("import", file, "--rejects", file)
        assert done.code == 2
        assert file.read_bytes() == LINES


class TestFailures:
    def test_a_file_that_is_not_there(self, run: Run) -> None:
        done = run("import", "nowhere.ndjson")
        assert (done.code, done.out, done.err) == (2, "", "nowhere.ndjson: no such file.\n")

    def test_a_folder(self, run: Run, tmp_path: Path) -> None:
        done = run("import", tmp_path)
        assert done.code == 2
        assert "Is a directory" in done.err

    def test_a_truncated_gzip_says_how_far_it_got(self, run: Run, store_url: str, tmp_path: Path) -> None:
        file = tmp_path / "events.gz"
        whole = gzip.compress(LINES)
        file.write_bytes(whole[: len(whole) // 2])
        done = run("import", file, "--store", store_url)
        assert (done.code, len(done.err.splitlines())) == (2, 1)
        assert "ends too early" in done.err
        assert "run the same command again" in done.err.lower()
        recorded = len(ledger(tmp_path / "laurels.db"))
        assert 0 < recorded < 2_500
        assert f"; {recorded:,} events were recorded, 0 were already there" in done.err
        file.write_bytes(whole)
        assert run("import", file, "--store", store_url).out.startswith(f"{2_500 - recorded:,} recorded, {recorded:,}")

    def test_a_damaged_gzip(self, run: Run, store_url: str, tmp_path: Path) -> None:
        file = tmp_path / "events.gz"
        whole = bytearray(gzip.compress(LINES))
        whole[len(whole) // 2 : len(whole) // 2 + 200] = b"\x00" * 200
        file.write_bytes(whole)
        done = run("import", file, "--store", store_url)
        # What the damage made of some lines is told of first.
        assert done.code == 2
        assert "the gzip data is damaged; fetch the file again. Stopped after line " in done.err.splitlines()[-1]

    def test_a_store_that_cannot_be_opened(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "text.db").write_text("no database at all, but long enough to look at" * 50)
        for url in ("sqlite:////nowhere/at/all.db", "sqlite:///text.db", "oracle://somewhere", "nonsense"):
            done = run("import", "-", "--store", url, stdin=LINES)
            assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)

    def test_a_store_that_fails_on_the_way(self, run: Run, store_url: str, database: Path) -> None:
        assert run("import", "-", "--store", store_url, stdin=ndjson([event(1)])).code == 0
        rows(
            database,
            "CREATE TRIGGER full BEFORE INSERT ON ledger WHEN new.pos > 1500 OR (SELECT max(pos) > 1500 FROM ledger) "
            "BEGIN SELECT raise(ABORT, 'no more'); END",
        )
        done = run("import", "-", "--store", store_url, stdin=LINES)
        assert (done.code, len(done.err.splitlines())) == (2, 1)
        assert "Stopped; " in done.err
        assert "Run the same command again" in done.err
        recorded = len(ledger(database))
        rows(database, "DROP TRIGGER full")
        again = run("import", "-", "--store", store_url, stdin=LINES)
        assert again.out.startswith(f"{2_500 - recorded:,} recorded, {recorded:,} already there, 0 rejected")
