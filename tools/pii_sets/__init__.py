"""Marked texts for measuring how well personal data is found: see tools/pii-sets.

Shares neither code nor tables with the recognisers: each value is made here from its standard.
"""
