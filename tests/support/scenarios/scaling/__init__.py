"""A session whose row a replica has not seen yet."""
