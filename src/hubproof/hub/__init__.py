"""JupyterHub as its users meet it: sign-in, sessions, servers, kernels; over HTTP and websockets, nothing else.

Protocol facts were taken from JupyterHub 6.1, jupyter_server 2 and oauthenticator 17, and hold for JupyterHub 4 and 5.
"""
