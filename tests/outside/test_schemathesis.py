"""Questions and changes that schemathesis makes up from our schema find no fault of ours. The seed is fixed, and so is what
is asked."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.api.process import PATIENCE, ROOT, environment, get, started

EXAMPLES = int(os.environ.get("HEADWATER_CASES", "0")) // 10 or 15
"""Of each root field."""


def test_made_up_operations_find_no_fault(tmp_path: Path) -> None:
    """None is answered with 5xx, with a code that says it was us, or with what Python says."""
    with started(tmp_path, "--backend", "memory://", HEADWATER_DEMO="1", HEADWATER_CLIENT_COST="0") as service:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/graphql", "--checks", "coded"]
        command += ["--max-examples", str(EXAMPLES), "--seed", "6", "--no-color", "--generation-database", "none"]
        command += ["--request-timeout", "30", "--suppress-health-check", "all"]
        ran = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment(PYTHONPATH=str(ROOT), SCHEMATHESIS_HOOKS="tests.outside.coded"),
            capture_output=True,
            text=True,
            timeout=10 * PATIENCE,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout[-5_000:] + ran.stderr[-2_000:]
        tested = re.search(r"Tested: (\d+)", ran.stdout)
        assert tested is not None, ran.stdout[-2_000:]
        assert int(tested[1]) > 20
        assert '"level":"error"' not in service.log
        told = get(f"{service.url}/metrics").text
        assert 'headwater_graphql_errors_total{code="INTERNAL"}' not in told
