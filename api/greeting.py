"""What a person reads when the service has started: where it is, and one question to ask it."""

import json
import shlex

from api.demo import QUESTION
from api.settings import Settings
from api.version import VERSION

EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}
ANY_STORE = "{ search(first: 5) { totalCount nodes { id } } }"


def greeting(settings: Settings, port: int) -> str:
    """The addresses and a curl command; `port` is the one listened on, which settings may leave open."""
    host = EVERY_ADDRESS.get(settings.host, f"[{settings.host}]" if ":" in settings.host else settings.host)
    base = f"http://{host}:{port}"
    words, query = ("where a prediction of the demo comes from", QUESTION) if settings.demo else ("what is there", ANY_STORE)
    return f"""
Headwater {VERSION} is at {base} (Ctrl-C stops it)

  GraphQL      {base}/graphql
  OpenLineage  {base}/api/v1/lineage   (clients: OPENLINEAGE_URL={base})
  health       {base}/readyz
  metrics      {base}/metrics

Ask {words}:

  {curl(base, query, keyed=settings.token is not None)}
"""


def curl(base: str, query: str, *, keyed: bool) -> str:
    """One line for a shell that asks `query`; with `keyed` it sends the key from the reader's own environment."""
    body = shlex.quote(json.dumps({"query": query}))
    key = ' -H "Authorization: Bearer $HEADWATER_TOKEN"' if keyed else ""
    return f"curl -s {base}/graphql -H 'Content-Type: application/json'{key} -d {body}"
