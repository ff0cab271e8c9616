"""`hubproof init`: writes a profile from a live namespace, and leaves as a question what it cannot know.

gathering reads the cluster, deriving says what follows from what was read, policies says whom user pods may reach,
writing makes a commented file of it. Nothing is changed in the cluster, and no Secret is read.
"""
