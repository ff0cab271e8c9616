"""Kubernetes as the checks see it: a client that names missing rights, probes, leases, sweeping, spawn anatomy.

Importing this package is cheap; the official client (a second of CPU) is imported when the first `Cluster` is made.
"""
