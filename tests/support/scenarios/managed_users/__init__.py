"""Projects whose default manager of users annotates them, or returns objects of subtypes."""
