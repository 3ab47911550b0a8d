"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from laurels import Settings, SettingsError
from laurels.bootstrap import open_store
from laurels.settings import read_settings


def test_without_any_the_defaults_hold() -> None:
    assert read_settings({}) == Settings()
    assert read_settings({"PATH": "/bin", "laurels_store": "x", "MY_LAURELS_STORE": "x"}) == Settings()


def test_the_defaults_are_within_their_own_bounds() -> None:
    assert msgspec.convert(msgspec.to_builtins(Settings()), Settings) == Settings()


def test_each_is_read_and_typed() -> None:
    assert read_settings(
        {
            "LAURELS_STORE": "sqlite:////data/laurels.db",
            "LAURELS_RULEBOOK": "/etc/rules.toml",
            "LAURELS_MAX_BACKDATE_DAYS": "365",
            "LAURELS_PROJECTION_INTERVAL_MS": "50",
            "LAURELS_CACHE_WEIGHT": "5000",
            "LAURELS_MAX_EVENT_BYTES": "2048",
            "LAURELS_MAX_BATCH_BYTES": "4096",
            "LAURELS_SPOOL": "/var/spool/laurels",
            "LAURELS_SPOOL_BYTES": "100000",
            "LAURELS_STORE_TIMEOUT_MS": "500",
            "LAURELS_HEARTBEAT_MS": "100",
            "LAURELS_MAX_STREAMS": "10",
            "LAURELS_MAX_STREAMS_PER_ADDRESS": "2",
            "LAURELS_STREAM_HEARTBEAT_MS": "1000",
            "LAURELS_LOG_LEVEL": "debug",
        }
    ) == Settings(
        store="sqlite:////data/laurels.db",
        rulebook="/etc/rules.toml",
        max_backdate_days=365,
        projection_interval_ms=50,
        cache_weight=5_000,
        max_event_bytes=2_048,
        max_batch_bytes=4_096,
        spool="/var/spool/laurels",
        spool_bytes=100_000,
        store_timeout_ms=500,
        heartbeat_ms=100,
        max_streams=10,
        max_streams_per_address=2,
        stream_heartbeat_ms=1_000,
        log_level="debug",
    )


def test_a_server_on_mongodb_has_a_spool_unless_told_otherwise() -> None:
    assert Settings().spool_folder is None
    assert Settings(store="mongodb://db/laurels", data="/var/lib/laurels").spool_folder == "/var/lib/laurels/spool"
    assert Settings(store="mongodb://db/laurels", spool="off").spool_folder is None
    assert Settings(spool="there").spool_folder == str(Path("there").absolute())


class TestDataFolder:
    def test_it_holds_the_database_where_no_store_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert Settings(data="/var/lib/laurels").database == Path("/var/lib/laurels/laurels.db")
        assert Settings(data="here").store == f"sqlite:///{Path('here').absolute()}/laurels.db"
        assert Settings(data="/a/b c%20?").database == Path("/a/b c%20?/laurels.db")
        assert Settings(data="/var/lib/laurels", store="sqlite:///mine.db").database == Path("mine.db").absolute()
        assert Settings(data="/var/lib/laurels", store="mongodb://db/laurels").database is None
        monkeypatch.setenv("XDG_DATA_HOME", "/home/ada/data")
        assert Settings().database == Path("/home/ada/data/laurels/laurels.db")

    def test_a_user_without_a_home_has_to_name_it_unless_a_store_is_named(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("XDG_DATA_HOME", raising=False)
        monkeypatch.setattr("os.path.expanduser", lambda path: path)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
        with pytest.raises(SettingsError, match="LAURELS_DATA"):
            Settings()
        assert Settings(store="sqlite:///mine.db").database == Path("mine.db").absolute()

    @pytest.mark.parametrize(
        ("store", "shown"),
        [
            ("sqlite:////data/a b.db", "sqlite:////data/a%20b.db"),
            ("sqlite:///mine.db", f"sqlite:///{Path('mine.db').absolute()}"),
            ("mongodb://ada:secret@DB2,db1:27018/laurels?replicaSet=rs0", "mongodb://db1:27018,db2/laurels"),
            ("mongodb://ada:sec/ret?secret@db/laurels", "mongodb://db/laurels"),
            ("mongodb+srv://ada:secret@db.example/laurels", "mongodb+srv://db.example/laurels"),
            ("secret.db", "not a store URL"),
            ("http://[secret", "not a store URL"),
        ],
    )
    def test_a_store_is_shown_with_its_whole_path_and_without_a_password(self, store: str, shown: str) -> None:
        assert Settings(store=store).store_name == shown


def test_every_setting_says_what_it_is() -> None:
    for field in msgspec.structs.fields(Settings):
        assert "Meta(" in repr(field.type), field.name
        assert "description=" in repr(field.type), field.name


@pytest.mark.parametrize("blank", ["", "  ", "\t\n"])
def test_an_empty_variable_is_one_that_is_not_set(blank: str) -> None:
    environment = {"LAURELS_STORE": blank, "LAURELS_MAX_BACKDATE_DAYS": blank, "LAURELS_LOG_LEVEL": blank}
    assert read_settings(environment) == Settings()


def test_blanks_around_a_value_are_dropped() -> None:
    assert read_settings({"LAURELS_LOG_LEVEL": " error\n"}).log_level == "error"


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("LAURELS_STORES", "Did you mean LAURELS_STORE?"),
        ("LAURELS_store2", "Did you mean LAURELS_STORE?"),
        ("LAURELS_MAX_BACKDATE", "Did you mean LAURELS_MAX_BACKDATE_DAYS?"),
        ("LAURELS_", "docs/settings.md lists them all."),
        ("LAURELS_QUUX", "docs/settings.md lists them all."),
    ],
)
def test_an_unknown_variable_is_an_error_that_names_the_nearest(variable: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({variable: "x"})
    assert str(caught.value) == f"{variable}: no such setting. {hint}"


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"LAURELS_STOR": "x", "LAURELS_KEY_RATE": "-1", "LAURELS_LOG_LEVEL": "loud"})
    assert str(caught.value) == (
        "LAURELS_STOR: no such setting. Did you mean LAURELS_STORE? LAURELS_KEY_RATE: Must be at least 0. "
        "LAURELS_LOG_LEVEL: Must be one of debug, info, warning, error."
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LAURELS_MAX_BACKDATE_DAYS", "-1"),
        ("LAURELS_MAX_BACKDATE_DAYS", "many"),
        ("LAURELS_MAX_BACKDATE_DAYS", "1.5"),
        ("LAURELS_PROJECTION_INTERVAL_MS", "9"),
        ("LAURELS_PROJECTION_INTERVAL_MS", "10001"),
        ("LAURELS_PROJECTION_INTERVAL_MS", "fast"),
        ("LAURELS_CACHE_WEIGHT", "0"),
        ("LAURELS_MAX_EVENT_BYTES", "64K"),
        ("LAURELS_MAX_BATCH_BYTES", "1023"),
        ("LAURELS_LOG_LEVEL", "loud"),
        ("LAURELS_LOG_LEVEL", "INFO"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_the_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}: Must "):
        read_settings({variable: value})


@pytest.mark.parametrize(
    "url",
    [
        "",
        "laurels.db",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite://laurels.db",
        "sqlite3:///laurels.db",
        "mysql://root:secret@localhost/laurels",
    ],
)
async def test_a_url_that_names_no_store_is_an_error_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        await open_store(url)
    assert "secret" not in str(caught.value)
    assert "sqlite:///" in str(caught.value)


async def test_a_store_url_may_be_percent_encoded(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/a%20b%3F.db")
    await store.close()
    assert (tmp_path / "a b?.db").exists()


def test_every_wrong_one_is_named_at_once() -> None:
    wrong = {
        "LAURELS_STOER": "x",
        "LAURELS_MAX_STREAMS": "abc",
        "LAURELS_PUBLIC": "board,badge",
        "LAURELS_TRUSTED_PROXIES": "nginx",
        "LAURELS_CORS_ORIGINS": "learn.example",
    }
    with pytest.raises(SettingsError) as refused:
        read_settings(wrong)
    assert [name for name in wrong if name not in str(refused.value)] == []
    assert "badge and board cannot be made public" in str(refused.value)
