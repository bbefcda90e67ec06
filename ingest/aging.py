"""Rows of runs age out: a run that is sealed and old is forgotten, what it said of lineage stays."""

from backends.changes import Changes
from backends.model import Node
from ingest.draft import Draft
from ingest.interpret import RUNS
from ingest.program import View

GROUP = RUNS


def forgotten(runs: tuple[Node, ...], at: int, sealed_after: int) -> Changes:
    """Removes the records of the runs among these that are sealed; those that something arrived for lately stay."""
    view, draft = View(), Draft(at, sealed_after=sealed_after)
    for run in runs:
        if run.attributes["arrived"] <= draft.sealed_before:
            view.nodes[run.id] = run
            draft.write(view, run.id, None)
    return draft.changes()
