"""Suites that others wrote, run against the real service. They need Node and npm."""
