"""A session whose row is not on the replica yet."""
