"""The section ``[chronos]``: every option declared, parsed, and refused where it makes no sense."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin import settings
from chronos_plugin.errors import SettingInvalid
from chronos_plugin.provider import get_provider_info
from chronos_plugin.settings import (
    CONTAINER_ENGINES,
    OPTIONS,
    PRELOAD_MODES,
    RECORDERS,
    Settings,
    from_mapping,
)

HOME = Path("/srv/airflow")
DEFAULTS = {name: str(option["default"]) for name, option in OPTIONS.items()}
NUMBERS = [name for name, option in OPTIONS.items() if option["type"] in ("integer", "float")]
FOLDERS = (
    "work_root",
    "output_root",
    "cache_root",
    "targets_file",
    "data_cache",
    "spool_root",
    "archive_root",
)
WORDS: dict[str, tuple[str, ...]] = {
    "container_engine": CONTAINER_ENGINES,
    "keep_work": ("all", "failed"),
    "preload": PRELOAD_MODES,
    "recorder": RECORDERS,
    "enable_dev": ("true", "false"),
}


def parsed(**changes: str) -> Settings:
    return from_mapping({**DEFAULTS, **changes}, home=HOME)


def test_options_and_fields_are_the_same() -> None:
    # A storage that is given as output_root has a field of its own; the home folder is no option.
    fields = {field.name for field in dataclasses.fields(Settings)}
    assert set(OPTIONS) == fields - {"output_uri", "home"}


def test_declared_defaults_are_those_of_the_value() -> None:
    found = parsed()
    for field in dataclasses.fields(Settings):
        if field.default is not dataclasses.MISSING and field.name not in (*FOLDERS, "home"):
            assert getattr(found, field.name) == field.default, field.name
    assert found.work_root == HOME / "chronos" / "work"


@pytest.mark.parametrize("name", OPTIONS)
def test_airflow_shows_every_option(name: str) -> None:
    shown = get_provider_info()["config"]["chronos"]["options"][name]
    assert shown["default"] == OPTIONS[name]["default"]
    assert shown["type"] in ("string", "integer", "float", "boolean")
    assert shown["description"].endswith(".")
    assert set(shown) == {"description", "version_added", "type", "example", "default"}


@pytest.mark.parametrize("name", OPTIONS)
def test_airflow_reads_every_option_from_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changed: Any = {"string": "changed", "integer": "7", "float": "7.5", "boolean": "false"}
    text = WORDS[name][-1] if name in WORDS else changed[OPTIONS[name]["type"]]
    if name in (*FOLDERS, "input_roots", "product_types", "openlineage_file"):
        text = "/elsewhere"
    if name == "exporters":
        text = "atlas"
    if name == "data_connections":
        text = "s3://data=aws"
    monkeypatch.setenv(f"AIRFLOW__CHRONOS__{name.upper()}", text)
    value = getattr(settings.load(), name)
    if isinstance(value, tuple):
        (value,) = value
    if isinstance(value, dict):
        value = " ".join(f"{prefix}={connection}" for prefix, connection in value.items())
    assert str(value).lower() == text


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("text", ["", "many", "-1", "nan", "inf", "1e400"])
def test_numbers_that_are_none(name: str, text: str) -> None:
    with pytest.raises(SettingInvalid, match=rf"\[chronos\] {name} = .*write a (whole )?number"):
        parsed(**{name: text})


@pytest.mark.parametrize("name", [name for name in NUMBERS if OPTIONS[name]["type"] == "integer"])
def test_whole_numbers(name: str) -> None:
    with pytest.raises(SettingInvalid, match="whole number"):
        parsed(**{name: "1.5"})
    assert getattr(parsed(**{name: " 12 "}), name) == 12


@pytest.mark.parametrize("name", ["expression_timeout", "expression_memory", "max_document_bytes"])
def test_limits_that_allow_nothing(name: str) -> None:
    with pytest.raises(SettingInvalid, match="at least"):
        parsed(**{name: "0"})


@pytest.mark.parametrize(("name", "words"), WORDS.items())
def test_words(name: str, words: tuple[str, ...]) -> None:
    for word in words:
        value = getattr(parsed(**{name: f" {word.upper()} "}), name)
        assert value == (word == "true" if name == "enable_dev" else word)
    with pytest.raises(SettingInvalid, match=rf"{name} = 'perhaps': write one of {words[0]}"):
        parsed(**{name: "perhaps"})


@pytest.mark.parametrize("name", FOLDERS)
def test_folders(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert getattr(parsed(**{name: "{AIRFLOW_HOME}/x"}), name) == HOME / "x"
    assert getattr(parsed(**{name: "~/x"}), name) == Path("/home/ann/x")
    assert getattr(parsed(**{name: "x"}), name).is_absolute()
    with pytest.raises(SettingInvalid, match=f"{name} is empty"):
        parsed(**{name: "  "})


def test_input_roots() -> None:
    assert parsed(input_roots="").input_roots == ()
    assert parsed(input_roots="/a: :{AIRFLOW_HOME}/b").input_roots == (Path("/a"), HOME / "b")


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "/a", ".hidden", "a\\b"])
def test_the_folder_of_deployed_documents_is_one_name(text: str) -> None:
    with pytest.raises(SettingInvalid, match="deploy_folder"):
        parsed(deploy_folder=text)


def test_without_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRONOS_EXPRESSION_MEMORY", "64")
    monkeypatch.setenv("CHRONOS_CONTAINER_ENGINE", "none")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    found = settings.standalone()
    assert (found.expression_memory, found.container_engine) == (64, "none")
    assert found.cache_root == Path("/caches/chronos/compiled")
    monkeypatch.setenv("CHRONOS_CACHE_ROOT", "/own")
    assert settings.standalone().cache_root == Path("/own")
