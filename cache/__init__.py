"""Remembers answers and proves them current at each use. Knows no GraphQL and no driver of a graph."""
