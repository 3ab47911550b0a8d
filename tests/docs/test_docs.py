"""The docs against the code: what they show runs, and what there is stands in them."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import yaml

import laurels.errors
from laurels.client import Client
from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent
from laurels.domain.periods import to_ms
from laurels.domain.progress import Progress
from laurels.domain.rules.boosts import Boost
from laurels.domain.rules.currencies import Currency
from laurels.domain.rules.rulebook_data import Badge
from laurels.domain.rules.streak_rules import StreakRules
from laurels.domain.webhooks import DELAYS, TYPES, headers_of, new_secret
from laurels.http.app import build_app
from laurels.http.wire.openapi.description import complete
from laurels.rulebooks.loader import parse_rulebook
from laurels.settings import PREFIX, Settings, read_settings
from laurels.storage.mongodb.schema import INDEXES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def read(path: Path) -> str:
    return path.read_text("utf-8")


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a page that name `language`."""
    return re.findall(rf"```{language}\n(.*?)```", read(path), re.DOTALL)


def run_python(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def send(command: str, base: str) -> httpx2.Response:
    """Send what a curl command of the docs would."""
    words = shlex.split(command)
    assert words[0] == "curl"
    method, body, url = "GET", None, ""
    rest = iter(words[1:])
    for word in rest:
        if word == "-H":
            next(rest)
        elif word == "-d":
            body, method = next(rest), "POST" if method == "GET" else method
        elif word == "-X":
            method = next(rest)
        else:
            url = word
    headers = {"Content-Type": "application/json"} if body else {}
    return httpx2.request(method, url.replace("http://127.0.0.1:8000", base), content=body, headers=headers, timeout=30)


def follow(command: str, base: str, end: str, times: int) -> str:
    """What a `curl -N` of the docs shows, until `end` has come so often."""
    words = shlex.split(command)
    assert words[:2] == ["curl", "-N"]
    shown = ""
    with httpx2.stream("GET", words[2].replace("http://127.0.0.1:8000", base), timeout=30) as answer:
        assert answer.status_code == 200
        for text in answer.iter_text():
            shown += text
            if shown.count(end) >= times:
                return shown
    raise AssertionError(f"the stream ended after {shown!r}")


class TestReadme:
    def test_its_curl_commands_work_in_order(self, server: str) -> None:
        commands = [line for block in blocks(ROOT / "README.md", "sh") for line in block.splitlines() if line]
        assert len(commands) >= 10
        for command in commands:
            if "curl -N" in command:
                assert "event: progress" in follow(command, server, "\n\n", 4)
                continue
            answer = send(command, server)
            assert answer.is_success, (command, answer.text)

    def test_the_first_answer_is_as_shown(self, server: str) -> None:
        [command] = blocks(ROOT / "README.md", "sh")[0].splitlines()
        # Another test may have sent it before; then this is the replay, which is the same answer.
        answer = send(command, server).json()
        [shown] = blocks(ROOT / "README.md", "json")
        expected = json.loads(shown)
        assert expected["event"].keys() == answer["event"].keys()
        del expected["event"]["timestamp"]
        assert expected["event"].items() <= answer["event"].items()
        assert expected["progress"] == answer["progress"]
        for badge, shown_badge in zip(answer["newBadges"], expected["newBadges"], strict=True):
            assert shown_badge.items() <= badge.items()

    def test_its_python_example_runs(self, tmp_path: Path) -> None:
        [example] = blocks(ROOT / "README.md", "python")
        head, body = example.split("\n\n", 1)
        indented = "\n".join(f"    {line}" for line in body.splitlines())
        printed = run_python(f"import asyncio\n{head}\nasync def main():\n{indented}\nasyncio.run(main())", tmp_path)
        assert "First Steps" in printed


class TestLibraryPage:
    def test_its_example_prints_what_the_page_says(self, tmp_path: Path) -> None:
        # The programs for frameworks are run in tests/library.
        example, *_ = blocks(DOCS / "library.md", "python")
        [expected] = blocks(DOCS / "library.md", "text")
        assert run_python(example, tmp_path) == expected


class TestClientsPage:
    def test_its_python_examples_print_what_the_page_says(self, server: str, tmp_path: Path) -> None:
        example, with_await, *_ = blocks(DOCS / "clients.md", "python")
        [expected] = blocks(DOCS / "clients.md", "text")
        here = "http://127.0.0.1:8000"
        assert run_python(example.replace(here, server), tmp_path) == expected
        printed = run_python(with_await.replace(here, server), tmp_path)
        assert printed == "[5, 5, 5]\nevent\nevent\nevent\nevent\n"

    def test_every_option_and_verb_of_the_python_client_stands_on_it(self) -> None:
        page = read(DOCS / "clients.md").split("## JavaScript", 1)[0]
        options = [name for name in inspect.signature(Client).parameters if name != "self"]
        verbs = [name for name in dir(Client) if not name.startswith("_") and name not in ("send", "url")]
        assert [name for name in [*options, *verbs] if f"`{name}" not in page] == []


class TestHttpPage:
    def test_its_stream_shows_what_the_page_says(self, server: str) -> None:
        [recording] = blocks(ROOT / "README.md", "sh")[0].splitlines()
        assert send(recording, server).is_success
        [command] = blocks(DOCS / "http.md", "sh")
        [expected] = blocks(DOCS / "http.md", "text")
        shown = follow(command, server, "\n\n", 4)

        def timeless(text: str) -> list[str]:
            text = re.sub(r"(\d{4}-\d\d-\d\dT[\d:.]+Z)", "<instant>", re.sub(r"retry: \d+", "retry: <ms>", text))
            return text.strip().split("\n\n")[:4]

        assert timeless(shown) == timeless(expected)


class TestWebhooksPage:
    def test_its_example_takes_what_is_signed_and_nothing_else(self) -> None:
        [example] = blocks(DOCS / "webhooks.md", "python")
        found: dict[str, Any] = {}
        exec(example, found)
        verify, now = found["verify"], int(time.time() * 1_000)
        old, new = new_secret(), new_secret()
        headers = headers_of("msg_1", "{}", [new, old], now)
        assert verify(old, headers, b"{}")
        assert verify(new, headers, b"{}")
        assert not verify(new_secret(), headers, b"{}")
        assert not verify(old, headers, b"{ }")
        assert not verify(old, headers_of("msg_1", "{}", [old], now - 600_000), b"{}")

    def test_every_type_is_explained(self) -> None:
        page = read(DOCS / "webhooks.md")
        assert [each for each in TYPES if f"| `{each}` |" not in page] == []
        assert sum(DELAYS) == sum([5, 30, 120, 600]) + 3_600 * sum([1, 3, 8, 20, 40])
        assert json.loads(blocks(DOCS / "webhooks.md", "json")[0])["type"] in TYPES


class TestRulebookPage:
    def test_its_rulebook_loads(self) -> None:
        rulebook = parse_rulebook(blocks(DOCS / "rulebooks.md", "toml")[0])
        assert rulebook.name == "school"

    def test_its_limits_hold(self) -> None:
        book = parse_rulebook(blocks(DOCS / "rulebooks.md", "toml")[0])
        for kind, apart, times, paid in (
            ("lesson_done", 1, 30, 20),
            ("question_asked", 30, 30, 10),
            ("question_asked", 15, 12, 6),
        ):
            progress = Progress(user_id="ada", version=book.measures_version)
            event = LearningEvent(user_id="ada", event_type=kind)
            found = [advance(progress, event, number * 1_000 * apart, book) for number in range(times)]
            assert sum(outcome.points > 0 for outcome in found) == paid

    def test_its_criteria_load_into_it(self) -> None:
        book, _boosts, _currencies, _streak, criteria, conditions, repeated = blocks(DOCS / "rulebooks.md", "toml")
        more = parse_rulebook(f"{book}\n{conditions}\n{repeated}").badges
        assert [badge.id for badge in more[1:]] == ["bookworm", "bookworm_silver", "bookworm_gold", "busy_week"]
        assert more[4].repeat == "week"
        assert more[2].description == "Finish 12 books."
        for number, criterion in enumerate(re.split(r"^# .*\n", criteria, flags=re.MULTILINE)[1:]):
            badge = (
                f'[[badges]]\nid = "more-{number}"\nname = "More"\ndescription = "More."\nicon = "+"\n'
                f'category = "coding"\nrarity = "common"\npoints = 1\n{criterion}'
            )
            parse_rulebook(
                f"{book}\n[event_types.code_run]\npoints = 1\n[event_types.session_join]\npoints = 1\n{badge}"
            )

    def test_its_streak_table_loads_into_it_and_every_key_is_explained(self) -> None:
        book, _boosts, _currencies, streak, *_ = blocks(DOCS / "rulebooks.md", "toml")
        rules = parse_rulebook(f"{book}\n{streak}").data.streak
        assert rules is not None
        assert (rules.grace, rules.pauses[0].name) == (3, "Christmas")
        page = read(DOCS / "rulebooks.md")
        keys = [field.encode_name for field in msgspec.structs.fields(StreakRules)]
        assert [key for key in keys if f"`{key}" not in page and f"\n{key} =" not in page] == []

    def test_its_boosts_pay_what_the_page_says_and_every_key_is_explained(self) -> None:
        book, boosts, *_ = blocks(DOCS / "rulebooks.md", "toml")
        rules = parse_rulebook(f"{book}\n{boosts}")
        progress = Progress(user_id="ada", version=rules.measures_version)
        paid = {
            (day, kind): advance(
                progress,
                LearningEvent(user_id="ada", event_type=kind, metadata={"score": 95}),
                to_ms(datetime(2026, 11, day, 12, tzinfo=UTC)),
                rules,
            ).points
            for day in (22, 23, 28, 30)
            for kind in ("lesson_done", "question_asked")
        }
        lesson, question = 5 + 2, 1
        assert paid == {
            (22, "lesson_done"): lesson,
            (22, "question_asked"): question,
            (23, "lesson_done"): 11,
            (23, "question_asked"): question,
            (28, "lesson_done"): 2 * lesson,
            (28, "question_asked"): 2 * question,
            (30, "lesson_done"): lesson,
            (30, "question_asked"): question,
        }
        page = read(DOCS / "rulebooks.md")
        keys = [field.encode_name for field in msgspec.structs.fields(Boost)]
        assert [key for key in keys if f"\n{key} =" not in page] == []

    def test_its_currency_gives_what_the_page_says_and_every_key_is_explained(self) -> None:
        book, _, currencies, *_ = blocks(DOCS / "rulebooks.md", "toml")
        rules = parse_rulebook(f"{book}\n{currencies}")
        progress = Progress(user_id="ada", version=rules.measures_version)
        given = advance(progress, LearningEvent(user_id="ada", event_type="lesson_done"), 0, rules)
        assert given.currencies == (("coins", 2),)
        assert rules.badge_pay.award("curious_10", "curious_10", 0).currencies == (("coins", 20),)
        page = read(DOCS / "rulebooks.md")
        keys = [field.encode_name for field in msgspec.structs.fields(Currency)]
        assert [key for key in keys if f"\n{key} =" not in page] == []

    def test_every_key_of_a_badge_is_explained(self) -> None:
        page = read(DOCS / "rulebooks.md")
        keys = [field.encode_name for field in msgspec.structs.fields(Badge)]
        assert [key for key in keys if f"`{key}`" not in page and f"\n{key} =" not in page] == []

    def test_every_kind_of_criterion_is_explained(self) -> None:
        schema = read(ROOT / "src/laurels/domain/rules/badges/criteria.py")
        kinds = re.findall(r'tag="(\w+)"', schema)
        assert len(kinds) == 10
        page = read(DOCS / "rulebooks.md")
        assert [kind for kind in kinds if f"`{kind}`" not in page] == []


class TestReference:
    def test_every_route_stands_on_the_http_page(self) -> None:
        app = build_app()
        page = read(DOCS / "http.md")
        described = complete(app.openapi_schema.to_schema())["paths"]
        assert len(described) >= 12
        for path, operations in described.items():
            for method in operations:
                shown = f"{method.upper()} {path}"
                assert f"`{shown}`" in page, shown

    def test_every_error_code_stands_on_the_http_page(self) -> None:
        page = read(DOCS / "http.md")
        errors = [each for each in vars(laurels.errors).values() if isinstance(each, type)]
        codes = {each.code for each in errors if issubclass(each, laurels.errors.LaurelsError)}
        assert len(codes) > 10
        assert [code for code in sorted(codes) if f"`{code}`" not in page] == []

    def test_every_setting_stands_on_its_page_and_in_the_example(self) -> None:
        page, example = read(DOCS / "settings.md"), read(ROOT / ".env.example")
        given = dict(line.split("=", 1) for line in example.splitlines() if line and not line.startswith("#"))
        for field in msgspec.structs.fields(Settings):
            variable = PREFIX + field.name.upper()
            default = "" if field.default is None else str(field.default)
            if isinstance(field.default, bool):
                default = default.lower()
            assert f"| `{variable}` | {f'`{default}`' if default else '(empty)'} |" in page
            assert given.pop(variable) == default
        assert given == {}

    def test_the_example_settings_are_the_defaults(self) -> None:
        lines = [line for line in read(ROOT / ".env.example").splitlines() if line and not line.startswith("#")]
        assert read_settings(dict(line.split("=", 1) for line in lines)) == Settings()

    def test_every_command_stands_on_the_command_line_page(self) -> None:
        page = read(DOCS / "cli.md")
        told = subprocess.run(
            [sys.executable, "-m", "laurels", "--help"], capture_output=True, text=True, check=True
        ).stdout
        commands = re.findall(r"^[\s│]*(\w+)\s{2,}\S", told.split("Commands", 1)[1], re.MULTILINE)
        assert {"serve", "import", "verify", "rebuild", "rulebook", "demo"} <= set(commands)
        assert [command for command in commands if f"laurels {command}" not in page] == []


class TestCompose:
    def test_its_settings_are_taken_and_its_store_can_be_named(self) -> None:
        services = yaml.safe_load(read(ROOT / "compose.yaml"))["services"]
        settings = read_settings(services["laurels"]["environment"])
        hosts, _, name = settings.store.removeprefix("mongodb://").partition("/")
        assert set(hosts.split(",")) == {service for service in services if service.startswith("db")}
        assert name == "laurels?replicaSet=rs0"
        assert all("rs0" in services[host]["command"] for host in hosts.split(","))

    def test_the_files_that_it_copies_are_there(self) -> None:
        build = yaml.safe_load(read(ROOT / "compose.yaml"))["services"]["laurels"]["build"]
        steps = read(ROOT / build["context"] / build["dockerfile"])
        copied = [word for line in steps.splitlines() if re.match("COPY [^-]", line) for word in line.split()[1:-1]]
        assert len(copied) >= 5
        assert [name for name in copied if not (ROOT / name).exists()] == []


class TestMongoDBPage:
    def test_every_index_and_collection_stands_on_it(self) -> None:
        page = read(DOCS / "mongodb.md")
        for collection, indexes in INDEXES.items():
            assert f"| `{collection}` |" in page
            assert [index.document["name"] for index in indexes if f"| `{index.document['name']}` |" not in page] == []


class TestPages:
    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_links_to_files_lead_somewhere(self, page: Path) -> None:
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(page))
        assert [link for link in links if not (page.parent / link).exists()] == []

    def test_the_start_page_names_every_page(self) -> None:
        start = read(ROOT / "README.md")
        assert [page.name for page in DOCS.glob("*.md") if f"docs/{page.name}" not in start] == []
