"""The contract of a lineage store, its values, and the adapters that keep it. Imports nothing of ours."""
