"""How fast Laurels is, as ratios against a floor measured in the same run: `python -m benchmarks`.

Absolute figures tell more about the machine than about the program. So each subject measures, in turns with
ours, the least that anybody would have to pay for the same: an endpoint that only validates, a bare insert.
"""
