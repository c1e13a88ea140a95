"""The PoCo subgraph of a sandbox: an index of the chain's events in SQLite, asked in GraphQL.

``schema.graphql`` and ``model`` say what there is; ``follower``, ``reading``, ``mapping``, ``bulks`` and
``store`` fill it from the chain; ``api``, ``plan``, ``conditions``, ``sql``, ``answer`` and ``introspection``
turn a query into SQL and rows into an answer; ``app`` is the service.
"""

from __future__ import annotations

from iexec_lab.sandbox.services.subgraph.app import create

__all__ = ["create"]
