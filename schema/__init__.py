"""GraphQL over lineage: plans what a query needs, asks a backend as seldom as it can, shapes the answer. Knows no driver."""
