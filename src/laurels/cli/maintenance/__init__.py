"""Commands that verify, rebuild and audit the contents of a store."""
