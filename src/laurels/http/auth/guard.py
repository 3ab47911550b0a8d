"""Joins what guards a running service: its keys, the platform's tokens, the limits."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from msgspec import Struct

from laurels.application.access.keyring import Keyring, RememberedKeys
from laurels.application.access.rate_limiter import RateLimiter
from laurels.application.service import Service
from laurels.errors import StoreError
from laurels.http.auth.identity import Identity, Policy
from laurels.http.auth.tokens import TokenRules, Tokens
from laurels.http.server.edge import Edge, EdgeRules, Rates


class SecurityConfig(Struct, frozen=True):
    """The operator's rules. `remembered`: how a server that starts while its database is away knows the keys."""

    policy: Policy = Policy()
    tokens: TokenRules = TokenRules()
    rules: EdgeRules = EdgeRules(Rates(None, None, None, None), requests=1_000, seconds=30.0, origins=frozenset())
    remembered: RememberedKeys | None = None

    @asynccontextmanager
    async def edge_of(self, service: Service) -> AsyncGenerator[Edge]:
        """The edge of a service, as long as the block runs."""
        keyring = Keyring(service.store, service.clock, remembered=self.remembered)
        tokens = Tokens(self.tokens)
        meters = RateLimiter(service.store, service.clock)
        identity = Identity(keyring, tokens, self.policy, has_tokens=self.tokens.are_given)
        # Where the store is away, requests say so until it is there.
        with suppress(StoreError):
            await keyring.refresh()
        keyring.learn()
        edge = Edge(self.rules, identity, meters)
        try:
            yield edge
        finally:
            edge.close()
            await tokens.close()
            await meters.close()
            await keyring.close()
