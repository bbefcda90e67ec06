"""What a desk may lack is skipped there, and red where HEADWATER_REQUIRE says that it is there."""

import pytest

from tests.conftest import require


def test_what_is_there_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_REQUIRE", "neo4j")
    require("neo4j", "bolt://localhost", "no server")


@pytest.mark.parametrize("named", ["", "redis", "neo4j-cluster"])
def test_what_a_desk_lacks_is_skipped(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("HEADWATER_REQUIRE", named)
    with pytest.raises(pytest.skip.Exception, match="no server"):
        require("neo4j", None, "no server")


@pytest.mark.parametrize("named", ["neo4j", "redis,neo4j", "neo4j redis", "all"])
def test_what_a_build_server_must_have_is_red(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("HEADWATER_REQUIRE", named)
    with pytest.raises(pytest.fail.Exception, match="asks for neo4j: no server"):
        require("neo4j", "", "no server")
