"""Projects with a tenant for each host: in schemas of PostgreSQL, and in databases."""
