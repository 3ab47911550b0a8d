"""For those who test a store of their own or what they build on Laurels: contract suite, builders, clocks.

Not imported by `import laurels`; the contract suite needs pytest and pytest-asyncio in its auto mode.
"""
