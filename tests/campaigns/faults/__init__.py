"""Faults in what surrounds the package, and the properties that hold despite them.

``python -m tests.campaigns.faults`` runs all of them for longer than the suite does.
"""
