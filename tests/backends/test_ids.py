"""Ids are readable, unambiguous and reversible, whatever is in them."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends import ids
from backends.ids import (
    KINDS,
    MAX_ID_BYTES,
    BadId,
    Kind,
    TooLong,
    column_id,
    dataset_of,
    job_of,
    kind_of,
    make_id,
    name_of,
    namespace_of,
    split_id,
)
from backends.testing.graphs import ODD_NAMES, longest

ANYTHING = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
TEXTS = st.text(ANYTHING, max_size=40) | st.text("%#25:3/a", max_size=8)
PARTS = dict.fromkeys(KINDS, 2) | {Kind.COLUMN: 3, Kind.MODEL: 3, Kind.OPERATION: 3, Kind.RUN: 3}


@st.composite
def named(draw: st.DrawFn) -> tuple[Kind, tuple[str, ...]]:
    kind = draw(st.sampled_from(KINDS))
    return kind, tuple(draw(TEXTS) for _ in range(PARTS[kind]))


def test_examples_in_the_docs_hold() -> None:
    result = doctest.testmod(ids)
    assert (result.failed, result.attempted > 2) == (0, True)


@given(named())
def test_ids_are_reversible(parts: tuple[Kind, tuple[str, ...]]) -> None:
    kind, texts = parts
    assert split_id(make_id(kind, *texts)) == parts
    assert kind_of(make_id(kind, *texts)) is kind
    assert namespace_of(make_id(kind, *texts)) == texts[0]


@given(named(), named())
def test_ids_are_unambiguous(one: tuple[Kind, tuple[str, ...]], two: tuple[Kind, tuple[str, ...]]) -> None:
    assert (make_id(one[0], *one[1]) == make_id(two[0], *two[1])) is (one == two)


@given(st.lists(TEXTS, min_size=2, max_size=20))
def test_ids_are_ordered_as_their_utf8_bytes_are(names: list[str]) -> None:
    made = [make_id(Kind.DATASET, "ns", name) for name in names]
    assert sorted(made) == sorted(made, key=str.encode)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_only_percent_and_hash_are_encoded(name: str) -> None:
    made = make_id(Kind.DATASET, name, name)
    assert made == "dataset:" + "#".join([name.replace("%", "%25").replace("#", "%23")] * 2)
    assert split_id(made) == (Kind.DATASET, (name, name))


def test_ids_read_as_documented() -> None:
    assert make_id(Kind.DATASET, "postgres://prod:5432", "sales.public.orders") == (
        "dataset:postgres://prod:5432#sales.public.orders"
    )
    assert make_id(Kind.COLUMN, "ns", "orders", "id") == "column:ns#orders#id"
    assert make_id(Kind.RUN, "7f0c9f4e-6f2a-4a58-9f6e-1f0e5b6f7a10") == "run:7f0c9f4e-6f2a-4a58-9f6e-1f0e5b6f7a10"
    assert make_id(Kind.OPERATION, "ns", "", "0123456789abcdef") == "operation:ns##0123456789abcdef"


def test_ids_keep_case_and_form() -> None:
    """No folding, no normalising: what two engines would take for one stays two."""
    assert make_id(Kind.DATASET, "n", "A") != make_id(Kind.DATASET, "n", "a")
    assert make_id(Kind.DATASET, "n", "\u00e9") != make_id(Kind.DATASET, "n", "e\u0301")


def test_an_id_has_at_most_2000_bytes() -> None:
    assert len(longest().encode()) == MAX_ID_BYTES
    assert split_id(longest())[0] is Kind.DATASET
    with pytest.raises(TooLong, match="at most 2000 bytes of UTF-8, this one has 2001"):
        make_id(Kind.DATASET, "shop", split_id(longest())[1][1] + "x")
    with pytest.raises(TooLong):
        split_id(longest() + "x")
    with pytest.raises(TooLong):
        column_id(longest(), "x")
    with pytest.raises(TooLong):
        make_id(Kind.DATASET, "n", "%" * 700)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "begins with its kind"),
        ("dataset", "begins with its kind"),
        ("orders", "begins with its kind"),
        ("Dataset:a#b", "begins with its kind"),
        ("table:a#b", "begins with its kind"),
        (":a#b", "begins with its kind"),
        ("dataset:", "has 2 parts"),
        ("dataset:a", "has 2 parts"),
        ("dataset:a#b#c", "has 2 parts"),
        ("column:a#b", "has 3 parts"),
        ("run:a#b", "has 1 or 3 parts"),
        ("run:a#b#c#d", "has 1 or 3 parts"),
        ("dataset:a#%", "nothing else is encoded"),
        ("dataset:a#%41", "nothing else is encoded"),
        ("dataset:a%2#b", "nothing else is encoded"),
        ("dataset:a#\0", "NUL"),
        ("dataset:a#\ud83e", "surrogate"),
    ],
)
def test_bad_ids_say_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(BadId, match=why):
        split_id(text)


def test_parts_that_no_id_can_hold() -> None:
    with pytest.raises(BadId, match="NUL"):
        make_id(Kind.DATASET, "n", "a\0b")
    with pytest.raises(BadId, match="surrogate"):
        make_id(Kind.DATASET, "n", "\udc00")


def test_names_are_what_people_call_things() -> None:
    assert name_of("dataset:ns#a%23b") == "a#b"
    assert name_of("column:ns#orders#order%25") == "order%"
    assert name_of("model:ns#churn#3") == "churn"
    assert name_of("run:ns#job#manual__1") == "manual__1"
    assert name_of("run:7f0c9f4e-6f2a-4a58-9f6e-1f0e5b6f7a10") == "7f0c9f4e-6f2a-4a58-9f6e-1f0e5b6f7a10"
    assert name_of("operation:ns##0123456789abcdef") == "0123456789abcdef"
    assert namespace_of("run:7f0c9f4e-6f2a-4a58-9f6e-1f0e5b6f7a10") == ""
    assert namespace_of("column:a%23b#c#d") == "a#b"


@given(TEXTS, TEXTS, TEXTS)
def test_ids_name_what_they_belong_to(namespace: str, name: str, field: str) -> None:
    table = make_id(Kind.DATASET, namespace, name)
    assert column_id(table, field) == make_id(Kind.COLUMN, namespace, name, field)
    assert dataset_of(column_id(table, field)) == table
    job = make_id(Kind.JOB, namespace, name) if name else None
    assert job_of(make_id(Kind.OPERATION, namespace, name, "0123456789abcdef")) == job


def test_codes_of_kinds_are_never_renumbered() -> None:
    """They are in files and logs."""
    names = "DATASET COLUMN JOB OPERATION RUN MODEL HYPERPARAMETERS METRICS PREDICTION USER SYSTEM ASSET STATE PICTURE TALLY"
    assert " ".join(KINDS) == names
    assert [kind.code for kind in KINDS] == list(range(15))
    assert {kind for kind in KINDS if kind.is_record} == {Kind.RUN, Kind.STATE, Kind.PICTURE, Kind.TALLY}
