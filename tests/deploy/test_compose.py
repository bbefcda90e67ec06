"""docker-compose.yml against our own settings, the versions that tests run, and the schema of compose files.

No Docker engine is needed: what is held here is what an engine would not tell until somebody asks a question.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from api.settings import Settings, unknown_variables
from backends.gremlin_settings import Settings as GremlinSettings
from backends.neo4j_settings import Settings as Neo4jSettings
from tests.servers.cassandra import CASSANDRA
from tests.servers.gremlin import JANUSGRAPH
from tests.servers.neo4j import COORDINATES as NEO4J

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::([-?])([^}]*))?\}")
GIVEN = {"HEADWATER_TOKEN": "t0ken", "HEADWATER_STORE_PASSWORD": "s3cret00"}
PROFILES = ("embedded", "neo4j", "janusgraph")
PORTS = {"neo4j": 7687, "janusgraph": 8182, "redis": 6379, "cassandra": 9042}


def interpolated(value: Any) -> Any:
    """As compose puts variables into texts; raises KeyError where one is asked for that is not given."""
    if isinstance(value, str):
        return VARIABLE.sub(lambda m: GIVEN[m[1]] if m[2] != "-" else GIVEN.get(m[1], m[3]), value).replace("$$", "$")
    if isinstance(value, dict):
        return {key: interpolated(one) for key, one in value.items()}
    return [interpolated(one) for one in value] if isinstance(value, list) else value


RAW: dict[str, Any] = YAML(typ="safe").load(FILE.read_text())
SERVICES: dict[str, Any] = interpolated(RAW["services"])
OURS = {name: service for name, service in SERVICES.items() if name.startswith("headwater")}
OTHERS = {name: service for name, service in SERVICES.items() if name not in OURS}


def valid(file: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_schema_of_compose_files_allows_it(tmp_path: Path) -> None:
    assert valid(FILE).returncode == 0, valid(FILE).stdout
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(FILE.read_text().replace("stop_grace_period:", "grace:"))
    assert valid(wrong).returncode == 1


@pytest.mark.parametrize("name", OURS)
def test_headwater_starts_with_what_it_is_given(name: str) -> None:
    """Its settings are known ones and can work: the store and the cache are services of the same profile, at their ports."""
    environment = {**image_environment(), **OURS[name]["environment"]}
    assert not unknown_variables(environment)
    settings = Settings.from_environment(environment)
    settings.check_exposure()
    assert OURS[name]["ports"] == [f"127.0.0.1:8000:{settings.port}"]
    profile = OURS[name]["profiles"]
    asked = [settings.backend] + ([settings.cache] if settings.cache.startswith("redis") else [])
    for url in asked:
        parts = urlsplit(url)
        if parts.scheme != "sqlite":
            assert parts.hostname is not None
            assert parts.port == PORTS[parts.hostname]
            assert profile[0] in OTHERS[parts.hostname]["profiles"]
            assert OURS[name]["depends_on"][parts.hostname] == {"condition": "service_healthy"}
    if settings.backend.startswith("bolt"):
        store = Neo4jSettings.parse(settings.backend, environment)
        assert (store.user, store.password) == tuple(OTHERS["neo4j"]["environment"]["NEO4J_AUTH"].split("/"))
        assert str(store.snapshots) == "/data"
    if settings.backend.startswith("gremlin"):
        said = GremlinSettings.parse(settings.backend)
        assert said.frame <= int(OTHERS["janusgraph"]["environment"]["gremlinserver.maxContentLength"])
        assert str(said.snapshot) == "/data"


def image_environment() -> dict[str, str]:
    """What the image sets."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    return dict(pair.split("=", 1) for line in lines if line.startswith("ENV ") for pair in line.split()[1:])


def test_each_profile_is_one_headwater() -> None:
    assert sorted(one["profiles"][0] for one in OURS.values()) == sorted(PROFILES)
    assert all(set(service["profiles"]) <= set(PROFILES) for service in SERVICES.values())


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_watched_and_waits_for_its_own_profile(name: str) -> None:
    service = SERVICES[name]
    limits = service["deploy"]["resources"]["limits"]
    assert limits["cpus"]
    assert limits["memory"]
    assert service["logging"]["options"]["max-size"]
    assert service["restart"] == "unless-stopped"
    for other, how in service.get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        assert set(service["profiles"]) <= set(SERVICES[other]["profiles"])
        assert SERVICES[other]["healthcheck"]["test"]
    for volume in service.get("volumes", ()):
        assert volume.split(":")[0] in RAW["volumes"]


def test_only_headwater_is_published_and_only_to_this_machine() -> None:
    assert all("ports" not in service for service in OTHERS.values())
    assert all(port.startswith("127.0.0.1:") for service in OURS.values() for port in service["ports"])


def test_secrets_have_no_default() -> None:
    """Every variable that is one must be given; no text that looks like a secret is left in the file."""
    text = FILE.read_text()
    said = {match[1] for match in VARIABLE.finditer(text) if match[2] == "?"}
    assert said == set(GIVEN)
    assert all(match[2] == "-" for match in VARIABLE.finditer(text) if match[1] not in GIVEN)
    secrets = re.findall(r"^\s*(?:\S*(?:PASSWORD|TOKEN|AUTH)\S*): (?:&\w+ )?(.*)$", text, re.M)
    assert len(secrets) >= 4
    assert all(secret.startswith(("${", "*", "neo4j/${")) for secret in secrets), secrets


def test_versions_are_pinned_to_those_that_tests_run() -> None:
    images = {name: service["image"].rpartition(":")[2] for name, service in OTHERS.items()}
    assert images["neo4j"] == f"{NEO4J[1].rpartition(':')[2]}-community"
    assert images["cassandra"] == CASSANDRA.rpartition(":")[2]
    assert f"org.janusgraph:janusgraph-server:{images['janusgraph']}" in JANUSGRAPH
    assert all(re.match(r"\d+\.\d+\.\d+", tag) for tag in images.values())
    assert all(service["image"].startswith("docker.io/") for service in OTHERS.values())
