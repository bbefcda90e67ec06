"""The attributes that ingest writes and the API reads: one list, since neither knows the other.

Nodes (values in force, each replaced by whatever was said later under the same key):

| kind | keys |
| --- | --- |
| every kind | `description` text, `tags` [text], `owners` [text], `facet:NAME` the facet as sent |
| DATASET | `type`, `location`, `version`, `lifecycle` (CREATE, ALTER, TRUNCATE, OVERWRITE, RENAME, DROP), `columns` [name] |
| COLUMN | `type`, `ordinal` (from 1) |
| JOB | `type`, `sql`, `source_url`, `last_run` (id of a run), `parent` (id of a job) |
| OPERATION | `type` |
| MODEL | `version`, `architecture`, `status`, `trained_at`, `hyperparameters` {}, `metrics` {} |
| HYPERPARAMETERS, METRICS | `values` {} |
| PREDICTION | `value`, `predicted_at`, `model` (id), `inputs` |
| ASSET | `label` |

Runs are records, listed newest first under the group of their job's id and of `parent_group` of their parent's id:
`job`, `state` (RUNNING, COMPLETE, FAIL, ABORT), `started`, `ended`, `error`, `parent` and `root` (run ids), `inputs` and
`outputs` (dataset ids as said), `facets` {}, `first`, `last`, `tags`. Times are microseconds; absent keys are unknown.
"""

FACET = "facet:"
"""Attribute keys that begin so hold whole facets; they are read only when asked for."""


def facet_key(name: str) -> str:
    """The attribute that holds a facet. Ours begin with one underscore; a facet whose own name does gets one more."""
    return f"{FACET}_{name}" if name.startswith("_") else FACET + name


def facet_name(key: str) -> str | None:
    """The facet that an attribute holds; None where it is no facet, or one of ours."""
    if not key.startswith(FACET):
        return None
    name = key.removeprefix(FACET)
    return name.removeprefix("_") if name.startswith("__") else (None if name.startswith("_") else name)


def parent_group(run_id: str) -> str:
    """The group that lists the children of a run."""
    return f"parent:{run_id}"
