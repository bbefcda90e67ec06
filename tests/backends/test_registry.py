"""One URL opens a backend."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from backends import registry
from backends.errors import Misconfigured
from backends.memory import MemoryBackend
from backends.registry import ADAPTERS, Adapter, open_backend, without_index


def test_a_url_opens_its_backend() -> None:
    assert isinstance(open_backend("memory://"), MemoryBackend)
    assert isinstance(open_backend("MEMORY://"), MemoryBackend), "schemes have no case"
    assert open_backend("memory://") is not open_backend("memory://")


@pytest.mark.parametrize("url", ["", "/a/file.db", "nosuch://x", "other://[", "x:y", "memory+tls://h", "::"])
def test_an_unknown_scheme_answers_with_the_known_ones(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"known are: .*memory, .*sqlite"):
        open_backend(url)


def test_the_message_keeps_what_is_secret_in_a_url() -> None:
    with pytest.raises(Misconfigured) as raised:
        open_backend("nosuch://user:hunter2@host")
    assert "hunter2" not in str(raised.value)


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADAPTERS, "nodriver", Adapter("backends.no_such_module:open", "pip install nodriver"))
    with pytest.raises(Misconfigured, match="pip install nodriver") as raised:
        open_backend("nodriver://")
    assert isinstance(raised.value.__cause__, ImportError)


def test_outsiders_join_by_entry_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = "from backends.memory import MemoryBackend\n\n\ndef make(url):\n    return MemoryBackend(url)\n"
    (tmp_path / "outside_lineage.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    points = [EntryPoint("outside", "outside_lineage:make", "headwater.backends")]
    monkeypatch.setattr(registry, "entry_points", lambda *, group: [p for p in points if p.group == group])
    assert isinstance(open_backend("outside://x"), MemoryBackend)
    assert "outside_lineage" in sys.modules
    with pytest.raises(Misconfigured, match=r"memory, .*outside, .*sqlite"):
        open_backend("other://x")


def test_every_adapter_is_there() -> None:
    """The table names modules as text: a renamed one would be found only by whoever opens it."""
    for scheme, adapter in ADAPTERS.items():
        module, _, factory = adapter.factory.partition(":")
        assert module.startswith("backends."), scheme
        assert callable(getattr(__import__(module, fromlist=[factory]), factory)), scheme


def test_the_store_behind_an_index_can_be_asked_directly() -> None:
    assert without_index("bolt://h:7687?database=x&index=on&timeout=3") == "bolt://h:7687?database=x&timeout=3"
    assert without_index("bolt://h?index=on") == "bolt://h"
    assert without_index("memory://") == "memory://"
