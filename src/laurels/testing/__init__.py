"""Tools for authors of their own store or of applications on Laurels: contract suite, builders, clocks.

Not imported by `import laurels`; the contract suite needs pytest and pytest-asyncio in its auto mode.
"""
