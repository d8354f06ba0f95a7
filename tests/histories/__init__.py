"""Histories of a source: small worlds that a seed decides, through which the real poller is driven by the hundred thousand.

A history is a table, a handful of transactions with everything that goes wrong in student systems, and a poller that
looks on, fails and is restarted. What it publishes is compared with what was committed. ``docs/explanation/histories.md``
says what is simulated, what is asserted, and how to repeat one.
"""
