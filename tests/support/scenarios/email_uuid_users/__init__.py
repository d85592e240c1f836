"""A project whose users sign in with an email address and have a UUID as primary key."""
