"""The contract of a store by its ports, one file for each. `laurels.testing.store_contract` holds them all."""
