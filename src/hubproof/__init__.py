"""hubproof proves that a JupyterHub on Kubernetes keeps its promises."""

__version__ = "0.1.0"
