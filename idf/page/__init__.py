"""Self-contained HTML pages, one file each: the shared foundation of all reports."""
