"""What a sandbox keeps on disk, and what must survive a kill."""
