"""The service's behaviour while its store is away: fail reads fast, spool events, drain them later."""
