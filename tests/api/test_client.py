"""The stock OpenLineage client for Python, pointed at a started service by its own variables, sends without change."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.process import PATIENCE, environment, get, started

SCRIPT = '''
"""What a pipeline of a stranger looks like: nothing in it knows Headwater."""

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, JobEvent, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics
from openlineage.client.facet_v2 import schema_dataset
from openlineage.client.uuid import generate_new_uuid

client = OpenLineageClient()
fields = [schema_dataset.SchemaDatasetFacetFields(name="amount", type="DECIMAL")]
orders = InputDataset(namespace="file", name="/raw/orders.csv", facets={"schema": schema_dataset.SchemaDatasetFacet(fields)})
quality = {"outputStatistics": statistics.OutputStatisticsOutputDatasetFacet(rowCount=1, size=float("nan"))}
table = OutputDataset(namespace="warehouse", name="raw.orders", outputFacets=quality)
job, run = Job(namespace="shop", name="load_orders"), Run(runId=str(generate_new_uuid()))
for state, time in ((RunState.START, "2026-03-02T06:00:00Z"), (RunState.COMPLETE, "2026-03-02T06:01:00.5+01:00")):
    event = RunEvent(eventType=state, eventTime=time, run=run, job=job, inputs=[orders], outputs=[table], producer="https://x.example")
    client.emit(event)
client.emit(JobEvent(eventTime="2026-03-02T06:00:00Z", job=job, inputs=[orders], outputs=[table], producer="https://x.example"))
client.close()
print("sent")
'''

KEY = "the-key-of-this-test"


def emit(cwd: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs the pipeline with these variables of the client's."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def accepted(url: str) -> set[str]:
    """The counters of accepted events."""
    text = get(f"{url}/metrics", headers={"Authorization": f"Bearer {KEY}"}).text
    return {line for line in text.splitlines() if line.startswith("headwater_events_accepted_total{")}


ALL = {'headwater_events_accepted_total{kind="run"} 2.0', 'headwater_events_accepted_total{kind="job"} 1.0'}


@pytest.mark.parametrize("end", ["", "/"])
def test_a_client_with_our_address_alone(tmp_path: Path, end: str) -> None:
    with started(tmp_path, "--backend", "memory://") as service:
        done = emit(tmp_path, OPENLINEAGE_URL=service.url + end)
        assert (done.returncode, done.stdout) == (0, "sent\n"), done.stderr
        assert accepted(service.url) == ALL


@pytest.mark.parametrize("transport", ["http", "async_http"])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_client_with_a_key_by_every_transport(tmp_path: Path, transport: str, compression: str | None) -> None:
    with started(tmp_path, "--backend", "memory://", HEADWATER_TOKEN=KEY) as service:
        auth = json.dumps({"type": "api_key", "apiKey": KEY})
        config = {"TYPE": transport, "URL": service.url, "AUTH": auth} | (
            {"COMPRESSION": compression} if compression else {}
        )
        done = emit(tmp_path, **{f"OPENLINEAGE__TRANSPORT__{name}": text for name, text in config.items()})
        assert (done.returncode, done.stdout) == (0, "sent\n"), done.stderr
        assert accepted(service.url) == ALL


def test_the_plain_variable_for_the_key_fits(tmp_path: Path) -> None:
    with started(tmp_path, "--backend", "memory://", HEADWATER_TOKEN=KEY) as service:
        done = emit(tmp_path, OPENLINEAGE_URL=service.url, OPENLINEAGE_API_KEY=KEY)
        assert (done.returncode, done.stdout) == (0, "sent\n"), done.stderr
        assert accepted(service.url) == ALL
        refused = emit(tmp_path, OPENLINEAGE_URL=service.url, OPENLINEAGE_API_KEY="another")
        assert refused.returncode != 0
        assert "401" in refused.stderr
        assert accepted(service.url) == ALL
