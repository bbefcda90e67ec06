"""A run announced by our own scripts with the stock OpenLineage client."""

import datetime as dt
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    documentation_job,
    error_message_run,
    job_type_job,
    ownership_job,
    parent_run,
    source_code_location_job,
)
from openlineage.client.uuid import generate_new_uuid

PRODUCER = "https://example.org/shop"


@dataclass
class Touched:
    """The datasets of a run; inputs are known at its start, outputs at its end."""

    inputs: list[InputDataset]
    outputs: list[OutputDataset] = field(default_factory=list)


def _parent() -> dict[str, parent_run.ParentRunFacet]:
    """The Airflow task that started us, from the variable that dbt-ol reads too: namespace/job/run."""
    parent = os.environ.get("OPENLINEAGE_PARENT_ID")
    if not parent:
        return {}
    namespace, job, run = parent.split("/")
    root_namespace, root_job, root_run = os.environ.get("OPENLINEAGE_ROOT_PARENT_ID", parent).split("/")
    root = parent_run.Root(run=parent_run.RootRun(root_run), job=parent_run.RootJob(root_namespace, root_job))
    return {"parent": parent_run.ParentRunFacet(run=parent_run.Run(run), job=parent_run.Job(namespace, job), root=root)}


@contextmanager
def announced(job: str, description: str, owner: str, inputs: list[InputDataset]) -> Iterator[Touched]:
    """Emit START now and COMPLETE at the end, or FAIL with the message where the body raises."""
    client = OpenLineageClient()
    touched = Touched(inputs)
    run = Run(str(generate_new_uuid()), facets=_parent())
    script = Path(sys.argv[0]).name
    facets = {
        "jobType": job_type_job.JobTypeJobFacet(processingType="BATCH", integration="PYTHON", jobType="SCRIPT"),
        "documentation": documentation_job.DocumentationJobFacet(description=description),
        "ownership": ownership_job.OwnershipJobFacet(owners=[ownership_job.Owner(name=owner, type="team")]),
        "sourceCodeLocation": source_code_location_job.SourceCodeLocationJobFacet(
            type="git", url=f"{PRODUCER}/blob/main/{script}", path=script
        ),
    }

    def emit(state: RunState) -> None:
        client.emit(
            RunEvent(
                eventTime=dt.datetime.now(dt.UTC).isoformat(),
                producer=PRODUCER,
                eventType=state,
                run=run,
                job=Job(os.environ.get("OPENLINEAGE_NAMESPACE", "default"), job, facets=facets),
                inputs=touched.inputs,
                outputs=touched.outputs,
            )
        )

    emit(RunState.START)
    try:
        yield touched
    except Exception as error:
        run.facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(str(error), "PYTHON")
        emit(RunState.FAIL)
        raise
    emit(RunState.COMPLETE)
