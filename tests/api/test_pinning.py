"""`headwater pin`: it lists, pins and unpins in the store that a URL names, and says what may have been meant."""

import json
from pathlib import Path

from tests.api.events import event
from tests.api.process import headwater

ORDERS, CLEAN = "dataset:warehouse#shop.orders", "dataset:warehouse#shop.clean"


def test_what_is_pinned_is_listed_until_it_is_not(tmp_path: Path) -> None:
    def pin(*arguments: str) -> tuple[int, list[str], list[str]]:
        done = headwater("pin", "--backend", "sqlite:///other.db", *arguments, cwd=tmp_path)
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()

    names = [{"namespace": "warehouse", "name": f"shop.{name}"} for name in ("orders", "clean")]
    text = json.dumps(event(inputs=names[:1], outputs=names[1:]))
    headwater("ingest", "-", "--backend", "sqlite:///other.db", cwd=tmp_path, stdin=text)
    assert pin() == (0, [], [])
    assert pin(CLEAN, "dataset:warehouse#shop.order") == (
        1,
        [f"pinned: {CLEAN}"],
        [f"headwater: there is no dataset:warehouse#shop.order; did you mean {ORDERS}?"],
    )
    assert pin(ORDERS, CLEAN) == (0, [f"pinned: {ORDERS}", f"pinned: {CLEAN}"], [])
    assert pin() == (0, [CLEAN, ORDERS], [])
    assert pin("--remove", CLEAN, "dataset:warehouse#shop.clea") == (
        1,
        [f"unpinned: {CLEAN}"],
        [f"headwater: dataset:warehouse#shop.clea is not pinned; did you mean {ORDERS}?"],
    )
    assert pin("--remove", CLEAN)[0] == 2
    assert pin("--remove")[0] == 2
    assert pin() == (0, [ORDERS], [])
    missing = headwater("pin", "--backend", "sqlite:///mistyped.db", cwd=tmp_path)
    assert (missing.returncode, (tmp_path / "mistyped.db").exists()) == (2, False)
    assert "memory:// keeps nothing" in headwater("pin", "--backend", "memory://", cwd=tmp_path).stderr
