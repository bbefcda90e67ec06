"""What came and went within reach of something, told while it happens: pictures of lineage, and the log that says when one
may have changed."""
