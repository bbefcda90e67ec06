"""The GraphQL types: what they are called, what they mean, and how each value is read from what was gathered. No I/O."""
