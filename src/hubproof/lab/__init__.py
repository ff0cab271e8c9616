"""The embedded lab: a real two-node Kubernetes on this machine, from Debian packages and Go modules.

`hubproof.lab.lifecycle` starts and stops it; every other module is one part of it.
"""
