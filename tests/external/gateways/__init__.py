"""Reverse proxies with the documented configurations, between a client and a service.

A gateway authenticates each request at the authorization server, or by the published keys, and
passes it on to the service with the user in a header.
"""
