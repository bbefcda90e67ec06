"""What schemathesis looks for in each answer of ours, and a few names of the demo that it does not make up. It loads this as
its hooks; its own check takes any error for a fault."""

import json
from typing import Any
from zlib import crc32

import schemathesis
from graphql import DocumentNode, StringValueNode, Visitor, visit
from hypothesis import strategies as st
from schemathesis.graphql import nodes

TELLS = (
    "Traceback",
    'File "',
    ".py",
    "object at 0x",
    "NoneType",
    "unexpected keyword",
    "codec can't",
    "Error:",
    "graphql.error",
)
"""Of what Python says, and no answer does."""
KEYS = {"message", "locations", "path", "extensions"}

schemathesis.graphql.scalar("JSON", st.sampled_from(['{"a": 1}', "x", "", "\x00", "\u2028"]).map(nodes.String))
schemathesis.graphql.scalar(
    "DateTime",
    st.sampled_from(
        ["2026-05-01T12:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-05-01", ""]
    ).map(nodes.String),
)

KNOWN = (
    "dataset:duckdb:///srv/shop/shop.duckdb#shop.raw.orders",
    "dataset:file#/srv/shop/features/order_features",
    "job:shop#shop.marts.shop.fct_orders",
    "shop",
    "orders",
    "return_risk/2/O00720",
)


class _Named(Visitor):
    """Some of the strings of a document are names of what there is; which ones depends on them alone."""

    def enter_string_value(self, node: StringValueNode, *_: Any) -> StringValueNode | None:
        number = crc32(node.value.encode(errors="replace"))
        return nodes.String(KNOWN[number // 2 % len(KNOWN)]) if number % 2 else None


@schemathesis.hook
def map_body(ctx: Any, body: Any) -> Any:
    """The same document, about something. What is no document is left alone."""
    return visit(body, _Named()) if isinstance(body, DocumentNode) else body


@schemathesis.check
def coded(ctx: Any, response: Any, case: Any) -> None:
    """Data, or errors with a code that is not our fault, in our words."""
    assert response.status_code in (200, 400, 413), response.status_code
    said = json.loads(response.content)
    assert set(said) <= {"data", "errors"}
    assert said.get("data") is not None or said.get("errors")
    for error in said.get("errors", ()):
        assert set(error) <= KEYS, error
        assert error["extensions"]["code"] in {
            "BAD_INPUT",
            "NOT_FOUND",
            "TOO_COSTLY",
            "TOO_LARGE",
            "UNSUPPORTED",
            "CONFLICT",
        }, error
        assert not any(each in error["message"] for each in TELLS), error
