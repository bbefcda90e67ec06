"""What a search finds, and what it finds first."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends import text
from backends.ids import Kind, make_id
from backends.text import document, rank, words

TEXTS = st.text("aAbB1_.-/ #%\u00df\u0130\u00e9\u0301\u03a3\u03c2", max_size=8)
ORDERS = document("dataset:postgres://prod:5432#sales.public.Orders_Archive", {"tags": ["pii"], "description": "by Ana"})


def test_examples_in_the_docs_hold() -> None:
    result = doctest.testmod(text)
    assert (result.failed, result.attempted > 2) == (0, True)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("sales.public.orders_archive", 0),
        ("ORDERS_ARCHIVE", 0),
        (" orders_archive ", 0),
        ("dataset:postgres://prod:5432#sales.public.orders_archive", 0),
        ("orders_a", 1),
        ("sales.pub", 1),
        ("orders", 1),
        ("archive sales", 2),
        ("public", 2),
        ("arch pub", 3),
        ("prod archive", 4),
        ("postgres", 4),
        ("pi", 4),
        ("ana", 4),
        ("sales customers", None),
        ("rchive", None),
        ("", None),
        ("%", None),
    ],
)
def test_ranks(typed: str, found: int | None) -> None:
    assert rank(typed, ORDERS) == found


def test_words_are_runs_of_letters_and_digits_each_once() -> None:
    assert words("stg_Orders v2, orders") == ("stg", "orders", "v2")
    assert words("Stra\u00dfe") == ("strasse",)
    assert words("\u65e5\u672c\u8a9e/\u8868") == ("\u65e5\u672c\u8a9e", "\u8868")
    assert words("_-.%#") == ()


def test_attributes_that_are_searched() -> None:
    said = {"tags": ["A b"], "owners": ["c@d"], "columns": ["e_f"], "description": "g", "type": "h", "facet:x": "i"}
    doc = document("dataset:n#name", said)
    assert doc.other_words == ("n", "a", "b", "c", "d", "e", "f", "g")
    assert doc.name_words == ("name",)
    assert document("dataset:n#name", {"description": "g" * 300 + " h"}).other_words == ("n", "g" * 300, "h")


def test_the_last_part_is_that_after_dots_and_slashes() -> None:
    assert rank("orders", document("dataset:s3#lake/raw/orders", {})) == 0
    assert rank("orders", document("dataset:s3#lake/raw.v2/db.orders", {})) == 0


@given(TEXTS, TEXTS)
def test_a_node_is_found_by_its_name_and_its_id(namespace: str, name: str) -> None:
    node_id = make_id(Kind.DATASET, namespace, name)
    doc = document(node_id, {})
    if name == name.strip():  # what is typed is stripped
        assert rank(node_id, doc) == rank(name, doc) == 0


@given(TEXTS, TEXTS)
def test_a_node_is_found_by_the_beginning_of_any_of_its_words(namespace: str, name: str) -> None:
    doc = document(make_id(Kind.DATASET, namespace, name), {})
    for word in doc.name_words:
        assert rank(word[:2], doc) in (0, 1, 2, 3)
    for word in doc.other_words:
        assert rank(word[:1], doc) is not None


@given(TEXTS, TEXTS, TEXTS)
def test_all_but_whole_names_are_found_by_words(typed: str, namespace: str, name: str) -> None:
    """What lets a full-text index give the candidates: beyond rank 0 every typed word begins a word of the node."""
    doc = document(make_id(Kind.DATASET, namespace, name), {})
    how_well = rank(typed, doc)
    begun = all(any(own.startswith(word) for own in doc.name_words + doc.other_words) for word in words(typed))
    if how_well is None:
        assert not begun or not words(typed)
    elif how_well > 0:
        assert words(typed)
        assert begun


@given(TEXTS, TEXTS)
def test_case_does_not_matter(typed: str, name: str) -> None:
    doc = document(make_id(Kind.DATASET, "n", name), {})
    assert rank(typed.casefold(), doc) == rank(typed, doc)
