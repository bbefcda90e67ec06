"""Settings: what each variable takes, and what is said when it cannot be."""

from pathlib import Path

import pytest

from api.settings import BadSetting, Settings, fields_of, is_loopback, table, unknown_variables, variable
from backends.neo4j_settings import VARIABLES
from schema.errors import Code

ROOT = Path(__file__).parents[2]


def test_defaults_serve_sqlite_on_loopback_without_a_key() -> None:
    settings = Settings.from_environment({})
    assert (settings.backend, settings.host, settings.port, settings.token) == (
        "sqlite:///headwater.db",
        "127.0.0.1",
        8000,
        None,
    )


def test_variables_are_read_and_the_command_line_comes_first() -> None:
    environ = {"HEADWATER_PORT": "9000", "HEADWATER_DEMO": "yes", "HEADWATER_BODY_SECONDS": "2.5", "HEADWATER_TOKEN": ""}
    settings = Settings.from_environment(environ, port=9001, host=None)
    assert (settings.port, settings.demo, settings.body_seconds, settings.token) == (9001, True, 2.5, None)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HEADWATER_PORT", "http"),
        ("HEADWATER_PORT", "65536"),
        ("HEADWATER_PORT", "-1"),
        ("HEADWATER_PORT", "80.5"),
        ("HEADWATER_PORT", "9" * 5000),
        ("HEADWATER_BODY_SECONDS", "nan"),
        ("HEADWATER_BODY_SECONDS", "inf"),
        ("HEADWATER_BODY_SECONDS", "0"),
        ("HEADWATER_DEMO", "maybe"),
        ("HEADWATER_BACKEND", "headwater.db"),
        ("HEADWATER_CACHE", "memcached://localhost"),
        ("HEADWATER_CACHE_BYTES", "1"),
        ("HEADWATER_LOG_LEVEL", "loud"),
        ("HEADWATER_TOKEN", "two words"),
        ("HEADWATER_TOKEN", "schlüssel"),
        ("HEADWATER_MAX_BATCH_EVENTS", "0"),
        ("HEADWATER_ORIGINS", "https://a.example,catalog.example.org"),
        ("HEADWATER_ORIGINS", "https://a.example/page"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(name: str, text: str) -> None:
    with pytest.raises(BadSetting, match=name):
        Settings.from_environment({name: text})


def test_a_bad_value_from_the_command_line_is_refused_too() -> None:
    with pytest.raises(BadSetting, match="HEADWATER_PORT"):
        Settings.from_environment({}, port=70_000)


def test_a_token_is_shown_by_nothing_that_prints_settings() -> None:
    settings = Settings.from_environment({"HEADWATER_TOKEN": "s3cr3t-value"})
    assert "s3cr3t-value" not in repr(settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_loopback_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    Settings.from_environment({}, host=host).check_exposure()


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org", "", "127.0.0.1.nip.io"]
)
def test_beyond_loopback_a_token_is_needed(host: str) -> None:
    with pytest.raises(BadSetting, match="HEADWATER_TOKEN"):
        Settings.from_environment({}, host=host).check_exposure()
    Settings.from_environment({"HEADWATER_TOKEN": "x"}, host=host).check_exposure()


def test_variables_that_an_adapter_reads_are_no_mistakes() -> None:
    assert unknown_variables(dict.fromkeys(VARIABLES.values(), "x")) == {}


def test_a_mistyped_variable_is_noticed_with_the_one_meant() -> None:
    environ = {"HEADWATER_TOKN": "x", "HEADWATER_REQUIRE": "", "HEADWATER_PORT": "1", "PATH": "/bin"}
    assert unknown_variables(environ) == {"HEADWATER_TOKN": "HEADWATER_TOKEN"}


def test_the_printed_table_has_every_variable_with_its_meaning() -> None:
    rows = table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [variable(f) for f in fields_of()]
    assert all(row.split("|")[3].strip() for row in rows)


def test_the_docs_list_every_setting_and_every_error_code() -> None:
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("no README.md yet")
    text = "\n".join(page.read_text() for page in (readme, *sorted((ROOT / "docs").rglob("*.md"))))
    names = [variable(f) for f in fields_of()] + [code.value for code in Code]
    assert [name for name in names if f"`{name}`" not in text] == []
