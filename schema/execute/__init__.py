"""The compiled executor: the documents that are asked again and again are run by code made for them.

What it does not take, and what goes wrong in it, graphql-core does; so there is one place that tells errors.
"""
