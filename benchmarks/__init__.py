"""Measuring: graphs of realistic shape, and what the engine does with them."""
