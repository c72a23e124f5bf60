"""Microsoft login, Microsoft Graph and the PSAs as one local process, written from the vendors' documentation.

Imports nothing of the product, so that one misreading of a vendor's page cannot hide on both sides.
"""
