"""Reports on studies: statistics, tables and figures of finished runs."""
