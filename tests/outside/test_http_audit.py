"""GraphQL over HTTP as the authors of its specification audit it."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.api.process import started


def test_every_audit_of_graphql_http_is_fine(node: Callable[..., str], tmp_path: Path) -> None:
    with started(tmp_path, "--backend", "memory://") as service:
        findings = json.loads(node("audit.js", f"{service.url}/graphql"))
    assert len(findings) == 61
    assert [finding for finding in findings if finding["status"] != "ok"] == []
